import { SessionError } from 'inbox-session'
import { type TestBrowser, type TestTab, createTestBrowser, createTestToken } from 'inbox-session/testing'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import {
  type Made,
  damage,
  damaged,
  data,
  edges,
  heavies,
  holds,
  made,
  megabytes,
  patience,
  places,
  replaced,
  secrets,
  texts,
} from './input.js'
import { type Stage, createStage, expectAlive, expectLawful, expectQuiet, watch } from './stage.js'

vi.setConfig(patience)

/** Two tabs of Ann that have said all there is to say to each other, and a third with a script of somebody else's. */
const conversation = async (faults: Parameters<TestBrowser['tab']>[0] = {}, random = Math.random) => {
  const browser = createTestBrowser({ seed: Math.floor(random() * 1e6) })
  let down = false
  const answer = (request: Parameters<Stage['good']>[0], here: Stage) => {
    if (down) throw new SessionError('source_failed', 'down', { status: 503, retryAfter: 500 })
    return here.good(request)
  }
  const open = () => createStage({ browser, tab: browser.tab(faults), answer })
  const [one, two] = [open(), open()]
  const advance = (ms: number) => browser.advance(ms)
  one.session.signIn('ann')
  await advance(2_000)
  two.session.signIn('ann')
  await advance(2_000)
  one.session.invalidate(one.token()!.value)
  await advance(3_000)
  down = true
  watch(two.session.refresh())
  await advance(600)
  down = false
  await advance(120_000)
  const foreign = browser.tab()
  const [name = 'inbox-session:["default","ann",null]'] = browser.channels
  const channel = new foreign.window.BroadcastChannel(name)
  const stages = [one, two] as const
  return {
    ...{ browser, one, two, stages, open, foreign, name, advance },
    /** Posts it, if a structured clone of it can be made. */
    post(message: unknown) {
      try {
        channel.postMessage(message)
      } catch {
        // Then nobody else can send it either.
      }
    },
  }
}
type Scene = Awaited<ReturnType<typeof conversation>>

const remember = ({ stages }: Scene) => {
  const before = stages.map(({ session, told, calls }) => [session.state, told.length, calls.length] as const)
  return () =>
    stages.forEach(({ session, told, calls }, index) => {
      const [state, events, made] = before[index]!
      if (session.state !== state) expect.fail(`the state changed to ${session.state.status}`)
      expect(told.slice(events), 'events').toEqual([])
      expect(calls.length, 'calls').toBe(made)
    })
}
/** Both go on: a refresh, then a sign-out in one tab that is one in both, in their time. */
const expectAllAlive = async ({ one, two, stages, advance, browser, foreign }: Scene, within?: number) => {
  stages.forEach((stage) => expectLawful(stage, stage.minted))
  if (one.session.state.status === 'signed-out') one.session.signIn('ann')
  if (two.session.state.status === 'signed-out') two.session.signIn('ann')
  await advance(100)
  await expectAlive(one, { within })
  await advance(2_000)
  expect(two.session.state.status, 'the other tab').toBe('signed-out')
  await two.session.close()
  await advance(100)
  expect(two.tab.leftovers).toEqual({ timers: 0, listeners: 0, channels: 0, locks: 0 })
  stages.forEach(({ session, told }) => expect([session.state.status, told.length > 0]).toEqual(['closed', true]))
  foreign.crash()
  expect([browser.locks.held, browser.locks.pending]).toEqual([[], []])
  expectQuiet()
}

const object = (parts: Record<string, fc.Arbitrary<Made>>): fc.Arbitrary<Made> =>
  (fc.record(parts, { requiredKeys: [] }) as fc.Arbitrary<Record<string, Made>>).map((given) =>
    made(`{ ${Object.entries(given).map(([key, make]) => `${key}: ${fc.stringify(make)}`)} }`, () =>
      Object.fromEntries(Object.entries(given).map(([key, make]) => [key, make()])),
    ),
  )
const fixed = <T>(...values: T[]): fc.Arbitrary<Made> =>
  fc.constantFrom(...values.map((value) => made(fc.stringify(value), () => value)))
