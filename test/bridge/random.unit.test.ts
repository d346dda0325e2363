import { inspect } from 'node:util'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { fromBridge } from '../../src/bridge/guest.js'
import { serveBridge } from '../../src/bridge/host.js'
import { createSession } from '../../src/session.js'
import { allowed } from './conformance.js'
import { type Wire, createWire } from './support.js'

const secret = 'c3VwZXItc2VjcmV0LXRva2Vu'
const held = 'held-by-ann'
const clock = { now: () => 1_790_000_000_000, schedule: () => () => {} }

/** Values that strike where something else is expected. */
const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    undefined,
    true,
    false,
    0,
    -1,
    1e308,
    '',
    'ann',
    [],
    {},
    [secret],
    '__proto__',
    secret,
  ),
  fc.jsonValue(),
)
const ann = { id: 'ann' }
const kinds = [
  { type: 'token', id: '$id', user: ann, token: secret, expiresIn: 600 },
  { type: 'token', user: ann, token: `${secret}-2`, expiresIn: 600 },
  { type: 'denied', id: '$id', final: true },
  { type: 'denied', id: '$id', retryAfter: 30 },
  { type: 'signed-out', user: ann },
  { type: 'hello' },
  { type: 'hello', user: ann },
  ...['initial', 'refresh', 'rejected', 'forced'].map((reason) => ({
    type: 'ask',
    id: '$id',
    user: ann,
    reason,
    attempt: 1,
  })),
]
const fields = [
  'inboxSession',
  'type',
  'id',
  'user',
  'token',
  'expiresIn',
  'expiresAt',
  'sentAt',
  'extra',
  'final',
] as const
const better = fc.constantFrom<unknown>(
  '$id',
  'two',
  { id: 'bob' },
  { id: 'ann', tenant: 'acme' },
  'token',
  2,
  true,
  secret,
)
/** A right message, or one in which a field or two are wrong. */
const message = fc
  .tuple(
    fc.constantFrom(...kinds),
    fc.array(fc.tuple(fc.constantFrom(...fields, 'retryAfter', 'reason', 'attempt', 'more'), fc.oneof(odd, better)), {
      maxLength: 2,
    }),
  )
  .map(([kind, changes]) => JSON.stringify({ inboxSession: 1, ...kind, ...Object.fromEntries(changes) }))
/** A text with some of its characters changed, lost or doubled. */
const mutated = fc
  .tuple(message, fc.array(fc.tuple(fc.nat(), fc.constantFrom('', '"', '{', '}', '\\', ',', '0', 'é', '\u0000', '}}'))))
  .map(([text, changes]) =>
    changes.reduce((now, [at, put]) => now.slice(0, at % now.length) + put + now.slice((at % now.length) + 1), text),
  )
const text = fc.oneof(
  { weight: 4, arbitrary: message },
  mutated,
  fc.string(),
  fc.json(),
  fc.anything() as fc.Arbitrary<string>,
)
const origin = fc.constantFrom('', '', allowed, allowed, 'https://evil.example', 'null', allowed + '.evil.example')
const heard = fc.array(fc.tuple(text, origin), { maxLength: 12 })
const runs = { numRuns: 500 }

const flush = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
}
/** Says them all; whatever throws fails the test. */
const sayAll = (wire: Wire, texts: readonly (readonly [string, string])[], id = 'one'): void => {
  for (const [text, origin] of texts)
    wire.hand(typeof text === 'string' ? text.replaceAll('$id', id) : (text as unknown), origin)
}
const parse = (text: unknown): any => {
  try {
    return Object(JSON.parse(text as string))
  } catch {
    return {}
  }
}
/** Whether that is a message of version 1, from somebody who may say so, of this type and for ann. */
const isFor = ([text, origin]: readonly [unknown, string], ...types: string[]): boolean => {
  const { inboxSession, type, user } = parse(text)
  return (
    (origin === '' || origin === allowed) &&
    inboxSession === 1 &&
    types.includes(type as string) &&
    user?.id === 'ann' &&
    (user.tenant ?? undefined) === undefined
  )
}

