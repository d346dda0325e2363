import type { SessionState } from 'inbox-session'
import { describe, expect, it, vi } from 'vitest'
import { createScene } from '../support/scene.js'

const hour = 3_600_000

describe('a listener', () => {
  it('that throws or rejects harms no other, nor the refresh, and is reported once (F95)', async () => {
    const { session, world, errors } = createScene()
    const broken = vi.fn(() => {
      throw new Error('broken')
    })
    const rejecting = vi.fn(() => Promise.reject(new Error('broken later')))
    const third = vi.fn()
    for (const listener of [broken, rejecting, third]) session.on('token', listener)
    session.signIn('ann')
    await world.flush()
    expect(session.state.status).toBe('fresh')
    for (const listener of [broken, rejecting, third]) expect(listener).toHaveBeenCalledTimes(1)
    expect(errors()).toHaveLength(2)
  })

  it.each(['error', 'trace', 'change'] as const)('of %s that throws is no loop (F95)', async (event) => {
    const { backend, session, world } = createScene()
    const listener = vi.fn(() => {
      throw new Error('broken')
    })
    session.on(event, listener)
    backend.fail()
    session.signIn('ann')
    await world.flush()
    await world.flush()
    expect(listener.mock.calls.length).toBeGreaterThanOrEqual(1)
    expect(listener.mock.calls.length).toBeLessThan(20)
    expect(session.state.status).toBe('waiting')
  })

  it('that signs out inside token ends what was going on: nobody after it gets that token', async () => {
    const { session, world } = createScene()
    const later = vi.fn()
    const attach = vi.fn()
    session.attach({ name: 'sdk', attach })
    session.on('token', () => void session.signOut())
    session.on('token', later)
    session.signIn('ann')
    await world.flush()
    expect(session.state).toEqual({ status: 'signed-out' })
    expect(later).not.toHaveBeenCalled()
    expect(attach).not.toHaveBeenCalled()
    expect(world.timers + world.listeners).toBe(0)
  })

  it('that acts inside an event sees the events in order', async () => {
    const { session, world } = createScene()
    const seen: string[] = []
    session.on('change', ({ status }) => {
      seen.push(status)
      if (status === 'fresh') session.signIn('bob')
    })
    session.on('change', ({ status }) => seen.push(`second ${status}`))
    session.signIn('ann')
    await world.flush()
    expect(seen.slice(0, 6)).toEqual([
      'fetching',
      'second fetching',
      'fresh',
      'second fresh',
      'fetching',
      'second fetching',
    ])
  })

  it('that was taken off is not called, also from inside; taking it off twice does nothing', async () => {
    const { session, world } = createScene()
    const gone = vi.fn()
    const stays = vi.fn()
    const off = session.on('change', gone)
    const once = session.on('change', () => once())
    session.on('change', stays)
    off()
    off()
    session.signIn('ann')
    await world.flush()
    expect(gone).not.toHaveBeenCalled()
    expect(stays).toHaveBeenCalledTimes(2)
  })
})

describe('subscribe', () => {
  it('tells that the state has changed, after it has, and no more once it is undone', async () => {
    const { session, world } = createScene()
    const seen: SessionState[] = []
    const off = session.subscribe(() => void seen.push(session.state))
    session.signIn('ann')
    await world.flush()
    expect(seen.map(({ status }) => status)).toEqual(['fetching', 'fresh'])
    off()
    await session.signOut()
    expect(seen).toHaveLength(2)
  })

  it('twice with one function is two subscriptions', async () => {
    const { session } = createScene()
    const listener = vi.fn()
    const [off] = [session.subscribe(listener), session.subscribe(listener)]
    off()
    session.signIn('ann')
    expect(listener).toHaveBeenCalledTimes(1)
  })
})

describe('the trace', () => {
  it('tells why there was each call, in order and with the time', async () => {
    const { session, world, of } = createScene()
    session.signIn('ann')
    await world.advance(0.84 * hour)
    session.invalidate(await session.getToken())
    await world.flush()
    const entries = of('trace')
    const reasons = entries.filter(({ reason }) => reason).map(({ reason }) => reason)
    for (const reason of ['initial', 'refresh', 'rejected']) expect(reasons).toContain(reason)
    for (const entry of entries) expect(entry).toMatchObject({ at: expect.any(Number), type: expect.any(String) })
    expect(entries.map(({ at }) => at)).toEqual(entries.map(({ at }) => at).sort((one, other) => one - other))
  })
})
