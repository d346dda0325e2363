import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import type { Environment, Tabs } from '../../src/environment/environment.js'
import { type SessionErrorCode, SessionError, toSessionError } from '../../src/errors.js'
import { createFlights } from '../../src/flight.js'
import { createSession } from '../../src/index.js'
import { type News, createPeers } from '../../src/peers.js'
import { createPolicy } from '../../src/policy.js'
import { type TokenRecord, readRecord, writeRecord } from '../../src/record.js'
import type { Adoption } from '../../src/state.js'
import { type Token, type User, createToken, readAnswer } from '../../src/token.js'
import { ada, hour, makeToken, minute } from '../support/states.js'
import { jwt, tokenFor } from '../support/tokens.js'
import { createWorld, start } from '../support/world.js'
import {
  type Made,
  data,
  ensure,
  harmless,
  holds,
  hostile,
  hostileRecord,
  jsonText,
  leaks,
  made,
  secret,
  strangeNumber,
  textOf,
  thrownBy,
} from './arbitraries.js'

const now = start
const tenant: User = { id: 'ada', tenant: 'acme' }
const prototypes = [Object, Array, Function, String, Error, Promise].map((type) => type.prototype as object)
const shapes = prototypes.map((prototype) => Reflect.ownKeys(prototype).length)

afterEach(() => {
  // Nothing that was read has reached what all objects share.
  expect(prototypes.map((prototype) => Reflect.ownKeys(prototype).length)).toEqual(shapes)
  expect(Object.keys(Object.prototype)).toEqual([])
})

const constant = (value: unknown): fc.Arbitrary<Made> => fc.constant(made(fc.stringify(value), () => value))
/** Right most of the time, so that what follows is reached. */
const mostly = (right: fc.Arbitrary<Made>, wrong: fc.Arbitrary<Made> = hostile): fc.Arbitrary<Made> =>
  fc.oneof({ weight: 9, arbitrary: right }, { weight: 1, arbitrary: wrong })
const numbers = strangeNumber.map((value) => made(fc.stringify(value), () => value))
const tokens = fc.oneof(
  constant('opaque'),
  jsonText.map((text) => made(`a JWT of ${text}`, () => `e30.${Buffer.from(text).toString('base64url')}.sig`)),
  fc
    .record(
      { exp: strangeNumber, iat: strangeNumber, nbf: strangeNumber, sub: fc.constantFrom('ada', 'bob') },
      { requiredKeys: [] },
    )
    .map((claims) => made(`a JWT of ${fc.stringify(claims)}`, () => jwt(claims))),
  fc.tuple(fc.constantFrom('exp', 'sub', 'scope'), fc.constantFrom(100, 2_000, 5_000)).map(([claim, levels]) =>
    made(`a JWT with a ${claim} of ${levels} levels`, () => {
      const payload = `{"${claim}":${'['.repeat(levels)}${']'.repeat(levels)}}`
      return `e30.${Buffer.from(payload).toString('base64url')}.sig`
    }),
  ),
)
const answerParts = {
  token: mostly(tokens),
  expiresIn: mostly(numbers),
  expiresAt: mostly(numbers),
  serverTime: mostly(numbers),
  extra: hostile,
}
const answers = fc.oneof(hostile, hostileRecord(answerParts))

/** What can be built into a schedule: instants in order, none of them NaN. */
const soundSchedule = ({ token, dueAt, spentAt }: Adoption, at: number): void => {
  ensure(spentAt > at, `good until ${spentAt}`)
  ensure(dueAt <= spentAt, `due at ${dueAt}, spent at ${spentAt}`)
  ensure(Number.isFinite(token.receivedAt), `received at ${token.receivedAt}`)
  ensure(
    token.expiresAt === undefined || token.expiresAt >= spentAt,
    `ends at ${token.expiresAt}, good until ${spentAt}`,
  )
}

