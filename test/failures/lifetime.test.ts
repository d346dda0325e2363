import type { TokenAnswer } from 'inbox-session'
import type { TestTab } from 'inbox-session/testing'
import { expect, test } from 'vitest'
import { type Scene, type Window, claimsOf, createScene } from './scene.js'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour
const century = 100 * 365.25 * day

type Backend = Scene['browser']['backend']
type Mint = Parameters<Parameters<Backend['reply']>[0]>[1]

const recordTimers = (tab: TestTab): number[] => {
  const armed: number[] = []
  const { setTimeout } = tab.window
  tab.window.setTimeout = (run, delay) => {
    armed.push(delay)
    return setTimeout(run, delay)
  }
  return armed
}
/** An answer without a Date header: nobody says what time it is at the server. */
const undated = (body: TokenAnswer): Response => new Response(JSON.stringify(body))
const encode = (text: string): string => Buffer.from(text).toString('base64url')
const rawJwt = (claims: string, signature: string): string =>
  `${encode('{"alg":"none"}')}.${encode(claims)}.${encode(signature.padEnd(24, '.'))}`
const tokenTraces = ({ of }: Window) => of('trace').filter(({ type }) => type === 'token')
const lifetimeOf = (window: Window): number => {
  const { expiresAt = Infinity, receivedAt } = window.token()!
  return expiresAt - receivedAt
}
/** Retries come after 1, 2, 4, 8, 16 s, or down to half of that. */
const expectLadder = (gaps: readonly number[]): void => {
  for (const [index, gap] of gaps.entries()) {
    expect(gap).toBeGreaterThanOrEqual(500 * 2 ** index)
    expect(gap).toBeLessThanOrEqual(1_000 * 2 ** index + 100)
  }
}

const ended: [how: string, answer: (now: number, mint: Mint) => TokenAnswer | Response][] = [
  ['by the server’s clock', (_, mint) => ({ token: mint({ expiresIn: -10 }) })],
  ['from a cache, by the server’s clock', (now, mint) => ({ token: mint({ issuedAt: now - 3_610 }) })],
  ['by the own clock', (_, mint) => undated({ token: mint({ expiresIn: -10, iat: undefined }) })],
  ['by what the answer says', (_, mint) => undated({ token: mint(), expiresIn: -10 })],
]

test.each(ended)('F03 a backend whose tokens have ended %s is asked again on the ladder', async (_, answer) => {
  const scene = createScene({ seed: 1 })
  const { backend } = scene.browser
  backend.reply((_, mint) => answer(Math.floor(scene.browser.now / second), mint))
  const window = scene.open()
  const error: unknown = await scene.result(window.session.getToken()).catch((error: unknown) => error)
  expect(error).toMatchObject({ code: 'expired_on_arrival', retryable: true })
  await scene.advance(minute)
  expect(scene.calls.length).toBeGreaterThan(4)
  expect(scene.calls.length).toBeLessThanOrEqual(7)
  expectLadder(scene.gaps())
  expect(window.of('token')).toEqual([])
  expect(window.applied).toEqual([])
  expect(new Set(window.errors())).toEqual(new Set(['expired_on_arrival']))
  backend.mend()
  await scene.advance(minute)
  expect(window.status()).toBe('fresh')
})

test('F03 an ended token does not replace an older one that is still good', async () => {
  const scene = createScene({ seconds: 600, seed: 2 })
  const { backend } = scene.browser
  const window = scene.open()
  await scene.advance(second)
  const good = window.token()!
  backend.reply((_, mint) => ({ token: mint({ expiresIn: -10 }) }))
  await scene.nextCall(10)
  const begun = scene.browser.now
  while (scene.browser.now < Math.min(begun + minute, good.expiresAt! - 6 * second)) {
    const asked = window.ask()
    await scene.advance(500)
    expect(asked.value).toBe(good.value)
  }
  expect(scene.browser.now).toBe(begun + minute)
  expect(scene.calls.length - 1).toBeLessThanOrEqual(7)
  expectLadder(scene.gaps().slice(1))
  expect(window.applied.map(({ token }) => token)).toEqual([good])
  expect(window.token()).toBe(good)
})

test('F03 where nobody tells the server’s time an ended token looks like a fast clock: it serves until the provider refuses it', async () => {
  const scene = createScene({ seed: 3, without: ['G9'] })
  scene.browser.backend.reply((_, mint) =>
    undated({ token: mint({ issuedAt: Math.floor(scene.browser.now / second) - 3_610 }) }),
  )
  const window = scene.open()
  await scene.advance(minute)
  expect(scene.calls).toHaveLength(1)
  for (let refusal = 0; refusal < 10; refusal++) {
    const { value } = window.token() ?? {}
    if (value) window.session.invalidate(value)
    await scene.advance(10 * second)
  }
  expect(scene.calls).toHaveLength(3)
  expect(window.session.state).toMatchObject({ status: 'failed', error: { code: 'rejected' } })
})

