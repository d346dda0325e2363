import { createSession, fromEndpoint } from 'inbox-session'
import { fromBridge, webviewEndpoint } from 'inbox-session/bridge'
import { expect, test } from 'vitest'
import { createBridgeScene, createNative, openPage } from '../bridge/support.js'
import { tokenFor } from '../support/tokens.js'
import { failureOf, watch } from './scene.js'

const second = 1_000
const minute = 60 * second
const ann = { id: 'ann' }

test('F88 a native side that never answers is a timeout, again and again within the budget, and is believed when it does', async () => {
  const scene = createBridgeScene()
  const page = openPage(scene)
  const asked = page.ask()
  await scene.advance(10 * minute)
  expect(asked.error).toMatchObject({ code: 'timeout', retryable: true })
  expect(new Set(page.errors())).toEqual(new Set(['timeout']))
  expect(page.native.asks.length).toBeGreaterThan(5)
  expect(page.native.asks.length).toBeLessThanOrEqual(30)
  await scene.nextCall()
  const token = tokenFor('ann', scene.browser.now)
  page.native.answer({ token })
  expect(await page.session.getToken()).toBe(token)
})

test('F88 answers that come twice, late, or to what nobody asked change nothing', async () => {
  const scene = createBridgeScene()
  const page = openPage(scene)
  const tokens = Array.from({ length: 5 }, () => tokenFor('ann', scene.browser.now))
  await scene.advance(10 * second)
  const [late] = page.native.asks
  await scene.nextCall()
  page.native.answer({ token: tokens[0] }, late)
  page.native.answer({ token: tokens[1] }, { ...late!, id: 'nobody’s' })
  page.native.deny({ final: true }, late)
  expect([page.status(), page.token()]).toEqual(['fetching', undefined])
  page.native.answer({ token: tokens[2] })
  page.native.answer({ token: tokens[3] })
  page.native.deny({ final: true })
  await scene.advance(second)
  expect(page.session.state).toMatchObject({ status: 'fresh', token: { value: tokens[2] } })
  expect(page.of('token')).toHaveLength(1)
  void page.session.signOut()
  page.native.answer({ token: tokens[4] })
  await scene.advance(second)
  expect(page.session.state).toEqual({ status: 'signed-out' })
})

test('F88 an answer for another user or tenant is refused, stored nowhere, and nothing is asked until the app acts (F76)', async () => {
  for (const [user, sub] of [
    [{ id: 'bob' }, 'bob'],
    [{ id: 'ann', tenant: 'acme' }, 'ann'],
    [ann, 'bob'],
  ] as const) {
    const scene = createBridgeScene({ keep: true })
    const page = openPage(scene)
    await scene.advance(0)
    page.native.answer({ token: tokenFor(sub, scene.browser.now), user })
    expect(await failureOf(page.session.getToken())).toMatchObject({ code: 'subject_mismatch', retryable: false })
    await scene.advance(10 * minute)
    expect([page.status(), page.token(), page.applied]).toEqual(['failed', undefined, []])
    expect(page.native.asks).toHaveLength(1)
    expect(scene.browser.storage.items.size).toBe(0)
    await scene.finish()
  }
})

test('F88 without a bridge webviewEndpoint throws, and the other source serves', async () => {
  const scene = createBridgeScene()
  const tab = scene.browser.tab()
  expect(() => webviewEndpoint()).toThrow(TypeError)
  let source = fromEndpoint('/token?user=ann', { fetch: tab.fetch })
  try {
    source = fromBridge(webviewEndpoint())
  } catch {
    // Not in a webview: the backend is asked.
  }
  const session = createSession({ source, environment: tab })
  session.signIn('ann')
  const asked = watch(session.getToken())
  await scene.advance(second)
  expect(asked.value).toBe(scene.browser.backend.tokens[0])
  await session.close()
})

test('F88 what comes from a wrong origin or frame is ignored: no token, no denial, no sign-out', async () => {
  const scene = createBridgeScene()
  const page = openPage(scene, { bridge: { allowedOrigins: ['https://app.example'] } })
  await scene.advance(0)
  const { id, user } = page.native.asks[0]!
  const told = page.native.posted.length
  for (const origin of ['https://evil.example', 'null', 'https://app.example.evil', 'http://app.example'])
    for (const message of [
      { type: 'token', id, user, token: tokenFor('ann', scene.browser.now) },
      { type: 'token', user, token: tokenFor('ann', scene.browser.now) },
      { type: 'denied', id, final: true },
      { type: 'signed-out', user },
      { type: 'hello' },
    ])
      page.native.say(message, origin)
  await scene.advance(second)
  expect(page.session.state).toEqual({ status: 'fetching', user })
  expect(page.native.posted).toHaveLength(told)
})

test('F88 a native side that greets at every greeting, and says every version, gets one greeting a second at most', async () => {
  const scene = createBridgeScene()
  const native = createNative()
  const { post } = native
  native.post = (message) => {
    void post(message)
    if (native.posted.length < 1_000) native.hand(`{"inboxSession":${1 + (native.posted.length % 2)},"type":"hello"}`)
  }
  const page = openPage(scene, { native })
  await scene.advance(10 * second)
  const greetings = page.native.posted.filter(({ type }) => type === 'hello')
  expect(greetings.length).toBeLessThanOrEqual(13)
})