describe('an answer of a source', () => {
  it('is read, or refused by a typed error that tells nothing of it', () => {
    holds(
      fc.property(answers, (make) => {
        const answer = make()
        const error = thrownBy(() => readAnswer(answer, now))
        expect(harmless(error, 'invalid_answer')).toBe(true)
      }),
      800,
    )
  })

  it('is adopted with a schedule that can be kept, or refused without a word of it, for every policy', () => {
    const policies = fc
      .record(
        {
          minValidity: fc.constantFrom(0, 5_000, 1e9),
          fallbackLifetime: fc.constantFrom(1, 60_000, 1e15, Infinity),
          refreshAt: fc.constantFrom([0.8, 0.83] as const, [0.01, 0.02] as const, [0.5, 0.999] as const),
        },
        { requiredKeys: [] },
      )
      .map(createPolicy)
    const reasons = fc.constantFrom('initial', 'refresh', 'rejected', 'forced')
    const last = fc.option(fc.constantFrom(makeToken('opaque'), makeToken('held', { claims: { iat: 1 } })), {
      nil: undefined,
    })
    holds(
      fc.property(
        answers,
        policies,
        reasons,
        last,
        fc.constantFrom(0, 0.5, 0.999),
        (make, policy, reason, last, draw) => {
          const { environment } = createWorld(() => draw)
          const { take } = createFlights(environment, policy, () => null, undefined, undefined)
          const answer = make()
          try {
            soundSchedule(take(answer, { user: ada, refused: ['refused'], reason, last }), now)
          } catch (error) {
            if ((error as Error).name === 'AssertionError') throw error
            const told = toSessionError(error, 'source_failed', 'The source failed')
            expect(leaks(textOf(told))).toEqual([])
          }
        },
      ),
      800,
    )
  })
})

describe('a record of a storage', () => {
  const record = {
    version: 1,
    user: tenant,
    token: 'opaque',
    receivedAt: now,
    expiresIn: 60,
    dueIn: 1_000,
    extra: { a: [1] },
  }
  const recordParts = {
    version: mostly(constant(1), data),
    user: mostly(constant(tenant), data),
    token: mostly(tokens, data),
    receivedAt: mostly(constant(now), fc.oneof(numbers, data)),
    expiresIn: mostly(numbers, data),
    dueIn: mostly(numbers, data),
    extra: data,
  }
  const asText = (value: unknown): string => {
    try {
      return JSON.stringify(value) ?? ''
    } catch {
      return '{'
    }
  }
  const records = fc
    .record(recordParts, { requiredKeys: ['version', 'user', 'token', 'receivedAt'] })
    .map((parts) =>
      made(fc.stringify(parts), () =>
        asText(Object.fromEntries(Object.entries(parts).map(([key, make]) => [key, make!()]))),
      ),
    )
  const cut = fc.tuple(fc.nat(400), fc.nat(400), fc.string({ maxLength: 3 })).map(([from, to, put]) => {
    const text = JSON.stringify(record)
    return text.slice(0, from % text.length) + put + text.slice(to % text.length)
  })
  const polluting = jsonText.map((extra) => JSON.stringify(record).replace('{"a":[1]}', extra))
  const deep = fc.constantFrom(1_000, 10_000, 30_000, 100_000).chain((levels) =>
    fc.constantFrom('[', '{"a":').map((open) => {
      const close = open === '[' ? ']' : '}'
      const inner = open.repeat(levels) + '1' + close.repeat(levels)
      return made(`${levels} times ${open}`, () => JSON.stringify(record).replace('{"a":[1]}', inner))
    }),
  )
  const texts = fc.oneof(
    { weight: 3, arbitrary: hostile },
    { weight: 6, arbitrary: records },
    { weight: 3, arbitrary: fc.oneof(cut, polluting, jsonText).map((text) => made(fc.stringify(text), () => text)) },
    { weight: 1, arbitrary: deep },
  )
  const sound = (found: TokenRecord): void => {
    const { version, user, token, receivedAt, expiresIn, dueIn } = found
    ensure(version === 1 && user === tenant && typeof token === 'string', 'not ours')
    ensure(Number.isFinite(receivedAt) && Number.isFinite(expiresIn ?? 0) && Number.isFinite(dueIn ?? 0), 'no times')
    ensure(!/"__proto__":/.test(asText(found.extra)), 'a prototype came in')
  }

  it('is one of that user in this version, or as good as absent; nothing is thrown', () => {
    let read = 0
    holds(
      fc.property(texts, (make) => {
        const found = readRecord(make(), tenant)
        if (found) sound(found)
        read += Number(found !== undefined)
      }),
      1_000,
    )
    expect(read).toBeGreaterThan(50)
  })

  it('of another user, another tenant or another version is absent', () => {
    const ids = fc.constantFrom('ada', 'bob', 'Ada', 'toString', '__proto__', '')
    const user = fc.record({ id: ids, tenant: fc.option(ids, { nil: undefined }) })
    holds(
      fc.property(
        user,
        user,
        fc.oneof(fc.constantFrom<unknown>(1, 2, 0, '1', null, [1], true), fc.anything()),
        (owner, wanted, version) => {
          const found = readRecord(asText({ ...record, user: owner, version }), wanted)
          const same = owner.id === wanted.id && owner.tenant === wanted.tenant
          expect(found !== undefined).toBe(same && asText(version) === '1')
        },
      ),
      500,
    )
  })

  it('brings back what was written, whatever characters stand in it', () => {
    const text = fc.string({ unit: 'binary', maxLength: 30 })
    const user = fc.record({ id: text, tenant: fc.option(text, { nil: undefined }) })
    const life = fc.option(fc.integer({ min: 1, max: 1e12 }), { nil: undefined })
    const extras = fc.option(fc.dictionary(text, fc.jsonValue({ maxDepth: 2 })), { nil: undefined })
    holds(
      fc.property(
        user,
        fc.stringMatching(/^[!-~]{1,60}$/),
        life,
        extras,
        fc.nat(hour),
        (user, value, life, extra, dueIn) => {
          // What names a prototype is not read.
          fc.pre(!/__proto__/.test(asText(extra)))
          const expiresAt = life === undefined ? undefined : now + life
          const token = createToken({ value, user, receivedAt: now, expiresAt, generation: 1, extra })
          const found = readRecord(writeRecord(token, now + dueIn), user)!
          expect([found.token, found.receivedAt, found.dueIn]).toEqual([value, now, dueIn])
          expect(found.extra).toEqual(extra === undefined ? undefined : JSON.parse(JSON.stringify(extra)))
          if (life === undefined) expect(found.expiresIn).toBeUndefined()
          else expect(found.expiresIn! * 1_000).toBeCloseTo(life, 3)
        },
      ),
    )
  })

  it('is adopted with a schedule that can be kept, or not at all', () => {
    const { environment } = createWorld()
    const { restore } = createFlights(environment, createPolicy({}), () => null, undefined, undefined)
    let adopted = 0
    holds(
      fc.property(records, fc.constantFrom('tab', 'storage'), (make, from) => {
        const adoption = restore(readRecord(make(), tenant), { user: tenant, refused: [], reason: 'refresh' }, from)
        if (!adoption) return
        adopted++
        soundSchedule(adoption, now)
        ensure(adoption.token.user === tenant, 'another one’s')
        ensure(adoption.token.receivedAt <= now + 1_000, 'from the future')
      }),
      800,
    )
    expect(adopted).toBeGreaterThan(20)
  })
})

