import { createSession } from 'inbox-session'
import type { Environment, Session } from 'inbox-session'
import { createTestBrowser } from 'inbox-session/testing'
import type { TestBrowser } from 'inbox-session/testing'
import { expect, test } from 'vitest'

const second = 1_000
const minute = 60 * second
const patience = { timeout: 60_000 }
const none = { timers: 0, listeners: 0, channels: 0, locks: 0 }

interface Client {
  readonly browser: TestBrowser
  readonly session: Session
  /** Milliseconds from the start. */
  readonly calls: number[]
  passed(): number
}

/** One after the other, each with a browser and draws of its own, signed in within the first second. Tokens live `seconds`. */
async function eachClient(
  clients: number,
  seconds: number,
  isDown: (passed: number) => boolean,
  live: (client: Client) => Promise<void>,
): Promise<void> {
  for (let seed = 1; seed <= clients; seed++) {
    const browser = createTestBrowser({ seed })
    const begin = browser.now
    const passed = (): number => browser.now - begin
    const calls: number[] = []
    const tab = browser.tab()
    const session = createSession({
      // Each is alone in its browser: without what is for several tabs they take half the time.
      environment: Object.create(tab, { tabs: { value: undefined } }) as Environment,
      source() {
        calls.push(passed())
        if (isDown(passed())) throw new TypeError('Failed to fetch')
        return { token: `token-${seed}-${calls.length}`, expiresIn: seconds }
      },
    })
    await browser.advance(seed % second)
    session.signIn('ann')
    await live({ browser, session, calls, passed })
    await session.close()
    if (seed % 100 === 0) expect(tab.leftovers).toEqual(none)
  }
}
const width = (times: readonly number[]): number => Math.max(...times) - Math.min(...times)
/** The most of them within a second. */
const fullest = (times: readonly number[]): number => {
  const buckets = new Map<number, number>()
  for (const time of times) {
    const bucket = Math.floor(time / second)
    buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1)
  }
  return Math.max(...buckets.values())
}

test.each([
  [1_000, 3_600],
  [200, 60],
])(
  'F25 %i clients that signed in within a second refresh tokens of %i s far apart, and stay apart',
  patience,
  async (clients, seconds) => {
    const lifetime = seconds * second
    const first: number[] = []
    const next: number[] = []
    const gaps: number[] = []
    await eachClient(
      clients,
      seconds,
      () => false,
      async ({ browser, session, calls }) => {
        let expired = 0
        session.on('expired', () => void expired++)
        await browser.advance(1.66 * lifetime)
        expect(expired).toBe(0)
        const [cold, warm, later] = calls as [number, number, number]
        first.push(warm)
        next.push(later)
        gaps.push(later - warm)
        if (warm - cold < 0.1 * lifetime || warm - cold > 0.83 * lifetime + 1) expect.unreachable('outside its window')
      },
    )
    for (const times of [first, next]) {
      expect(width(times)).toBeGreaterThan(Math.max(10 * second, 0.7 * lifetime))
      expect(fullest(times)).toBeLessThanOrEqual(0.15 * clients)
      expect(fullest(times)).toBeLessThanOrEqual((3 * clients) / (0.73 * seconds) + 12)
    }
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0.8 * lifetime)
    expect(Math.max(...gaps)).toBeLessThanOrEqual(0.83 * lifetime + 1)
    expect(width(gaps)).toBeGreaterThan(0.029 * lifetime)
  },
)

test.each([
  [1_000, 'signed in while it lasted', 3_600, 0],
  [200, 'had to refresh while it lasted', 60, 2 * second],
])(
  'F26 of %i clients that %s few come at once when the backend is back, and all are served in a minute',
  patience,
  async (clients, _, seconds, downFrom) => {
    const back = downFrom + 5 * minute
    const tries: number[] = []
    await eachClient(
      clients,
      seconds,
      (passed) => passed >= downFrom && passed < back,
      async ({ browser, session, calls, passed }) => {
        await browser.advance(back - 1 - passed())
        expect(session.state.status).toBe('waiting')
        const failed = calls.length
        expect(failed).toBeLessThanOrEqual(25)
        await browser.advance(minute + 101)
        expect(session.state.status).toBe('fresh')
        tries.push(calls[failed]! - back)
      },
    )
    expect(tries.filter((time) => time < 10 * second).length).toBeLessThanOrEqual(0.4 * clients)
    expect(fullest(tries)).toBeLessThanOrEqual(0.1 * clients)
    expect(Math.max(...tries)).toBeLessThanOrEqual(minute)
  },
)
