import type { Adapter, AdapterContext, SessionError, Token } from 'inbox-session'
import { createTestBrowser } from 'inbox-session/testing'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import {
  type Made,
  branded,
  data,
  edges,
  holds,
  hostile,
  living,
  made,
  patience,
  recordOf,
  secrets,
  trap,
} from './input.js'
import {
  type Stage,
  createStage,
  expectAlive,
  expectBudget,
  expectLawful,
  expectQuiet,
  expectSound,
  watch,
} from './stage.js'

vi.setConfig(patience)

const calls = ['attach', 'update', 'detach'] as const
const ways = {
  returns: (value: unknown) => value,
  throws: (value: unknown) => {
    throw value
  },
  resolves: async (value: unknown) => value,
  rejects: (value: unknown) => Promise.reject(value as Error),
  'never settles': () => ({ then() {} }),
  'settles twice': (value: unknown) => ({
    then(resolve: (value: unknown) => void, reject: (value: unknown) => void) {
      resolve(1)
      reject(value)
    },
  }),
  'throws in then': (value: unknown) => ({
    then() {
      throw value
    },
  }),
}
const way = fc.constantFrom(...(Object.keys(ways) as (keyof typeof ways)[]))

/** One that works and says what it was given. */
const working = () => {
  const seen: string[] = []
  const note = (context: AdapterContext) => void seen.push(context.token.value)
  return {
    seen,
    adapter: {
      name: 'works',
      attach: note,
      update: (_: unknown, context: AdapterContext) => note(context),
      detach: () => void seen.push(''),
    },
  }
}

/** The life of a session, with that adapter beside one that works. */
const life = async (adapter: Adapter<any>, during: (stage: Stage) => void = () => {}) => {
  const stage = createStage({ browser: createTestBrowser() })
  const { session, advance } = stage
  const good = working()
  let remove = async () => {}
  try {
    remove = session.attach(adapter)
  } catch {
    // What cannot be read is no adapter: whoever attaches it hears of it.
  }
  session.attach(good.adapter)
  session.signIn('ann')
  await advance(20_000)
  expect(good.seen, 'the other adapter').toEqual([stage.minted[0]])
  during(stage)
  await advance(1_000)
  expectLawful(stage)
  watch(session.refresh())
  await advance(20_000)
  expect(good.seen.at(-1), 'the other adapter').toBe(stage.token()!.value)
  session.signIn('bob')
  await advance(20_000)
  expect(good.seen.slice(-2)).toEqual(['', stage.token()!.value])
  expectLawful(stage)
  const removed = watch(remove())
  await advance(6_000)
  expect(removed.ended, 'the adapter is off').toBe(true)
  await expectAlive(stage)
  return stage
}

describe('an adapter', () => {
  test('may throw, return or reject with anything: the session and the other adapters go on, and it is reported', () =>
    holds(50, fc.tuple(fc.subarray([...calls], { minLength: 1 }), way, hostile), async ([broken, how, make]) => {
      const adapter: Adapter<any> = { name: 'breaks', attach() {}, update() {}, detach() {} }
      for (const call of broken) adapter[call] = () => ways[how](make()) as never
      const { told } = await life(adapter)
      const reported = told.filter(({ event }) => event === 'error').map(({ payload }) => payload as SessionError)
      reported.forEach((error) => expectSound(error))
      if (/^(throws|rejects|never)/.test(how)) expect(reported.length).toBeGreaterThan(0)
    }))

  test('may be an object of any kind with an attach', () =>
    holds(
      25,
      recordOf({
        name: fc
          .constantFrom<unknown>(Symbol('x'), 5, 5n, null, undefined, { toString: 1, valueOf: 1 }, [], 'x')
          .map((name) => made(typeof name, () => name)),
        update: fc.oneof(hostile, fc.constant(made('a function', () => () => {}))),
        detach: fc.oneof(hostile, fc.constant(made('a function', () => () => {}))),
      }),
      async (make) => {
        const adapter = make() as Adapter
        adapter.attach ??= () => 1
        await life(adapter)
      },
    ))

  test('may throw wherever it is looked at, now or later', () =>
    holds(10, fc.nat(8), async (times) => {
      let left = times
      const adapter = new Proxy({ name: 'trap', attach() {}, update() {}, detach() {} } as Adapter, {
        get: (target, key) => (left-- > 0 ? Reflect.get(target, key) : (trap() as any).x) as unknown,
      })
      await life(adapter)
    }))
})

