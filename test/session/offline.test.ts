import { memoryStorage } from 'inbox-session'
import { describe, expect, it } from 'vitest'
import { createScene, failureOf, watch } from '../support/scene.js'
import { createWorld } from '../support/world.js'

const minute = 60_000
const hour = 60 * minute

const offlineWorld = () => {
  const world = createWorld()
  world.environment.online = false
  return world
}

describe('offline', () => {
  it('at the start there is an error, and no retry is planned; online there is one call within 2 s (F54)', async () => {
    const { backend, session, world } = createScene({ world: offlineWorld() })
    session.signIn('ann')
    expect((await failureOf(session.getToken())).code).toBe('offline')
    expect(session.state).toMatchObject({ status: 'waiting', retryAt: Infinity, error: { code: 'offline' } })
    await world.advance(20_000)
    expect(backend.calls).toEqual([])
    await world.setOnline(true)
    await world.advance(2_000)
    expect(backend.calls).toHaveLength(1)
    expect(session.state.status).toBe('fresh')
  })

  it('at the start a stored token that is good is used, without a call (F54)', async () => {
    const storage = memoryStorage()
    const before = createScene({ storage })
    before.session.signIn('ann')
    const kept = await before.session.getToken()
    await before.session.close()
    const world = offlineWorld()
    await world.advance(50 * minute)
    const { backend, session } = createScene({ storage, world })
    session.signIn('ann')
    expect(await session.getToken()).toBe(kept)
    expect(session.state.status).toBe('fresh')
    expect(backend.calls).toEqual([])
  })

  it('a due refresh waits, without a spin, and the good token serves to its end', async () => {
    const world = createWorld()
    const { schedule } = world.environment
    let armed = 0
    world.environment.schedule = (at, run) => {
      armed++
      return schedule(at, run)
    }
    const { backend, session, errors } = createScene({ world })
    session.signIn('ann')
    const first = await session.getToken()
    await world.setOnline(false)
    const before = armed
    await world.advance(hour - 6_000)
    expect(await session.getToken()).toBe(first)
    expect(errors()).toEqual([])
    await world.advance(hour)
    expect(backend.calls).toHaveLength(1)
    expect(armed - before).toBeLessThan(10)
    expect(session.state).toMatchObject({ status: 'waiting', retryAt: Infinity, error: { code: 'offline' } })
    expect(errors()).toEqual(['offline'])
  })

  it('a due refresh comes as soon as the network is back, once', async () => {
    const { backend, session, world } = createScene()
    session.signIn('ann')
    await session.getToken()
    await world.setOnline(false)
    await world.advance(0.9 * hour)
    expect(backend.calls).toHaveLength(1)
    await world.setOnline(true)
    await world.advance(2_000)
    expect(backend.calls).toHaveLength(2)
    expect(session.state.status).toBe('fresh')
  })

  it('a retry comes as soon as the network is back (F79)', async () => {
    const { backend, session, world } = createScene({ random: () => 0.999 })
    backend.fail()
    session.signIn('ann')
    await world.advance(2 * minute)
    await world.setOnline(false)
    const { length } = backend.calls
    await world.advance(10 * minute)
    expect(backend.calls).toHaveLength(length)
    expect(session.state).toMatchObject({ status: 'waiting', retryAt: Infinity })
    backend.mend()
    await world.setOnline(true)
    await world.advance(2_000)
    expect(session.state.status).toBe('fresh')
  })

  it('signs nobody out, however long', async () => {
    const { session, world, of } = createScene()
    session.signIn('ann')
    await session.getToken()
    await world.setOnline(false)
    for (let flip = 0; flip < 20; flip++) {
      await world.sleep(8 * hour)
      await world.wake()
    }
    expect(session.state).toMatchObject({ status: 'waiting', user: { id: 'ann' } })
    expect(of('signed-out')).toEqual([])
    expect(of('error')).toHaveLength(1)
  })

  it('that is not true costs somebody who asks 30 s at most (F55)', async () => {
    const { backend, session, world } = createScene({ world: offlineWorld() })
    session.signIn('ann')
    for (let second = 0; second < 30; second++) {
      watch(session.getToken())
      await world.advance(1_000)
    }
    expect(backend.calls).toHaveLength(1)
    expect(await session.getToken()).toBe(backend.minted[0])
  })

  it('that was shown not to be true is not believed any more: the refreshes go on (F55)', async () => {
    const { backend, session, world, of } = createScene({ world: offlineWorld() })
    session.signIn('ann')
    void failureOf(session.getToken())
    await world.advance(30_000)
    await world.advance(5 * hour)
    expect(backend.calls.length).toBeGreaterThanOrEqual(6)
    expect(of('expired')).toEqual([])
  })

  it('that is true and asked about all the time stays within the budget (G1)', async () => {
    const { backend, session, world } = createScene({ world: offlineWorld() })
    backend.fail(new TypeError('Failed to fetch'))
    session.signIn('ann')
    for (let second = 0; second < 600; second++) {
      watch(session.getToken())
      await world.advance(1_000)
    }
    expect(backend.calls.length).toBeGreaterThanOrEqual(1)
    expect(backend.calls.length).toBeLessThanOrEqual(25)
  })

  it('after a failure whoever takes the good token asks for no look whether that is true', async () => {
    const { backend, session, world } = createScene({ retry: { minDelay: 60_000 } })
    session.signIn('ann')
    const first = await session.getToken()
    backend.fail()
    world.jump(50 * minute)
    await world.advance(0)
    expect(session.state).toMatchObject({ status: 'waiting', token: { generation: 1 } })
    const before = backend.calls.length
    await world.setOnline(false)
    for (let time = 0; time < 8; time++) {
      expect(await session.getToken()).toBe(first)
      await world.advance(30_000)
    }
    expect(backend.calls).toHaveLength(before)
  })

  it('a storage that hangs keeps nobody from the token that came by another way', async () => {
    let push = (_: string) => {}
    const storage = { ...memoryStorage(), getItem: () => new Promise<never>(() => {}) }
    const { session, world } = createScene({
      ...{ storage, world: offlineWorld() },
      subscribe: (run) => ((push = run), () => {}),
    })
    session.signIn('ann')
    push('pushed')
    const asked = watch(session.getToken({ minValidity: 1 }))
    await world.flush()
    expect(asked.value).toBe('pushed')
  })
})
