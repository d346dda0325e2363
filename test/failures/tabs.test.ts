import { createSession } from 'inbox-session'
import { createTestBrowser } from 'inbox-session/testing'
import { expect, test } from 'vitest'
import { type Window, createScene, failureOf, oneToken } from './scene.js'

const second = 1_000
const minute = 60 * second
const timeout = 10 * second
const lease = timeout + 5 * second

/** So many calls have been made when the one that begins now has ended, and a second has passed. */
const oneRefresh = async (scene: ReturnType<typeof createScene>): Promise<number> => {
  const { length } = scene.calls
  await scene.nextCall()
  while (scene.calls.some(({ endedAt }) => endedAt === undefined)) await scene.advance(10)
  await scene.advance(second)
  return scene.calls.length - length
}

test('F27 ten tabs make one call at the due instant, and each has the new token a second after the answer', async () => {
  const scene = createScene({ seconds: 100, latency: 3 * second, seed: 27 })
  const windows = scene.openAll(10, { faults: { messageDelay: () => 30 } })
  await scene.advance(5 * second)
  expect(scene.calls).toHaveLength(1)
  const first = oneToken(windows)
  expect(await oneRefresh(scene)).toBe(1)
  const asked = windows.map(({ ask }) => ask())
  await scene.advance(0)
  expect(new Set(asked.map(({ value }) => value))).toEqual(new Set([oneToken(windows)]))
  expect(oneToken(windows)).not.toBe(first)
})

test.each([
  ['have no token yet', 1],
  ['have seen their token end', 2],
  ['had theirs refused', 2],
])('F27 ten tabs that %s wait for one call, and are answered within a second of it', async (how, calls) => {
  const scene = createScene({ seconds: 100, seed: 27 })
  const windows = scene.openAll(10, { faults: { messageDelay: () => 30 }, signIn: calls === 2 })
  await scene.advance(second)
  scene.browser.backend.latency = 3 * second
  if (calls === 1) for (const { session } of windows) session.signIn('ann')
  else if (how.includes('refused')) windows[4]!.session.invalidate(oneToken(windows))
  else await scene.browser.sleep(3 * minute)
  await scene.advance(100)
  const asked = windows.map(({ ask }) => ask())
  await scene.advance(4 * second)
  expect(scene.calls).toHaveLength(calls)
  const answeredAt = scene.calls.at(-1)!.endedAt!
  for (const { value, endedAt } of asked) {
    expect(value).toBe(oneToken(windows))
    expect(endedAt! - answeredAt).toBeLessThanOrEqual(second)
  }
})

test('F28 two tabs that queue for the lock behind a call of 5 s look again when they get it, and make none', async () => {
  const scene = createScene({ seconds: 100, latency: 5 * second })
  const windows = scene.openAll(3)
  await scene.advance(2 * second)
  expect(scene.browser.locks.pending.length, 'they queue').toBe(2)
  await scene.advance(5 * second)
  expect(scene.calls).toHaveLength(1)
  oneToken(windows)
  expect(await oneRefresh(scene)).toBe(1)
  expect(windows.flatMap(({ errors }) => errors())).toEqual([])
})

test('F28 so they do where the news of it comes after the lock', async () => {
  const scene = createScene({ seconds: 100, latency: 5 * second })
  const windows = scene.openAll(3, { faults: { messageDelay: () => 200 } })
  await scene.advance(6 * second)
  expect(scene.calls).toHaveLength(1)
  expect(await oneRefresh(scene)).toBe(1)
  oneToken(windows)
})

test('F29 twelve tabs that a browser restores within 200 ms make one call for a stored token with 30 s left', async () => {
  const scene = createScene({ keep: true, seed: 29 })
  const last = scene.open()
  await scene.advance(second)
  await Promise.all([last.session.close(), scene.advance(second)])
  await scene.advance(3_570 * second - 2 * second)
  const { length } = scene.calls
  const windows: Window[] = []
  for (let index = 0; index < 12; index++) {
    windows.push(scene.open())
    await scene.advance(16)
  }
  await scene.advance(2 * second)
  expect(scene.calls.length - length).toBe(1)
  oneToken(windows)
})

test('F41 a leader that is hidden and throttled to a timer a minute leaves the visible tab without a good token at no time', async () => {
  const scene = createScene({ seconds: 100 })
  const leader = scene.open()
  await scene.advance(second)
  leader.tab.hide()
  leader.tab.faults.throttle = minute
  const visible = scene.open()
  await scene.advance(second)
  for (let passed = 0; passed < 500; passed++) {
    await scene.advance(second)
    expect(visible.token()).toBeDefined()
  }
  expect(visible.of('expired')).toEqual([])
  expect(scene.calls.length).toBeLessThanOrEqual(8)
})

