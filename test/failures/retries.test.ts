import type { Session } from 'inbox-session'
import { createTestToken } from 'inbox-session/testing'
import { describe, expect, test } from 'vitest'
import { type Scene, createScene, watch } from './scene.js'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

describe('a backend that is down', () => {
  /** Ten minutes of status 500, with somebody who asks; each call's delay since the one before ended. */
  const outage = async (held: boolean, ask: (session: Session, scene: Scene) => Promise<void>) => {
    const scene = createScene()
    const window = scene.open({ signIn: false })
    // Not watched: there are too many of them.
    const session = Object.getPrototypeOf(window.session) as Session
    if (!held) scene.browser.backend.fail({ status: 500 })
    window.session.signIn('ann')
    if (held) {
      await scene.result(session.getToken())
      scene.browser.backend.fail({ status: 500 })
      const { dueAt } = window.of('trace').find(({ type }) => type === 'token') as unknown as { dueAt: number }
      await scene.advance(Math.ceil(dueAt) - scene.browser.now + 100)
    }
    const until = scene.browser.now + 10 * minute
    while (scene.browser.now < until) await ask(session, scene)
    const calls = scene.calls.slice(held ? 1 : 0)
    const delays = calls.slice(1).map(({ at }, index) => at - calls[index]!.endedAt!)
    return { calls, delays }
  }
  const expectLadder = ({ calls, delays }: Awaited<ReturnType<typeof outage>>): void => {
    expect(calls.length).toBeLessThanOrEqual(30)
    expect(calls.length).toBeGreaterThanOrEqual(10)
    for (const [index, delay] of delays.entries()) {
      const step = Math.min(minute, 2 ** index * second)
      expect(delay).toBeGreaterThanOrEqual(step / 2)
      expect(delay).toBeLessThanOrEqual(step + 10)
    }
  }

  test.each([
    ['without a token', false],
    ['with a good one', true],
  ])(
    'F59 asked ten times a second for ten minutes, %s, it is called 30 times at most, ever further apart',
    async (_, held) => {
      const slow: number[] = []
      const result = await outage(held, async (session, { browser }) => {
        const waits = held || session.state.status === 'waiting'
        const asked = watch(session.getToken(), () => browser.now)
        await browser.advance(100)
        const time = (asked.endedAt ?? Infinity) - asked.at
        if (waits && (time >= 10 || asked.value !== (held ? browser.backend.tokens[0] : undefined))) slow.push(time)
      })
      expect(slow).toEqual([])
      expectLadder(result)
    },
    30_000,
  )

  test.each([
    ['without a token', false],
    ['with a good one', true],
  ])('F60 asked by one after the other, %s, it is not called more often for that', async (_, held) => {
    let answers = 0
    const result = await outage(held, async (session, { browser }) => {
      // Each begins when the one before has its answer.
      const queue = (async () => {
        for (let caller = 0; caller < 10; caller++) {
          await session.getToken().catch(() => {})
          answers++
        }
      })()
      await browser.advance(second)
      await queue
    })
    expect(answers).toBe(6_000)
    expectLadder(result)
  })
})

describe('a server that asks to wait', () => {
  /** The first answer refuses with this `Retry-After`; how long it took to the next call. */
  const refused = async (status: number, retryAfter: (scene: Scene) => string | number, prepare = (_: Scene) => {}) => {
    const scene = createScene()
    prepare(scene)
    scene.browser.backend.fail({ status, retryAfter: retryAfter(scene) }, 1)
    const window = scene.open()
    await scene.advance(100)
    return { scene, ...window }
  }
  const wait = async ({ scene, ask }: Awaited<ReturnType<typeof refused>>) => {
    ask()
    await scene.nextCall(5 * second)
    return (scene.calls[1]!.at - scene.calls[0]!.endedAt!) / second
  }
  const date = ({ browser }: Scene): string => new Date(browser.now + 120 * second).toUTCString()
  const hourAhead = ({ browser }: Scene): void => browser.setWallClock(browser.now + hour)

  test.each<[string, number, (scene: Scene) => string | number, ((scene: Scene) => void)?]>([
    ['429, in seconds', 429, () => 120],
    ['503, in seconds', 503, () => 120],
    ['429, in seconds, to a clock an hour ahead', 429, () => 120, hourAhead],
    ['429, as a date', 429, date],
    ['429, as a date, to a clock an hour ahead', 429, date, hourAhead],
    [
      '503, as a date, to a clock a day behind',
      503,
      date,
      ({ browser }) => browser.setWallClock(browser.now - 24 * hour),
    ],
  ])('F61 is called again after 120 to 150 s: %s', async (_, status, retryAfter, prepare) => {
    const waited = await wait(await refused(status, retryAfter, prepare))
    expect(waited).toBeGreaterThanOrEqual(120)
    expect(waited).toBeLessThanOrEqual(150)
  })

  test('F61 for a day is given ten minutes and a quarter of them, and a refresh by the user is allowed meanwhile', async () => {
    const asked = await refused(429, () => 86_400)
    const { scene, session } = asked
    expect(session.state).toMatchObject({ error: { status: 429, retryAfter: 86_400_000 } })
    const waited = await wait(asked)
    expect(waited).toBeGreaterThanOrEqual(600)
    expect(waited).toBeLessThanOrEqual(750)
    const other = await refused(429, () => 86_400)
    await other.scene.advance(5 * second)
    expect(await other.scene.result(other.session.refresh())).toBe(other.scene.browser.backend.tokens[0])
    expect(other.scene.calls).toHaveLength(2)
    expect(scene.calls).toHaveLength(2)
  })

  test.each(['-120', 'soon', '', '1e3', '120.5', 'NaN', '0x78', 'Wed, 21 Oct 2015 07:28:00 GMT'])(
    'F61 in words that say nothing is called again as after any failure: %o',
    async (retryAfter) => {
      const waited = await wait(await refused(429, () => retryAfter))
      expect(waited).toBeGreaterThanOrEqual(0.5)
      expect(waited).toBeLessThanOrEqual(1.1)
    },
    30_000,
  )
})

