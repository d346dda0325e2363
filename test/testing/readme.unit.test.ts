import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

test('the example of an outage in the README is the one that is run as a test', () => {
  const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')
  expect(read('../../README.md')).toContain('```ts\n' + read('example.test.ts') + '```')
})
