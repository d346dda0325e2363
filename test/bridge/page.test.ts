import { describe, expect, it } from 'vitest'
import { failureOf, oneToken } from '../failures/scene.js'
import { createBridgeScene, createNative, openPage } from './support.js'

const second = 1_000
const minute = 60 * second

describe('a native side that does not answer', () => {
  it('is asked again by the session’s rules: 10 s each, then 1, 2, 4 … 60 s, half of it at random', async () => {
    const scene = createBridgeScene()
    const page = openPage(scene)
    await scene.advance(5 * minute)
    expect(new Set(page.errors())).toEqual(new Set(['timeout']))
    for (const [index, gap] of scene.gaps().entries()) {
      const longest = Math.min(60, 2 ** index) * second
      expect(gap - 10 * second).toBeGreaterThanOrEqual(longest / 2)
      expect(gap - 10 * second).toBeLessThanOrEqual(longest)
    }
    expect(page.native.asks.map(({ attempt }) => attempt)).toEqual(page.native.asks.map((_, index) => index + 1))
    expect(new Set(page.native.asks.map(({ id }) => id)).size).toBe(page.native.asks.length)
    page.native.answer({ token: 'late' })
    const before = page.native.asks.length
    while (page.native.asks.length === before) await scene.advance(second)
    page.native.answer({ token: 'good' })
    expect(await page.session.getToken()).toBe('good')
  })

  it('is waited for as long as `timeout` says, and no longer than the session’s own', async () => {
    for (const [bridge, session, limit] of [
      [2 * second, undefined, 2 * second],
      [undefined, 3 * second, 3 * second],
      [60 * second, undefined, 10 * second],
    ]) {
      const scene = createBridgeScene()
      const page = openPage(scene, { bridge: { timeout: bridge }, ...(session && { timeout: session }) })
      const asked = page.ask()
      await scene.advance(limit! - 1)
      expect(asked.ended).toBe(false)
      await scene.advance(1)
      expect(asked.error).toMatchObject({ code: 'timeout', retryable: true })
      await scene.finish()
    }
  })

  it('for the moment, by a denial with retryAfter, is not asked before', async () => {
    const scene = createBridgeScene()
    const page = openPage(scene)
    await scene.advance(0)
    page.native.deny({ retryAfter: 90 })
    await scene.advance(90 * second - 1)
    expect(page.native.asks).toHaveLength(1)
    expect(page.session.state).toMatchObject({
      status: 'waiting',
      error: { code: 'source_failed', retryAfter: 90_000 },
    })
    await scene.advance(22.5 * second + 1)
    const [gap] = scene.gaps()
    expect(gap).toBeGreaterThanOrEqual(90 * second)
    expect(page.native.asks[1]).toMatchObject({ reason: 'initial', attempt: 2 })
  })

  it('and never will, by a final denial, is not asked again until the app wants it', async () => {
    const scene = createBridgeScene()
    const page = openPage(scene)
    await scene.advance(0)
    page.native.deny({ final: true })
    expect(await failureOf(page.session.getToken())).toMatchObject({ code: 'unauthorized' })
    await scene.advance(60 * minute)
    expect(page.status()).toBe('failed')
    expect(page.native.asks).toHaveLength(1)
    page.session.signIn('ann')
    await scene.advance(0)
    expect(page.native.asks).toHaveLength(2)
  })

  it('because it cannot be reached fails the question at once', async () => {
    const scene = createBridgeScene()
    const native = createNative()
    native.broken = new Error('no handler')
    const page = openPage(scene, { native })
    const asked = page.ask()
    await scene.advance(0)
    expect(asked.error).toMatchObject({ code: 'source_failed', message: expect.stringMatching(/no handler/) })
    expect(page.status()).toBe('waiting')
  })
})

