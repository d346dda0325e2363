import { isSessionError } from 'inbox-session'
import { expect, test, vi } from 'vitest'
import { type Asked, type Scene, type Window, createScene, oneToken, watch } from './scene.js'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const timeout = 10 * second
// What a lease in localStorage may cost where a page dies without a word.
const lease = timeout + 5 * second

/** Lets time pass until all of these are answered; fails where one is not in time. */
const answered = async (scene: Scene, asked: readonly Asked[], limit: number): Promise<void> => {
  const from = scene.browser.now
  await scene.advance(limit)
  for (const { value, endedAt } of asked) {
    expect(value).toBeTypeOf('string')
    expect(endedAt! - from).toBeLessThanOrEqual(limit)
  }
}

/** The lock itself, not what announces a message to the next holder. */
const heldLocks = ({ browser: { locks, channels } }: Scene): string[] =>
  locks.held.filter((name) => channels.includes(name.replace(/!$/, '')))

const traces = ({ of }: Window, type: string) => of('trace').filter((entry) => entry.type === type)

test.each([
  ['counts the sleep', true],
  ['does not count the sleep', false],
])(
  'F12 a wait for the lock that outlasts a sleep leaves a good token in service, where the monotonic clock %s',
  async (_, monotonic) => {
    const scene = createScene({ seconds: 30 * 86_400 })
    const { session, tab, ask, token, of } = scene.open()
    await scene.advance(10 * minute)
    const { value } = token()!
    const release = scene.browser.holdLocks()
    const refreshed = watch(session.refresh())
    await scene.advance(100)
    // The grant comes when the wait has long been over by the clock.
    tab.faults.lockDelay = () => 2_000
    await scene.browser.sleep(8 * hour, { monotonic })
    release()
    const asked = ask()
    await scene.advance(0)
    expect(asked.value).toBe(value)
    await scene.advance(30 * second)
    expect(scene.calls).toHaveLength(2)
    expect(refreshed.value).toBe(token()!.value)
    expect(refreshed.value).not.toBe(value)
    expect(of('error')).toEqual([])
    expect(scene.browser.locks.held, 'a lock that came too late').toEqual([])
  },
)

test.each([
  ['counts the sleep', true],
  ['does not count the sleep', false],
])(
  'F12 a wait for the lock that outlasts a sleep costs a spent token one new attempt and no raw error, where the monotonic clock %s',
  async (_, monotonic) => {
    const scene = createScene()
    const { session, tab, ask, token, of } = scene.open()
    await scene.advance(10 * minute)
    const release = scene.browser.holdLocks()
    const refreshed = watch(session.refresh())
    await scene.advance(100)
    tab.faults.lockDelay = () => 2_000
    await scene.browser.sleep(8 * hour, { monotonic })
    release()
    const asked = ask()
    await answered(scene, [asked], 30 * second)
    expect(scene.calls).toHaveLength(2)
    expect(asked.value).toBe(token()!.value)
    for (const error of [...of('error'), refreshed.error])
      if (error) expect(isSessionError(error), 'a SessionError').toBe(true)
    expect(of('error')).toEqual([])
    expect(scene.browser.locks.held, 'a lock that came too late').toEqual([])
  },
)

test('F32 listeners and adapters that ask for a token, or a new one, in the middle of a refresh get it', async () => {
  const scene = createScene({ seconds: 100 })
  const asked: Asked[] = []
  for (const { session, ask } of scene.openAll(3)) {
    let forced = 0
    session.on('token', async () => {
      asked.push(ask())
      if (forced++ < 2) {
        asked.push(watch(session.refresh()))
        await session.refresh()
      }
    })
    session.on('change', async () => void (await session.getToken()))
    session.attach({
      name: 'sdk',
      attach: async (context) => void asked.push(watch(context.getToken().then(({ value }) => value))),
      update: async (_, context) => void (await context.getToken()),
    })
  }
  await scene.advance(2 * minute)
  expect(asked.length).toBeGreaterThan(9)
  expect(asked.filter(({ value }) => !value)).toEqual([])
  oneToken(scene.windows)
})

