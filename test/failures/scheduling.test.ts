import type { SessionState } from 'inbox-session'
import type { TestTab } from 'inbox-session/testing'
import { expect, test } from 'vitest'
import { type Scene, type Window, claimsOf, createScene } from './scene.js'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour
const longestTimer = 2 ** 31 - 1

/** Every delay this tab's timers are armed with from now on. */
const recordTimers = (tab: TestTab): number[] => {
  const armed: number[] = []
  const { setTimeout } = tab.window
  tab.window.setTimeout = (run, delay) => {
    armed.push(delay)
    return setTimeout(run, delay)
  }
  return armed
}
/** The instant drawn for the refresh of the present token. */
const dueAt = ({ of }: Window): number =>
  of('trace')
    .filter(({ type }) => type === 'token')
    .at(-1)!.dueAt as number
const endOf = (token: string): number => claimsOf(token).exp! * second
const lengths = (window: Window): number => window.of('token').length
/** Asks every `step` for `span`; each answer has to come at once and to be good. */
const follow = async (scene: Scene, window: Window, span: number, step: number, options?: { minValidity: number }) => {
  for (let passed = 0; passed < span; passed += step) {
    const { now } = scene.browser
    const asked = window.ask(options)
    await scene.advance(step)
    expect(asked.error).toBeUndefined()
    expect(endOf(asked.value!)).toBeGreaterThan(now)
  }
}

test.each([
  ['30 days', 30 * day],
  ['400 days', 400 * day],
  ['a time up to the end of the year 9999', 253_402_300_799_000 - 1_790_000_000_000],
])('F01 a token for %s is refreshed in its time, by timers that fit into 32 bits', async (_, lifetime) => {
  const scene = createScene({ seconds: lifetime / second, seed: 3 })
  const tab = scene.browser.tab()
  const armed = recordTimers(tab)
  const window = scene.open({ tab })
  await scene.advance(10 * second)
  expect(scene.calls).toHaveLength(1)
  expect(claimsOf(window.token()!.value).exp).toBe((1_790_000_000_000 + lifetime) / second)
  // A minute at a time, or, where that would be millions of them, in one sleep.
  const rest = 0.83 * lifetime - 10 * second
  if (lifetime < 100 * day) await scene.advance(rest)
  else await scene.browser.sleep(rest)
  await scene.advance(61 * second)
  expect(scene.calls).toHaveLength(2)
  expect(scene.gaps()[0]).toBeGreaterThanOrEqual(0.1 * (lifetime - second))
  expect(lengths(window)).toBe(2)
  expect(armed.length).toBeGreaterThan(2)
  expect(armed.filter((delay) => !(delay >= 1 && delay <= longestTimer))).toEqual([])
})

test.each([1, 2, 3])('F02 tokens of 15 s are refreshed before they end, and not in a loop (seed %i)', async (seed) => {
  const scene = createScene({ seconds: 15, seed })
  const window = scene.open()
  await scene.advance(second)
  await follow(scene, window, 119 * second, 250)
  expect(scene.calls.length).toBeGreaterThanOrEqual(8)
  expect(scene.calls.length).toBeLessThanOrEqual(24)
  const [first, ...gaps] = scene.gaps()
  expect(first).toBeGreaterThanOrEqual(1_400)
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0.4 * 15 * second)
  expect(window.of('expired')).toEqual([])
  expect(scene.printed.length + window.errors().length).toBeLessThanOrEqual(1)
})

test('F02 an SDK that wants a minute of a token of 15 s gets what there is, and no loop of calls', async () => {
  const scene = createScene({ seconds: 15, seed: 4 })
  const window = scene.open()
  await scene.advance(second)
  await follow(scene, window, 119 * second, 50, { minValidity: minute })
  // The server's clock is known to the second: the lifetime is taken for 14 s.
  expect(Math.min(...scene.gaps())).toBeGreaterThanOrEqual(1_400)
  expect(scene.calls.length).toBeGreaterThan(24)
  expect(window.errors()).toEqual([])
})

