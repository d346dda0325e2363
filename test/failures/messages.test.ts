import { createTestToken } from 'inbox-session/testing'
import { expect, test } from 'vitest'
import { type Invariant, type Window, createScene, oneToken, watch } from './scene.js'

const second = 1_000
const minute = 60 * second

const traces = ({ of }: Window, type: string) => of('trace').filter((entry) => entry.type === type)

test.each(['absent', 'throws'] as const)(
  'F46 without channels (%s) a tab whose token is spent takes the newer one from the storage at its next getToken()',
  async (channels) => {
    const scene = createScene({ seconds: 100, keep: true, faults: { channels } })
    const one = scene.open()
    const two = scene.open({ refreshWhenHidden: false })
    await scene.advance(second)
    expect(scene.calls).toHaveLength(1)
    const old = oneToken([one, two])
    two.tab.hide()
    await scene.nextCall()
    await scene.advance(second)
    expect(one.token()!.value).not.toBe(old)
    expect(two.token()!.value).toBe(old)
    await scene.advance(two.token()!.expiresAt! - scene.browser.now)
    const { length } = scene.calls
    const asked = two.ask()
    await scene.advance(100)
    expect(asked.value).toBe(oneToken([one, two]))
    expect(scene.calls).toHaveLength(length)
    expect([...one.errors(), ...two.errors()]).not.toContain('storage_failed')
  },
)

test('F46 without channels two tabs that keep their token make one call when it is due', async () => {
  const scene = createScene({ seconds: 100, keep: true, faults: { channels: 'absent' } })
  const windows = scene.openAll(2)
  await scene.advance(second)
  for (let refresh = 0; refresh < 5; refresh++) {
    const { length } = scene.calls
    await scene.nextCall()
    await scene.advance(2 * second)
    expect(scene.calls.length - length).toBe(1)
    oneToken(windows)
  }
})

test.each(['absent', 'throws'] as const)(
  'F46 without channels (%s) or a storage each tab has good tokens of its own all the time, and says once what it lacks',
  async (channels) => {
    const scene = createScene({ seconds: 100, faults: { channels } })
    const windows = scene.openAll(3)
    await scene.advance(second)
    for (let passed = 0; passed < 300; passed++) {
      await scene.advance(second)
      expect(windows.every(({ token }) => token())).toBe(true)
    }
    expect(scene.calls.length).toBeLessThanOrEqual(3 * 5)
    for (const window of windows) {
      expect(window.errors()).toEqual([])
      expect(traces(window, 'lacks').map(({ what }) => what)).toEqual(['BroadcastChannel'])
    }
    expect(scene.printed).toEqual([])
  },
)

test('F46 a channel that arrives in one tab only leaves both with good tokens', async () => {
  const scene = createScene({ seconds: 100 })
  const windows = [scene.open({ faults: { channels: 'absent' } }), ...scene.openAll(2)]
  await scene.advance(2 * second)
  for (let passed = 0; passed < 300; passed++) {
    await scene.advance(second)
    expect(windows.every(({ token }) => token())).toBe(true)
  }
})

const moments = Array.from({ length: 31 }, (_, index) => index * 4)
const closings: [string, (window: Window) => unknown][] = [
  ['session.close()', ({ session }) => session.close()],
  ['signOut() and close()', ({ session }) => Promise.all([session.signOut(), session.close()])],
  ['the page leaving', ({ tab }) => tab.leave()],
  ['the page leaving and coming back', ({ tab }) => tab.leave()],
  ['the tab closing', ({ tab }) => tab.close()],
]

