import { describe, expect, it } from 'vitest'
import { http, nextCall, onItsWay } from '../support/failing.js'
import { createScene, failureOf, watch } from '../support/scene.js'
import { seeded, start } from '../support/world.js'

const minute = 60_000
const hour = 60 * minute

describe('retries', () => {
  it.each([
    [0, [0.5, 1, 2, 4, 8, 16, 30, 30]],
    [0.999999, [1, 2, 4, 8, 16, 32, 60, 60]],
  ])('wait twice as long each time, up to a minute, less up to a half by chance (draw %d)', async (draw, seconds) => {
    const { backend, session, world, gaps } = createScene({ random: () => draw })
    backend.fail()
    session.signIn('ann')
    await world.advance(5 * minute)
    expect(
      gaps()
        .slice(0, 8)
        .map((gap) => Math.round(gap / 100) / 10),
    ).toEqual(seconds)
    expect(backend.calls.slice(0, 4).map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4])
  })

  it.each([1, 2, 3])(
    'are at most 7 in a minute and 25 in ten, however often somebody asks (F59, seed %i)',
    async (seed) => {
      const { backend, session, world, errors } = createScene({ random: seeded(seed) })
      backend.answer = http(500)
      session.signIn('ann')
      await world.flush()
      for (let passed = 0; passed < 10 * minute; passed += 100) {
        const asked = watch(session.getToken())
        await world.advance(100)
        if (session.state.status === 'waiting')
          expect(asked).toMatchObject({ ended: true, error: { code: 'source_failed' } })
        if (passed === minute) expect(backend.calls.length).toBeLessThanOrEqual(7)
      }
      expect(backend.calls.length).toBeLessThanOrEqual(25)
      expect(backend.calls.length).toBeGreaterThan(12)
      expect(errors()).toHaveLength(backend.calls.length)
    },
  )

  it('are not more where each caller comes after the one before was answered (F60)', async () => {
    const { backend, session, world } = createScene()
    backend.fail()
    session.signIn('ann')
    for (let asked = 0; asked < 300; asked++) {
      await failureOf(session.getToken())
      await world.advance(10)
    }
    expect(backend.calls.length).toBeLessThanOrEqual(3)
  })

  it('start anew after a success', async () => {
    const running = await onItsWay()
    const { backend, world } = running
    backend.fail()
    await nextCall(running)
    await world.advance(20_000)
    backend.mend()
    await world.advance(20_000)
    backend.fail()
    const { length } = backend.calls
    await nextCall(running)
    expect(backend.calls[length]).toMatchObject({ attempt: 1, reason: 'refresh' })
  })

  it.each([1, 2, 3])(
    'bring back a fresh token within a minute of the backend’s return (F79, seed %i)',
    async (seed) => {
      const { backend, session, world } = createScene({ random: seeded(seed) })
      backend.fail()
      session.signIn('ann')
      await world.advance(20 * minute)
      expect(session.state.status).toBe('waiting')
      backend.mend()
      await world.advance(minute)
      expect(session.state.status).toBe('fresh')
    },
  )

  it('that nobody waits for are reported, once each, and go on (F97)', async () => {
    const running = await onItsWay()
    const { backend, session, world } = running
    backend.answer = () => Promise.reject(new Error('broken'))
    await nextCall(running)
    expect(running.errors()).toEqual(['source_failed'])
    expect(world.timers).toBe(1)
    expect(session.state.status).toBe('waiting')
  })
})

describe('Retry-After', () => {
  const wait = async (headers: HeadersInit) => {
    const scene = createScene({ random: seeded(5) })
    scene.backend.answer = http(429, headers)
    scene.session.signIn('ann')
    await nextCall(scene).catch(() => {})
    return scene
  }
  const date = (time: number) => new Date(time).toUTCString()

  it.each<[string, HeadersInit]>([
    ['seconds', { 'retry-after': '120' }],
    [
      'a date, by the clock of a server an hour behind',
      { date: date(start - hour), 'retry-after': date(start - hour + 120_000) },
    ],
  ])('in %s is waited for, and not much longer (F61)', async (_, headers) => {
    const { backend, gaps, world } = await wait(headers)
    await world.advance(300_000)
    expect(backend.calls.length).toBeGreaterThanOrEqual(2)
    expect(gaps()[0]).toBeGreaterThanOrEqual(120_000)
    expect(gaps()[0]).toBeLessThanOrEqual(150_000)
  })

  it('of a day is capped to some ten minutes, and the app may refresh before (F61)', async () => {
    const { backend, session, world } = await wait({ 'retry-after': '86400' })
    await world.advance(5 * minute)
    expect(backend.calls).toHaveLength(1)
    const refreshed = watch(session.refresh())
    await world.advance(2_000)
    expect(backend.calls).toHaveLength(2)
    expect(refreshed.ended).toBe(true)
    await world.advance(12.5 * minute)
    expect(backend.calls.length).toBeGreaterThanOrEqual(3)
  })

  it.each(['-5', 'soon', '1e9', 'Thu, 01 Jan 1970 00:00:00 GMT'])('of %j changes nothing (F61)', async (value) => {
    const { world, backend } = await wait({ 'retry-after': value })
    await world.advance(1_000)
    expect(backend.calls).toHaveLength(2)
  })

  it('is not cut short by getToken, a wake or the network', async () => {
    const { backend, session, world } = await wait({ 'retry-after': '120' })
    await world.advance(30_000)
    await failureOf(session.getToken())
    await world.wake()
    await world.setOnline(false)
    await world.setOnline(true)
    await world.advance(60_000)
    expect(backend.calls).toHaveLength(1)
  })
})
