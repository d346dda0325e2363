import { keyOf } from '../record.js'
import type { TokenStorage } from '../storage.js'
import { type Rule, expectSame } from './conformance.js'

/** Makes the storage a rule is about. */
export type CreateStorage = () => TokenStorage | Promise<TokenStorage>

// Not among them: halves of surrogate pairs. Records are JSON, which writes those as escapes.
const texts: readonly [what: string, text: string][] = [
  ['an empty text', ''],
  ['one space', ' '],
  ['JSON', '{"version":1,"token":"a.b.c","user":{"id":"\\"ann\\""}}'],
  ['the word null', 'null'],
  ['lines and tabs', 'one\ntwo\r\n\tthree\u2028four'],
  ['many scripts', 'Žluťoučký 贾翼 עברית 😀 e\u0301 \u00e9'],
  ['64 kB', 'x'.repeat(65_536)],
]

const lookalikes = (): readonly string[] => [
  ...['a', 'A', 'a ', ' a', 'a:b', 'a:b:c', 'a.b', 'a/b', 'a\\b', 'a%3Ab', '"a:b"', '["a:b"]', '["a","b"]'],
  ...['ä', 'a\u0308', '😀'],
  ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'length', 'key', '0', 'null', 'undefined'],
  ...[keyOf('default', { id: 'ann' }), keyOf('default', { id: 'ann', tenant: 'acme' }), 'k'.repeat(300)],
]

/** A rule that begins and ends with none of these keys in the storage. */
export const storageRule = (
  title: string,
  keys: () => readonly string[],
  run: (storage: TokenStorage) => Promise<void>,
): Rule<CreateStorage> => [
  title,
  async (create) => {
    const storage = await create()
    // Whether removing works is a rule of its own.
    const clear = async (): Promise<void> => {
      for (const key of keys())
        try {
          await storage.removeItem(key)
        } catch {}
    }
    await clear()
    try {
      await run(storage)
    } finally {
      await clear()
    }
  },
]

/** What a storage promises by itself. */
export const storageRules: readonly Rule<CreateStorage>[] = [
  storageRule(
    'reads null where nothing was written',
    () => ['missing'],
    async (storage) => {
      expectSame('a key that was never written', await storage.getItem('missing'), null)
    },
  ),
  storageRule(
    'gives back any text as it was written, as often as it is asked',
    () => ['text'],
    async (storage) => {
      for (const [what, text] of texts) {
        await storage.setItem('text', text)
        expectSame(what, await storage.getItem('text'), text)
        expectSame(`${what}, read again`, await storage.getItem('text'), text)
      }
    },
  ),
  storageRule(
    'keeps what was written last',
    () => ['key'],
    async (storage) => {
      for (const value of ['one', 'longer than one', '', 'two']) await storage.setItem('key', value)
      expectSame('a key that was written four times', await storage.getItem('key'), 'two')
    },
  ),
  storageRule('keeps keys apart that look alike', lookalikes, async (storage) => {
    for (const key of lookalikes()) expectSame(`${key} before it was written`, await storage.getItem(key), null)
    for (const [index, key] of lookalikes().entries()) await storage.setItem(key, `value ${index}`)
    for (const [index, key] of lookalikes().entries()) expectSame(key, await storage.getItem(key), `value ${index}`)
    for (const [index, key] of lookalikes().entries()) {
      await storage.removeItem(key)
      expectSame(`${key} after it was removed`, await storage.getItem(key), null)
      const next = lookalikes()[index + 1]
      if (next) expectSame(`${next} beside a removed one`, await storage.getItem(next), `value ${index + 1}`)
    }
  }),
  storageRule(
    'removes a key, and minds none that is not there',
    () => ['key', 'other'],
    async (storage) => {
      await storage.removeItem('key')
      await storage.setItem('key', 'value')
      await storage.setItem('other', 'stays')
      await storage.removeItem('key')
      await storage.removeItem('key')
      expectSame('a key that was removed', await storage.getItem('key'), null)
      expectSame('another key', await storage.getItem('other'), 'stays')
      await storage.setItem('key', 'again')
      expectSame('a key that was removed and written again', await storage.getItem('key'), 'again')
    },
  ),
  storageRule(
    'keeps the order of calls nobody waited for',
    () => ['key', 'gone', 'other'],
    async (storage) => {
      await Promise.all([
        storage.setItem('key', 'one'),
        storage.setItem('gone', 'one'),
        storage.removeItem('key'),
        storage.setItem('other', 'one'),
        storage.setItem('key', 'two'),
        storage.removeItem('gone'),
        storage.setItem('key', 'three'),
      ])
      expectSame('the last of three writes', await storage.getItem('key'), 'three')
      expectSame('a key that was written and removed', await storage.getItem('gone'), null)
      expectSame('a key that was written in between', await storage.getItem('other'), 'one')
    },
  ),
]