describe('whatever is said', () => {
  // Nothing that was read has reached what all objects share.
  afterEach(() => expect(Object.keys(Object.prototype)).toEqual([]))

  it('a page takes only what is for it, from whom it believes, and no error quotes it', async () => {
    await fc.assert(
      fc.asyncProperty(heard, async (texts) => {
        const wire = createWire()
        const source = fromBridge(wire, { environment: clock, allowedOrigins: [allowed] })
        const pushed: unknown[] = []
        source.subscribe!((answer) => pushed.push(answer), { id: 'ann' })
        const controller = new AbortController()
        const { signal } = controller
        const asked = source({ user: { id: 'ann' }, reason: 'initial', attempt: 1, signal }) as Promise<unknown>
        let ended: { answer?: unknown; error?: unknown } | undefined
        asked.then(
          (answer) => (ended = { answer }),
          (error: unknown) => (ended ??= { error }),
        )
        const { id } = wire.posted.at(-1)
        sayAll(wire, texts, id)
        await flush()

        const filled = texts.map(
          ([text, origin]) => [typeof text === 'string' ? text.replaceAll('$id', id) : text, origin] as const,
        )
        const answers = filled.filter(([text]) => parse(text).id === id)
        const taken = filled.filter(
          (one) => isFor(one, 'signed-out') || (isFor(one, 'token') && (parse(one[0]).id ?? null) === null),
        )
        expect(pushed.length).toBeLessThanOrEqual(taken.length)
        if (ended?.answer) expect(answers.some((one) => isFor(one, 'token'))).toBe(true)
        if (ended?.error) expect(answers.length).toBeGreaterThan(0)
        const { error } = ended ?? {}
        expect(inspect(error) + JSON.stringify(error ?? null) + String((error as Error)?.stack)).not.toContain(secret)
        expect(wire.posted.length).toBeLessThanOrEqual(6)
        controller.abort()
        await flush()
      }),
      runs,
    )
  })

  it('a host says its token to nobody but its user’s page, and its session does nothing of itself', async () => {
    await fc.assert(
      fc.asyncProperty(heard, async (texts) => {
        let mints = 0
        const session = createSession({ source: () => ({ token: `${held}-${++mints}`, expiresIn: 3_600 }) })
        const errors: unknown[] = []
        session.on('error', (error) => errors.push(error))
        session.signIn('ann')
        const first = await session.getToken()
        const before = session.state
        const wire = createWire()
        const undo = serveBridge(session, wire, { allowedOrigins: [allowed] })
        sayAll(wire, texts)
        await flush()

        const asking = texts.filter((one) => isFor(one, 'ask') && typeof parse(one[0]).id === 'string')
        const tokens = wire.posted.filter(({ type }) => type === 'token')
        if (!asking.length) expect([tokens, session.state]).toEqual([[], before])
        expect(tokens.length).toBeLessThanOrEqual(asking.length + mints - 1)
        for (const { user, token } of tokens) {
          expect(user).toEqual({ id: 'ann' })
          expect(token).toMatch(new RegExp(`^${held}-`))
        }
        // A page can have a token refused that it was given, and ask for a new one; no more.
        const pressing = asking.some(([text]) => /^(refresh|rejected|forced)$/.test(parse(text).reason as string))
        if (!pressing) expect(await session.getToken()).toBe(first)
        expect(session.state).toHaveProperty('user.id', 'ann')
        expect(wire.posted.filter(({ type }) => type === 'hello').length).toBeLessThanOrEqual(2)
        expect(inspect([errors, wire.posted.filter(({ type }) => type !== 'token')], { depth: 9 })).not.toContain(held)
        expect(inspect(errors)).not.toContain(secret)
        undo()
        await session.close()
      }),
      runs,
    )
  })
})
