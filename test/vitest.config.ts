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
    include: ['test/**/*.test.ts'],
    exclude: ['test/e2e/**', ...(dist ? ['**/*.unit.test.ts'] : [])],
    environment: 'node',
  },
})
