import type { SessionState } from 'inbox-session'
import { describe, expect, it } from 'vitest'
import { createScene, failureOf } from '../support/scene.js'
import { tokenFor } from '../support/tokens.js'
import { start } from '../support/world.js'

const hour = 3_600_000

describe('state', () => {
  it('goes through the statuses, each told once, with the same object (G8)', async () => {
    const { backend, session, world, of } = createScene()
    expect(session.state).toEqual({ status: 'signed-out' })
    session.signIn({ id: 'ann', tenant: 't1', email: 'ann@example.org' })
    await session.getToken()
    backend.fail()
    await world.advance(0.9 * hour)
    backend.answer = () => null
    await world.advance(hour)
    await session.signOut()
    await session.close()
    const statuses = of('change').map(({ status }) => status)
    const [first, second, third] = statuses
    expect([first, second, third]).toEqual(['fetching', 'fresh', 'fetching'])
    expect(statuses.slice(-3)).toEqual(['failed', 'signed-out', 'closed'])
    expect(new Set(statuses)).toEqual(new Set(['fetching', 'fresh', 'waiting', 'failed', 'signed-out', 'closed']))
    expect(session.state).toEqual({ status: 'closed' })
  })

  it('is the same frozen object until something changes, and reading it asks nobody', async () => {
    const { backend, session, world } = createScene()
    const before = session.state
    expect(session.state).toBe(before)
    expect(Object.isFrozen(before)).toBe(true)
    session.signIn('ann')
    await session.getToken()
    const { state } = session
    await world.advance(60_000)
    await session.getToken()
    session.signIn('ann')
    session.invalidate('another')
    await world.wake()
    expect(session.state).toBe(state)
    expect(backend.calls).toHaveLength(1)
  })

  it('shows no token that ended while timers stood still, and reading it asks nobody', async () => {
    const { backend, session, world } = createScene()
    session.signIn('ann')
    await session.getToken()
    const seen: SessionState[] = []
    session.on('change', (state) => seen.push(state))
    expect(session.state.status).toBe('fresh')
    world.jump(2 * hour)
    await world.flush()
    const { state } = session
    expect(state).toEqual({ status: 'fetching', user: { id: 'ann' } })
    expect(session.state).toBe(state)
    await world.flush()
    expect(session.state).toBe(state)
    expect(backend.calls).toHaveLength(1)
    await world.wake()
    expect(seen[0]).toBe(state)
    expect(seen.at(-1)).toMatchObject({ status: 'fresh' })
    expect(backend.calls).toHaveLength(2)
  })

  it('says in waiting what went wrong and when the next try comes', async () => {
    const { backend, session, world } = createScene()
    backend.fail()
    session.signIn('ann')
    const error = await failureOf(session.getToken())
    const { state } = session
    expect(state).toMatchObject({ status: 'waiting', error, user: { id: 'ann' } })
    const { retryAt } = state as { retryAt: number }
    await world.advance(retryAt - start - 1)
    expect(backend.calls).toHaveLength(1)
    await world.advance(1)
    expect(backend.calls).toHaveLength(2)
  })

  it('holds a user and a token that cannot be changed', async () => {
    const { session } = createScene()
    const user = { id: 'ann', tenant: 't1' }
    session.signIn(user)
    await session.getToken()
    user.id = 'bob'
    const { state } = session as { state: Extract<SessionState, { status: 'fresh' }> }
    expect(state.user).toEqual({ id: 'ann', tenant: 't1' })
    expect(state.token.user).toBe(state.user)
    expect([state.user, state.token, state.token.claims].every(Object.isFrozen)).toBe(true)
  })
})

describe('a token', () => {
  it('tells what is known about it', async () => {
    const { backend, session } = createScene()
    backend.answer = () => ({ token: 'opaque', expiresIn: 60, extra: { hash: 'h' } })
    session.signIn('ann')
    await session.getToken()
    const { token } = session.state as Extract<SessionState, { status: 'fresh' }>
    expect(token.value).toBe('opaque')
    expect(token).toMatchObject({ user: { id: 'ann' }, receivedAt: start, expiresAt: start + 60_000, generation: 1 })
    expect(token.extra).toEqual({ hash: 'h' })
    expect(token.claims).toBeUndefined()
    expect(Object.keys(token)).not.toContain('value')
  })

  it('has a generation that rises with each, across refreshes, users and sign-outs', async () => {
    const { session, world, of } = createScene()
    session.signIn('ann')
    await world.advance(2 * hour)
    session.signIn('bob')
    await world.flush()
    await session.signOut()
    session.signIn('ann')
    await world.flush()
    const generations = of('token').map(({ generation }) => generation)
    expect(generations.length).toBeGreaterThanOrEqual(5)
    expect(generations).toEqual([...new Set(generations)].sort((one, other) => one - other))
  })

  it('comes as an event once, when it is in the state, whoever it came from', async () => {
    const { session } = createScene()
    const seen: unknown[] = []
    session.on('token', (token) => seen.push([token, (session.state as { token?: unknown }).token === token]))
    session.signIn('ann', 'opaque')
    await session.getToken()
    await session.getToken()
    expect(seen).toEqual([[expect.objectContaining({ generation: 1 }), true]])
  })
})

