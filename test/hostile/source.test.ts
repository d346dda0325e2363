import { createSession, fromEndpoint } from 'inbox-session'
import type { SessionError, TokenAnswer, TokenRequest } from 'inbox-session'
import { createTestBrowser } from 'inbox-session/testing'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import {
  type Made,
  anyJwt,
  branded,
  data,
  damage,
  damaged,
  edges,
  heavies,
  holds,
  hostile,
  jsonText,
  made,
  megabytes,
  patience,
  recordOf,
  secrets,
  texts,
} from './input.js'
import {
  type Stage,
  createStage,
  expectAlive,
  expectBudget,
  expectLawful,
  expectQuiet,
  watch,
  withClocksApart,
} from './stage.js'

vi.setConfig(patience)

const [secret] = secrets

/** What an answer is made of: raw tokens, answers with parts of any kind, anything. */
const tokens = fc.oneof(anyJwt, fc.constantFrom(...secrets), texts)
const number = edges.map((value) => made(fc.stringify(value), () => value))
const answers: fc.Arbitrary<Made> = fc.oneof(
  { weight: 3, arbitrary: hostile },
  { weight: 3, arbitrary: tokens.map((token) => made(fc.stringify(token), () => token)) },
  {
    weight: 4,
    arbitrary: recordOf({
      token: fc.oneof(
        tokens.map((token) => made(fc.stringify(token), () => token)),
        data,
      ),
      expiresIn: fc.oneof(number, data),
      expiresAt: fc.oneof(number, data),
      serverTime: fc.oneof(number, data),
      extra: hostile,
    }),
  },
)

/** How a source hands over what it has. */
const ways = {
  returns: (value: unknown) => value,
  throws: (value: unknown) => {
    throw value
  },
  resolves: async (value: unknown) => value,
  rejects: (value: unknown) => Promise.reject(value as Error),
  'rejects late': (value: unknown, { browser }: Stage) =>
    new Promise((_, reject) => void browser.tabs[1]!.window.setTimeout(() => reject(value as Error), 15_000)),
  'resolves late': (value: unknown, { browser }: Stage) =>
    new Promise((resolve) => void browser.tabs[1]!.window.setTimeout(() => resolve(value), 15_000)),
  'never settles': () => ({ then() {} }),
  'settles twice': (value: unknown) => ({
    then(resolve: (value: unknown) => void, reject: (value: unknown) => void) {
      resolve(value)
      reject(value)
      resolve('another')
      throw value
    },
  }),
  'throws in then': (value: unknown) => ({
    then() {
      throw value
    },
  }),
  'has a then that throws': (value: unknown) => ({
    get then() {
      throw value
    },
  }),
}
const way = fc.constantFrom(...(Object.keys(ways) as (keyof typeof ways)[]))

/** The texts in it that must not come out. */
const textsIn = (make: Made): string[] => {
  const found: string[] = []
  const walk = (value: unknown, depth: number): void => {
    if (typeof value === 'string' && /[0-9]/.test(value)) found.push(value)
    else if (value && typeof value === 'object' && depth < 3 && !(value instanceof Error))
      for (const inner of Object.values(value).slice(0, 10)) walk(inner, depth + 1)
  }
  try {
    walk(make(), 0)
  } catch {
    // What cannot be read holds no text.
  }
  return found
}

/** Ann with a good token, or without one; from then on the source has only that to say. */
const trial = async (
  answer: (request: TokenRequest, stage: Stage) => unknown,
  held: boolean,
  hidden: readonly string[],
) => {
  const browser = createTestBrowser()
  let mended = false
  const stage = createStage({
    browser,
    answer: (request, here) => (mended || (held && !here.minted.length) ? here.good(request) : answer(request, here)),
  })
  browser.tab()
  const { session, told, advance } = stage
  session.signIn('ann')
  await advance(100)
  const token = stage.token()
  const asked = [watch(session.refresh()), watch(session.getToken()), watch(session.getToken({ minValidity: 1e7 }))]
  await advance(30_000)
  expectLawful(stage, hidden)
  const adopted = told.filter(({ event }) => event === 'token').length > Number(held)
  if (held && !adopted) expect(stage.token(), 'the held token').toBe(token)
  await advance(60_000)
  expectLawful(stage, hidden)
  expectBudget(stage)
  expectQuiet()
  for (const { ended, error } of asked) {
    expect(ended, 'everybody was answered').toBe(true)
    if (error) expectErrorOf(error)
  }
  mended = true
  await expectAlive(stage, withClocksApart)
}
const expectErrorOf = (error: SessionError) => expect(error.name).toBe('SessionError')