/** A session whose source asks it for a token each time it is called. */
const askingItself = (scene: Scene): [Window, Asked[]] => {
  const asked: Asked[] = []
  const tab = scene.browser.tab()
  const window = scene.open({
    tab,
    signIn: false,
    source(request) {
      asked.push(window.ask())
      return tab.source(request)
    },
  })
  window.session.signIn('ann')
  return [window, asked]
}

test('F32 a source that asks its own session, which holds a token, is given it within 50 ms', async () => {
  const scene = createScene({ seconds: 100 })
  const [{ token }, asked] = askingItself(scene)
  await scene.advance(second)
  const before = token()!.value
  await scene.nextCall()
  await scene.advance(second)
  expect(asked[1]).toMatchObject({ value: before })
  expect(asked[1]!.endedAt! - asked[1]!.at).toBeLessThanOrEqual(50)
  expect(token()!.value).not.toBe(before)
})

test('F32 one whose session holds none gets a typed error within 50 ms, and its token is adopted all the same', async () => {
  const scene = createScene({ seconds: 100 })
  const [{ token }, asked] = askingItself(scene)
  await scene.advance(second)
  expect(asked).toMatchObject([{ error: { code: 'source_failed' } }])
  expect(isSessionError(asked[0]!.error)).toBe(true)
  expect(asked[0]!.endedAt! - asked[0]!.at).toBeLessThanOrEqual(50)
  expect(token()).toBeDefined()
})

test('F32 no lock is held while listeners and adapters are at work', async () => {
  const scene = createScene({ seconds: 100 })
  const { session, tab } = scene.open()
  const ran: string[] = []
  const wrong: string[] = []
  const look = async (what: string): Promise<void> => {
    // Whatever they wait for: the lock is on its way back when they begin.
    await new Promise<void>((resolve) => void tab.window.setTimeout(resolve, 1))
    ran.push(what)
    if (heldLocks(scene).length && session.state.status !== 'fetching') wrong.push(what)
  }
  for (const event of ['change', 'token', 'error', 'expired', 'signed-out'] as const)
    session.on(event, () => void look(event))
  session.attach({
    name: 'sdk',
    attach: () => look('attach'),
    update: () => look('update'),
    detach: () => look('detach'),
  })
  let seen = 0
  scene.browser.backend.reply((_, mint) => {
    seen += heldLocks(scene).length
    return { token: mint() }
  })
  await scene.advance(3 * minute)
  expect(seen, 'the source runs under the lock').toBe(scene.calls.length)
  scene.browser.backend.fail()
  await scene.advance(3 * minute)
  scene.browser.backend.mend()
  await scene.advance(2 * minute)
  void session.signOut()
  await scene.advance(second)
  expect(wrong).toEqual([])
  expect(new Set(ran)).toEqual(
    new Set(['change', 'token', 'error', 'expired', 'signed-out', 'attach', 'update', 'detach']),
  )
})

test('F32 a listener and an adapter that never end hold up no other tab', async () => {
  const scene = createScene({ seconds: 100 })
  const never = () => new Promise<never>(() => {})
  const { session } = scene.open()
  for (const event of ['token', 'change'] as const) session.on(event, never)
  session.attach({ name: 'sdk', attach: never })
  await scene.advance(100)
  const other = scene.open()
  await scene.advance(10 * second)
  await answered(scene, [watch(other.session.refresh(), () => scene.browser.now)], second)
  oneToken(scene.windows)
})

test.each([
  ['needs its first token', false, {}],
  ['needs another token', true, {}],
  ['needs its first token and hears nothing of the others', false, { channels: 'absent' as const }],
  ['needs another token and hears nothing of the others', true, { channels: 'absent' as const }],
])('F33 a lock held by somebody else for ever is got round by every tab that %s', async (_, signedIn, faults) => {
  const scene = createScene({ faults, without: 'channels' in faults ? ['G1', 'G2'] : ['G2'] })
  const windows = signedIn ? scene.openAll(3) : []
  await scene.advance(2 * second)
  const { length } = scene.calls
  scene.browser.holdLocks()
  if (!signedIn) windows.push(...scene.openAll(3))
  await answered(
    scene,
    windows.map(({ ask, session }) => (signedIn ? watch(session.refresh(), () => scene.browser.now) : ask())),
    10 * second + timeout,
  )
  expect(scene.calls.length - length).toBeLessThanOrEqual(3)
  if (!('channels' in faults)) oneToken(windows)
})

