import { isMainThread } from 'node:worker_threads'
import type { TokenAnswer } from 'inbox-session'
import type { TestTab } from 'inbox-session/testing'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type Scene, type SceneOptions, claimsOf, createScene } from './scene.js'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour
const years = 365.25 * day

/** An answer without a Date header: nobody says what time it is at the server. */
const undated = (body: TokenAnswer): Response => new Response(JSON.stringify(body))
/** All instants are drawn at this part of their windows. */
const pin = (tab: TestTab, draw: number): TestTab => {
  vi.spyOn(tab.window.Math, 'random').mockReturnValue(draw)
  return tab
}
/** The part of a lifetime after which the first token, and later ones, are refreshed. */
const shares = (draw: number): [number, number] => [0.1 + 0.73 * draw, 0.8 + 0.03 * draw]

/** A tab whose clock is `skew` ahead of the true time, with all draws at 0.9. */
const openSkewed = (skew: number, { dated = true, ...options }: SceneOptions & { dated?: boolean } = {}) => {
  const scene = createScene(options)
  const { backend } = scene.browser
  scene.browser.setWallClock(scene.browser.now + skew)
  if (!dated) backend.reply((_, mint) => undated({ token: mint() }))
  return { scene, window: scene.open({ tab: pin(scene.browser.tab(), 0.9) }) }
}
const secondsLeft = (scene: Scene, token: string): number => claimsOf(token).exp! - scene.browser.now / second

type Step = (tab: TestTab, scene: Scene) => unknown

const fire =
  (target: 'window' | 'document', type: string): Step =>
  (tab) =>
    listeners.get(tab)!.forEach((one) => one.target === target && one.type === type && one.run())
const listeners = new WeakMap<TestTab, { target: string; type: string; run: () => void }[]>()
/** Notes the listeners of a page, so that one event can be fired without those that come with it. */
const recordListeners = (tab: TestTab): TestTab => {
  const found: { target: string; type: string; run: () => void }[] = []
  listeners.set(tab, found)
  for (const [name, target] of [
    ['window', tab.window],
    ['document', tab.window.document!],
  ] as const) {
    const { addEventListener } = target
    target.addEventListener = (type, run, capture) => {
      found.push({ target: name, type, run: () => run({ type } as Event) })
      addEventListener!(type, run, capture)
    }
  }
  return tab
}
const nothing = (): void => {}

const wakes: [how: string, before: Step, after: Step][] = [
  ['visibilitychange', nothing, fire('document', 'visibilitychange')],
  ['focus', nothing, fire('window', 'focus')],
  ['pageshow', nothing, fire('window', 'pageshow')],
  ['online', nothing, fire('window', 'online')],
  ['resume', nothing, fire('document', 'resume')],
  ['the tab being shown', (tab) => tab.hide(), (tab) => tab.show()],
  [
    'the network coming back',
    (_, { browser }) => browser.setOnline(false),
    (_, { browser }) => browser.setOnline(true),
  ],
  ['the way back from the back/forward cache', (tab) => tab.leave(), (tab) => tab.comeBack()],
]
const counting = [
  ['with a monotonic clock that counted it', true],
  ['with a monotonic clock that stood still', false],
] as const

test.each(wakes.flatMap(([how, ...steps]) => counting.map(([clock, counts]) => [how, clock, counts, steps] as const)))(
  'F10 eight hours of sleep, ended by %s, %s, cost one call, and nobody gets the ended token',
  async (_, __, monotonic, [before, after]) => {
    for (const asking of [false, true]) {
      const scene = createScene({ seed: 1 })
      const { browser } = scene
      const window = scene.open({ tab: recordListeners(pin(browser.tab(), 0.9)) })
      await scene.advance(10 * minute)
      const old = window.token()!
      await before(window.tab, scene)
      await browser.sleep(8 * hour, { monotonic })
      const sooner = asking ? window.ask() : undefined
      await after(window.tab, scene)
      const later = asking ? window.ask() : undefined
      await scene.advance(2 * second)
      expect(scene.calls).toHaveLength(2)
      expect(window.status()).toBe('fresh')
      const { value, expiresAt } = window.token()!
      expect(value).not.toBe(old.value)
      expect(expiresAt).toBeGreaterThan(browser.now + 0.9 * hour)
      if (sooner?.error?.code !== 'offline') expect(sooner?.value).toBe(asking ? value : undefined)
      expect(later?.value).toBe(asking ? value : undefined)
      await scene.advance(0.7 * hour)
      expect(scene.calls).toHaveLength(2)
      await scene.finish()
    }
  },
)