/** Tabs that hand over whatever they are given. */
const createWire = () => {
  let hear: (message?: unknown, age?: number) => void = () => {}
  const tabs: Tabs = {
    exclusive: (run) => run(),
    post: () => {},
    onMessage(run) {
      hear = run
      return () => {}
    },
    close: () => {},
  }
  return { tabs, send: (message: unknown, age?: number) => hear(message, age) }
}

const setback = {
  error: { code: 'source_failed', message: 'The backend is busy.', retryable: true },
  retryAt: now + 4_000,
  attempt: 2,
  calls: [now],
}
const errorParts = {
  code: mostly(constant('source_failed')),
  message: mostly(constant('The backend is busy.')),
  status: mostly(constant(503)),
  retryAfter: mostly(constant(1_000)),
  retryable: mostly(constant(true)),
}
const failureParts = {
  error: mostly(hostileRecord(errorParts)),
  retryAt: mostly(constant(now + 4_000), fc.oneof(numbers, hostile)),
  attempt: mostly(constant(2), fc.oneof(numbers, hostile)),
  calls: mostly(
    fc
      .array(
        fc.oneof(
          { weight: 1, arbitrary: strangeNumber },
          { weight: 9, arbitrary: fc.constantFrom(now - 1_000, now, now + 500) },
        ),
        { maxLength: 40 },
      )
      .map((calls) => made(fc.stringify(calls), () => calls)),
  ),
}
const wholeRecord = writeRecord(makeToken(tokenFor('ada', now)), now + 40 * minute)
const messageParts = {
  version: mostly(constant(1)),
  type: mostly(
    fc.constantFrom('ask', 'token', 'failure', 'refused', 'signed-out').map((type) => made(type, () => type)),
  ),
  at: mostly(constant(now), fc.oneof(numbers, hostile)),
  receivedAt: mostly(fc.oneof(constant(now - 1_000), constant(now)), fc.oneof(numbers, hostile)),
  record: mostly(
    constant(wholeRecord),
    fc.oneof(
      hostile,
      jsonText.map((text) => made(text, () => text)),
    ),
  ),
  value: mostly(constant('refused')),
  failure: mostly(hostileRecord(failureParts)),
}
const messages = fc.oneof({ weight: 1, arbitrary: hostile }, { weight: 4, arbitrary: hostileRecord(messageParts) })
const failures = hostileRecord({ ...messageParts, type: constant('failure') })
const ages = fc.option(fc.oneof(fc.constantFrom(0, 5, 700, 90_000), fc.double()), { nil: undefined })