const milliseconds: [how: string, answer: (now: number, mint: Mint) => TokenAnswer | Response][] = [
  ['', (now, mint) => ({ token: mint({ exp: now + hour }) })],
  [', where nobody tells the server’s time', (now, mint) => undated({ token: mint({ exp: now + hour }) })],
  [', without iat', (now, mint) => undated({ token: mint({ exp: now + hour, iat: undefined }) })],
  [', and iat in milliseconds too', (now, mint) => undated({ token: mint({ exp: now + hour, iat: now }) })],
  [', as the expiresAt of an opaque token', (now) => ({ token: `opaque-${now}`, expiresAt: now + hour })],
]

test.each(milliseconds)('F06 exp in milliseconds%s is read as what it means, and traced', async (_, answer) => {
  const scene = createScene({ seed: 4 })
  scene.browser.backend.reply((_, mint) => answer(scene.browser.now, mint))
  const window = scene.open()
  await scene.advance(minute)
  expect(scene.calls).toHaveLength(1)
  expect(window.errors()).toEqual([])
  expect(lifetimeOf(window)).toBeGreaterThanOrEqual(hour - 2 * second)
  expect(lifetimeOf(window)).toBeLessThanOrEqual(hour + second)
  expect(tokenTraces(window)).toMatchObject([{ odd: true }])
  await scene.advance(10 * hour)
  for (const gap of scene.gaps().slice(1)) {
    expect(gap).toBeGreaterThanOrEqual(0.8 * (hour - 2 * second))
    expect(gap).toBeLessThanOrEqual(0.83 * hour + 100)
  }
  expect(scene.calls.length).toBeGreaterThan(11)
})

test('F06 exp in seconds is nothing to be traced', async () => {
  const scene = createScene()
  const window = scene.open()
  await scene.advance(second)
  expect(tokenTraces(window)).toMatchObject([{ odd: false }])
})

const endless: [kind: string, answer: (count: number, mint: Mint) => unknown][] = [
  ['"abc.def"', (count) => (count > 1 ? `abc.def${count}` : 'abc.def')],
  ['"opaque"', (count) => (count > 1 ? `opaque${count}` : 'opaque')],
  ['"a.b.c"', (count) => (count > 1 ? `a.b.c${count}` : 'a.b.c')],
  ['a JWT without exp', (_, mint) => mint({ exp: undefined })],
]

test.each(endless)(
  'F07 %s is kept without a timer until it is refused: one call for 1 000 askers',
  async (_, answer) => {
    const scene = createScene()
    const { backend } = scene.browser
    backend.reply((_, mint) => ({ token: answer(backend.calls.length, mint) }))
    const window = scene.open()
    const asked = Array.from({ length: 1_000 }, () => window.ask())
    await scene.advance(second)
    const value = window.token()!.value
    expect(new Set(asked.map(({ value }) => value))).toEqual(new Set([value]))
    expect(window.token()!.expiresAt).toBeUndefined()
    expect(window.tab.leftovers.timers).toBe(0)
    await scene.advance(30 * day)
    expect(scene.calls).toHaveLength(1)

    window.session.invalidate(value)
    const next = await scene.result(window.session.getToken())
    expect(next).not.toBe(value)
    expect(scene.calls).toMatchObject([{ reason: 'initial' }, { reason: 'rejected' }])
    expect(window.errors()).toEqual([])
  },
)

test.each(endless)('F07 %s with expiresIn 300 is refreshed in the window of a token of 300 s', async (_, answer) => {
  const scene = createScene({ seed: 5 })
  const { backend } = scene.browser
  backend.reply((_, mint) => ({ token: answer(backend.calls.length, mint), expiresIn: 300 }))
  const window = scene.open()
  await scene.advance(hour)
  const [first, ...gaps] = scene.gaps()
  expect(first).toBeGreaterThanOrEqual(30 * second)
  expect(first).toBeLessThanOrEqual(249 * second)
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(240 * second)
  expect(Math.max(...gaps)).toBeLessThanOrEqual(249 * second)
  expect(window.of('expired')).toEqual([])
})

test.each(endless)('F07 %s lives as long as fallbackLifetime says', async (_, answer) => {
  const scene = createScene({ seed: 6, fallbackLifetime: 2 * minute })
  const { backend } = scene.browser
  backend.reply((_, mint) => ({ token: answer(backend.calls.length, mint) }))
  const window = scene.open()
  await scene.advance(hour)
  const [, ...gaps] = scene.gaps()
  expect(lifetimeOf(window)).toBe(2 * minute)
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(96 * second)
  expect(Math.max(...gaps)).toBeLessThanOrEqual(99.6 * second)
})

