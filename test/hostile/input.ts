import { inspect } from 'node:util'
import fc from 'fast-check'

const { FC_RUNS, FC_SEED } = process.env

/** Asserts it for `runs` cases, the same ones in every run. FC_RUNS says how many cases a hundred becomes, FC_SEED which. */
export const holds = <T>(runs: number, arbitrary: fc.Arbitrary<T>, check: (value: T) => Promise<void>): Promise<void> =>
  fc.assert(fc.asyncProperty(arbitrary, check), {
    numRuns: Math.ceil((runs * (Number(FC_RUNS) || 100)) / 100),
    seed: Number(FC_SEED) || 4,
    endOnFailure: Boolean(process.env.FC_NO_SHRINK),
  })

/** For `vi.setConfig`: longer where FC_RUNS asks for more cases. */
export const patience = { testTimeout: Math.max(30_000, (Number(FC_RUNS) || 0) * 1_000) }

/** What must not be seen anywhere. */
export const secrets = [
  'q7Zt0Xw9Lk2Vb8Nf3Rj6Hs1Pd5My4Gc',
  '5f0c9a7be1d24836a0b7c3f1e9d85264',
  'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4iLCJuIjoxNzkwMDAwMDAwfQ.dB1jX9qUe7Kz3wYt5RvN8mLp2HsGcA4oF6iQ0Jk_-uE',
] as const
const [secret] = secrets

/** A value that is built anew for each case, with a name short enough for a report. */
export type Made<T = unknown> = () => T
export const made = <T>(name: string, make: () => T): Made<T> =>
  Object.assign(() => make(), { [fc.toStringMethod]: () => name.slice(0, 2_000) })
const named = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<Made> =>
  arbitrary.map((value) => made(fc.stringify(value), () => value))

export const megabytes = secret.repeat(Math.ceil(5_000_000 / secret.length))

const tripping = (): never => {
  throw new Error(`tripped over ${secret}`)
}
const nested = (name: string, levels: number, wrap: (inner: unknown) => unknown): Made =>
  made(`${levels} times ${name}`, () => {
    let value: unknown = secret
    for (let level = 0; level < levels; level++) value = wrap(value)
    return value
  })

/** Times and numbers at the edges, and what is taken for one. */
export const edges: fc.Arbitrary<unknown> = fc.oneof(
  fc.double(),
  fc.integer({ min: -100, max: 90_000 }),
  fc.integer({ min: 1_789_990_000, max: 1_790_010_000 }),
  fc.integer({ min: 1_789_990_000_000, max: 1_790_010_000_000 }),
  fc.constantFrom(0, -0, -1, 0.5, 1e308, -1e308, 5e-324, NaN, Infinity, -Infinity, 2 ** 53, 2 ** 31, 253_402_300_799),
  fc.constantFrom<unknown>(
    10n,
    -1n,
    10n ** 400n,
    '',
    ' ',
    '60',
    '1790000060',
    '1e999',
    '0x10',
    'soon',
    null,
    true,
    [],
    [5],
  ),
)

const halves = fc.array(fc.nat(65_535), { maxLength: 8 }).map((units) => String.fromCharCode(...units))
export const texts: fc.Arbitrary<string> = fc.oneof(
  fc.string({ maxLength: 20 }),
  halves,
  fc.constantFrom(...secrets, `${secret}\n`, `{"token":"${secret}"}`, `{"token":"${secret}`, '__proto__', '{', 'null'),
)
export const keys: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'toJSON', 'then', 'length', 'slice'),
  fc.constantFrom('token', 'extra', 'user', 'id', 'version', 'type', 'message', 'code', 'record', 'failure', 'at'),
  texts,
)