const time = edges.map((value) => made(fc.stringify(value), () => value))
const now = fixed(1_790_000_127_000, 1_790_000_128_000)
const kinds = ['ask', 'token', 'failure', 'refused', 'signed-out', 'return'] as const
const record = (version: unknown, user: unknown, more: object = {}) =>
  JSON.stringify({
    ...{ version, user, receivedAt: 1_790_000_127_000, expiresIn: 3_600, dueIn: 2_900_000 },
    ...{ token: createTestToken({ sub: 'ann', issuedAt: 1_790_000_127 }), ...more },
  })
const brokenRecord = fc.oneof(
  data,
  fixed<unknown>(
    ...[record(2, { id: 'ann' }), record(1, { id: 'bob' }), record(1, { id: 'ann', tenant: 'acme' }), record(1, 'ann')],
    ...[record(1, { id: 'ann' }, { token: 5 }), record(1, { id: 'ann' }, { receivedAt: '5' }), record(1, null)],
    record(1, { id: 'ann' }, { token: createTestToken({ sub: 'bob', issuedAt: 1_790_000_127 }) }),
    record(1, { id: 'ann' }, { token: megabytes }),
    record(1, { id: 'ann' }, { receivedAt: 1_890_000_000_000 }),
    record(1, { id: 'ann' }).replace('{"version"', '{"__proto__":{"polluted":1},"version"'),
    record(1, { id: 'ann' }).slice(0, -5),
    '['.repeat(20_000),
  ),
)
const notOf = (good: (value: unknown) => boolean, arbitrary: fc.Arbitrary<Made>) =>
  arbitrary.filter((make) => !good(make()))
const isText = (value: unknown): boolean => typeof value === 'string'
const isTimes = (value: unknown): boolean =>
  Array.isArray(value) && value.length > 0 && Array.from(value as unknown[]).every(Number.isFinite)
const dressed: fc.Arbitrary<Made> = fc
  .constantFrom('slice', 'map', 'some', 'every', 'at', 'constructor', 'filter')
  .map((name) => made(`an array whose ${name} is 1`, () => Object.assign([1], { [name]: 1 })))
/** Like ours, and none of ours: something that has to be there is not. */
const almost: fc.Arbitrary<Made> = fc.oneof(
  object({
    version: notOf((value) => value === 1, data),
    type: fixed(...kinds),
    at: now,
    value: fixed('x'),
    record: fixed(record(1, { id: 'ann' })),
  }),
  object({ version: fixed(1), type: fc.oneof(data, fixed('return', 'toString', '__proto__')), at: now }),
  object({ version: fixed(1), type: fixed(...kinds), at: notOf(Number.isFinite, time), value: fixed('x') }),
  object({ version: fixed(1), type: fixed('token'), at: now, record: brokenRecord }),
  object({ version: fixed(1), type: fixed('refused'), at: now, value: notOf(isText, data) }),
  object({
    ...{ version: fixed(1), type: fixed('failure'), at: now },
    failure: fc.oneof(
      data,
      object({ error: data, retryAt: time, attempt: time, calls: data }),
      object({
        error: object({ code: notOf(isText, data), message: data }),
        retryAt: now,
        attempt: now,
        calls: fixed([]),
      }),
      object({
        error: fixed({ code: 'timeout', message: 'x' }),
        retryAt: now,
        attempt: now,
        calls: fc.oneof(
          dressed,
          data.filter((make) => !isTimes(make())),
        ),
      }),
    ),
  }),
)
const envelope = object({
  id: fc.oneof(data, fixed('abc-1', 'x'.repeat(500_000), '')),
  sentAt: fc.oneof(data, time, now),
  message: fc.oneof({ weight: 2, arbitrary: almost }, { weight: 1, arbitrary: data }),
  ping: fixed<unknown>(undefined, undefined, true, false, 0, 'x'),
})