test('F41 two visible windows make one call for a refresh', async () => {
  const scene = createScene({ seconds: 100 })
  const windows = scene.openAll(2)
  await scene.advance(second)
  for (let refresh = 0; refresh < 5; refresh++) expect(await oneRefresh(scene)).toBe(1)
  oneToken(windows)
})

const endings: [string, (window: Window) => unknown][] = [
  ['is closed', ({ tab }) => tab.close()],
  ['crashes', ({ tab }) => tab.crash()],
  ['closes its session', ({ session }) => session.close()],
  ['goes into the back/forward cache', ({ tab }) => tab.leave()],
  ['switches to another user', ({ session }) => session.signIn('bob')],
]

test.each(endings)('F42 when the tab that calls %s, another makes the one call within 2 s', async (_, end) => {
  const scene = createScene({ latency: second })
  const windows = scene.openAll(4)
  await scene.advance(500)
  const leader = scene.calls[0]!.window
  end(leader)
  const from = scene.browser.now
  await scene.advance(4 * second)
  const calls = scene.calls.filter(({ user }) => user.id === 'ann')
  expect(calls).toHaveLength(2)
  expect(calls[1]!.at - from).toBeLessThanOrEqual(2 * second)
  oneToken(windows.filter((window) => window !== leader))
})

test.each(endings)('F42 without Web Locks, when it %s, another does so within the lease', async (how, end) => {
  const scene = createScene({ latency: second, faults: { locks: 'absent' } })
  const windows = scene.openAll(4)
  await scene.advance(500)
  const leader = scene.calls[0]!.window
  end(leader)
  const from = scene.browser.now
  await scene.advance(lease + 4 * second)
  const calls = scene.calls.filter(({ user }) => user.id === 'ann')
  expect(calls).toHaveLength(2)
  expect(calls[1]!.at - from).toBeLessThanOrEqual(how === 'crashes' ? lease : 2 * second)
  oneToken(windows.filter((window) => window !== leader))
})

test('F43 ten tabs whose backend answers 503 share the failure, and call like one: ten times a minute at most', async () => {
  const scene = createScene({ seed: 43 })
  scene.browser.backend.fail({ status: 503 })
  const windows = scene.openAll(10)
  await scene.advance(minute)
  expect(scene.calls.length).toBeLessThanOrEqual(10)
  expect(scene.calls.length).toBeGreaterThan(4)
  const states = windows.map(({ session }) => session.state as { status: string; retryAt: number })
  expect(new Set(states.map(({ status }) => status))).toEqual(new Set(['waiting']))
  expect(new Set(states.map(({ retryAt }) => retryAt)).size).toBe(1)
  const failures = scene.calls.length
  for (const { of } of windows) {
    expect(of('error').map(({ status }) => status)).toEqual(Array(failures).fill(503))
  }
  await scene.advance(9 * minute)
  expect(scene.calls.length).toBeLessThanOrEqual(30)
  scene.browser.backend.mend()
  await scene.advance(minute + second)
  oneToken(windows)
})

test('F43 so they do while the app in each of them asks all the time', async () => {
  const scene = createScene({ seed: 43 })
  scene.browser.backend.fail({ status: 503 })
  const windows = scene.openAll(10)
  for (let passed = 0; passed < 60; passed++) {
    const asked = windows.map(({ ask }) => ask())
    await scene.advance(second)
    expect(asked.filter(({ ended }) => !ended)).toEqual([])
  }
  expect(scene.calls.length).toBeLessThanOrEqual(10)
})

test('F43 so do tabs that hold the same token since different times, once it is due in both', async () => {
  const scene = createScene({ seed: 43, refreshAt: [0.3, 0.31] })
  const initial = { token: 'static', expiresIn: 1_000 }
  scene.open({ initial })
  await scene.advance(100 * second)
  scene.open({ initial })
  scene.browser.backend.fail({ status: 503 })
  await scene.advance(500 * second)
  const { length } = scene.calls
  await scene.advance(300 * second)
  const times = scene.calls.slice(length - 1).map(({ at }) => at)
  expect(times.length).toBeGreaterThan(5)
  for (const [index, at] of times.slice(1).entries()) expect(at - times[index]!).toBeGreaterThan(30 * second)
})