/** JSON whose keys, the prototype's too, are the object's own. */
const jsonOf = (texts: fc.Arbitrary<string>, keys: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.letrec<{ value: string; object: string }>((tie) => ({
    object: fc
      .array(fc.tuple(keys, tie('value')), { maxLength: 4 })
      .map((pairs) => `{${pairs.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join()}}`),
    value: fc.oneof(
      { maxDepth: 3 },
      fc.oneof(fc.double(), texts, fc.boolean(), fc.constant(null)).map((value) => JSON.stringify(value)),
      fc.array(tie('value'), { maxLength: 3 }).map((values) => `[${values.join()}]`),
      tie('object'),
    ),
  })).object
export const jsonText: fc.Arbitrary<string> = jsonOf(texts, keys)

/** Large or deep. */
export const heavies: readonly Made[] = [
  made('5 MB of text', () => megabytes),
  made('5 MB of spaces', () => ' '.repeat(5_000_000)),
  nested('[', 10_000, (inner) => [inner]),
  nested('{"a":', 10_000, (a) => ({ a })),
  made('an array of 100 000', () => Array(100_000).fill(secret)),
  made('an empty array of 4 000 000 000', () => Array(4_000_000_000)),
]
const heavy = fc.constantFrom(...heavies)

const dressed = (more: Record<string, unknown>): Made =>
  made(`an array with ${inspect(more)}`, () => Object.assign([1], more))

/** Anything a structured clone carries. */
export const data: fc.Arbitrary<Made> = fc.oneof(
  {
    weight: 12,
    arbitrary: named(
      fc.anything({
        ...{ withNullPrototype: true, withBigInt: true, withDate: true, withMap: true, withSet: true },
        ...{ withTypedArray: true, withSparseArray: true, withObjectString: true, withBoxedValues: true },
        key: keys,
        maxDepth: 3,
      }),
    ),
  },
  { weight: 4, arbitrary: named(edges) },
  { weight: 4, arbitrary: named(texts) },
  { weight: 4, arbitrary: jsonText.map((text) => made(`parsed ${text}`, () => JSON.parse(text) as unknown)) },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      made('no primitive', () => ({ valueOf: 1, toString: 1 })),
      dressed({ slice: 1 }),
      dressed({ constructor: 1 }),
      dressed({ map: 1, every: 1, at: 1, filter: 1 }),
      made('an error', () => new RangeError(secret)),
      made('a date that is none', () => new Date(NaN)),
      made('a cycle', () => {
        const cycle: Record<string, unknown> = { secret }
        return (cycle.cycle = cycle)
      }),
      made('bytes', () => new TextEncoder().encode(secret).buffer),
    ),
  },
  // Costs time: tests of their own have all of these.
  { weight: FC_RUNS ? 1 : 0, arbitrary: heavy },
)

const traps = ['get', 'has', 'ownKeys', 'getOwnPropertyDescriptor', 'getPrototypeOf', 'set', 'apply'] as const
/** Throws whatever is done with it. */
export const trap: Made = made(
  'a proxy that throws',
  () => new Proxy(() => {}, Object.fromEntries(traps.map((name) => [name, tripping]))),
)

/** A getter that works so many times and then throws. */
const tiring = (name: string, times: number, value: unknown): Made =>
  made(`${name}: ${inspect(value)}, then throws (${times})`, () => {
    let left = times
    return Object.defineProperty({}, name, { enumerable: true, get: () => (left-- > 0 ? value : tripping()) })
  })

/** What no JSON and no structured clone brings, but an app's or an SDK's own object may be. */
export const living: fc.Arbitrary<Made> = fc.constantFrom(
  trap,
  made('a revoked proxy', () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy
  }),
  made('a symbol', () => Symbol(secret)),
  made('a function', () => () => secret),
  made('methods that throw', () => ({
    valueOf: tripping,
    toString: tripping,
    toJSON: tripping,
    [inspect.custom]: tripping,
  })),
  made('text that throws the second time', () => {
    let count = 0
    const once = (): string => (count++ ? tripping() : '5')
    return { valueOf: once, toString: once }
  }),
  tiring('token', 0, secret),
  tiring('token', 1, secret),
  tiring('extra', 1, {}),
  tiring('message', 1, secret),
)

/** Errors of this library, or what is branded as one, with parts of any kind. */
export const branded: fc.Arbitrary<Made> = fc
  .record(
    {
      code: fc.oneof(fc.constantFrom<unknown>('source_failed', 'timeout', 'closed', 'rejected', ...secrets), edges),
      message: fc.oneof(texts, edges),
      status: fc.oneof(fc.constantFrom<unknown>(403, 503, ...secrets, { secret }), edges),
      retryAfter: fc.oneof(fc.constantFrom<unknown>(secret, { secret }, 1_000), edges),
      retryable: fc.constantFrom<unknown>(true, false, secret, 0, { secret }),
      cause: fc.constant(secret),
    },
    { requiredKeys: [] },
  )
  .map((parts) =>
    made(`branded ${fc.stringify(parts)}`, () =>
      Object.assign(new Error('of another copy'), { [Symbol.for('inbox-session.error')]: true }, parts),
    ),
  )