const codes: readonly SessionErrorCode[] = [
  ...(['unauthorized', 'subject_mismatch', 'source_failed', 'timeout', 'offline', 'invalid_answer'] as const),
  ...(['expired_on_arrival', 'stale_token', 'rejected', 'signed_out', 'user_changed', 'closed'] as const),
  ...(['storage_failed', 'adapter_failed'] as const),
]

describe('a message of another tab', () => {
  const listen = (hear: (news: News) => void) => {
    const { environment } = createWorld()
    const wire = createWire()
    const tabbed: Environment = Object.assign(environment, { tabs: () => wire.tabs })
    createPeers(tabbed, 'default', ada, 10_000, hear, () => {})
    return wire
  }
  it('of any kind is heard or not, and nothing is thrown', () => {
    holds(
      fc.property(messages, ages, (make, age) => {
        const message = make()
        const wire = listen(() => {})
        ensure(thrownBy(() => wire.send(message, age)) === undefined, 'it threw')
      }),
      800,
    )
  })

  /** What was heard of a message, whether or not it also threw. */
  const heardOf = (make: Made, age?: number): News[] => {
    const heard: News[] = []
    const message = make()
    thrownBy(() => listen((news) => void heard.push(news)).send(message, age))
    return heard
  }

  it('is heard as what it is called, with times that are numbers and not of the future', () => {
    let heard = 0
    holds(
      fc.property(messages, ages, (make, age) => {
        for (const news of heardOf(make, age)) {
          heard++
          ensure(/^(ask|token|failure|refused|signed-out|return)$/.test(news.type), 'of no kind')
          const times: number[] = []
          if ('receivedAt' in news) times.push(news.receivedAt)
          if (news.type === 'token') times.push(news.record.receivedAt)
          if (news.type === 'failure') {
            const { retryAt, attempt, calls } = news.setback
            times.push(...calls)
            ensure(calls.length <= 30, 'more calls than are kept')
            ensure(Number.isFinite(attempt) && Number.isFinite(retryAt), `attempt ${attempt}, next ${retryAt}`)
            ensure(retryAt <= now + 750_000, `next ${retryAt - now}`)
          }
          for (const time of times) ensure(Number.isFinite(time), `a time ${time}`)
          if (news.type !== 'token')
            ensure(
              times.every((time) => time <= now + 1_000),
              'of the future',
            )
        }
      }),
      1_500,
    )
    expect(heard).toBeGreaterThan(100)
  })

  it('tells a failure as one of ours: a known code, numbers, and no secret in anything that can be seen of it', () => {
    let heard = 0
    holds(
      fc.property(failures, ages, (make, age) => {
        for (const news of heardOf(make, age)) {
          if (news.type !== 'failure') continue
          heard++
          const { error } = news.setback
          ensure(error instanceof SessionError, 'no error of ours')
          ensure(leaks(textOf(error)).length === 0, 'a secret shows')
          ensure(codes.includes(error.code), `the code ${String(error.code).slice(0, 20)}`)
          ensure(typeof error.retryable === 'boolean', `retryable: ${typeof error.retryable}`)
          for (const key of ['status', 'retryAfter'] as const)
            ensure(error[key] === undefined || Number.isFinite(error[key]), `${key}: ${typeof error[key]}`)
        }
      }),
      1_500,
    )
    expect(heard).toBeGreaterThan(50)
  })

  it('is not heard with more in it than a token can have: 5 MB are nobody’s (F49)', () => {
    const long = secret.repeat(170_000)
    const message = { version: 1, type: 'refused', at: now, value: long }
    const error = { ...setback.error, message: `${long} ${long}` }
    const failure = { ...message, type: 'failure', failure: { ...setback, error } }
    const large = { refused: message, token: { ...message, type: 'token', record: long }, text: long, failure }
    const size = (sent: unknown): number => JSON.stringify(heardOf(() => sent)).length
    for (const [name, sent] of Object.entries(large)) expect(size(sent), name).toBeLessThan(70_000)
  })

  it('in another version, of another user or without its parts is not heard', () => {
    const good: Record<string, object> = {
      ask: { receivedAt: 0 },
      token: { record: wholeRecord },
      refused: { value: 'refused' },
      failure: { failure: setback, receivedAt: now },
      'signed-out': {},
    }
    const whole = (type: string) => ({ version: 1, type, at: now, ...good[type] })
    const spoil: Record<string, (message: Record<string, unknown>) => unknown> = {
      version: (message) => ({ ...message, version: 2 }),
      text: (message) => JSON.stringify(message),
      array: (message) => [message],
      wrapped: (message) => ({ data: message }),
      inherited: (message) => Object.create({ ...message, version: undefined }),
      timeless: (message) => ({ ...message, at: undefined }),
      textual: (message) => ({ ...message, at: String(now) }),
      kind: (message) => ({ ...message, type: String(message.type).toUpperCase() }),
      nothing: () => null,
    }
    holds(
      fc.property(fc.constantFrom(...Object.keys(good)), fc.constantFrom(...Object.keys(spoil)), (type, how) => {
        expect(heardOf(made(type, () => whole(type)))).toHaveLength(1)
        expect(heardOf(made(how, () => spoil[how]!(whole(type))))).toEqual([])
      }),
      150,
    )
    const bobs = writeRecord(makeToken('opaque', { user: { id: 'bob' } }))
    expect(heardOf(made('bob’s', () => ({ ...whole('token'), record: bobs })))).toEqual([])
  })
})