describe('a request that hangs', () => {
  const open = () => {
    const scene = createScene()
    const answers: ((token: string) => void)[] = []
    // It does not care about the signal.
    const window = scene.open({ source: () => new Promise<string>((resolve) => void answers.push(resolve)) })
    const mint = () => createTestToken({ sub: 'ann', issuedAt: Math.floor(scene.browser.now / second) })
    return { scene, answers, mint, ...window }
  }

  test('F62 is given up after 10 s: its signal is aborted, those who wait get a timeout, and the next one is a new call', async () => {
    const { scene, answers, mint, ask, session } = open()
    const asked = [ask(), ask()]
    await scene.advance(9_990)
    expect(scene.calls[0]!.signal.aborted).toBe(false)
    await scene.advance(20)
    expect(scene.calls[0]!.signal.aborted).toBe(true)
    for (const one of asked) {
      expect(one.error).toMatchObject({ code: 'timeout', retryable: true })
      expect(one.endedAt! - one.at).toBeLessThanOrEqual(11 * second)
    }
    await scene.advance(second)
    const later = ask()
    expect(scene.calls).toHaveLength(2)
    const token = mint()
    answers[1]!(token)
    await scene.advance(100)
    expect(later.value).toBe(token)
    expect(session.state.status).toBe('fresh')
  })

  test.each(['before', 'after'])('F62 and answers at last, %s the next one, changes nothing any more', async (when) => {
    const { scene, answers, mint, of, session } = open()
    const late = mint()
    await scene.advance(11_100)
    expect(scene.calls).toHaveLength(2)
    const token = mint()
    if (when === 'before') answers[0]!(late)
    await scene.advance(100)
    expect(session.state.status).toBe('fetching')
    answers[1]!(token)
    await scene.advance(100)
    if (when === 'after') answers[0]!(late)
    await scene.advance(100)
    expect(of('token').map(({ value }) => value)).toEqual([token])
    expect(await session.getToken()).toBe(token)
    // One at a time, as ever.
    await scene.advance(5 * second)
    session.refresh().catch(() => {})
    await scene.advance(second)
    expect(scene.calls).toHaveLength(3)
    expect(scene.calls.filter(({ signal, endedAt }) => !signal.aborted && endedAt === undefined)).toHaveLength(1)
  })
})

describe('a caller who gives up', () => {
  const ask = (count: number) => {
    const scene = createScene()
    const { session, ask } = scene.open()
    const asked = Array.from({ length: count }, () => {
      const controller = new AbortController()
      return { controller, result: ask({ signal: controller.signal }) }
    })
    return { scene, session, asked }
  }

  test('F63 gets an AbortError alone: the request goes on for the others', async () => {
    const { scene, asked } = ask(3)
    await scene.advance(10)
    asked[1]!.controller.abort()
    await scene.advance(1)
    expect(asked.map(({ result }) => result.ended)).toEqual([false, true, false])
    expect(asked[1]!.result.error).toMatchObject({ name: 'AbortError' })
    await scene.advance(100)
    const [token] = scene.browser.backend.tokens
    expect(asked.map(({ result }) => result.value)).toEqual([token, undefined, token])
    expect(scene.calls).toHaveLength(1)
    expect(scene.calls[0]!.signal.aborted).toBe(true)
  })

  test('F63 with all the others leaves the request to the session, which keeps what it brings', async () => {
    const { scene, session, asked } = ask(3)
    await scene.advance(10)
    for (const { controller } of asked) controller.abort()
    await scene.advance(1)
    expect(asked.map(({ result }) => result.error?.name)).toEqual(Array(3).fill('AbortError'))
    expect(scene.calls[0]!.signal.aborted).toBe(false)
    await scene.advance(100)
    expect(await session.getToken()).toBe(scene.browser.backend.tokens[0])
    expect(scene.calls).toHaveLength(1)
  })

  test('F63 before it asked costs nothing', async () => {
    const { scene, session } = ask(0)
    await expect(session.getToken({ signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
    await scene.advance(100)
    expect(scene.calls).toHaveLength(1)
  })
})