/** Anything at all. */
export const hostile: fc.Arbitrary<Made> = fc.oneof(
  { weight: 8, arbitrary: data },
  { weight: 2, arbitrary: living },
  { weight: 2, arbitrary: branded },
)

/** An object of those parts, some missing, each of which may also throw when it is read. */
export const recordOf = (parts: Record<string, fc.Arbitrary<Made>>): fc.Arbitrary<Made> =>
  fc
    .tuple(
      fc.record(parts, { requiredKeys: [] }) as fc.Arbitrary<Record<string, Made>>,
      fc.option(fc.constantFrom(...Object.keys(parts)), { freq: 10, nil: undefined }),
    )
    .map(([given, throwing]) => {
      const names = Object.entries(given).map(([key, make]) => `${key}: ${fc.stringify(make)}`)
      return made(`{ ${names.join()} }${throwing ? `, ${throwing} throws` : ''}`, () => {
        const built = Object.fromEntries(Object.entries(given).map(([key, make]) => [key, make()]))
        return throwing ? Object.defineProperty(built, throwing, { get: tripping, enumerable: true }) : built
      })
    })

const encode = (text: string): string => Buffer.from(text).toString('base64url')
// Claims are not secret: they come out with the token.
const openJson = jsonOf(
  fc.string({ maxLength: 10 }),
  fc.oneof(fc.constantFrom('__proto__', 'constructor', 'toJSON'), fc.string()),
)
const claimValue = fc.oneof({ weight: 3, arbitrary: edges }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) })
const plain = (value: unknown): unknown => (typeof value === 'bigint' ? Number(value) : value)

/** A JWT with claims of any kind: often of Ann, and often a good one. */
export const anyJwt: fc.Arbitrary<string> = fc
  .record({
    claims: fc.record(
      {
        sub: fc.oneof(
          fc.constantFrom<unknown>('ann', 'user:ann', 'bob', { toString: 1, valueOf: 1 }, null),
          claimValue,
        ),
        exp: claimValue,
        iat: claimValue,
        nbf: claimValue,
        scope: fc.oneof(fc.constantFrom<unknown>('user_id:ann', 'user_id:bob', { tenant_id: 'acme' }), claimValue),
        tenant: claimValue,
        jti: fc.nat(),
      },
      { requiredKeys: ['jti'] },
    ),
    more: fc.option(openJson, { freq: 4, nil: undefined }),
  })
  .map(({ claims, more }) => {
    const text = JSON.stringify(Object.fromEntries(Object.entries(claims).map(([key, value]) => [key, plain(value)])))
    const payload = more && more !== '{}' ? `${text.slice(0, -1)},${more.slice(1)}` : text
    return `${encode('{"alg":"none"}')}.${encode(payload)}.${encode(JSON.stringify(claims.jti)) + 'sIgn4tuRe9xQz7'}`
  })

/** One way to damage a text. */
export interface Damage {
  readonly kind: 'cut' | 'flip' | 'twice' | 'insert' | 'drop'
  readonly at: number
  readonly what: number
}
export const damage: fc.Arbitrary<Damage> = fc.record({
  kind: fc.constantFrom('cut', 'flip', 'twice', 'insert', 'drop'),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  what: fc.nat(127),
})
export const damaged = (text: string, { kind, at, what }: Damage): string => {
  const place = Math.floor(at * text.length)
  const before = text.slice(0, place)
  switch (kind) {
    case 'cut':
      return before
    case 'twice':
      return before + text
    case 'insert':
      return before + String.fromCharCode(what) + text.slice(place)
    case 'drop':
      return before + text.slice(place + 1)
    case 'flip':
      return before + String.fromCharCode(text.charCodeAt(place) ^ (1 << (what % 7))) + text.slice(place + 1)
  }
}

/** The ways to everything inside a value, itself first. */
export const places = (value: unknown, path: readonly string[] = []): (readonly string[])[] => [
  path,
  ...(value && typeof value === 'object'
    ? Object.entries(value).flatMap(([key, inner]) => places(inner, [...path, key]))
    : []),
]
/** A copy with something else in that place; undefined takes it out. */
export const replaced = (value: unknown, path: readonly string[], other: (old: unknown) => unknown): unknown => {
  const [key, ...rest] = path
  if (key === undefined) return other(value)
  const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...(value as object) }) as Record<string, unknown>
  const put = replaced(copy[key], rest, other)
  if (put === undefined) delete copy[key]
  else copy[key] = put
  return copy
}