test.each(closings)(
  'F47 %s at any moment of a refresh uses no closed channel',
  async (how, close) => {
    for (const moment of moments) {
      // What is said and shown is read at a few of them.
      const scene = createScene({ seed: moment, without: moment % 40 ? ['G4'] : [] })
      const windows = scene.openAll(3)
      for (const [index, { tab }] of windows.entries()) tab.faults.messageDelay = () => 10 * index
      await scene.advance(5 * second)
      const asked = windows.map(({ session }) => watch(session.refresh()))
      await scene.advance(moment)
      const leader = scene.calls[1]?.window ?? windows[0]!
      const closed = close(leader)
      await scene.advance(20)
      if (how.includes('back')) leader.tab.comeBack()
      await scene.advance(15 * second)
      await closed
      for (const [index, { ended, error }] of asked.entries()) {
        if (windows[index]!.tab.condition !== 'running') continue
        expect(ended).toBe(true)
        expect(error?.code ?? 'closed').toMatch(/^(closed|signed_out)$/)
      }
      expect(windows.flatMap(({ errors }) => errors())).toEqual([])
      await scene.finish()
    }
  },
  60_000,
)

test('F47 a session that is created, closed and created again in one turn, as StrictMode does, works and leaves nothing', async () => {
  const scene = createScene({ seconds: 100 })
  const [other] = [scene.open()]
  await scene.advance(second)
  const tab = scene.browser.tab()
  const windows: Window[] = []
  for (let mount = 0; mount < 5; mount++) {
    const window = scene.open({ tab })
    windows.push(window)
    if (mount < 4) void window.session.close()
    if (mount === 2) await scene.advance(1)
  }
  await scene.advance(second)
  const last = windows.at(-1)!
  expect(oneToken([other, last])).toBeDefined()
  expect(scene.calls).toHaveLength(1)
  expect(scene.browser.channels).toHaveLength(2)
  await scene.advance(5 * minute)
  oneToken([other, last])
  expect(windows.flatMap(({ errors }) => errors())).toEqual([])
})

const ann = { id: 'ann', tenant: 'acme' }

/** Two tabs that know each other, everything such tabs say to each other, and a page of the same origin that is none of ours. */
const listening = async (without: readonly Invariant[] = []) => {
  const scene = createScene({ without })
  const windows = scene.openAll(2, { user: ann }) as [Window, Window]
  const bob = scene.open({ user: { id: 'bob', tenant: 'acme' } })
  const tenant = scene.open({ user: { id: 'ann', tenant: 'globex' } })
  await scene.advance(20 * second)
  windows[0].session.invalidate(oneToken(windows))
  await scene.advance(20 * second)
  scene.browser.backend.fail()
  const refused = watch(windows[1].session.refresh())
  await scene.advance(second)
  scene.browser.backend.mend()
  await scene.advance(minute)
  expect(refused.ended).toBe(true)
  const { window } = scene.browser.tab()
  const said = [...scene.browser.messages]
  const isOurs = (channel: string) => channel.includes('ann') && channel.includes('acme')
  const channel = said.find((one) => isOurs(one.channel))?.channel ?? ''
  const port = new window.BroadcastChannel!(channel)
  return { scene, windows, bob, tenant, said, ours: said.filter((one) => isOurs(one.channel)), port, window, channel }
}

type Listening = Awaited<ReturnType<typeof listening>>

/** Nothing is thrown, nothing happens, nothing is answered. */
const expectSilence = async ({ scene, windows, port }: Listening, messages: readonly unknown[]): Promise<void> => {
  const before = windows.map(({ happened }) => happened.length)
  const states = windows.map(({ session }) => session.state)
  for (const message of messages) {
    const { length } = scene.browser.messages
    port.postMessage(message)
    await scene.advance(10)
    expect(scene.browser.messages.length - length, 'no answer').toBe(1)
  }
  await scene.advance(2 * second)
  expect(windows.map(({ happened }) => happened.length)).toEqual(before)
  expect(windows.map(({ session }) => session.state)).toEqual(states)
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
}

