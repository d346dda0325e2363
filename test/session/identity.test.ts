import { describe, expect, it } from 'vitest'
import { createScene, failureOf, watch } from '../support/scene.js'

const hour = 3_600_000

describe('an answer that comes after signOut (F74)', () => {
  it.each(['a token', 'a failure', 'nothing at all'])('%s changes nothing', async (late) => {
    const { backend, session, world, of } = createScene()
    const answer = backend.hold()
    session.signIn('ann')
    const asked = watch(session.getToken())
    await world.flush()
    const signedOut = session.signOut()
    await world.flush()
    expect(asked.error).toMatchObject({ code: 'signed_out' })
    expect(backend.calls[0]!.signal.aborted).toBe(true)
    if (late === 'a token') await answer.resolve()
    if (late === 'a failure') await answer.reject(new Error('aborted'))
    await signedOut
    await world.advance(2 * hour)
    expect(session.state).toEqual({ status: 'signed-out' })
    expect(of('token')).toEqual([])
    expect(of('error')).toEqual([])
    expect(of('signed-out')).toEqual([{ user: { id: 'ann' }, reason: 'here' }])
    expect(backend.calls).toHaveLength(1)
    expect(world.timers + world.listeners).toBe(0)
  })
})

describe('signOut', () => {
  it('takes the token away from everybody at once', async () => {
    const { session, of } = createScene()
    session.signIn('ann')
    await session.getToken()
    const signedOut = session.signOut()
    expect(session.state).toEqual({ status: 'signed-out' })
    expect((await failureOf(session.getToken())).code).toBe('signed_out')
    expect((await failureOf(session.refresh())).code).toBe('signed_out')
    expect((await failureOf(session.refreshUserToken())).code).toBe('signed_out')
    await signedOut
    expect(of('expired')).toEqual([])
    expect(of('error')).toEqual([])
  })

  it('by nobody is nothing', async () => {
    const { session, happened } = createScene()
    await session.signOut()
    expect(happened).toEqual([])
  })

  it('and signIn of the same user mints anew', async () => {
    const { backend, session } = createScene()
    session.signIn('ann')
    const old = await session.getToken()
    void session.signOut()
    session.signIn('ann')
    const next = await session.getToken()
    expect(next).not.toBe(old)
    expect(backend.calls).toHaveLength(2)
    expect(backend.calls[1]).toMatchObject({ reason: 'initial', previous: undefined })
  })
})

describe('a switch of users (F75)', () => {
  it('in the middle of a call drops its answer; those who waited are told, and the next user has a call of their own', async () => {
    const { backend, session, world, of } = createScene()
    const answer = backend.hold()
    session.signIn('ann')
    const asked = watch(session.getToken())
    const refreshed = watch(session.refresh())
    await world.flush()
    backend.mend()
    session.signIn('bob')
    expect(session.state).toMatchObject({ status: 'fetching', user: { id: 'bob' } })
    await world.flush()
    expect(asked.error).toMatchObject({ code: 'user_changed' })
    expect(refreshed.error).toMatchObject({ code: 'user_changed' })
    await answer.resolve()
    expect(await session.getToken()).toBe(session.state.status === 'fresh' && session.state.token.value)
    expect(of('token').map(({ user }) => user.id)).toEqual(['bob'])
    expect(of('signed-out')).toEqual([{ user: { id: 'ann' }, reason: 'switched' }])
    expect(backend.calls.map(({ user }) => user.id)).toEqual(['ann', 'bob'])
    expect(backend.calls[0]!.signal.aborted).toBe(true)
  })

  it('there and back again takes no answer meant for before', async () => {
    const { backend, session, world, of } = createScene()
    const first = backend.hold()
    session.signIn('ann')
    const asked = watch(session.getToken())
    await world.flush()
    const others = backend.hold()
    session.signIn('bob')
    await world.flush()
    session.signIn('ann')
    await world.flush()
    await first.resolve('first-answer-for-ann')
    expect(of('token')).toEqual([])
    expect(session.state.status).toBe('fetching')
    expect(asked.error).toMatchObject({ code: 'user_changed' })
    backend.mend()
    await others.resolve()
    expect(session.state).toMatchObject({ status: 'fresh', user: { id: 'ann' }, token: { user: { id: 'ann' } } })
    expect(backend.calls).toHaveLength(3)
  })

  it('takes the old token away at once, before the new one is there', async () => {
    const { backend, session, world, of } = createScene()
    session.signIn('ann')
    const anns = await session.getToken()
    const answer = backend.hold()
    session.signIn('bob')
    expect(session.state).toEqual({ status: 'fetching', user: { id: 'bob' } })
    const asked = watch(session.getToken())
    await world.flush()
    expect(asked.ended).toBe(false)
    await answer.resolve()
    expect(asked.value).not.toBe(anns)
    const generations = of('token').map(({ generation }) => generation)
    expect(generations[1]).toBeGreaterThan(generations[0]!)
  })

  it.each<[string, object, object, boolean]>([
    ['another tenant', { id: 'ann', tenant: 't1' }, { id: 'ann', tenant: 't2' }, true],
    ['no tenant instead of one', { id: 'ann', tenant: 't1' }, { id: 'ann' }, true],
    ['another address alone', { id: 'ann', email: 'a@example.org' }, { id: 'ann', email: 'b@example.org' }, false],
  ])('is told by id and tenant: %s', async (_, one, other, switched) => {
    const { session, world, of } = createScene()
    session.signIn(one as never)
    await world.flush()
    session.signIn(other as never)
    await world.flush()
    expect(of('signed-out')).toHaveLength(switched ? 1 : 0)
  })

  it('the same user again is nothing', async () => {
    const { backend, session, world, happened } = createScene()
    session.signIn({ id: 'ann', tenant: 't1' })
    await world.flush()
    const { length } = happened
    session.signIn({ id: 'ann', tenant: 't1' })
    session.signIn({ id: 'ann', tenant: 't1' }, 'opaque')
    await world.flush()
    expect(happened).toHaveLength(length)
    expect(backend.calls).toHaveLength(1)
  })
})
