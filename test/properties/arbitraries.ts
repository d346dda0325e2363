import { inspect } from 'node:util'
import fc from 'fast-check'
import { expect, vi } from 'vitest'
import { isSessionError } from '../../src/errors.js'
import { piecesOf, shownPieces } from '../support/tokens.js'

const { FC_RUNS, FC_SEED } = process.env
vi.setConfig({ testTimeout: FC_RUNS ? 7_200_000 : 60_000 })

/** Asserts it for `numRuns` cases that are the same in every run; FC_RUNS and FC_SEED say otherwise. */
export const holds = (property: fc.IRawProperty<any>, numRuns = 300): void =>
  fc.assert(property as fc.IProperty<any>, { numRuns: Number(FC_RUNS) || numRuns, seed: Number(FC_SEED) || 4 })

/** An assertion for loops: an `expect` in each round would take most of the time. */
export const ensure = (holds: boolean, what: string): void => {
  if (!holds) expect.fail(what)
}

/** What must not be seen anywhere. */
export const secret = 'q7Zt0Xw9Lk2Vb8Nf3Rj6Hs1Pd5My4Gc'

/** Pieces of the secret in a text: the places before them. */
export const leaks = (text: string, secrets: readonly string[] = [secret]): string[] =>
  shownPieces(text, piecesOf(secrets))

/** All that can be seen of an error, its cause included. */
export const textOf = (error: unknown): string => {
  const { message, stack, cause } = Object(error) as Error
  return [message, stack, JSON.stringify(error), inspect(error, { depth: 9, showHidden: true }), cause].join('\n')
}

/** A value that is built anew for each case, with a name short enough for a report. */
export type Made = () => unknown
export const made = (name: string, make: () => unknown): Made =>
  Object.assign(() => make(), { [fc.toStringMethod]: () => name })

const nested = (open: string, levels: number, wrap: (inner: unknown) => unknown): Made =>
  made(`${levels} times ${open}`, () => {
    let value: unknown = secret
    for (let level = 0; level < levels; level++) value = wrap(value)
    return value
  })
const tripping = (): never => {
  throw new Error('tripped over ' + secret)
}
const traps = ['get', 'has', 'ownKeys', 'getOwnPropertyDescriptor', 'getPrototypeOf', 'set', 'defineProperty'] as const
/** Throws whatever is done with it. */
const trap: Made = made(
  'a proxy that throws',
  () => Proxy.revocable({}, Object.fromEntries(traps.map((name) => [name, tripping]))).proxy,
)
const revoked: Made = made('a revoked proxy', () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
})
const long = secret.repeat(5_000_000 / secret.length)

/** What no JSON and no structured clone brings, but a source or an environment of one's own may. */
const living: fc.Arbitrary<Made> = fc.constantFrom(
  trap,
  revoked,
  made('a symbol', () => Symbol(secret)),
  made('a function', () => () => secret),
  made('a big integer', () => 10n ** 400n),
  made('a number with methods', () => ({ valueOf: tripping, toString: tripping, toJSON: tripping })),
  made('a promise', () => Promise.resolve(secret)),
)

const heavy: fc.Arbitrary<Made> = fc.constantFrom(
  made('5 MB of text', () => long),
  made('5 MB of text with line breaks', () => `${long}\n`),
  made('5 MB of spaces', () => ' '.repeat(5_000_000)),
  nested('[', 100_000, (inner) => [inner]),
  nested('{"a":', 100_000, (a) => ({ a })),
  made('an array of 600 000', () => Array(600_000).fill(1)),
  made('an empty array of 4 000 000 000', () => Array(4_000_000_000)),
)

const texts = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  // Also halves of characters.
  fc.array(fc.nat(65_535), { maxLength: 8 }).map((units) => String.fromCharCode(...units)),
  fc.constantFrom(secret, `${secret}\n`, ` ${secret}`, `{"token":"${secret}"}`, `{"token":"${secret}`, '__proto__'),
)

