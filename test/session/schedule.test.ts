import { describe, expect, it } from 'vitest'
import { createScene } from '../support/scene.js'
import { jwt } from '../support/tokens.js'
import { createWorld, seeded, start } from '../support/world.js'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour
// The backend's clock has whole seconds: a token may live almost one less than the hour.
const lifetime = hour - 1_000

/** Asks every `step` for `span` and counts the times there was no good token. */
const follow = async (scene: ReturnType<typeof createScene>, span: number, step: number) => {
  let without = 0
  for (let passed = 0; passed < span; passed += step) {
    await scene.world.advance(step)
    const token = scene.token()
    if (!token || token.expiresAt! <= scene.world.environment.now()) without++
  }
  return without
}

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

  it('is drawn anew from most of the lifetime after a cold start: a crowd is spread once (F25)', async () => {
    const first: number[] = []
    const later: number[] = []
    for (let client = 0; client < 1_000; client++) {
      const { session, world, backend } = createScene({ random: seeded(client) })
      session.signIn('ann')
      await world.advance(1.66 * hour)
      first.push(backend.calls[1]!.at - start)
      later.push(backend.calls[2]!.at - backend.calls[1]!.at)
      await session.close()
    }
    const fullest = (times: number[]) => {
      const buckets = new Map<number, number>()
      for (const time of times) {
        const key = Math.floor(time / 1_000)
        buckets.set(key, (buckets.get(key) ?? 0) + 1)
      }
      return Math.max(...buckets.values())
    }
    const width = (times: number[]) => Math.max(...times) - Math.min(...times)
    expect(Math.min(...first)).toBeGreaterThanOrEqual(0.1 * hour)
    expect(Math.max(...first)).toBeLessThanOrEqual(0.83 * hour)
    expect(width(first)).toBeGreaterThan(0.7 * hour)
    expect(fullest(first)).toBeLessThan(15)
    expect(Math.min(...later)).toBeGreaterThanOrEqual(0.8 * lifetime)
    expect(Math.max(...later)).toBeLessThanOrEqual(0.83 * hour)
    expect(width(later)).toBeGreaterThan(0.025 * hour)
    expect(fullest(later)).toBeLessThan(150)
  })

  it.each([
    ['30 d', 30 * day],
    ['400 d', 400 * day],
    ['until the year 9999', 253402300799_000 - start],
  ])('of a token for %s comes in its time, not at once (F01)', async (_, lifetime) => {
    const { backend, session, world } = createScene()
    backend.answer = () => {
      const now = world.environment.now() / 1_000
      return jwt({ sub: 'ann', iat: Math.floor(now), exp: Math.floor(now + lifetime / 1_000) })
    }
    session.signIn('ann')
    await world.advance(10_000)
    expect(backend.calls).toHaveLength(1)
    await world.advance(0.83 * lifetime - 10_000)
    expect(backend.calls).toHaveLength(2)
    expect(backend.calls[1]!.at - start).toBeGreaterThanOrEqual(0.1 * lifetime)
  })

  it('of 15 s tokens comes before they end, and neither sooner nor later than they need (F02)', async () => {
    const scene = createScene({ seconds: 15, random: seeded(3) })
    scene.session.signIn('ann')
    await scene.world.flush()
    expect(await follow(scene, 120_000, 250)).toBe(0)
    expect(scene.backend.calls.length).toBeGreaterThanOrEqual(8)
    expect(scene.backend.calls.length).toBeLessThanOrEqual(24)
    expect(Math.min(...scene.gaps().slice(1))).toBeGreaterThanOrEqual(6_000)
    expect(scene.gaps()[0]).toBeGreaterThanOrEqual(1_500)
    expect(scene.errors()).toEqual([])
  })

  it('of 10 s tokens goes on every 8 s for as long as you like', async () => {
    const scene = createScene({ seconds: 10, random: seeded(4) })
    scene.session.signIn('ann')
    await scene.world.advance(2 * hour)
    expect(Math.min(...scene.gaps().slice(1))).toBeGreaterThanOrEqual(7_200)
    expect(Math.max(...scene.gaps())).toBeLessThanOrEqual(8_300)
    expect(scene.of('expired')).toEqual([])
  })

  it.each([30, 60, 120, 300, 3_600])('of %i s tokens leaves no moment without a good one (F15)', async (seconds) => {
    for (const seed of [1, 2, 3]) {
      const scene = createScene({ seconds, random: seeded(seed) })
      scene.session.signIn('ann')
      await scene.world.flush()
      expect(await follow(scene, 3_000 * seconds, seconds * 5)).toBe(0)
      expect(scene.of('expired')).toEqual([])
      expect(scene.backend.calls.length).toBeGreaterThan(3)
    }
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

describe('a timer', () => {
  it('that fires 5 ms early is armed again and calls nobody (F14)', async () => {
    const world = createWorld()
    const { schedule, now } = world.environment
    const armed: number[] = []
    let early = true
    world.environment.schedule = (at, run) => {
      armed.push(at - now())
      const sooner = early && at - now() > 5
      if (sooner) early = false
      return schedule(sooner ? at - 5 : at, run)
    }
    const { backend, session } = createScene({ world, timeout: 1 })
    session.signIn('ann', jwt({ sub: 'ann', iat: start / 1_000, exp: start / 1_000 + 3_600 }))
    await world.advance(0.83 * hour)
    expect(early).toBe(false)
    expect(backend.calls).toHaveLength(1)
    const rest = armed.slice(1).filter((delay) => delay <= 5)
    expect(rest.length).toBeGreaterThanOrEqual(1)
    expect(rest.length).toBeLessThanOrEqual(3)
    expect(Math.min(...rest)).toBeGreaterThanOrEqual(1)
  })

  it('in a hidden page fires once a minute: the refresh is at most that late, and comes once (F13)', async () => {
    const world = createWorld()
    const { schedule } = world.environment
    world.environment.schedule = (at, run) => schedule(start + Math.ceil((at - start) / minute) * minute, run)
    world.environment.visible = false
    const scene = createScene({ world })
    scene.session.signIn('ann')
    await world.advance(10 * hour)
    const gaps = scene.gaps().slice(1)
    expect(gaps.length).toBeGreaterThanOrEqual(10)
    expect(Math.max(...gaps)).toBeLessThanOrEqual(0.83 * hour + minute)
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0.8 * lifetime)
  })

  it('that stalls for ten minutes leads to one call, not to two to catch up (F13)', async () => {
    const { backend, session, world } = createScene({ random: () => 0.999 })
    world.environment.visible = false
    session.signIn('ann')
    await world.advance(0.82 * hour)
    await world.sleep(10 * minute)
    await world.advance(10_000)
    expect(backend.calls).toHaveLength(2)
  })
})

describe('a page that wakes', () => {
  it('after 8 h of sleep makes one call within 2 s, and who asks meanwhile waits for it (F10)', async () => {
    const { backend, session, world, of } = createScene()
    session.signIn('ann')
    const old = await session.getToken()
    await world.advance(10 * minute)
    backend.answer = ({ user }) => ({ token: `new-for-${user.id}`, expiresIn: 3_600 })
    world.jump(8 * hour)
    const [asked] = await Promise.all([session.getToken(), world.wake()])
    await world.advance(2_000)
    expect(asked).toBe('new-for-ann')
    expect(backend.calls).toHaveLength(2)
    expect(of('expired')).toEqual([{ reason: 'expired', token: expect.objectContaining({ generation: 1 }) }])
    expect(of('expired')[0]!.token.value).toBe(old)
  })

  it.each(['wake', 'timer'] as const)('by a %s alone makes that call too (F10)', async (by) => {
    const { backend, session, world } = createScene()
    session.signIn('ann')
    await world.advance(10 * minute)
    world.jump(8 * hour)
    if (by === 'timer') await world.advance(2_000)
    else await world.wake()
    expect(backend.calls).toHaveLength(2)
    expect(session.state.status).toBe('fresh')
  })

  it('when the token is due, though its timer did not fire, makes one call within 1 s (F13)', async () => {
    const world = createWorld()
    const { schedule } = world.environment
    const { backend, session } = createScene({ world })
    world.environment.schedule = (at, run) => schedule(at + day, run)
    session.signIn('ann')
    world.environment.visible = false
    await world.advance(0.85 * hour)
    expect(backend.calls).toHaveLength(1)
    world.environment.schedule = schedule
    await world.setVisible(true)
    await world.advance(1_000)
    expect(backend.calls).toHaveLength(2)
  })

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