describe('a script of the same origin that posts to the channel', () => {
  test('what is none of ours: no event, no other state, nothing thrown', () =>
    holds(
      40,
      fc.array(fc.oneof({ weight: 1, arbitrary: data }, { weight: 3, arbitrary: envelope }), {
        minLength: 1,
        maxLength: 16,
        size: 'max',
      }),
      async (list) => {
        const scene = await conversation({}, () => 0.5)
        const check = remember(scene)
        for (const make of list) scene.post(make())
        await scene.advance(2_000)
        check()
        await expectAllAlive(scene)
      },
    ))

  test('real messages, damaged anywhere: nothing thrown, nothing told, and the session goes on', () =>
    holds(
      40,
      fc.array(
        fc.record({
          message: fc.nat(),
          place: fc.nat(),
          other: fc.oneof(data, time, fixed<unknown>(...kinds, undefined, 2, ...secrets)),
          damage: fc.option(damage),
        }),
        { minLength: 1, maxLength: 12, size: 'max' },
      ),
      async (list) => {
        const scene = await conversation({}, () => 0.5)
        const messages = [...scene.browser.messages]
        for (const { message, place, other, damage } of list) {
          const { data: original } = messages[message % messages.length]!
          const paths = places(original)
          const path = paths[place % paths.length]!
          scene.post(
            replaced(original, path, (old) => (damage && isText(old) ? damaged(old as string, damage) : other())),
          )
        }
        const made = scene.stages.flatMap(({ calls }) => calls).length
        await scene.advance(5_000)
        expect(scene.stages.flatMap(({ calls }) => calls).length - made).toBeLessThanOrEqual(10)
        await expectAllAlive(scene, 400_000)
      },
    ))

  test('records of a token, damaged anywhere, come from other tabs as none or as one that a refusal ends', () =>
    holds(25, fc.tuple(damage, fc.boolean()), async ([how, newer]) => {
      const scene = await conversation({}, () => 0.5)
      const { one, browser, post } = scene
      const text = record(1, { id: 'ann' }, newer ? {} : { token: one.token()!.value })
      const message = { version: 1, type: 'token', at: browser.now, record: damaged(text, how) }
      post({ id: 'x-1', sentAt: browser.now, message })
      await scene.advance(500)
      expectLawful(one, one.minted)
      const held = one.token()!.value
      if (!one.minted.includes(held) && !scene.two.minted.includes(held)) {
        one.session.invalidate(held)
        await scene.advance(2_000)
        expect([...one.minted, ...scene.two.minted]).toContain(one.token()!.value)
      }
      await expectAllAlive(scene, 400_000)
    }))

  test.each(heavies.map((make) => [fc.stringify(make), make] as const))(
    '%s: no event, no other state, nothing thrown',
    async (_, make) => {
      const scene = await conversation({}, () => 0.5)
      const check = remember(scene)
      const at = scene.browser.now
      const failure = { error: { code: 'timeout', message: 'x' }, retryAt: at, attempt: 1, calls: make() }
      for (const message of [
        make(),
        { version: 1, at, type: 'token', record: make() },
        { version: 1, at, type: 'failure', failure },
      ])
        for (const sent of [message, { id: make(), sentAt: at, message }]) scene.post(sent)
      await scene.advance(1_000)
      check()
      await expectAllAlive(scene)
    },
  )

  test('two thousand messages: each is handled, and the session goes on', async () => {
    const scene = await conversation({}, () => 0.5)
    const { browser, post } = scene
    const check = remember(scene)
    for (let count = 0; count < 2_000; count++)
      post({ id: `x-${count}`, sentAt: browser.now, ping: count % 3 === 0 || undefined })
    await scene.advance(1_000)
    check()
    await expectAllAlive(scene)
  })
})

