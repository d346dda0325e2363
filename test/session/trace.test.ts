import type { AdapterSignal, Tabs } from 'inbox-session'
import { describe, expect, it } from 'vitest'
import { journaling } from '../support/journal.js'
import { createScene } from '../support/scene.js'
import { createWorld, start } from '../support/world.js'

const signedIn = async (options?: Parameters<typeof createScene>[0]) => {
  const scene = createScene(options)
  const { adapter, contexts } = journaling()
  scene.session.attach(adapter)
  scene.session.signIn('ann')
  await scene.session.getToken()
  await scene.world.flush()
  const entries = (type: string) => scene.of('trace').filter((entry) => entry.type === type)
  return { ...scene, contexts, entries }
}

describe('the trace tells', () => {
  it('each call of the source: why, and the how many-th it is', async () => {
    const { backend, session, world, entries } = await signedIn()
    backend.fail()
    world.jump(60_000)
    await session.refresh().catch(() => {})
    await world.advance(1_000)
    expect(entries('fetch')).toEqual([
      { at: start, type: 'fetch', reason: 'initial', attempt: 1 },
      { at: start + 60_000, type: 'fetch', reason: 'forced', attempt: 1 },
      { at: start + 60_750, type: 'fetch', reason: 'forced', attempt: 2 },
    ])
  })

  it('each call of an adapter, and whether it went well', async () => {
    const { session, entries } = await signedIn()
    session.attach({ name: 'broken', attach: () => Promise.reject(new Error('no')) })
    await session.signOut()
    expect(entries('adapter')).toEqual([
      { at: start, type: 'adapter', adapter: 'sdk', call: 'attach', ok: true },
      { at: start, type: 'adapter', adapter: 'broken', call: 'attach', ok: expect.any(Boolean) },
      { at: start, type: 'adapter', adapter: 'sdk', call: 'detach', ok: true },
    ])
  })

  it('that an adapter failed', async () => {
    const { session, world, entries } = await signedIn()
    session.attach({ name: 'broken', attach: () => Promise.reject(new Error('no')) })
    await world.advance(0)
    expect(entries('adapter').at(-1)).toMatchObject({ adapter: 'broken', call: 'attach', ok: false })
  })

  it('what an SDK says, and nothing of what it says in words we do not know', async () => {
    const { session, world, contexts, entries } = await signedIn()
    const report = (kind: string) => contexts[0]!.report({ kind } as AdapterSignal)
    for (const kind of ['', 'bogus', 'un-expired', 'rejected!', 'session-lost again', 'accept']) report(kind)
    expect(entries('signal')).toEqual([])
    report('accepted')
    expect(entries('signal')).toEqual([{ at: start, type: 'signal', adapter: 'sdk', kind: 'accepted' }])
    await world.flush()
    expect(session.state).toMatchObject({ status: 'fresh', token: { generation: 1 } })
  })

  it('what a browser lacks for its tabs', async () => {
    const world = createWorld()
    const tabs = (_: string, lacks?: (what: string) => void): Tabs => {
      queueMicrotask(() => lacks?.('locks'))
      return { exclusive: (run) => run(), post() {}, onMessage: () => () => {}, close() {} }
    }
    Object.assign(world.environment, { tabs })
    const { entries } = await signedIn({ world })
    expect(entries('lacks')).toEqual([{ at: start, type: 'lacks', what: 'locks' }])
  })
})