test.each([
  ['by a message', {}],
  ['by a note where there are no channels', { channels: 'absent' as const }],
])('F51 a sign-out in one tab ends the others within a second, %s, and nobody calls any more', async (_, faults) => {
  const scene = createScene({ seconds: 100, keep: true, faults })
  const windows = scene.openAll(3)
  await scene.advance(2 * second)
  expect(scene.browser.storage.items.size).toBe(1)
  void windows[0]!.session.signOut()
  await scene.advance(second)
  for (const [index, { session, tab, of, applied, token }] of windows.entries()) {
    expect(session.state).toEqual({ status: 'signed-out' })
    expect(of('signed-out')).toMatchObject([{ user: { id: 'ann' }, reason: index ? 'other-tab' : 'here' }])
    expect(token()).toBeUndefined()
    expect(await failureOf(session.getToken())).toMatchObject({ code: 'signed_out' })
    expect(applied.at(-1)!.token, 'the SDK has let go').toBeUndefined()
    expect(tab.leftovers).toMatchObject({ timers: 0, locks: 0 })
  }
  expect([...scene.browser.storage.items]).toEqual([])
  const { length } = scene.calls
  await scene.advance(200 * second)
  expect(scene.calls).toHaveLength(length)
  expect(windows.map(({ status }) => status())).toEqual(Array(3).fill('signed-out'))
})

test.each([
  ['frozen', ({ tab }: Window) => tab.freeze(), ({ tab }: Window) => tab.resume()],
  ['stopped without a word', ({ tab }: Window) => tab.freeze({ silently: true }), ({ tab }: Window) => tab.resume()],
  ['in the back/forward cache', ({ tab }: Window) => void tab.leave(), ({ tab }: Window) => tab.comeBack()],
])('F51 a tab that was %s meanwhile is signed out within a second of its return', async (_, stop, comeBack) => {
  const scene = createScene({ seconds: 100 })
  const [here, there] = scene.openAll(2) as [Window, Window]
  await scene.advance(2 * second)
  stop(there)
  await scene.advance(second)
  void here.session.signOut()
  await scene.advance(10 * minute)
  const { length } = scene.calls
  comeBack(there)
  const asked = there.ask()
  await scene.advance(second)
  expect(there.status()).toBe('signed-out')
  expect(asked.error).toMatchObject({ code: 'signed_out' })
  expect(scene.calls).toHaveLength(length)
})

test('F52 two users in two tabs share nothing, and neither signs the other out', async () => {
  const scene = createScene({ seconds: 100, keep: true })
  const pairs = [
    ['ann', 'bob'],
    [
      { id: 'a:b', tenant: 'c' },
      { id: 'a', tenant: 'b:c' },
    ],
    [
      { id: 'ann', tenant: 'one' },
      { id: 'ann', tenant: 'two' },
    ],
  ].map((users) => users.map((user) => scene.open({ user })))
  for (const [one, two] of pairs as [Window, Window][]) {
    await scene.advance(5 * minute)
    const heard = scene.browser.messages.length
    expect(one.token()!.value).not.toBe(two.token()!.value)
    expect(new Set([...one.of('token'), ...two.of('token')].map(({ value }) => value)).size).toBe(
      one.of('token').length + two.of('token').length,
    )
    const old = two.token()!.value
    one.session.invalidate(one.token()!.value)
    await scene.advance(100)
    expect(two.token()!.value).toBe(old)
    void one.session.signOut()
    await scene.advance(5 * second)
    expect(two.status()).toBe('fresh')
    expect(
      [...scene.browser.storage.items.values()].filter((record) => record.includes(two.token()!.value)),
    ).toHaveLength(1)
    expect(scene.browser.messages.length).toBeGreaterThan(heard)
    await scene.advance(3 * minute)
    expect(two.status()).toBe('fresh')
    expect(one.status()).toBe('signed-out')
  }
})

test('F43 tabs that wake with ended tokens before a dead backend learn from the first failure, and make no call each', async () => {
  const browser = createTestBrowser()
  const open = () => {
    const tab = browser.tab()
    const session = createSession({ source: tab.source, environment: tab })
    session.signIn('ann')
    return session
  }
  const sessions = Array.from({ length: 5 }, open)
  await browser.advance(second)
  browser.backend.fail({ status: 500 })
  const { length } = browser.backend.calls
  await browser.sleep(2 * 60 * minute)
  sessions.push(open())
  await browser.advance(400)
  expect(browser.backend.calls.length - length).toBe(1)
  expect(sessions.map(({ state }) => state.status)).toEqual(Array.from({ length: 6 }, () => 'waiting'))
  const closing = Promise.all(sessions.map((session) => session.close()))
  await browser.advance(second)
  await closing
})