test.each([1, 2, 3])(
  'F04 the token that was to be replaced, answered again, is a failed call and no sign-out (seed %i)',
  async (seed) => {
    const scene = createScene({ seconds: 250, seed })
    const { browser, calls } = scene
    let current = ''
    browser.backend.reply((_, mint) => {
      if (!current || browser.now >= endOf(current)) current = mint()
      return { token: current }
    })
    const window = scene.open()
    await scene.advance(second)
    const first = window.token()!
    while (browser.now < first.expiresAt! - 6 * second) {
      const asked = window.ask()
      await scene.advance(second)
      expect(asked.value).toBe(first.value)
    }
    expect(new Set(window.errors())).toEqual(new Set(['stale_token']))
    const ladder = scene.gaps().slice(1)
    for (const [index, gap] of ladder.entries()) {
      expect(gap).toBeGreaterThanOrEqual(Math.min(500 * 2 ** index, 30 * second))
      expect(gap).toBeLessThanOrEqual(Math.min(second * 2 ** index, minute) + 100)
    }

    while (browser.now < endOf(first.value)) await scene.advance(100)
    expect(current).toBe(first.value)
    const failed = calls.length
    await scene.advance(minute + second)
    expect(calls.slice(failed)).toMatchObject([{ token: current }])
    expect(current).not.toBe(first.value)
    expect(await scene.result(window.session.getToken())).toBe(current)
    const statuses = window.of('change').map(({ status }: SessionState) => status)
    expect(statuses).not.toContain('failed')
    expect(statuses).not.toContain('signed-out')
    expect(window.of('expired')).toMatchObject([{ reason: 'expired', token: { generation: 1 } }])
  },
)

test('F13 a hidden tab whose timers fire once a minute refreshes at most a minute late, once each time', async () => {
  const scene = createScene({ seed: 5, faults: { throttle: minute } })
  const window = scene.open()
  window.tab.hide()
  await scene.advance(second)
  for (let refresh = 1; refresh <= 10; refresh++) {
    const due = dueAt(window)
    await scene.advance(due - 1 - scene.browser.now)
    expect(scene.calls).toHaveLength(refresh)
    await scene.advance(minute + 101)
    expect(scene.calls).toHaveLength(refresh + 1)
    expect(scene.calls.at(-1)!.at - due).toBeLessThanOrEqual(minute)
  }
  expect(window.of('expired')).toEqual([])
})

test('F13 a hidden tab whose timers stall for ten minutes refreshes once at the end of that, with nothing to catch up', async () => {
  const scene = createScene({ seed: 6, faults: { throttle: minute } })
  const window = scene.open()
  window.tab.hide()
  await scene.advance(second)
  await scene.advance(dueAt(window) - 9 * minute - scene.browser.now)
  window.tab.freeze({ silently: true })
  await scene.advance(10 * minute)
  expect(scene.calls).toHaveLength(1)
  window.tab.resume()
  await scene.advance(minute)
  expect(scene.calls).toHaveLength(2)
  await scene.advance(dueAt(window) - 1 - scene.browser.now)
  expect(scene.calls).toHaveLength(2)
})

test('F13 a tab that is shown when its token is due, before its slow timer fires, makes one call within a second', async () => {
  const scene = createScene({ seed: 7, faults: { throttle: 10 * minute } })
  const window = scene.open()
  window.tab.hide()
  await scene.advance(second)
  await scene.advance(dueAt(window) + second - scene.browser.now)
  expect(scene.calls).toHaveLength(1)
  window.tab.show()
  await scene.advance(second)
  expect(scene.calls).toHaveLength(2)
  await scene.advance(20 * minute)
  expect(scene.calls).toHaveLength(2)
})

test('F14 a timer that fires 5 ms early is armed again for the rest, and nothing is called before it is due', async () => {
  let early = 5
  const scene = createScene({ seed: 8 })
  const tab = scene.browser.tab({ early: () => early })
  const armed = recordTimers(tab)
  const window = scene.open({ tab })
  await scene.advance(second)
  const due = dueAt(window)
  await scene.advance(due - second - scene.browser.now)
  early = 0
  armed.length = 0
  await scene.advance(second - 1)
  expect(scene.calls).toHaveLength(1)
  expect(armed.length).toBeGreaterThanOrEqual(1)
  expect(armed.length).toBeLessThanOrEqual(3)
  expect(Math.min(...armed)).toBeGreaterThanOrEqual(1)
  expect(Math.max(...armed)).toBeLessThanOrEqual(5)
  await scene.advance(2)
  expect(scene.calls).toHaveLength(2)
  await scene.advance(hour)
  expect(scene.calls).toHaveLength(3)
})

test.each([30, 60, 120, 300, 3_600].flatMap((seconds) => [[seconds, 'seen'] as const, [seconds, 'hidden'] as const]))(
  'F15 tokens of %i s leave no moment without a good one in a tab that is %s',
  async (seconds, how) => {
    for (const seed of [1, 2, 3]) {
      const scene = createScene({ seconds, seed })
      const window = scene.open()
      if (how === 'hidden') window.tab.hide()
      await scene.advance(second)
      if (seed === 1) await follow(scene, window, 3 * seconds * second, seconds * 20)
      // With nobody who asks the timer is on its own.
      else await scene.advance(3 * seconds * second)
      expect(window.of('expired')).toEqual([])
      expect(window.errors()).toEqual([])
      expect(scene.calls.length).toBeGreaterThanOrEqual(4)
      for (const state of window.of('change').slice(1)) expect(state).toMatchObject({ token: {} })
      await scene.finish()
    }
  },
)
