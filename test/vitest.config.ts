import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = Boolean(process.env.DIST)
const at = (path: string) => root + path

// `*.unit.test.ts` look inside src; all other tests use public names only and run once more on the built files (DIST=1).
export default defineConfig({
  resolve: {
    alias: dist
      ? [
          { find: /^inbox-session$/, replacement: at('dist/index.js') },
          { find: /^inbox-session\/(.+)$/, replacement: at('dist/$1.js') },
        ]
      : [
          { find: /^inbox-session$/, replacement: at('src/index.ts') },
          { find: /^inbox-session\/testing$/, replacement: at('src/testing/index.ts') },
          { find: /^inbox-session\/(react|vue)$/, replacement: at('src/$1.ts') },
          { find: /^inbox-session\/(.+)$/, replacement: at('src/adapters/$1.ts') },
        ],
  },
  test: {
    root,
    exclude: ['test/e2e/**', ...(dist ? ['**/*.unit.test.ts'] : [])],
    environment: 'node',
    projects: [
      { extends: true, test: { name: 'all', include: ['test/**/*.test.ts'] } },
      {
        extends: true,
        resolve: {
          alias: [{ find: /^react(-dom)?(?=$|\/)/, replacement: at('test/react/react-18/node_modules/react$1') }],
        },
        test: { name: 'react 18', include: ['test/react/**/*.test.ts'] },
      },
    ],
  },
})