describe('signIn with a token that came with the page', () => {
  it('has it at once, with no request', async () => {
    const { backend, session, world } = createScene()
    session.signIn('ann', { token: 'opaque', expiresIn: 60 })
    expect(session.state).toMatchObject({ status: 'fresh', token: { expiresAt: start + 60_000 } })
    expect(await session.getToken()).toBe('opaque')
    expect(backend.calls).toEqual([])
    await world.advance(50_000)
    expect(backend.calls).toHaveLength(1)
    expect(backend.calls[0]).toMatchObject({ reason: 'refresh', previous: 'opaque' })
  })

  it.each<[string, unknown, string]>([
    ['no token', { token: '' }, 'invalid_answer'],
    ['HTML', '<!doctype html><p>sign in', 'invalid_answer'],
    ['an ended one', { token: 'opaque', expiresIn: -5 }, 'expired_on_arrival'],
    ['null', null, 'unauthorized'],
  ])('asks the source where it is %s, and says so', async (_, initial, code) => {
    const { backend, session, errors } = createScene()
    session.signIn('ann', initial as never)
    expect(await session.getToken()).toBe(backend.minted[0])
    expect(errors()).toEqual([code])
  })

  it.each([
    ['its claims alone', {}],
    ['the time of the server when it was made', { serverTime: start - 600_000 }],
    ['how long it lived then', { expiresIn: 60 }],
  ])('asks the source where the page was kept longer than its token lives, whose answer says %s', async (_, more) => {
    const { backend, session, errors } = createScene()
    session.signIn('ann', { token: tokenFor('ann', start - 600_000, 60), ...more })
    expect(session.state).not.toHaveProperty('token')
    expect(await session.getToken()).toBe(backend.minted[0])
    expect(errors()).toEqual(['expired_on_arrival'])
  })

  it.each([{}, { serverTime: start - 600_000 }, { expiresIn: 3_600 }])(
    'counts the time the page was kept (%o)',
    (more) => {
      const { session } = createScene()
      session.signIn('ann', { token: tokenFor('ann', start - 600_000, 3_600), ...more })
      expect(session.state).toMatchObject({ status: 'fresh', token: { expiresAt: start + 3_000_000 } })
    },
  )

  it('gives it no more than its whole life where the device’s clock is behind', () => {
    const { session } = createScene()
    session.signIn('ann', tokenFor('ann', start + 7_200_000, 3_600))
    expect(session.state).toMatchObject({ status: 'fresh', token: { expiresAt: start + 3_600_000 } })
  })

  it('is spread like any first token: a crowd that loaded the page at one time does not come back at one time', async () => {
    const { backend, session, world } = createScene({ random: () => 0 })
    session.signIn('ann', { token: 'opaque', expiresIn: 3_600 })
    await world.advance(359_999)
    expect(backend.calls).toEqual([])
    await world.advance(1)
    expect(backend.calls).toHaveLength(1)
  })

  it('is not looked at where that user is signed in already', async () => {
    const { backend, session, errors, of } = createScene()
    session.signIn('ann')
    const first = await session.getToken()
    for (const initial of [{} as never, { token: 'other', expiresIn: 60 }]) session.signIn('ann', initial)
    expect(await session.getToken()).toBe(first)
    expect([errors(), of('token').length, backend.calls.length]).toEqual([[], 1, 1])
  })

  it('is not compared with what the user before had', async () => {
    const { backend, session, errors } = createScene()
    session.signIn('ann')
    await session.getToken()
    const earlier = tokenFor('bob', start - 60_000)
    session.signIn('bob', earlier)
    expect(await session.getToken()).toBe(earlier)
    expect([errors(), backend.calls.length]).toEqual([[], 1])
  })
})