test.each(counting)(
  'F10 after a sleep %s that no event ended the next look at the clock, a minute later at most, or who asks first, makes the one call',
  async (_, monotonic) => {
    for (const asking of [false, true]) {
      const scene = createScene({ seed: 2 })
      const window = scene.open({ tab: pin(scene.browser.tab(), 0.9) })
      await scene.advance(10 * minute)
      const old = window.token()!
      await scene.browser.sleep(8 * hour, { monotonic })
      if (asking) {
        const asked = window.ask()
        await scene.advance(2 * second)
        expect(asked.value).toBe(window.token()!.value)
      } else {
        await scene.advance(minute + second)
      }
      expect(scene.calls).toHaveLength(2)
      expect(window.token()!.value).not.toBe(old.value)
      await scene.advance(0.7 * hour)
      expect(scene.calls).toHaveLength(2)
      await scene.finish()
    }
  },
)

const leads: [string, number][] = [
  ['50 s', 50 * second],
  ['an hour', hour],
  ['a day', day],
  ['ten years', 10 * years],
]
const told = [
  ['whose time is known', true],
  ['whose time nobody tells', false],
] as const
const ahead = leads.flatMap(([name, skew]) =>
  [60, 3_600].flatMap((seconds) => told.map(([how, dated]) => [name, how, seconds, skew, dated] as const)),
)

// Less than a lifetime ahead, and nobody tells the time: that looks like a backend that hands out tokens it has kept.
test.each(ahead.filter(([, , , skew, dated]) => dated || skew >= hour))(
  'F16 a clock %s ahead of a server %s costs tokens of %i s neither a call nor a moment',
  async (_, __, seconds, skew, dated) => {
    const { scene, window } = openSkewed(skew, { seconds, dated, seed: 3 })
    await scene.advance(100)
    for (let asked = 0; asked < 100; asked++) {
      const answer = window.ask()
      await scene.advance(300)
      expect(secondsLeft(scene, answer.value!)).toBeGreaterThan(0)
    }
    expect(scene.calls).toHaveLength(1)
    await scene.advance(4 * seconds * second)
    const [first, ...gaps] = scene.gaps()
    const [cold, warm] = shares(0.9)
    expect(Math.abs(first! - cold * seconds * second)).toBeLessThanOrEqual(2 * second)
    expect(gaps.length).toBeGreaterThanOrEqual(3)
    for (const gap of gaps) expect(Math.abs(gap - warm * seconds * second)).toBeLessThanOrEqual(2 * second)
    expect(window.errors()).toEqual([])
    expect(window.of('expired')).toEqual([])
  },
)

test.each([60, 3_600])(
  'F16 a clock 50 s ahead of a server whose time nobody tells makes tokens of %i s count for 50 s less, no worse',
  async (seconds) => {
    const { scene, window } = openSkewed(50 * second, { seconds, dated: false, seed: 4 })
    await scene.advance(100)
    const counted = (seconds - 50) * second
    for (let step = 0; step < 400; step++) {
      const answer = window.ask()
      await scene.advance(10 * seconds)
      expect(secondsLeft(scene, answer.value!)).toBeGreaterThan(0)
    }
    for (const gap of scene.gaps().slice(1)) {
      expect(gap).toBeGreaterThanOrEqual(0.8 * (counted - second))
      expect(gap).toBeLessThanOrEqual(0.83 * counted + 100)
    }
    expect(window.errors()).toEqual([])
  },
)

test.each([
  [0.1, 50],
  [0.5, 50],
  [0.9, 50],
  [2, 5_000],
])(
  'F16 a clock ahead by a lifetime less %d s, where nobody tells the server’s time and a call takes %i ms, is survived',
  async (short, latency) => {
    const { scene, window } = openSkewed(hour - short * second, { dated: false, latency, seed: 5 })
    await scene.advance(2 * hour)
    expect(window.errors()).toEqual([])
    expect(window.of('expired')).toEqual([])
    expect(scene.calls.length).toBeLessThanOrEqual(5)
  },
)

