import { createSession } from 'inbox-session'
import { type Endpoint, fromBridge, serveBridge } from 'inbox-session/bridge'
import { createTestBrowser } from 'inbox-session/testing'
import { expect, it } from 'vitest'
import { watch } from '../failures/scene.js'
import { createBridgeScene, createNative, createPair, openPage } from './support.js'

const nothingOpen = { timers: 0, listeners: 0, channels: 0, locks: 0 }

it('nobody listens to the native side before a sign-in, and one listener is enough after it', async () => {
  const scene = createBridgeScene()
  const page = openPage(scene, { signIn: false })
  await scene.advance(1_000)
  expect([page.native.listeners, page.native.posted]).toEqual([0, []])
  page.session.signIn('ann')
  await scene.advance(0)
  expect(page.native.listeners).toBe(1)
  page.native.answer({ token: 'good' })
  await scene.advance(0)
  expect(page.native.listeners).toBe(1)
})

it.each(['signOut', 'close'] as const)('nobody listens after %s(), whether a question is open or not', async (end) => {
  for (const answered of [true, false]) {
    const scene = createBridgeScene()
    const page = openPage(scene)
    await scene.advance(0)
    if (answered) page.native.answer({ token: 'good' })
    const ended = page.session[end]()
    await scene.advance(0)
    expect(page.native.listeners).toBe(0)
    await ended
    expect(page.tab.leftovers).toMatchObject({ timers: 0, channels: 0, locks: 0 })
    await scene.finish()
  }
})

it('a question without a session hears its answer, and nobody listens after it', async () => {
  const native = createNative()
  const source = fromBridge(native)
  const { signal } = new AbortController()
  const answer = source({ user: { id: 'ann' }, reason: 'initial', attempt: 1, signal })
  expect(native.listeners).toBe(1)
  native.answer({ token: 'good' })
  expect(await answer).toMatchObject({ token: 'good' })
  expect(native.listeners).toBe(0)
})

it('nobody listens after a question was given up', async () => {
  const native = createNative()
  const source = fromBridge(native)
  const controller = new AbortController()
  const answer = source({ user: { id: 'ann' }, reason: 'initial', attempt: 1, signal: controller.signal })
  controller.abort(new Error('enough'))
  await expect(answer).rejects.toThrow('enough')
  expect(native.listeners).toBe(0)
})

it('who listened twice and stops both, one of them twice, has stopped; what others listen for goes on', () => {
  const native = createNative()
  const source = fromBridge(native)
  const heard: unknown[] = []
  const stops = [1, 2].map(() => source.subscribe!((answer) => heard.push(answer), { id: 'ann' }))
  stops[0]!()
  stops[0]!()
  expect(native.listeners).toBe(1)
  native.say({ type: 'token', user: { id: 'ann' }, token: 'good' })
  expect(heard).toHaveLength(1)
  stops[1]!()
  expect(native.listeners).toBe(0)
})

it('an endpoint that cannot be listened to fails the question, and is tried again with the next', async () => {
  const native = createNative()
  const refusing: Endpoint = {
    ...native,
    post: native.post,
    listen(run) {
      if (native.broken) throw native.broken
      return native.listen(run)
    },
  }
  native.broken = new Error('not yet')
  const scene = createBridgeScene()
  const tab = scene.browser.tab()
  const page = scene.open({ tab, source: fromBridge(refusing, { environment: tab }) })
  await scene.advance(0)
  expect(page.errors()).toContain('source_failed')
  native.broken = undefined
  while (!native.asks.length) await scene.advance(100)
  native.answer({ token: 'good' })
  expect(await page.session.getToken()).toBe('good')
})

it('a thousand sessions over both halves leave no listener, timer, channel or lock (F91)', async () => {
  const browser = createTestBrowser()
  // Of two origins: another name shares nothing.
  const [outside, inside] = [browser.tab(), browser.tab()]
  const { outer, inner } = createPair()
  const host = createSession({ source: () => ({ token: 'opaque', expiresIn: 3_600 }), environment: outside })
  host.signIn('ann')
  await browser.advance(0)
  const source = fromBridge(inner, { environment: inside })
  const allowedOrigins = ['https://inbox.example']
  for (let time = 0; time < 1_000; time++) {
    const undo = serveBridge(host, outer, { allowedOrigins, environment: outside })
    const session = createSession({ name: 'inside', source, environment: inside })
    session.signIn('ann')
    const asked = watch(session.getToken())
    await browser.advance(0)
    expect(asked.value).toBe('opaque')
    if (time % 2) await session.signOut()
    await session.close()
    undo()
    undo()
  }
  expect([inner.listeners, outer.listeners]).toEqual([0, 0])
  expect(inside.leftovers).toEqual(nothingOpen)
  await host.close()
  await browser.advance(1_000)
  expect(outside.leftovers).toEqual(nothingOpen)
}, 30_000)
