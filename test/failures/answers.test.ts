import { type TokenAnswer, fromEndpoint } from 'inbox-session'
import { createTestToken } from 'inbox-session/testing'
import { expect, test } from 'vitest'
import { type OpenOptions, type Scene, createScene } from './scene.js'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

/** What a hotel says before it lets anybody through. */
const page = '<!doctype html><title>Hotel Bellevue</title><p>Room 4711, please log in'

/** What a page sees of a redirect it does not follow. */
const opaqueRedirect = (): Response =>
  Object.defineProperty(Response.error(), 'type', { value: 'opaqueredirect' }) as Response
const reply = (body: BodyInit | null, type = 'application/json', status = 200): Response =>
  new Response(body, { status, headers: { 'content-type': type } })

const wrong: [string, () => Response][] = [
  ['a page of HTML', () => reply(page, 'text/html; charset=utf-8')],
  ['a page of HTML that says it is JSON', () => reply(page)],
  ['a page of HTML that says nothing of itself', () => new Response(page)],
  ['an empty body', () => reply('')],
  ['no body at all', () => reply(null, 'application/json', 204)],
  ['{}', () => reply('{}')],
  ['an empty token', () => reply('{"token":"","room":"Bellevue"}')],
  ['a token of null', () => reply('{"token":null,"room":"Bellevue"}')],
  ['a redirect to a login page', opaqueRedirect],
  ['200 KB of text', () => reply('Bellevue'.repeat(25_000), 'text/plain')],
  ['200 KB of JSON', () => reply(JSON.stringify({ token: 'Bellevue'.repeat(25_000) }))],
]

const open = (options: OpenOptions = {}) => {
  const scene = createScene()
  return { scene, ...scene.open(options) }
}

/** Each failed call is further from the one before, as the ladder has it. */
const expectLadder = ({ calls }: Scene, from: number): void => {
  for (const [index, { at }] of calls.slice(from + 1).entries()) {
    const step = Math.min(minute, 2 ** index * second)
    const delay = at - calls[from + index]!.endedAt!
    expect(delay).toBeGreaterThanOrEqual(step / 2)
    expect(delay).toBeLessThanOrEqual(step + 10)
  }
}

test.each(wrong)(
  'F65 an endpoint that answers %s has failed: that is told in words of ours and tried again',
  async (_, answer) => {
    const { scene, ask, of, status } = open({ signIn: false })
    scene.browser.backend.reply(answer)
    scene.windows[0]!.session.signIn('ann')
    const asked = ask()
    await scene.advance(minute)
    expect(asked.error).toMatchObject({ code: 'invalid_answer', retryable: true })
    expect(status()).toBe('waiting')
    expect(scene.calls.length).toBeGreaterThanOrEqual(4)
    expect(scene.calls.length).toBeLessThanOrEqual(7)
    expectLadder(scene, 0)
    for (const { message, stack } of of('error'))
      expect(message + stack).not.toMatch(/hotel|bellevue|room|4711|doctype/i)
    scene.browser.backend.mend()
    await scene.advance(minute)
    expect(status()).toBe('fresh')
  },
)

test.each(wrong)('F65 a refresh that is answered with %s leaves the good token serving', async (_, answer) => {
  const { scene, session, errors, of } = open()
  const held = await scene.result(session.getToken())
  scene.browser.backend.reply(answer)
  await scene.advance(0.83 * hour)
  expect(await session.getToken()).toBe(held)
  expect(session.state).toMatchObject({ token: { generation: 1 } })
  expect(new Set(errors())).toEqual(new Set(['invalid_answer']))
  expect(of('token')).toHaveLength(1)
})