const looksRight = (message: unknown): boolean => {
  try {
    const { version, type, at } = Object(message) as Record<string, unknown>
    return version === 1 && typeof type === 'string' && Number.isFinite(at)
  } catch {
    return false
  }
}

describe('a session that holds a token', () => {
  it('keeps its state, the object itself, and tells nothing, whatever reaches it that is no message of ours', () => {
    const world = createWorld()
    const wire = createWire()
    const seen: string[] = []
    const session = createSession({
      source: () => tokenFor('ada', now),
      environment: Object.assign(world.environment, { tabs: () => wire.tabs }),
    })
    session.signIn('ada', tokenFor('ada', now))
    const { state } = session
    expect(state.status).toBe('fresh')
    for (const event of ['change', 'token', 'error', 'expired', 'signed-out'] as const)
      session.on(event, () => void seen.push(event))
    const foreign = fc.oneof(
      data,
      hostileRecord({ ...messageParts, version: data }),
      hostileRecord({ ...messageParts, type: data }),
      hostileRecord({ ...messageParts, at: data }),
    )
    holds(
      fc.property(foreign, ages, (make, age) => {
        const message = make()
        // Right by chance.
        fc.pre(message !== undefined && !looksRight(message))
        // That it may throw is said above.
        thrownBy(() => wire.send(message, age))
        ensure(session.state === state, `it is ${session.state.status}`)
        ensure(seen.length === 0, `it told ${seen[0]}`)
      }),
      600,
    )
  })

  it('has a good token in the end, or says why, after any messages of other tabs', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.oneof(messages, failures), ages), { maxLength: 12 }), async (list) => {
        const world = createWorld()
        const wire = createWire()
        let called = 0
        const session = createSession({
          source: () => (called++, tokenFor('ada', world.environment.now(), 60)),
          environment: Object.assign(world.environment, { tabs: () => wire.tabs }),
        })
        session.signIn('ada')
        await world.flush()
        for (const [make, age] of list) {
          const message = make()
          // That it may throw is said above.
          thrownBy(() => wire.send(message, age))
          await world.flush()
          ensure(called < 12, `${called} calls`)
        }
        await world.advance(15 * minute)
        if (/^(fetching|fresh|waiting)$/.test(session.state.status)) {
          const token: Token | undefined = 'token' in session.state ? session.state.token : undefined
          ensure(token !== undefined && !((token.expiresAt ?? Infinity) <= world.environment.now()), 'no good token')
        } else ensure(/^(signed-out|failed)$/.test(session.state.status), session.state.status)
        await session.close()
      }),
      { numRuns: Number(process.env.FC_RUNS) ? Math.min(Number(process.env.FC_RUNS), 2_000) : 80, seed: 4 },
    )
  })
})
