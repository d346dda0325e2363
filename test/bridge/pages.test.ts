import { createSession, fromEndpoint } from 'inbox-session'
import { fromBridge, webviewEndpoint } from 'inbox-session/bridge'
import { describe, expect, it } from 'vitest'
import { oneToken, watch } from '../failures/scene.js'
import { tokenFor } from '../support/tokens.js'
import { createBridgeScene, createNative, openPage } from './support.js'

const second = 1_000

describe('a page that is loaded anew while the native side is slow', () => {
  it('does not take the answer to the page before, but its own', async () => {
    const scene = createBridgeScene()
    const native = createNative()
    const old = openPage(scene, { native })
    await scene.advance(second)
    const [first] = native.asks
    old.tab.close()
    const page = openPage(scene, { native })
    await scene.advance(second)
    const [, next] = native.asks
    expect(next!.id).not.toBe(first!.id)
    native.answer({ token: 'of-the-page-before' }, first)
    await scene.advance(0)
    expect(page.token()).toBeUndefined()
    native.answer({ token: 'its-own' }, next)
    expect(await page.session.getToken()).toBe('its-own')
  })
})

describe('several pages', () => {
  it('two tabs of one webview make one request, and both have its token', async () => {
    const scene = createBridgeScene()
    const pages = [openPage(scene), openPage(scene), openPage(scene)]
    await scene.advance(second)
    const asking = pages.filter(({ native }) => native.asks.length)
    expect(asking).toHaveLength(1)
    asking[0]!.native.answer({ token: tokenFor('ann', scene.browser.now) })
    await scene.advance(second)
    oneToken(pages)
    expect(scene.calls).toHaveLength(1)
  })

  it('two webviews ask each for themselves, and neither takes the other’s answer', async () => {
    const [one, other] = [createBridgeScene(), createBridgeScene()]
    const native = createNative()
    const [first, second] = [openPage(one, { native }), openPage(other, { native, user: 'bob' })]
    await one.advance(0)
    await other.advance(0)
    const [ann, bob] = native.asks
    expect([ann!.user.id, bob!.user.id]).toEqual(['ann', 'bob'])
    // Whoever plays the native side says everything to both.
    native.answer({ token: 'for-bob' }, bob)
    native.answer({ token: 'for-ann' }, ann)
    expect(await first.session.getToken()).toBe('for-ann')
    expect(await second.session.getToken()).toBe('for-bob')
    native.say({ type: 'signed-out', user: { id: 'bob' } })
    expect([first.status(), second.status()]).toEqual(['fresh', 'signed-out'])
  })
})

describe('no bridge', () => {
  it('is a TypeError that says what was looked for', () => {
    expect(() => fromBridge()).toThrow(TypeError)
    expect(() => fromBridge()).toThrow(/inboxSession/)
    expect(() => webviewEndpoint({ channel: 'tokens' })).toThrow(/tokens/)
  })

  it('leaves the choice of another source', async () => {
    const scene = createBridgeScene()
    const tab = scene.browser.tab()
    const bridgeOr = (fallback: ReturnType<typeof fromEndpoint>) => {
      try {
        return fromBridge()
      } catch {
        return fallback
      }
    }
    const session = createSession({
      source: bridgeOr(fromEndpoint('/token?user=ann', { fetch: tab.fetch })),
      environment: tab,
    })
    session.signIn('ann')
    const asked = watch(session.getToken())
    await scene.advance(second)
    expect(asked.value).toBe(scene.browser.backend.tokens[0])
    await session.close()
  })

  it('throws for origins that are none, whoever is the endpoint', () => {
    for (const origin of ['*', 'null', '', 'app.example', 'https://', 'https://*.app.example', 'https://app.example/'])
      expect(() => fromBridge(createNative(), { allowedOrigins: [origin] }), origin).toThrow(TypeError)
  })
})
