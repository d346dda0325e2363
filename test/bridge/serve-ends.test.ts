import { type Endpoint, serveBridge } from 'inbox-session/bridge'
import { describe, expect, it } from 'vitest'
import { type Wire, allowedOrigins, createBridgeScene, createWire, openBoth, settled } from './support.js'

const second = 1_000

describe('what serveBridge returns', () => {
  it('ends it: no question is answered, no token and no sign-out told', async () => {
    const { scene, host, outer, undo, inner } = await settled(openBoth())
    undo()
    expect(outer.listeners).toBe(0)
    const { length } = outer.posted
    inner.say({ type: 'hello' })
    await scene.advance(10 * second)
    await scene.result(host.session.refresh())
    void host.session.signOut()
    await scene.advance(second)
    expect(outer.posted).toHaveLength(length)
  })

  it('ends what is under way as well', async () => {
    const { scene, backend, outer, host, undo } = openBoth()
    backend.answer = (mint) =>
      new Promise((resolve) => void host.tab.schedule(host.tab.now() + second, () => resolve(mint())))
    await scene.advance(second / 2)
    undo()
    const { length } = outer.posted
    await scene.advance(second)
    expect(host.status()).toBe('fresh')
    expect(outer.posted).toHaveLength(length)
  })
})

describe('a frame that is gone', () => {
  it.each([
    ['throws', (wire: Wire): Endpoint => wire],
    ['rejects', (wire: Wire): Endpoint => ({ ...wire, post: async (message) => wire.post(message) })],
  ])('harms nothing: its post %s', async (_how, made) => {
    const scene = createBridgeScene()
    const tab = scene.browser.tab()
    const host = scene.open({ tab, source: () => ({ token: 'opaque-token-of-ann', expiresIn: 600 }) })
    const wire = createWire()
    wire.broken = new Error('gone')
    const undo = serveBridge(host.session, made(wire), { allowedOrigins, environment: tab })
    wire.say({ type: 'ask', id: '1', user: { id: 'ann' }, reason: 'initial', attempt: 1 })
    wire.say({ type: 'ask', id: '2', user: { id: 'bob' }, reason: 'initial', attempt: 1 })
    wire.hand('{"inboxSession":2}')
    await scene.advance(second)
    void host.session.signOut()
    await scene.advance(second)
    undo()
    expect(host.errors()).toEqual([])
  })
})

it.each([undefined, {}, { allowedOrigins: [] }, { allowedOrigins: ['*'] }, { allowedOrigins: ['null'] }])(
  'serves nobody without the origins that may have the tokens: %j',
  (options) => {
    const { session } = createBridgeScene().open({ signIn: false })
    const wire = createWire()
    expect(() => serveBridge(session, wire, options as never)).toThrow(TypeError)
    expect([wire.listeners, wire.posted]).toEqual([0, []])
  },
)