test('F33 with such a lock no tab is without a good token when its refresh is due', async () => {
  const scene = createScene({ seconds: 60, without: ['G2'] })
  const windows = scene.openAll(3)
  await scene.advance(second)
  scene.browser.holdLocks()
  for (let passed = 0; passed < 300; passed++) {
    await scene.advance(second)
    expect(windows.every(({ token }) => token())).toBe(true)
  }
  oneToken(windows)
})

test.each([
  ['without a word', true],
  ['with its freeze event', false],
])(
  'F35 a tab that is frozen %s in the middle of its call keeps the visible one waiting 20 s at most, and drops its late answer',
  async (_, silently) => {
    const scene = createScene({ latency: 5 * second })
    const frozen = scene.open()
    await scene.advance(100)
    expect(scene.calls).toHaveLength(1)
    frozen.tab.hide()
    frozen.tab.freeze({ silently })
    scene.browser.backend.latency = 500
    const visible = scene.open()
    await answered(scene, [visible.ask()], 10 * second + timeout)
    const newest = visible.token()!.value
    expect(scene.calls).toHaveLength(2)
    await scene.advance(minute)
    frozen.tab.resume()
    await scene.advance(second)
    expect(oneToken([frozen, visible])).toBe(newest)
    expect(frozen.of('token').map(({ value }) => value)).toEqual([newest])
    expect(scene.calls).toHaveLength(2)
  },
)

test.each([
  ['memory', false],
  ['the storage', true],
])(
  'F35 an answer that a frozen tab gets before it hears of a newer one takes no tab back to the older one, nor %s',
  async (_, keep) => {
    const scene = createScene({ latency: 500, keep })
    const frozen = scene.open()
    await scene.advance(100)
    frozen.tab.freeze({ silently: true })
    const visible = scene.open()
    await scene.advance(minute)
    const newest = visible.token()!.value
    frozen.tab.resume()
    await scene.advance(second)
    expect(oneToken([frozen, visible])).toBe(newest)
    expect(visible.of('token')).toHaveLength(1)
    for (const record of scene.browser.storage.items.values()) expect(record.includes(newest)).toBe(true)
    await Promise.all([frozen.session.close(), visible.session.close(), scene.advance(second)])
    const late = scene.open()
    await scene.advance(second)
    if (keep) expect(late.token()!.value).toBe(newest)
  },
)

test('F35 a tab that is frozen in the middle of a refresh leaves the visible one without a good token at no time', async () => {
  const scene = createScene({ seconds: 100, latency: 500 })
  const windows = scene.openAll(2)
  await scene.advance(second)
  const frozen = await scene.nextCall()
  const visible = windows.find((one) => one !== frozen)!
  const old = oneToken(windows)
  frozen.tab.freeze({ silently: true })
  for (let passed = 0; passed < 60; passed++) {
    await scene.advance(second)
    expect(visible.token()).toBeDefined()
  }
  const newest = visible.token()!.value
  expect(newest).not.toBe(old)
  frozen.tab.resume()
  await scene.advance(second)
  expect(oneToken(windows)).toBe(newest)
})

test('F36 a lock that is busy at a hidden tab’s tick makes no noise, and the tab goes on refreshing', async () => {
  const scene = createScene({ seconds: 100, latency: 5 * second })
  const windows = scene.openAll(2)
  await scene.advance(6 * second)
  const caller = await scene.nextCall()
  const hidden = windows.find((one) => one !== caller)!
  hidden.tab.hide()
  await scene.advance(second)
  expect(scene.browser.locks.pending.length, 'it waits').toBe(1)
  await scene.advance(10 * second)
  oneToken(windows)
  caller.tab.close()
  const { length } = scene.calls
  await scene.advance(5 * minute)
  expect(scene.calls.length - length).toBeGreaterThanOrEqual(3)
  expect(hidden.status()).toBe('fresh')
  expect(windows.flatMap(({ errors }) => errors())).toEqual([])
  expect(scene.printed).toEqual([])
})

