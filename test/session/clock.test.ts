// @vitest-environment happy-dom
import { createSession } from 'inbox-session'
import type { SessionOptions } from 'inbox-session'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { tokenFor } from '../support/tokens.js'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour
const begin = Date.UTC(2026, 0, 15)

beforeEach(() => {
  vi.useFakeTimers({ now: begin, toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] })
  vi.spyOn(Math, 'random').mockReturnValue(0.999)
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

/** The real environment in a page whose clock is `skew` ahead of the server's. */
function createPage({
  skew = 0,
  seconds = 3_600,
  ...options
}: Partial<SessionOptions> & { skew?: number; seconds?: number } = {}) {
  vi.setSystemTime(begin + skew)
  const started = performance.now()
  const passed = () => performance.now() - started
  const ends = new Map<string, number>()
  const calls: number[] = []
  const source = async () => {
    calls.push(passed())
    const token = tokenFor('ann', begin + passed(), seconds)
    ends.set(token, passed() + seconds * second)
    return token
  }
  const session = createSession({ source, ...options })
  onTestFinished(() => session.close())
  /** Whether what it hands out is good by the server's clock. */
  const isGood = async () => ends.get(await session.getToken())! > passed()
  return { session, calls, isGood, ends, passed }
}
const advance = (ms: number) => vi.advanceTimersByTimeAsync(ms)
const setClock = (by: number) => vi.setSystemTime(Date.now() + by)

describe('a clock that is ahead of the server’s (F16)', () => {
  it.each([
    ['an hour', hour, 60],
    ['a day', day, 60],
    ['ten years', 3_650 * day, 60],
    ['50 s', 50 * second, 3_600],
    ['an hour', hour, 3_600],
    ['a day', day, 3_600],
    ['ten years', 3_650 * day, 3_600],
  ])('by %s costs no call and no token (%i ms, tokens of %i s)', async (_, skew, seconds) => {
    const { session, calls, isGood } = createPage({ skew, seconds })
    session.signIn('ann')
    for (let asked = 0; asked < 100; asked++) {
      expect(await isGood()).toBe(true)
      await advance(0.3 * second)
    }
    expect(calls).toHaveLength(1)
    await advance(4 * seconds * second)
    const gaps = calls.slice(2).map((at, index) => at - calls[index + 1]!)
    for (const gap of gaps) expect(gap / second).toBeLessThanOrEqual(0.83 * seconds + 2)
    expect(Math.min(...gaps) / second).toBeGreaterThanOrEqual(
      0.8 * (seconds - skew / second < 0 ? seconds : seconds - 50) - 2,
    )
  })

  it('by 50 s is corrected by the server’s own time for tokens of 60 s', async () => {
    vi.setSystemTime(begin + 50 * second)
    const source = vi.fn(async () => {
      const serverTime = Date.now() - 50 * second
      return { token: tokenFor('ann', serverTime, 60), serverTime }
    })
    const session = createSession({ source })
    onTestFinished(() => session.close())
    session.signIn('ann')
    await advance(30 * second)
    expect(source).toHaveBeenCalledTimes(1)
    await advance(10 * minute)
    expect(source.mock.calls.length).toBeLessThanOrEqual(14)
  })
})

describe('a clock that is behind the server’s (F17)', () => {
  it.each([2 * second, hour])('by %i ms makes no refresh late and no token outlive its end', async (skew) => {
    const { session, calls, isGood } = createPage({ skew: -skew, seconds: 300 })
    session.signIn('ann')
    for (let passed = 0; passed < hour; passed += 5 * second) {
      expect(await isGood()).toBe(true)
      await advance(5 * second)
    }
    const gaps = calls.slice(1).map((at, index) => at - calls[index]!)
    expect(Math.max(...gaps)).toBeLessThanOrEqual(0.83 * 300 * second + 2 * second)
  })
})

describe('a clock that is set while the page runs', () => {
  it('back by an hour does not stretch a token: the refresh comes in its time (F21)', async () => {
    const { session, calls } = createPage({ seconds: 600 })
    session.signIn('ann')
    await advance(minute)
    setClock(-hour)
    await advance(0.83 * 600 * second - minute + 2 * second)
    expect(calls).toHaveLength(2)
    expect(calls[1]! / second).toBeGreaterThanOrEqual(0.1 * 600)
    await advance(2 * hour)
    expect(calls.length).toBeGreaterThan(12)
  })

  it('forward by an hour costs one call at most, and signs nobody out (F22)', async () => {
    const { session, calls } = createPage({ seconds: 3_600 })
    const signedOut = vi.fn()
    session.on('signed-out', signedOut)
    session.signIn('ann')
    await advance(minute)
    setClock(hour)
    for (let passed = 0; passed < 30; passed++) {
      await advance(second)
      expect(await session.getToken()).toBeTypeOf('string')
    }
    expect(calls.length).toBeLessThanOrEqual(2)
    expect(signedOut).not.toHaveBeenCalled()
    expect(session.state.status).toBe('fresh')
    await advance(30 * minute)
    expect(calls.length).toBeLessThanOrEqual(2)
  })

  it('back and forth all day leads to no storm', async () => {
    const { session, calls } = createPage({ seconds: 600 })
    session.signIn('ann')
    for (let time = 0; time < 48; time++) {
      setClock((time % 2 ? -1 : 1) * 3 * minute)
      await advance(30 * minute)
    }
    expect(calls.length).toBeLessThan(48 * 6)
  })

  it.each(['counted', 'not counted'])(
    'by sleep is different: 8 h, %s by the monotonic clock, end the token (F10)',
    async (how) => {
      const { session, calls, isGood, ends } = createPage()
      session.signIn('ann')
      const first = await session.getToken()
      await advance(10 * minute)
      setClock(8 * hour)
      if (how === 'counted') {
        const now = performance.now.bind(performance)
        vi.spyOn(performance, 'now').mockImplementation(() => now() + 8 * hour)
        ends.set(first, 0)
      }
      document.dispatchEvent(new Event('visibilitychange'))
      const next = await session.getToken()
      await advance(2 * second)
      expect(next).not.toBe(first)
      expect(calls).toHaveLength(2)
      if (how === 'not counted') expect(await isGood()).toBe(true)
    },
  )
})

it('summer time comes and goes without a call (F23)', async () => {
  const zone = process.env.TZ
  onTestFinished(() => void (zone === undefined ? delete process.env.TZ : (process.env.TZ = zone)))
  const { session, calls } = createPage()
  session.signIn('ann')
  for (const changed of ['Europe/Berlin', 'Africa/Nairobi', 'UTC', 'Pacific/Kiritimati']) {
    process.env.TZ = changed
    await advance(minute)
    await session.getToken()
  }
  expect(calls).toHaveLength(1)
})

it.each([3 * day, 30 * day])(
  'no timer is set for longer than a minute, or shorter than 1 ms (F01, %i ms)',
  async (lifetime) => {
    const set = vi.spyOn(globalThis, 'setTimeout')
    const { session, calls } = createPage({ seconds: lifetime / second })
    session.signIn('ann')
    await advance(10 * second)
    expect(calls).toHaveLength(1)
    await advance(0.83 * lifetime)
    expect(calls).toHaveLength(2)
    for (const [, delay] of set.mock.calls) {
      expect(delay).toBeGreaterThanOrEqual(1)
      expect(delay).toBeLessThanOrEqual(minute)
    }
  },
)

it.each(['1700000000', NaN, -1, 1e308, null, 1.7e9 + 0.5])(
  'expiresAt %s sets no timer that is not finite (F08)',
  async (expiresAt) => {
    const set = vi.spyOn(globalThis, 'setTimeout')
    const source = vi.fn(async () => ({ token: `opaque-${Math.trunc(Date.now())}`, expiresAt: expiresAt as number }))
    const session = createSession({ source })
    onTestFinished(() => session.close())
    session.signIn('ann')
    await advance(minute)
    expect(source.mock.calls.length).toBeLessThanOrEqual(7)
    for (const [, delay] of set.mock.calls) expect(Number.isFinite(delay) && delay! >= 0).toBe(true)
  },
)