describe('whatever the source', () => {
  test('answers, throws or rejects with, the session goes on, keeps its token and shows nothing of it', () =>
    holds(60, fc.tuple(answers, way, fc.boolean()), ([make, how, held]) =>
      trial((_, stage) => ways[how](make(), stage), held, textsIn(make)),
    ))

  test('throws as an error of this library, its parts are of the right kind when they come out', () =>
    holds(25, fc.tuple(branded, fc.boolean()), ([make, held]) => trial(() => ways.throws(make()), held, [])))

  test('has in its JWTs, good tokens come again once the backend gives them out', () =>
    holds(60, fc.tuple(fc.array(anyJwt, { minLength: 1, maxLength: 3 }), fc.boolean()), ([list, held]) => {
      let turn = 0
      return trial(() => list[turn++ % list.length], held, list)
    }))

  test('answers as a damaged copy of a good token, the session goes on', () =>
    holds(25, fc.tuple(fc.array(damage, { minLength: 1, maxLength: 3 }), fc.boolean()), ([kinds, held]) =>
      trial((request, stage) => kinds.reduce(damaged, stage.good(request)), held, []),
    ))
})

const headers = fc.record(
  {
    'content-type': fc.constantFrom('application/json', 'text/html', 'TEXT/HTML; charset=x', 'text/plain', '', 'x'),
    'retry-after': fc.oneof(
      fc.constantFrom('0', '-1', '120', '86400', '9'.repeat(400), '1e9', '12.5', ' 5', 'soon', 'GMT', '0x10', secret),
      fc.date().map((date) => date.toUTCString()),
    ),
    date: fc.oneof(
      fc.constantFrom('', 'GMT', 'now', 'Thu, 01 Jan 1970 00:00:00 GMT', 'Fri, 31 Dec 9999 23:59:59 GMT', secret),
      fc.date().map((date) => date.toUTCString()),
    ),
    location: fc.constant(`https://login.example/?token=${secret}`),
  },
  { requiredKeys: [] },
)
const jsonBody = fc
  .record(
    {
      token: fc.oneof(tokens, edges),
      jwt: tokens,
      userToken: tokens,
      access_token: tokens,
      expiresIn: edges,
      expires_in: edges,
      expiresAt: edges,
      extra: fc.jsonValue({ maxDepth: 2 }),
    },
    { requiredKeys: [] },
  )
  .map((fields) => JSON.stringify(fields, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)))
const bodies = fc.oneof(
  { weight: 6, arbitrary: jsonBody },
  { weight: 2, arbitrary: jsonText },
  { weight: 4, arbitrary: tokens },
  {
    weight: 2,
    arbitrary: fc.constantFrom('', '[]', 'null', '{}', '""', `<p>${secret}</p>`, '{"token":""}', '\ufeff{"token":"x"}'),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(megabytes, '['.repeat(10_000), `{"token":"${megabytes}"}`, ' '.repeat(120_000) + 'ü'),
  },
)
const statuses = fc.oneof(
  fc.constantFrom(200, 200, 201, 204, 304, 400, 401, 403, 429, 500, 503),
  fc.integer({ min: 200, max: 599 }),
)