const kind = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .constantFrom('expiring', 'expired', 'rejected', 'session-lost', 'accepted', 'x', secrets[0])
      .map((text) => made(text, () => text)),
  },
  { weight: 1, arbitrary: hostile },
)
const anyNumber = edges.map((value) => made(fc.stringify(value), () => value))
const signals = fc.oneof(
  { weight: 4, arbitrary: recordOf({ kind, token: hostile, status: fc.oneof(anyNumber, data), code: hostile }) },
  { weight: 1, arbitrary: hostile },
)

/** Says it, as an SDK's callback would: what it throws is the SDK's affair, as long as the session stands. */
const attempt = (work: () => unknown): unknown => {
  try {
    return work()
  } catch (error) {
    return error
  }
}

describe('what an SDK reports', () => {
  test('may be anything: what names no token of ours changes nothing, and no secret of it is told', () =>
    holds(50, fc.array(signals, { minLength: 1, maxLength: 6 }), async (list) => {
      let context: AdapterContext | undefined
      const adapter = { name: 'sdk', attach: (given: AdapterContext) => void (context = given), update() {} }
      const stage = await life(adapter, (stage) => {
        for (const make of list) attempt(() => context!.report(make() as never))
        expectBudget(stage)
      })
      expect(stage.calls.length).toBeLessThanOrEqual(4 + list.length)
    }))

  test('is told of a token that is not ours, whatever it is: nothing changes', () =>
    holds(
      30,
      fc.tuple(fc.constantFrom('expiring', 'expired', 'rejected', 'accepted'), hostile),
      async ([kind, token]) => {
        let context: AdapterContext | undefined
        const stage = createStage()
        stage.session.attach({ name: 'sdk', attach: (given) => void (context = given) })
        stage.session.signIn('ann')
        await stage.advance(1_000)
        const { state } = stage.session
        const value = token()
        if (value) attempt(() => context!.report({ kind, token: value } as never))
        attempt(() => stage.session.invalidate(token() as string))
        await stage.advance(100)
        if (value) expect(stage.session.state).toBe(state)
        await expectAlive(stage)
      },
    ))

  test('does nothing after the detach, nor after the sign-out of its user', () =>
    holds(25, fc.tuple(signals, fc.constantFrom('off', 'out', 'other')), async ([make, how]) => {
      const contexts: AdapterContext[] = []
      const stage = createStage()
      const { session, advance } = stage
      const off = session.attach({ name: 'sdk', attach: (given) => void contexts.push(given) })
      session.signIn('ann')
      await advance(1_000)
      if (how === 'off') watch(off())
      else if (how === 'out') watch(session.signOut())
      else session.signIn('bob')
      await advance(1_000)
      const { state } = session
      const before = stage.told.length
      expect(attempt(() => contexts[0]!.report(make() as never))).toBeUndefined()
      const asked = watch(contexts[0]!.getToken())
      await advance(1_000)
      expect(session.state).toBe(state)
      expect(stage.told.slice(before)).toEqual([])
      if (how !== 'off') expect(asked.error!.code).toMatch(/^(signed_out|user_changed)$/)
      await expectAlive(stage)
    }))
})

describe('what an SDK asks for', () => {
  const options = fc.oneof(
    {
      weight: 3,
      arbitrary: recordOf({
        signal: hostile,
        rejected: hostile,
        minValidity: fc.oneof(anyNumber, hostile),
        maxAge: fc.oneof(anyNumber, hostile),
      }),
    },
    { weight: 1, arbitrary: hostile },
  )
  test.each(['while a token is held', 'while a call is under way', 'while the backend is down'])(
    'may be anything, %s: everybody else is served',
    (when) =>
      holds(25, fc.array(options, { minLength: 1, maxLength: 4 }), async (list) => {
        let down = false
        const stage = createStage({
          lifetime: 30,
          async answer(request, here) {
            await new Promise<void>((resolve) => void here.tab.window.setTimeout(resolve, 100))
            if (down) throw new Error('down')
            return here.good(request)
          },
        })
        const { session, advance } = stage
        session.signIn('ann')
        if (when === 'while a token is held') await advance(5_000)
        else if (when === 'while the backend is down') {
          down = true
          await advance(500)
        } else await advance(50)
        const asked = list.map((make) => watch(session.getToken(make() as never)))
        down = false
        await advance(60_000)
        expect(session.state.status).toMatch(/fresh|fetching/)
        expectLawful(stage)
        expect(
          asked.every(({ ended }) => ended),
          'all were answered',
        ).toBe(true)
        await expectAlive(stage)
      }),
  )
})