test.each([
  ['another tab', false],
  ['the reloaded page', true],
])('F38 without Web Locks %s takes over within the lease from one that crashed in mid-call', async (_, reloaded) => {
  const scene = createScene({ latency: 5 * second, faults: { locks: 'absent' } })
  const other = reloaded ? [] : [scene.open()]
  const holder = scene.open()
  await scene.advance(second)
  const [call] = scene.calls
  const dead = reloaded ? holder : call!.window
  dead.tab.crash()
  const heir = reloaded ? scene.open() : [...other, holder].find((one) => one !== dead)!
  await answered(scene, [heir.ask()], lease + 5 * second)
  expect(scene.calls).toHaveLength(2)
  expect(scene.calls[1]!.at - call!.at - second).toBeLessThanOrEqual(lease)
  // What the dead one left is gone for good.
  scene.browser.backend.latency = 50
  await answered(scene, [watch(heir.session.refresh(), () => scene.browser.now)], second)
})

test('F38 without Web Locks a page that crashes between two calls holds up nobody', async () => {
  const scene = createScene({ faults: { locks: 'absent' } })
  const first = scene.open()
  await scene.advance(second)
  first.tab.crash()
  await answered(scene, [scene.open().ask()], second)
})

test('F40 a lock that another tab holds for 5 s is asked for ten times at most', async () => {
  const scene = createScene({ seconds: 100, latency: 5 * second })
  const windows = scene.openAll(4)
  const requests = windows.map(({ tab }) => vi.spyOn(tab.window.navigator!.locks!, 'request'))
  await scene.advance(10 * second)
  await scene.nextCall()
  const before = requests.map(({ mock }) => mock.calls.length)
  await scene.advance(4_900)
  expect(scene.browser.locks.pending.length).toBeGreaterThan(0)
  for (const [index, { mock }] of requests.entries()) expect(mock.calls.length - before[index]!).toBeLessThanOrEqual(10)
})

test.each(['absent', 'throws', 'rejects'] as const)(
  'F44 F45 with Web Locks that are missing or refuse (%s) five tabs make two calls at most, warn once, and agree',
  async (locks) => {
    const scene = createScene({ seconds: 1_000, faults: { locks } })
    const windows = scene.openAll(5)
    await answered(
      scene,
      windows.map(({ ask }) => ask()),
      5 * second,
    )
    expect(scene.calls.length).toBeLessThanOrEqual(2)
    oneToken(windows)
    const { length } = scene.calls
    await scene.nextCall(second)
    await scene.advance(5 * second)
    expect(scene.calls.length - length).toBeLessThanOrEqual(2)
    oneToken(windows)
    for (const window of windows) {
      expect(window.errors()).toEqual([])
      expect(traces(window, 'lacks').map(({ what }) => what)).toEqual(['Web Locks'])
    }
    expect(scene.printed).toEqual([])
  },
)

test('F45 Web Locks that begin to refuse later are stood in for', async () => {
  const scene = createScene({ seconds: 100 })
  const windows = scene.openAll(3)
  await scene.advance(second)
  for (const { tab } of windows) tab.faults.locks = 'rejects'
  for (let passed = 0; passed < 300; passed++) {
    await scene.advance(second)
    expect(windows.every(({ token }) => token())).toBe(true)
  }
  expect(windows.flatMap(({ errors }) => errors())).toEqual([])
  expect(scene.calls.length).toBeLessThanOrEqual(5)
})

test('F44 with neither Web Locks nor localStorage every tab has a token, all agree, and each lack is told once', async () => {
  const scene = createScene({ seconds: 100, faults: { locks: 'absent', localStorage: 'blocked' } })
  const windows = scene.openAll(5)
  await answered(
    scene,
    windows.map(({ ask }) => ask()),
    second,
  )
  oneToken(windows)
  await scene.advance(5 * minute)
  oneToken(windows)
  expect(windows.flatMap(({ errors }) => errors())).toEqual([])
  for (const window of windows)
    expect(traces(window, 'lacks').map(({ what }) => what)).toEqual(['localStorage', 'Web Locks'])
})