describe('a native side that comes late', () => {
  it('and greets is asked at once what is open, and knows who is there', async () => {
    const scene = createBridgeScene()
    const page = openPage(scene)
    await scene.advance(3 * second)
    page.native.posted.length = 0
    page.native.say({ type: 'hello' })
    expect(page.native.posted).toMatchObject([
      { type: 'hello', user: { id: 'ann' } },
      { type: 'ask', user: { id: 'ann' }, reason: 'initial', attempt: 1 },
    ])
    page.native.answer({ token: 'good' })
    expect(await page.session.getToken()).toBe('good')
    expect(scene.calls).toHaveLength(1)
  })

  it('is asked by the session’s rules where it could not be reached before, and its token is taken unasked', async () => {
    const scene = createBridgeScene()
    const native = createNative()
    native.broken = new Error('no handler')
    const page = openPage(scene, { native })
    await scene.advance(5 * second)
    native.broken = undefined
    native.say({ type: 'token', user: { id: 'ann' }, token: 'good' })
    expect(await page.session.getToken()).toBe('good')
    expect(page.status()).toBe('fresh')
  })

  it('and tried another version first is greeted once for that, and again when it greets', async () => {
    const scene = createBridgeScene()
    const page = openPage(scene)
    await scene.advance(2 * second)
    page.native.hand('{"inboxSession":2,"type":"hello"}')
    await scene.advance(2 * second)
    const { length } = page.native.posted
    page.native.hand('{"inboxSession":2,"type":"hello"}')
    expect(page.native.posted).toHaveLength(length)
    page.native.say({ type: 'hello' })
    expect(page.native.posted.slice(length).map(({ type }) => type)).toEqual(['hello', 'ask'])
  })

  it('is told the user, without the address of a mail', async () => {
    const scene = createBridgeScene()
    const page = openPage(scene, { user: { id: 'ann', tenant: 'acme', email: 'ann@example.com' } })
    await scene.advance(0)
    expect(page.native.posted).toEqual([
      { inboxSession: 1, type: 'hello', user: { id: 'ann', tenant: 'acme' } },
      {
        inboxSession: 1,
        type: 'ask',
        id: expect.any(String),
        user: { id: 'ann', tenant: 'acme' },
        reason: 'initial',
        attempt: 1,
      },
    ])
  })

  it.each([
    ['a greeting', [{ type: 'hello' }]],
    ['a token and a greeting', [{ type: 'token', user: { id: 'ann' }, token: 'good' }, { type: 'hello' }]],
  ])('and answers each greeting with %s keeps nobody busy: one a second is answered', async (_what, said) => {
    const scene = createBridgeScene()
    const native = createNative()
    const { post } = native
    let greetings = 0
    native.post = (message) => {
      void post(message)
      const greeted = (JSON.parse(message) as { type: string }).type === 'hello' && ++greetings < 1_000
      if (greeted) queueMicrotask(() => said.forEach((message) => native.say(message)))
    }
    openPage(scene, { native })
    await scene.advance(10 * second)
    expect(greetings).toBeLessThanOrEqual(12)
  })

  it('again, having died before it answered, is asked once more', async () => {
    const scene = createBridgeScene()
    const page = openPage(scene)
    for (let time = 1; time <= 3; time++) {
      await scene.advance(2 * second)
      page.native.say({ type: 'hello' })
      expect(page.native.asks).toHaveLength(time + 1)
    }
    expect(new Set(page.native.asks.map(({ id }) => id)).size).toBe(1)
  })
})

describe('a native side that speaks first', () => {
  it('makes no question necessary: none follows within the next lifetime, and the schedule is the new token’s', async () => {
    const scene = createBridgeScene()
    const page = openPage(scene, { refreshAt: [0.8, 0.8] })
    await scene.advance(0)
    page.native.answer({ token: 'first', expiresIn: 1_000 })
    for (let time = 0; time < 5; time++) {
      // Before the first refresh is due, which may be a tenth of the lifetime after the start.
      await scene.advance(90 * second)
      page.native.say({ type: 'token', user: { id: 'ann' }, token: `pushed-${time}`, expiresIn: 1_000 })
      expect(page.token()?.value).toBe(`pushed-${time}`)
    }
    const pushedAt = scene.browser.now
    expect(page.native.asks).toHaveLength(1)
    while (page.native.asks.length === 1) await scene.advance(second)
    expect((scene.browser.now - pushedAt) / second).toBeCloseTo(800, -1)
    expect(page.native.asks[1]!.reason).toBe('refresh')
    expect(page.applied.map(({ token }) => token?.value)).toEqual([
      'first',
      ...[0, 1, 2, 3, 4].map((n) => `pushed-${n}`),
    ])
  })

  it('while a question is open ends it: an answer that brings the same token, or none, is no failure', async () => {
    for (const late of ['same', 'denied', 'newer']) {
      const scene = createBridgeScene()
      const page = openPage(scene)
      await scene.advance(0)
      page.native.answer({ token: 'first', expiresIn: 1_000 })
      await scene.nextCall(second)
      const [, ask] = page.native.asks
      page.native.say({ type: 'token', user: { id: 'ann' }, token: 'pushed', expiresIn: 1_000 })
      if (late === 'denied') page.native.deny({}, ask)
      else page.native.answer({ token: late === 'same' ? 'pushed' : 'zz-newer', expiresIn: 1_000 }, ask)
      await scene.advance(second)
      expect([late, page.errors(), page.status()]).toEqual([late, [], 'fresh'])
      expect(page.token()!.value).toMatch(/pushed|newer/)
      await scene.advance(10 * second)
      expect(page.native.asks).toHaveLength(2)
      await scene.finish()
    }
  })

  it('signs out this page and its other tabs, and nothing is asked after that', async () => {
    const scene = createBridgeScene()
    const native = createNative()
    const pages = [openPage(scene, { native: createNative() }), openPage(scene, { native })]
    await scene.advance(second)
    pages.forEach((page) => page.native.asks.forEach((ask) => page.native.answer({ token: 'good' }, ask)))
    await scene.advance(second)
    oneToken(pages)
    native.say({ type: 'signed-out', user: { id: 'ann' } })
    await scene.advance(second)
    expect(pages.map(({ status }) => status())).toEqual(['signed-out', 'signed-out'])
    expect(pages.map(({ applied }) => applied.at(-1)!.token)).toEqual([undefined, undefined])
    const asks = pages.flatMap((page) => page.native.asks).length
    await scene.advance(60 * minute)
    expect(pages.flatMap((page) => page.native.asks)).toHaveLength(asks)
  })
})