const wrong = ['"1700000000"', 'NaN', '-1', '1e308', 'null', '1700000000.5', '0', '1e999', '""', '"soon"', '[]', '{}']

test.each(wrong.flatMap((exp) => [[exp, 'with'] as const, [exp, 'without'] as const]))(
  'F08 a claim exp of %s, %s iat, arms no timer that is not finite, and leads to no loop',
  async (exp, iat) => {
    const scene = createScene({ seed: 7 })
    const { backend } = scene.browser
    backend.reply(() => {
      const issued = iat === 'with' ? `"iat":${Math.floor(scene.browser.now / second)},` : ''
      return undated({ token: rawJwt(`{"sub":"ann",${issued}"exp":${exp}}`, `call ${backend.calls.length}`) })
    })
    await expectSane(scene)
  },
)

test.each([...wrong.slice(0, 1), '1700000000', '1700000000.5', '-1', '1e308', '1e999', 'null', '0', '""', '{}'])(
  'F08 an answer’s expiresAt of %s arms no timer that is not finite, and leads to no loop',
  async (expiresAt) => {
    const scene = createScene({ seed: 8 })
    const { backend } = scene.browser
    backend.reply(
      () => new Response(`{"token":"opaque-token-${backend.calls.length}","expiresAt":${expiresAt},"expiresIn":null}`),
    )
    await expectSane(scene)
  },
)

test.each([NaN, Infinity, -Infinity, undefined])(
  'F08 %s as expiresAt and expiresIn of a source’s answer says nothing about the token’s end',
  async (value) => {
    let made = 0
    const answer = () => ({ token: `opaque-token-${++made}`, expiresAt: value!, expiresIn: value! })
    const scene = createScene({ seed: 9, source: answer })
    await expectSane(scene)
    expect(lifetimeOf(scene.windows[0]!)).toBe(Infinity)
  },
)

/** For ten minutes: finite delays, calls within the budget (G1), and no token for centuries. */
async function expectSane(scene: Scene): Promise<void> {
  const tab = scene.browser.tab()
  const armed = recordTimers(tab)
  const window = scene.open({ tab })
  await scene.advance(minute)
  expect(scene.calls.length).toBeLessThanOrEqual(7)
  await scene.advance(9 * minute)
  expect(scene.calls.length).toBeLessThanOrEqual(25)
  expect(armed.filter((delay) => !(Number.isFinite(delay) && delay >= 0))).toEqual([])
  for (const { expiresAt, receivedAt } of window.of('token'))
    expect((expiresAt ?? 0) - receivedAt).toBeLessThan(century)
  expect(['fresh', 'waiting']).toContain(window.status())
}

test('F08 exp as text is read as the number it is, and traced; a fraction of a second is a time like any other', async () => {
  for (const [exp, odd] of [
    [(end: number) => String(end), true],
    [(end: number) => end + 0.5, false],
  ] as const) {
    const scene = createScene({ now: 1_790_000_000_000 })
    scene.browser.backend.reply((_, mint) => undated({ token: mint({ exp: exp(1_790_000_600), iat: undefined }) }))
    const window = scene.open()
    await scene.advance(second)
    expect(window.token()!.expiresAt).toBe(1_790_000_600_000 + (odd ? 0 : 500))
    expect(tokenTraces(window)).toMatchObject([{ odd }])
    await scene.finish()
  }
})

test('F09 claims in any script, in base64url of any length, are decoded exactly', async () => {
  const remainders = new Set<number>()
  for (const padding of ['', 'x', 'xx', 'xxx']) {
    const scene = createScene()
    const exp = Math.floor(scene.browser.now / second) + 60
    const claims = { sub: 'ann', name: 'Žluťoučký 贾翼 😀', marks: '???>>>~~~ÿÿÿþþþ', padding, exp }
    const value = rawJwt(JSON.stringify(claims), '>>>???')
    const payload = value.split('.')[1]!
    remainders.add(payload.length % 4)
    expect(payload).toMatch(/-.*-/)
    expect(payload).toMatch(/_.*_/)
    scene.browser.backend.reply(() => undated({ token: value }))
    const window = scene.open()
    await scene.advance(second)
    expect(window.token()!.value).toBe(value)
    expect(window.token()!.claims).toEqual(claims)
    expect(window.token()!.expiresAt).toBe(exp * second)
    expect(claimsOf(value)).toEqual(claims)
    await scene.finish()
  }
  // A remainder of 1 is no base64.
  expect(remainders).toEqual(new Set([0, 2, 3]))
})