describe('an adapter that calls back out of its calls', () => {
  const acts: Record<string, (stage: Stage, context: AdapterContext | undefined) => unknown> = {
    getToken: (_, context) => context && watch(context.getToken()),
    'getToken of the session': ({ session }) => watch(session.getToken({ maxAge: 0 })),
    refresh: ({ session }) => watch(session.refresh()),
    rejected: (_, context) => context?.report({ kind: 'rejected' }),
    expired: (_, context) => context?.report({ kind: 'expired' }),
    'session-lost': (_, context) => context?.report({ kind: 'session-lost' }),
    accepted: (_, context) => context?.report({ kind: 'accepted' }),
    signOut: ({ session }) => watch(session.signOut()),
    'signIn as another': ({ session }) => session.signIn('bob'),
    'signIn again': ({ session }) => session.signIn('ann'),
    attach: ({ session }) => session.attach({ name: 'inner', attach() {} }),
    close: ({ session }) => watch(session.close()),
    throw: () => {
      throw new Error(secrets[0])
    },
  }
  test('with anything, in any order: the state stays lawful and the calls within the budget', () =>
    holds(
      60,
      fc.array(fc.tuple(fc.constantFrom(...calls), fc.constantFrom(...Object.keys(acts))), {
        minLength: 1,
        maxLength: 4,
      }),
      async (list) => {
        let left = 40
        const stage = createStage()
        const { session, advance } = stage
        const run = (call: string, context?: AdapterContext) => {
          for (const [when, act] of list) if (when === call && left-- > 0) acts[act]!(stage, context)
        }
        const journal: string[] = []
        const noted = async (call: string, context?: AdapterContext) => {
          journal.push(call)
          try {
            run(call, context)
            await new Promise<void>((resolve) => void stage.tab.window.setTimeout(resolve, 10))
          } finally {
            journal.push(`${call} done`)
          }
        }
        session.attach({
          name: 'calls back',
          attach: (context) => noted('attach', context),
          update: (_, context) => noted('update', context),
          detach: () => noted('detach'),
        })
        session.signIn('ann')
        await advance(5_000)
        if (session.state.status === 'fresh') watch(session.refresh())
        await advance(5_000)
        expectLawful(stage)
        expect(stage.calls.length, 'calls').toBeLessThanOrEqual(60)
        expectQuiet()
        // No call within another, no event out of its turn.
        journal.forEach((call, index) => {
          const next = journal[index + 1]
          if (!call.endsWith('done') && next && next !== `${call} done`) expect.fail(`${next} within ${call}`)
        })
        const changes = stage.told.filter(({ event }) => event === 'change').map(({ payload }) => payload)
        expect(new Set(changes).size, 'changes that are told once').toBe(changes.length)
        const generations = stage.told
          .filter(({ event }) => event === 'token')
          .map(({ payload }) => (payload as Token).generation)
        expect(generations).toEqual([...new Set(generations)].sort((one, other) => one - other))
        left = 0
        if (session.state.status !== 'closed') {
          session.signIn('carl')
          await advance(70_000)
          expect([session.state.status, (session.state as any).user?.id]).toEqual(['fresh', 'carl'])
        }
        const closed = watch(session.close())
        await advance(20_000)
        expect(closed.ended).toBe(true)
        expect(stage.tab.leftovers).toEqual({ timers: 0, listeners: 0, channels: 0, locks: 0 })
        expectQuiet()
      },
    ))
})

describe('a listener', () => {
  test('may throw, return or reject with anything: no other listener, and no refresh, is harmed', () =>
    holds(25, fc.tuple(way, fc.oneof(hostile, living, branded)), async ([how, make]) => {
      const stage = createStage()
      for (const event of ['change', 'token', 'expired', 'error', 'signed-out', 'trace'] as const)
        stage.session.on(event, () => ways[how]((make as Made)()) as never)
      stage.session.signIn('ann')
      await stage.advance(1_000)
      expect(stage.session.state.status).toBe('fresh')
      expectLawful(stage)
      await expectAlive(stage)
    }))
})
