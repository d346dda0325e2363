import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** Where the package is found by its own name: in src, or with DIST=1 in the built files. */
export const alias = process.env.DIST
  ? [
      { find: /^inbox-session$/, replacement: `${root}dist/index.js` },
      { find: /^inbox-session\/(.+)$/, replacement: `${root}dist/$1.js` },
    ]
  : [
      { find: /^inbox-session$/, replacement: `${root}src/index.ts` },
      { find: /^inbox-session\/(testing|bridge)$/, replacement: `${root}src/$1/index.ts` },
      { find: /^inbox-session\/(react|vue)$/, replacement: `${root}src/$1.ts` },
      { find: /^inbox-session\/(.+)$/, replacement: `${root}src/adapters/$1.ts` },
    ]
