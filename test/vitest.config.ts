import { defineConfig } from 'vitest/config'
import { alias, root } from './support/alias.js'

const react18 = { find: /^react(-dom)?(?=$|\/)/, replacement: `${root}test/react/react-18/node_modules/react$1` }

// `*.unit.test.ts` look inside src; all other tests use public names only and run once more on the built files (DIST=1).
export default defineConfig({
  resolve: { alias },
  test: {
    root,
    exclude: ['test/e2e/**', ...(process.env.DIST ? ['**/*.unit.test.ts'] : [])],
    environment: 'node',
    projects: [
      { extends: true, test: { name: 'all', include: ['test/**/*.test.ts'] } },
      {
        extends: true,
        resolve: { alias: [react18] },
        test: { name: 'react 18', include: ['test/react/**/*.test.ts'] },
      },
    ],
  },
})