const nonsense = [
  ...[undefined, null, true, 0, -1, 1e308, NaN, Infinity, 42n, '', '{', 'null', '<p>no</p>', 'signed-out', 'refused'],
  ...[[], {}, [[]], new Date(NaN), new Map([['type', 'token']]), new Uint8Array(9), { length: 3 }],
]
const polluting = [
  JSON.parse('{"__proto__":{"type":"signed-out","version":1,"at":1,"polluted":true}}') as unknown,
  JSON.parse('{"constructor":{"prototype":{"polluted":true}}}') as unknown,
]
const long = 'x'.repeat(5_000_000)

/** A message like ours, from this moment. */
const like = ({ scene, ours }: Listening, content: object): unknown => {
  const { now: at } = scene.browser
  return { ...(ours.at(-1)!.data as object), sentAt: at, message: { version: 1, at, receivedAt: at, ...content } }
}

/** One with a token in it, by default right and newer than any. */
const tokenMessage = (all: Listening, { token, user, more }: { token?: string; user?: object; more?: string } = {}) => {
  const { now } = all.scene.browser
  const value = token ?? createTestToken({ sub: 'ann', tenant: 'acme', issuedAt: Math.floor(now / 1_000) })
  const record = { version: 1, user: user ?? ann, token: value, receivedAt: now, expiresIn: 3_600 }
  return like(all, { type: 'token', record: JSON.stringify(record).replace(/}$/, more ?? '}') })
}

/** So the forged ones were not ignored for another reason. */
const expectNews = async ({ scene, windows, port }: Listening, event: 'token' | 'error', message: unknown) => {
  const before = windows[0].of(event).length
  port.postMessage(message)
  await scene.advance(10)
  expect(windows[0].of(event)).toHaveLength(before + 1)
}

test('F49 messages of a wrong shape, with keys of a prototype, or of 5 MB are ignored', async () => {
  const all = await listening()
  const { said, scene } = all
  const { now } = scene.browser
  const envelope = said.at(-1)!.data as { message: object }
  const failure = {
    error: { code: 'source_failed', message: 'down' },
    attempt: 1,
    calls: [now + 1],
    retryAt: now + minute,
  }
  const failed = (more: object): unknown => like(all, { type: 'failure', failure: { ...failure, ...more } })
  await expectSilence(all, [
    ...nonsense,
    ...polluting,
    long,
    ...[...nonsense, ...polluting, long].map((message) => ({ ...envelope, message })),
    like(all, { type: 'token', record: long }),
    like(all, { type: long }),
    like(all, { type: 'refused', value: [long] }),
    tokenMessage(all, { more: ',"extra":{"__proto__":{"polluted":true}}}' }),
    tokenMessage(all, { more: `,"extra":{"text":"${long}"}}` }),
    tokenMessage(all, { more: '' }),
    ...[{ error: {} }, { error: { code: 5, message: 5 } }, { error: null }, { calls: 'now' }, { calls: [NaN] }].map(
      failed,
    ),
    ...[{ attempt: '1' }, { retryAt: Infinity }, { calls: [now + 10 * minute] }, { calls: Array(100_000).fill(1) }].map(
      failed,
    ),
  ])
  await expectNews(all, 'token', tokenMessage(all))
  await expectNews(all, 'error', like(all, { type: 'failure', failure: { ...failure, calls: [scene.browser.now] } }))
})

test('F49 messages of another version of this library are ignored', async () => {
  const all = await listening()
  const kinds = new Set<unknown>()
  const forged: unknown[] = []
  for (const { data } of all.ours) {
    const { message } = data as { message?: { type: string } }
    if (!message) continue
    kinds.add(message.type)
    for (const version of [0, 2, '1', undefined]) forged.push({ ...(data as object), message: { ...message, version } })
  }
  expect(kinds).toEqual(new Set(['ask', 'token', 'refused', 'failure']))
  await expectSilence(all, forged)
})