describe('a script of the same origin that writes to localStorage', () => {
  const faults = [{}, { channels: 'absent' }, { locks: 'absent' }, { channels: 'absent', locks: 'absent' }] as const
  const key = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.tuple(
        fc.constantFrom('here:', 'note:', 'lease', 'here', 'note', ''),
        fc.oneof(texts, fc.constant('')),
      ),
    },
    { weight: 1, arbitrary: fc.tuple(fc.constant(null), texts) },
  )
  const value = fc.oneof(
    { weight: 6, arbitrary: texts },
    { weight: 3, arbitrary: edges.map(String) },
    { weight: 3, arbitrary: fc.tuple(texts, edges).map(([owner, end]) => `${owner} ${end}`) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(megabytes, 'somebody 1790000140000', 'somebody 99999999999999', ' '.repeat(1_000_000)),
    },
  )

  test('marks, notes and a lease of any kind: no event, no other state, and the session goes on', () =>
    holds(
      30,
      fc.tuple(fc.constantFrom(...faults), fc.array(fc.tuple(key, value), { minLength: 1, maxLength: 8 })),
      async ([given, list]) => {
        const scene = await conversation(given, () => 0.5)
        const { localStorage } = scene.foreign.window
        const [mark = ''] = Object.keys(localStorage!).filter((name) => name.includes('here:'))
        const base = mark.slice(0, mark.indexOf('here:'))
        expect(base).toMatch(/^inbox-session:/)
        const check = remember(scene)
        for (const [[start, rest], text] of list) {
          const name = start === null ? rest : base + start + rest
          if (!/note:(refused|signed-out)$/.test(name)) localStorage!.setItem(name, text)
        }
        await scene.advance(2_000)
        check()
        const newcomer = scene.open()
        newcomer.session.signIn('ann')
        await scene.advance(30_000)
        expect(newcomer.session.state.status).toBe('fresh')
        await newcomer.session.close()
        // Without a channel a sign-out is found in a note; a refusal in one as well.
        await expectAllAlive(scene)
      },
    ))

  test('two thousand marks of tabs that are not there: a newcomer has its token at once, and sweeps them', async () => {
    const browser = createTestBrowser()
    const stage = createStage({ browser })
    const { localStorage } = browser.tab().window
    stage.session.signIn('ann')
    await stage.advance(100)
    const [mark] = Object.keys(localStorage!)
    await stage.session.close()
    for (let count = 0; count < 2_000; count++) localStorage!.setItem(mark!.replace(/here:.*/, `here:${count}`), 'x')
    const newcomer = createStage({ browser })
    newcomer.session.signIn('ann')
    await stage.advance(1_000)
    expect(newcomer.session.state.status).toBe('fresh')
    expect(Object.keys(localStorage!)).toHaveLength(1)
    await expectAlive(newcomer)
  })

  test('a lease that is taken anew whenever it is free holds a call up for 40 s at most', async () => {
    const scene = await conversation({ locks: 'absent' }, () => 0.5)
    const { window } = scene.foreign
    const mark = Object.keys(window.localStorage!).find((name) => name.includes('here:'))
    const lease = mark!.replace(/here:.*/, 'lease')
    const take = () => {
      window.localStorage!.setItem(lease, `somebody ${scene.browser.now + 10_000}`)
      window.setTimeout(take, 10)
    }
    take()
    const before = scene.one.minted.length
    watch(scene.one.session.refresh())
    await scene.advance(40_000)
    expect(scene.one.minted.length).toBeGreaterThan(before)
  })
})

describe('a script of the same origin that takes locks', () => {
  /** Takes one and keeps it for so long. */
  const take = ({ window }: TestTab, name: string, ms: number): void =>
    void window
      .navigator!.locks!.request(name, () => new Promise<void>((end) => void window.setTimeout(end, ms)))
      .catch(() => {})
  const suffix = fc.oneof(
    fc.constantFrom('', '', '!', '#', '#x-1', '##', `#${'x'.repeat(100_000)}`),
    texts.map((text) => `#${text}`),
  )

  test('with the names of ours, for any time: a refresh waits for it no longer than 25 s', () =>
    holds(
      20,
      fc.array(fc.tuple(suffix, fc.integer({ min: 0, max: 100_000 }), fc.integer({ min: 0, max: 10_000 })), {
        minLength: 1,
        maxLength: 10,
      }),
      async (list) => {
        const scene = await conversation({}, () => 0.5)
        const { foreign, name } = scene
        const check = remember(scene)
        for (const [end, ms, after] of list) foreign.window.setTimeout(() => take(foreign, name + end, ms), after)
        await scene.advance(500)
        check()
        await expectAllAlive(scene, 25_000)
      },
    ))

  test('with a forged sign of life as well: no longer than 80 s', async () => {
    const scene = await conversation({}, () => 0.5)
    const { foreign, name, browser, post } = scene
    take(foreign, name, 1e9)
    take(foreign, `${name}!`, 1e9)
    const pretend = () => {
      // As it was said once, and as it is said now.
      for (const ping of [false, 'x-1']) post({ id: 'x', sentAt: browser.now, ping })
      foreign.window.setTimeout(pretend, 100)
    }
    pretend()
    await expectAllAlive(scene, 80_000)
  })

  test('ten thousand of the names that a holder leaves for the next: a refresh takes a second more', async () => {
    const scene = await conversation({}, () => 0.5)
    for (let count = 0; count < 10_000; count++) take(scene.foreign, `${scene.name}#x-${count}`, 1e9)
    await scene.advance(10)
    const before = scene.one.minted.length
    watch(scene.one.session.refresh())
    await scene.advance(1_500)
    expect(scene.one.minted.length).toBe(before + 1)
    await expectAllAlive(scene)
  })
})