const lags: [string, number][] = [
  ['2 s', 2 * second],
  ['an hour', hour],
]
const behind = lags.flatMap(([name, skew]) =>
  [60, 3_600].flatMap((seconds) => told.map(([how, dated]) => [name, how, seconds, skew, dated] as const)),
)

test.each(behind)(
  'F17 a clock %s behind a server %s makes no refresh of %i s tokens late, and no token outlive its end',
  async (_, __, seconds, skew, dated) => {
    const { scene, window } = openSkewed(-skew, { seconds, dated, seed: 6 })
    await scene.advance(100)
    for (let step = 0; step < 250; step++) {
      const answer = window.ask()
      await scene.advance(20 * seconds)
      expect(answer.error).toBeUndefined()
      expect(claimsOf(answer.value!).exp! * second).toBeGreaterThan(answer.endedAt!)
    }
    expect(scene.calls.length).toBeGreaterThanOrEqual(6)
    for (const gap of scene.gaps()) expect(gap).toBeLessThanOrEqual(0.83 * seconds * second + 2 * second)
    expect(window.of('expired')).toEqual([])
  },
)

test('F17 a clock an hour behind hands nothing out after the true end, though no new token can be had', async () => {
  for (const dated of [true, false]) {
    const { scene, window } = openSkewed(-hour, { seconds: 300, dated, seed: 7 })
    await scene.advance(second)
    scene.browser.backend.fail()
    await scene.advance(298 * second)
    const asked = window.ask()
    await scene.advance(15 * second)
    expect(asked.error).toMatchObject({ code: 'source_failed' })
    await scene.finish()
  }
})

test.each(told.flatMap(([how, dated]) => [2, 90].map((lag) => [lag, how, dated] as const)))(
  'F18 nbf and iat of now, by a clock %i s behind a server %s, cost no second call',
  async (lag, _, dated) => {
    const { scene, window } = openSkewed(-lag * second, { seed: 8 })
    scene.browser.backend.reply((_, mint) => {
      const body = { token: mint({ nbf: Math.floor(scene.browser.now / second) }) }
      return dated ? body : undated(body)
    })
    const asked = window.ask()
    await scene.advance(second)
    expect(asked.value).toBe(scene.browser.backend.tokens[0])
    await scene.advance(10 * minute)
    expect(scene.calls).toHaveLength(1)
    expect(window.errors()).toEqual([])
  },
)

test.each([
  ['right', 0],
  ['90 s behind', -90 * second],
  ['an hour ahead', hour],
])('F18 an nbf 30 s after iat, by a clock that is %s, is waited for: two calls, no token before', async (_, skew) => {
  const { scene, window } = openSkewed(skew, { seed: 9 })
  let validAt = 0
  scene.browser.backend.reply((_, mint) => {
    validAt ||= Math.ceil(scene.browser.now / second) + 30
    return { token: mint({ nbf: validAt }) }
  })
  await scene.advance(second)
  for (; scene.browser.now < validAt * second; await scene.advance(500)) {
    const asked = window.ask()
    await scene.advance(0)
    expect(asked.error).toMatchObject({ code: 'invalid_answer', retryable: true })
  }
  expect(window.of('token')).toEqual([])
  await scene.advance(15 * second)
  expect(window.status()).toBe('fresh')
  expect(window.happened.find(({ event }) => event === 'token')!.at).toBeGreaterThanOrEqual(validAt * second)
  expect(scene.calls).toHaveLength(2)
})

test.each([
  ['right', 0],
  ['an hour ahead', hour],
  ['an hour behind', -hour],
])(
  'F19 five reloads with a token issued 40 minutes ago, by a clock that is %s, guess no skew anew',
  async (_, skew) => {
    const { scene, window } = openSkewed(skew, { keep: true, seed: 10 })
    scene.browser.backend.reply((_, mint) => ({
      token: mint({ issuedAt: Math.floor(scene.browser.now / second) - 40 * 60 }),
    }))
    await scene.advance(second)
    const { value, expiresAt, receivedAt } = window.token()!
    expect(Math.abs(expiresAt! - receivedAt - 20 * minute)).toBeLessThanOrEqual(2 * second)
    const received = scene.browser.now
    window.tab.close()
    for (let reload = 0; reload < 5; reload++) {
      await scene.advance(2 * minute)
      const { tab, token } = scene.open()
      await scene.advance(second)
      expect(token()).toMatchObject({ value, expiresAt, receivedAt })
      if (reload < 4) tab.close()
    }
    expect(scene.calls).toHaveLength(1)
    await scene.advance(shares(0.9)[0] * 20 * minute + received - scene.browser.now + second)
    expect(scene.calls).toHaveLength(2)
  },
)