test('F49 tokens of another user or tenant are ignored, whatever channel they come over', async () => {
  // The test itself posts a token where it does not belong.
  const all = await listening(['G3'])
  const tokens = all.said.filter(({ channel, data }) => channel !== all.channel && JSON.stringify(data).includes('eyJ'))
  expect(tokens.length).toBeGreaterThanOrEqual(2)
  await expectSilence(
    all,
    tokens.map(({ data }) => data),
  )
  const { bob, tenant, scene } = all
  void Promise.all([bob, tenant].map(({ session }) => session.refresh()))
  await scene.advance(second)
  const nobody = createTestToken({ issuedAt: Math.floor(scene.browser.now / 1_000) + 5 })
  await expectSilence(all, [
    // For this user, with a token that is not; and for another, with one that names nobody.
    ...[bob, tenant].map(({ token }) => tokenMessage(all, { token: token()!.value })),
    ...[{ id: 'bob', tenant: 'acme' }, { id: 'ann', tenant: 'globex' }, { id: 'ann' }].map((user) =>
      tokenMessage(all, { token: nobody, user }),
    ),
  ])
  await expectNews(all, 'token', tokenMessage(all, { token: nobody }))
})

test('F49 what localStorage holds under our names is no way in: junk, 5 MB and keys of a prototype are ignored', async () => {
  const scene = createScene({ faults: { channels: 'absent' } })
  const windows = scene.openAll(2)
  await scene.advance(2 * second)
  const area = scene.browser.tab().window.localStorage!
  const [base] = Object.keys(area).map((name) => name.split(':').slice(0, 2).join(':'))
  expect(base).toMatch(/^inbox-session:/)
  const before = windows.map(({ happened }) => happened.length)
  for (const name of [
    'note:',
    'note:__proto__',
    'note:constructor',
    'note:token',
    `note:${'x'.repeat(10_000)}`,
    'here:',
    'lease',
  ])
    for (const value of ['', 'null', '{', '{"__proto__":{"polluted":true}}', '1e308 1e308', long]) {
      area.setItem(`${base}:${name}`, value)
      await scene.advance(10)
    }
  area.setItem('__proto__', '{"polluted":true}')
  await scene.advance(second)
  expect(windows.map(({ happened }) => happened.length)).toEqual(before)
  const asked = watch(windows[0]!.session.refresh())
  await scene.advance(30 * second)
  expect(asked.value).toBe(windows[0]!.token()!.value)
  expect(windows.flatMap(({ errors }) => errors())).toEqual([])
})

test('F50 ten tabs send two messages for a refresh at most, make one call, and write nothing down', async () => {
  const scene = createScene({ seconds: 100, seed: 50 })
  const windows = scene.openAll(10)
  await scene.advance(second)
  let storageEvents = 0
  const bystander = scene.browser.tab()
  bystander.window.addEventListener!('storage', () => storageEvents++)
  for (let refresh = 0; refresh < 5; refresh++) {
    const [calls, messages] = [scene.calls.length, scene.browser.messages.length]
    storageEvents = 0
    await scene.nextCall()
    await scene.advance(2 * second)
    expect(scene.calls.length - calls).toBe(1)
    expect(scene.browser.messages.length - messages + storageEvents).toBeLessThanOrEqual(2)
    oneToken(windows)
  }
})

test('F50 nor do more for a call that takes 3 s, while the others wait for it', async () => {
  const scene = createScene({ seconds: 100, latency: 3 * second, seed: 50 })
  const windows = scene.openAll(10)
  await scene.advance(5 * second)
  const [calls, messages] = [scene.calls.length, scene.browser.messages.length]
  await scene.nextCall()
  await scene.advance(5 * second)
  expect(scene.calls.length - calls).toBe(1)
  oneToken(windows)
  const news = scene.browser.messages.slice(messages).filter(({ data }) => (data as { message?: unknown }).message)
  expect(news.length).toBeLessThanOrEqual(2)
  // The others ask now and then whether the one that calls is still there.
  expect(scene.browser.messages.length - messages).toBeLessThanOrEqual(12)
})