/** A script of the origin can do all this with the page's own session as well; nothing here is worse than that. */
describe('a forged message that is right in every way', () => {
  const forge = async (content: object) => {
    const scene = await conversation({}, () => 0.5)
    const at = scene.browser.now
    scene.post({ id: 'x-1', sentAt: at, message: { version: 1, at, ...content } })
    await scene.advance(1_000)
    return scene
  }

  test('signs out', async () => {
    const { one, two } = await forge({ type: 'signed-out' })
    for (const { session, told } of [one, two]) {
      expect(session.state).toEqual({ status: 'signed-out' })
      expect(told.at(-1)!.payload).toBeDefined()
      expect(told.filter(({ event }) => event === 'signed-out').map(({ payload }) => (payload as any).reason)).toEqual([
        'other-tab',
      ])
    }
  })

  test('has a token replaced that is no longer wanted, by one call', async () => {
    const scene = await conversation({}, () => 0.5)
    const { one, two, browser } = scene
    const { value } = one.token()!
    const made = one.calls.length + two.calls.length
    scene.post({ id: 'x-1', sentAt: browser.now, message: { version: 1, type: 'refused', at: browser.now, value } })
    await scene.advance(3_000)
    expect(one.calls.length + two.calls.length).toBe(made + 1)
    expect(one.token()!.value).not.toBe(value)
    expect(two.token()!.value).toBe(one.token()!.value)
    await expectAllAlive(scene)
  })

  test('puts a token of its own in place, until the provider refuses it', async () => {
    const token = createTestToken({ sub: 'ann', issuedAt: 1_790_000_127 })
    const scene = await forge({ type: 'token', record: record(1, { id: 'ann' }, { token }) })
    const { one } = scene
    expect(one.token()!.value).toBe(token)
    one.session.invalidate(token)
    await scene.advance(3_000)
    expect([...one.minted, ...scene.two.minted]).toContain(one.token()!.value)
    await expectAllAlive(scene)
  })

  test.each([
    ['a final failure', 'unauthorized', 'failed'],
    ['a failure to be waited out for a year', 'source_failed', 'fresh'],
  ])('tells of %s: the token stays, and a refresh brings a new one', async (_, code, status) => {
    const at = 1_790_000_127_700
    const failure = {
      error: { code, message: 'no', retryAfter: 1e12 },
      retryAt: at + 31_536_000_000,
      attempt: 7,
      calls: [at],
    }
    const scene = await forge({ type: 'failure', receivedAt: at - 1, failure })
    const { one } = scene
    expect(one.token()).toBeDefined()
    expect(['waiting', status]).toContain(one.session.state.status)
    await expectAllAlive(scene)
  })

  test('tells of thirty calls for nothing: the next call is at most ten minutes away', async () => {
    const at = 1_790_000_127_700
    const calls = Array.from({ length: 30 }, (_, index) => at - index)
    const error = { code: 'source_failed', message: 'no' }
    const scene = await forge({
      type: 'failure',
      receivedAt: at - 1,
      failure: { error, retryAt: at, attempt: 1, calls },
    })
    expect(scene.one.token()).toBeDefined()
    await expectAllAlive(scene, 610_000)
  })
})
