import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')

test.each(['svelte', 'angular', 'solid'])(
  'the recipe for %s in the README is the one that is run as a test',
  (name) => {
    const recipe = '```ts\n' + read(`${name}.ts`) + '```'
    expect(read('../../README.md').includes(recipe), recipe).toBe(true)
  },
)