test('F21 a clock set back by an hour does not stretch a token: the refresh comes in its time', async () => {
  const scene = createScene({ seconds: 600 })
  const window = scene.open({ tab: pin(scene.browser.tab(), 0.9) })
  await scene.advance(minute)
  scene.browser.setWallClock(scene.browser.now - hour)
  await scene.advance(2 * hour)
  const [cold, warm] = shares(0.9)
  const [first, ...gaps] = scene.gaps()
  expect(Math.abs(first! - cold * 600 * second)).toBeLessThanOrEqual(2 * second)
  expect(gaps.length).toBeGreaterThan(12)
  for (const gap of gaps) expect(Math.abs(gap - warm * 600 * second)).toBeLessThanOrEqual(2 * second)
  expect(window.of('expired')).toEqual([])
})

test('F21 a clock set back by an hour keeps no token of ten minutes alive for longer, though no new one can be had', async () => {
  const scene = createScene({ seconds: 600, seed: 11 })
  const window = scene.open()
  await scene.advance(minute)
  scene.browser.setWallClock(scene.browser.now - hour)
  scene.browser.backend.fail()
  await scene.advance(9 * minute)
  expect(window.token()).toBeUndefined()
  const asked = window.ask()
  await scene.advance(15 * second)
  expect(asked.error).toMatchObject({ code: 'source_failed' })
})

test('F22 a clock set forward by an hour costs at most one call in all, and signs nobody out', async () => {
  const count = async (forward: number): Promise<number> => {
    const scene = createScene()
    const window = scene.open({ tab: pin(scene.browser.tab(), 0.9) })
    await scene.advance(minute)
    scene.browser.setWallClock(scene.browser.now + forward)
    for (let passed = 0; passed < 60; passed++) {
      const asked = window.ask()
      await scene.advance(second)
      expect(secondsLeft(scene, asked.value!)).toBeGreaterThan(0)
    }
    // Neither token is due by then.
    await scene.advance(43 * minute)
    expect(window.of('signed-out')).toEqual([])
    expect(window.status()).toBe('fresh')
    expect(window.errors()).toEqual([])
    const { length } = scene.calls
    await scene.advance(10 * hour)
    expect(scene.calls.length - length).toBeLessThanOrEqual(13)
    await scene.finish()
    return length
  }
  expect(await count(0)).toBe(1)
  expect(await count(hour)).toBeLessThanOrEqual(2)
})

test('F23 another time zone, and summer time, change nothing', async () => {
  const zone = process.env.TZ
  const restore = (): void => void (zone === undefined ? delete process.env.TZ : (process.env.TZ = zone))
  onTestFinished(restore)
  // From winter to summer time: 25 October 2026, 01:00 UTC, and 28 March 2027.
  for (const change of [Date.UTC(2026, 9, 25, 1), Date.UTC(2027, 2, 28, 1)]) {
    process.env.TZ = 'Europe/Prague'
    const scene = createScene({ now: change - 10 * minute })
    const window = scene.open({ tab: pin(scene.browser.tab(), 0.9) })
    const before = new Date(scene.browser.now).getTimezoneOffset()
    await scene.advance(20 * minute)
    // A worker thread keeps the zone its process began with.
    if (isMainThread) expect(Math.abs(new Date(scene.browser.now).getTimezoneOffset() - before)).toBe(60)
    for (const elsewhere of ['Africa/Nairobi', 'UTC', 'Pacific/Kiritimati', 'America/St_Johns']) {
      process.env.TZ = elsewhere
      const asked = window.ask()
      await scene.advance(5 * minute)
      expect(asked.value).toBe(window.token()!.value)
    }
    expect(scene.calls).toHaveLength(1)
    await scene.advance(10 * minute)
    expect(scene.calls).toHaveLength(2)
    const { receivedAt, expiresAt } = window.token()!
    expect(Math.abs(expiresAt! - receivedAt - hour)).toBeLessThanOrEqual(second)
    expect(window.errors()).toEqual([])
    await scene.finish()
  }
})