/** Times and spans as they come: right, in the wrong unit, out of reason, no numbers. */
export const strangeNumber: fc.Arbitrary<unknown> = fc.oneof(
  fc.integer({ min: 1_767_000_000, max: 1_768_000_000 }),
  fc.integer({ min: 1_767_000_000_000, max: 1_768_000_000_000 }),
  fc.integer({ min: -100, max: 90_000 }),
  fc.double(),
  fc.constantFrom(0, -0, -1, 1e308, -1e308, 5e-324, Infinity, -Infinity, NaN, 2 ** 53, 253_402_300_799, 1e12, 4e12),
  fc.constantFrom(
    '',
    ' ',
    '60',
    '1767225660',
    ' 1e3 ',
    '0x10',
    '1e999',
    'NaN',
    'soon',
    '٣',
    null,
    true,
    false,
    [],
    [60],
  ),
)

const keys = fc.oneof(
  fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty', 'toJSON', 'then'),
  fc.constantFrom('token', 'exp', 'iat', 'nbf', 'sub', 'scope', 'extra', 'user', 'version', 'type', 'length'),
  texts,
)

/** JSON with the keys of every object's prototype, built so that they are the object's own. */
export const jsonText: fc.Arbitrary<string> = fc.letrec<{ value: string; object: string }>((tie) => ({
  object: fc
    .array(fc.tuple(keys, tie('value')), { maxLength: 5 })
    .map((pairs) => `{${pairs.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join()}}`),
  value: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'json' },
    fc.oneof(fc.jsonValue({ maxDepth: 0 }), strangeNumber, texts).map((value) => JSON.stringify(value)),
    fc.array(tie('value'), { maxLength: 3, depthIdentifier: 'json' }).map((values) => `[${values.join()}]`),
    tie('object'),
  ),
})).object

/** Anything that is no more than data. */
export const data: fc.Arbitrary<Made> = fc.oneof(
  {
    weight: 24,
    arbitrary: fc
      .anything({
        ...{ withNullPrototype: true, withBigInt: true, withDate: true, withMap: true, withSet: true },
        ...{ withTypedArray: true, withSparseArray: true, withObjectString: true, withBoxedValues: true },
        key: keys,
        maxDepth: 3,
      })
      .map((value) => made(fc.stringify(value), () => value)),
  },
  { weight: 8, arbitrary: strangeNumber.map((value) => made(fc.stringify(value), () => value)) },
  { weight: 8, arbitrary: texts.map((text) => made(fc.stringify(text), () => text)) },
  { weight: 8, arbitrary: jsonText.map((text) => made(`parsed ${text}`, () => JSON.parse(text))) },
  { weight: 1, arbitrary: heavy },
)

/** Anything at all. */
export const hostile: fc.Arbitrary<Made> = fc.oneof({ weight: 9, arbitrary: data }, { weight: 1, arbitrary: living })

/** An object of these parts, some of which may be missing or throw when they are read. */
export const hostileRecord = (parts: Record<string, fc.Arbitrary<Made>>): fc.Arbitrary<Made> =>
  fc
    .record({
      given: fc.record(
        Object.fromEntries(
          Object.entries(parts).map(([key, part]) => [key, fc.option(part, { freq: 19, nil: undefined })]),
        ),
      ),
      throwing: fc.oneof(
        { weight: 15, arbitrary: fc.constant(undefined) },
        { weight: 1, arbitrary: fc.constantFrom(...Object.keys(parts)) },
      ),
      bare: fc.boolean(),
    })
    .map(({ given, throwing, bare }) => {
      const there = Object.entries(given).filter((entry): entry is [string, Made] => entry[1] !== undefined)
      const names = there.map(([key, make]) => `${key}: ${fc.stringify(make)}`)
      return made(`{ ${names.join()} }${throwing ? `, ${throwing} throws` : ''}${bare ? ', bare' : ''}`, () => {
        const built = Object.fromEntries(there.map(([key, make]) => [key, make()]))
        if (bare) Object.setPrototypeOf(built, null)
        return throwing ? Object.defineProperty(built, throwing, { get: tripping, enumerable: true }) : built
      })
    })

/** What a function threw; undefined where it did not. */
export const thrownBy = (work: () => unknown): unknown => {
  try {
    work()
  } catch (error) {
    return error ?? 'nothing'
  }
  return undefined
}

/** Undefined, or a typed error of that code without a secret in it: else says what it is. */
export const harmless = (error: unknown, code?: Parameters<typeof isSessionError>[1]): true | string => {
  if (error === undefined) return true
  if (!isSessionError(error, code)) return 'not a typed error: ' + inspect(error, { depth: 0 })
  return leaks(textOf(error)).length ? 'a secret shows: ' + error.code : true
}