describe('whatever an endpoint answers', () => {
  test('with any status, headers and body, the session goes on, keeps its token and shows nothing of it', () =>
    holds(60, fc.tuple(statuses, headers, bodies, fc.boolean()), async ([status, given, body, held]) => {
      const fetch = async () => new Response([204, 205, 304].includes(status) ? null : body, { status, headers: given })
      const source = fromEndpoint('http://127.0.0.1/token', { fetch })
      await trial((request) => source(request), held, [])
    }))

  test('in something that only looks like a Response', () =>
    holds(
      25,
      fc.tuple(
        recordOf({
          ...{ status: hostile, ok: hostile, type: hostile },
          headers: fc.oneof(fc.constant(made('Headers', () => new Headers())), hostile),
          text: fc.oneof(
            hostile.map((make) => made(`() => ${fc.stringify(make)}`, () => make)),
            hostile,
          ),
        }),
        fc.boolean(),
      ),
      async ([make, held]) => {
        const source = fromEndpoint('http://127.0.0.1/token', { fetch: (async () => make()) as never })
        await trial((request) => source(request), held, [])
      },
    ))

  test('a reader of bodies that answers anything, throws or rejects', () =>
    holds(
      25,
      fc.tuple(answers, fc.constantFrom('returns', 'throws', 'rejects', 'resolves'), fc.boolean()),
      async ([make, how, held]) => {
        const read = () => ways[how as 'returns'](make()) as TokenAnswer
        const source = fromEndpoint('http://127.0.0.1/token', { fetch: async () => new Response('{}'), read })
        await trial((request) => source(request), held, textsIn(make))
      },
    ))

  test('its clock gives no token more time than there is between its issue and its end', () =>
    holds(25, fc.tuple(headers, fc.integer({ min: 10, max: 86_400 })), async ([given, lifetime]) => {
      const stage = createStage({
        lifetime,
        answer: (request, here) =>
          fromEndpoint('http://127.0.0.1/token', {
            fetch: async () => new Response(here.good(request), { headers: given }),
          })(request),
      })
      stage.session.signIn('ann')
      await stage.advance(100)
      const { expiresAt = 0, receivedAt = 0 } = stage.token() ?? {}
      // A header's time is cut to whole seconds.
      expect(expiresAt - receivedAt).toBeLessThanOrEqual(lifetime * 1_000 + 1_000)
    }))
})

describe('a source that speaks first', () => {
  test('may push anything: the session goes on and shows nothing of it', () =>
    holds(25, fc.array(answers, { minLength: 1, maxLength: 5 }), async (list) => {
      let push: (answer: never) => void = () => {}
      const stage = createStage({ subscribe: (given) => ((push = given as never), () => {}) })
      stage.session.signIn('ann')
      await stage.advance(100)
      for (const make of list) {
        const before = stage.told.filter(({ event }) => event === 'token').length
        const token = stage.token()
        push(make() as never)
        if (!stage.token()) break
        if (stage.told.filter(({ event }) => event === 'token').length === before) expect(stage.token()).toBe(token)
      }
      await stage.advance(1_000)
      expectLawful(stage, list.flatMap(textsIn))
      expectBudget(stage)
      await expectAlive(stage, withClocksApart)
      expect(() => list.forEach((make) => push(make() as never)), 'after the end').not.toThrow()
      await stage.advance(1_000)
      expect(stage.session.state.status).toBe('closed')
    }))

  test.each(Object.entries({ throws: ways.throws, rejects: ways.rejects, returns: ways.returns }))(
    'may subscribe in a way that %s anything: it is asked all the same',
    (_, how) =>
      holds(12, hostile, async (make) => {
        const stage = createStage({ subscribe: () => how(make()) as () => void })
        stage.session.signIn('ann')
        await stage.advance(100)
        expect(stage.session.state.status).toBe('fresh')
        expectLawful(stage, textsIn(make))
        await expectAlive(stage, withClocksApart)
      }),
  )
})

describe('a first token that comes with signIn', () => {
  test('may be anything: what is no good is reported, and a call brings one', () =>
    holds(40, answers, async (make) => {
      const stage = createStage()
      stage.session.signIn('ann', make() as never)
      await stage.advance(1_000)
      expect(stage.session.state.status).toBe('fresh')
      expectLawful(stage, textsIn(make))
      await expectAlive(stage, withClocksApart)
    }))
})

test.each(heavies.map((make) => [fc.stringify(make), make] as const))(
  '%s is no token, whichever way it comes',
  async (_, make) => {
    const browser = createTestBrowser()
    const session = createSession({ source: () => make() as never, environment: browser.tab() })
    session.signIn('ann', make() as never)
    const asked = watch(session.getToken())
    await browser.advance(1_000)
    expect(asked.error!.code).toBe('invalid_answer')
    expect(session.state.status).toBe('waiting')
    await session.close()
  },
)
