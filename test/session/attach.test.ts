import { describe, expect, it } from 'vitest'
import { journaling } from '../support/journal.js'
import { createScene, failureOf } from '../support/scene.js'

const hour = 3_600_000

const start = async (options?: Parameters<typeof createScene>[0]) => {
  const scene = createScene(options)
  scene.session.signIn('ann')
  await scene.session.getToken()
  return { ...scene, renew: () => Promise.all([scene.session.refresh(), scene.world.advance(1_000)]) }
}

describe('an adapter', () => {
  it('is attached once there is a token, updated with each newer one, and detached with the last', async () => {
    const { session, world } = createScene()
    const { adapter, journal } = journaling()
    session.attach(adapter)
    await world.flush()
    expect(journal).toEqual([])
    session.signIn('ann')
    await world.flush()
    await world.advance(0.83 * hour)
    await session.signOut()
    expect(journal).toEqual(['attach ann 1', 'update handle 1 of ann 2', 'detach handle 1 of ann 2 by sign-out'])
  })

  it('attached late gets the current token exactly once (F100)', async () => {
    const { session, world } = await start()
    const { adapter, journal, contexts } = journaling()
    session.attach(adapter)
    await world.advance(60_000)
    expect(journal).toEqual(['attach ann 1'])
    expect(contexts[0]!.token.value).toBe(await session.getToken())
  })

  it.each([undefined, 600_000])('is not given an equal token again (F100, fallbackLifetime %s)', async (fallback) => {
    const { backend, session, world } = createScene({ ...(fallback && { fallbackLifetime: fallback }) })
    backend.answer = () => 'static-hash'
    session.signIn('ann')
    const { adapter, journal } = journaling()
    session.attach(adapter)
    await world.flush()
    await Promise.all([session.refresh(), world.advance(2_000)])
    expect(journal).toEqual(['attach ann 1'])
  })

  it('is taken off by what attach returned, alone; twice is once', async () => {
    const { session, world, renew } = await start()
    const [one, other] = [journaling(), journaling()]
    const off = session.attach(one.adapter)
    session.attach(other.adapter)
    await world.flush()
    await Promise.all([off(), off()])
    await renew()
    expect(one.journal).toEqual(['attach ann 1', 'detach handle 1 of ann 1 by detach'])
    expect(other.journal).toEqual(['attach ann 1', 'update handle 1 of ann 2'])
  })

  it('mounted, unmounted and mounted again in one tick is attached once in the end, with one call (F89)', async () => {
    const { backend, session, world } = createScene()
    const { adapter, journal } = journaling()
    session.signIn('ann')
    const off = session.attach(adapter)
    void off()
    session.attach(adapter)
    await world.advance(1_000)
    expect(journal).toEqual(['attach ann 1'])
    expect(backend.calls).toHaveLength(1)
    expect(world.listeners).toBe(1)
  })

  it('without update is left alone by a refresh, and asks for itself', async () => {
    const { session, world, renew } = await start()
    const { adapter, journal, contexts } = journaling({ update: undefined } as never)
    delete adapter.update
    session.attach(adapter)
    await world.flush()
    await renew()
    await session.signOut()
    expect(journal).toEqual(['attach ann 1', 'detach handle 1 of ann 2 by sign-out'])
    expect((await failureOf(contexts[0]!.getToken())).code).toMatch(/signed_out|user_changed/)
  })

  it('that answers a new handle from update is detached with that one', async () => {
    const { session, world, renew } = await start()
    const { adapter, journal } = journaling({ update: () => 'the second' })
    session.attach(adapter)
    await world.flush()
    await renew()
    await session.close()
    expect(journal.at(-1)).toBe('detach the second of ann 2 by detach')
  })

  it('lets go of the old user, with the old token and its signal aborted, before it is attached for the next', async () => {
    const { backend, session, world } = await start()
    const aborted: boolean[] = []
    const { adapter, journal, contexts } = journaling()
    const { detach } = adapter
    adapter.detach = async (...given) => {
      aborted.push(contexts[0]!.signal.aborted)
      await world.flush()
      return detach!(...given)
    }
    session.attach(adapter)
    await world.flush()
    expect(contexts[0]!.signal.aborted).toBe(false)
    const answer = backend.hold()
    session.signIn('bob')
    for (let turn = 0; turn < 3; turn++) await world.flush()
    expect(journal).toEqual(['attach ann 1', 'detach handle 1 of ann 1 by switch'])
    expect(aborted).toEqual([true])
    await answer.resolve()
    expect(journal.at(-1)).toBe('attach bob 2')
    expect((await failureOf(contexts[0]!.getToken())).code).toBe('user_changed')
    expect((await contexts[1]!.getToken()).user.id).toBe('bob')
  })

  it('that was still attaching for the old user never acts for the next', async () => {
    const { session, world } = await start()
    let go = () => {}
    const { adapter, journal, contexts } = journaling()
    const { attach } = adapter
    adapter.attach = async (context) => {
      if (context.token.user.id === 'ann') await new Promise<void>((resolve) => (go = resolve))
      return attach(context)
    }
    session.attach(adapter)
    await world.flush()
    session.signIn('bob')
    await world.flush()
    expect(contexts).toEqual([])
    go()
    for (let turn = 0; turn < 4; turn++) await world.flush()
    expect(journal).toEqual(['attach ann 1', 'detach handle 1 of ann 1 by switch', 'attach bob 2'])
  })

  it('gets the Token and everything that came with it', async () => {
    const { backend, session, world } = createScene()
    backend.answer = () => ({ token: 'opaque', extra: { apiKey: 'k' } })
    const { adapter, contexts } = journaling()
    session.attach(adapter)
    session.signIn({ id: 'ann', email: 'ann@example.org' })
    await world.flush()
    expect(contexts[0]!.token.user).toEqual({ id: 'ann', email: 'ann@example.org' })
    expect(contexts[0]!.token.extra).toEqual({ apiKey: 'k' })
    expect((await contexts[0]!.getToken()).value).toBe('opaque')
  })
})