test('F66 an endpoint is asked past every cache, whatever the options say', async () => {
  const scene = createScene()
  const tab = scene.browser.tab()
  const asked: RequestCache[] = []
  const source = fromEndpoint('http://app.test/token?user=ann', {
    ...({ cache: 'force-cache' } as object),
    fetch(input, init) {
      asked.push(new Request(input, init).cache)
      return tab.fetch(input, init)
    },
  })
  const { session } = scene.open({ tab, source })
  await scene.result(session.getToken())
  await scene.advance(5 * second)
  await scene.result(session.refresh())
  expect(asked).toEqual(['no-store', 'no-store'])
})

test('F66 an answer issued before the token that is held does not take its place', async () => {
  const { scene, session, of, errors } = open()
  const { browser } = scene
  const held = await scene.result(session.getToken())
  const issuedAt = Math.floor(browser.now / second)
  // Somewhere on the way an answer of a minute ago was kept. It is good for long.
  browser.backend.reply((_, mint) => ({ token: mint({ issuedAt: issuedAt - 60, expiresIn: 7_200 }) }))
  await scene.advance(minute)
  const { length } = scene.calls
  await expect(scene.result(session.refresh())).rejects.toMatchObject({ code: 'stale_token', retryable: true })
  expect(await session.getToken()).toBe(held)
  await scene.advance(minute)
  expect(await session.getToken()).toBe(held)
  expect(of('token')).toHaveLength(1)
  expect(new Set(errors())).toEqual(new Set(['stale_token']))
  expectLadder(scene, length)
  browser.backend.mend()
  await scene.advance(minute)
  expect(await session.getToken()).toBe(browser.backend.tokens.at(-1))
})

const refuse = (): never => {
  throw new RangeError('nothing works today')
}
const misbehaving: [string, string, () => unknown][] = [
  ['throws at once', 'source_failed', refuse],
  ['rejects', 'source_failed', async () => refuse()],
  ['rejects with nothing', 'source_failed', () => Promise.reject(undefined as never)],
  ['answers a number', 'invalid_answer', () => 42],
  ['answers an object without a token', 'invalid_answer', () => ({ jwt: 'abc' })],
  ['answers a token that is no text', 'invalid_answer', () => ({ token: { value: 'abc' } })],
  ['answers undefined', 'invalid_answer', () => undefined],
  ['answers a promise of undefined', 'invalid_answer', async () => undefined],
  ['answers 200 KB of text', 'invalid_answer', () => 'x'.repeat(200_000)],
  ['answers one character too many', 'invalid_answer', () => 'x'.repeat(16_385)],
]

test.each(misbehaving)('F73 a source that %s has failed with %s, and is tried again', async (_, code, answer) => {
  const { scene, ask, status, errors } = open({ source: answer as () => TokenAnswer })
  const asked = ask()
  await scene.advance(100)
  expect(asked.error).toMatchObject({ name: 'SessionError', code, retryable: true })
  expect(status()).toBe('waiting')
  expect(errors()).toEqual([code])
  await scene.advance(second)
  expect(scene.calls).toHaveLength(2)
})

test.each(misbehaving)('F73 a source that %s at a refresh leaves the held token as it was', async (_, code, answer) => {
  let broken = false
  const scene = createScene()
  const { source } = scene.browser.tab()
  const { session, token, errors, of, applied } = scene.open({
    source: (request) => (broken ? (answer() as TokenAnswer) : source(request)),
  })
  const held = await scene.result(session.getToken())
  const same = token()
  broken = true
  await scene.advance(5 * second)
  await expect(scene.result(session.refresh())).rejects.toMatchObject({ code })
  expect(await session.getToken()).toBe(held)
  expect(token()).toBe(same)
  expect([of('token').length, of('expired').length, applied.length]).toEqual([1, 0, 1])
  expect(errors()).toEqual([code])
})

test('F73 a plain string, returned at once, is a valid answer, up to 16 384 characters', async () => {
  const raw = createTestToken({ sub: 'ann', issuedAt: 1_790_000_000 })
  for (const answer of [raw, 'opaque', 'x'.repeat(16_384)]) {
    const { scene, session } = open({ source: () => answer })
    expect(await scene.result(session.getToken())).toBe(answer)
  }
})
