import { describe, expect, it } from 'vitest'
import { createScene } from '../support/scene.js'
import { seeded } from '../support/world.js'

const minute = 60_000
const hour = 60 * minute
// The backend's clock has whole seconds: a token may live almost one less than the hour.
const lifetime = hour - 1_000

describe('a refresh', () => {
  it('comes between 0.8 and 0.83 of the lifetime, lifetime after lifetime, whatever the draw', async () => {
    const scene = createScene({ random: seeded(1) })
    scene.session.signIn('ann')
    await scene.world.advance(100 * hour)
    const gaps = scene.gaps().slice(1)
    expect(gaps.length).toBeGreaterThan(115)
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0.8 * lifetime)
    expect(Math.max(...gaps)).toBeLessThanOrEqual(0.83 * hour)
    expect(new Set(gaps).size).toBeGreaterThan(100)
    expect(scene.backend.calls.slice(1).every(({ reason }) => reason === 'refresh')).toBe(true)
  })

  it('of 10 s tokens goes on every 8 s for as long as you like', async () => {
    const scene = createScene({ seconds: 10, random: seeded(4) })
    scene.session.signIn('ann')
    await scene.world.advance(2 * hour)
    expect(Math.min(...scene.gaps().slice(1))).toBeGreaterThanOrEqual(7_200)
    expect(Math.max(...scene.gaps())).toBeLessThanOrEqual(8_300)
    expect(scene.of('expired')).toEqual([])
  })

  it('that is under way hands out the token that is still good', async () => {
    const { backend, session, world } = createScene()
    session.signIn('ann')
    const old = await session.getToken()
    await world.advance(0.1 * lifetime - 1)
    const answer = backend.hold()
    while (session.state.status === 'fresh') await world.advance(1_000)
    expect(session.state.status).toBe('fetching')
    expect(await session.getToken()).toBe(old)
    await answer.resolve()
    expect(session.state.status).toBe('fresh')
    expect(await session.getToken()).not.toBe(old)
  })

  it('is begun by whoever asks for a due token when the timer is late, and does not keep them waiting', async () => {
    const { backend, session, world } = createScene()
    session.signIn('ann')
    const old = await session.getToken()
    world.jump(0.85 * hour)
    expect(await session.getToken()).toBe(old)
    expect(backend.calls).toHaveLength(2)
    await world.flush()
    expect(await session.getToken()).not.toBe(old)
  })
})

describe('a page that wakes', () => {
  it('a hundred times with a fresh token does nothing at all (F94)', async () => {
    const { backend, session, world, happened } = createScene()
    const { getToken } = session
    session.signIn('ann')
    const value = await session.getToken()
    const [{ length }, state] = [happened, session.state]
    for (let flip = 0; flip < 100; flip++) await world.setVisible(flip % 2 > 0)
    expect(happened).toHaveLength(length)
    expect(session.state).toBe(state)
    expect(backend.calls).toHaveLength(1)
    await Promise.all([session.refresh(), world.advance(1_000)])
    expect(session.getToken).toBe(getToken)
    expect(await getToken()).not.toBe(value)
  })
})
