import { UnauthorizedError } from 'inbox-session'
import { describe, expect, it } from 'vitest'
import { http, nextCall, onItsWay } from '../support/failing.js'
import { createScene, failureOf, watch } from '../support/scene.js'

const hour = 3_600_000
const verdicts: [string, () => unknown][] = [
  ['throws UnauthorizedError', () => Promise.reject(new UnauthorizedError())],
  [
    'throws UnauthorizedError at once',
    () => {
      throw new UnauthorizedError('nobody there')
    },
  ],
  ['answers null', () => null],
  ['answers a promise of null', async () => null],
  ['is an endpoint that says 401', http(401)],
  ['is an endpoint that says 403', http(403)],
]

describe('a source that', () => {
  it.each(verdicts)('%s says that nobody is signed in, and is not asked again (F58, F80)', async (_, verdict) => {
    const { backend, session, world, errors } = createScene()
    backend.answer = verdict
    session.signIn('ann')
    const error = await failureOf(session.getToken())
    expect(error).toMatchObject({ code: 'unauthorized', retryable: false })
    expect(session.state).toEqual({ status: 'failed', user: { id: 'ann' }, error })
    for (let minutes = 0; minutes < 60; minutes++) {
      await world.advance(60_000)
      await world.wake()
      await world.setOnline(minutes % 2 > 0)
      expect((await failureOf(session.getToken())).code).toBe('unauthorized')
    }
    expect(backend.calls).toHaveLength(1)
    expect(errors()).toEqual(['unauthorized'])
    expect(world.timers).toBe(0)
  })

  it.each(verdicts)('%s leaves a good token serving until it is spent (F58)', async (_, verdict) => {
    const running = await onItsWay()
    const { backend, session, first, world, of } = running
    backend.answer = verdict
    await nextCall(running)
    const { length } = backend.calls
    expect(session.state).toMatchObject({ status: 'failed', error: { code: 'unauthorized' }, token: { generation: 1 } })
    await world.advance(hour - 10_000 - (world.environment.now() - backend.calls[0]!.at))
    expect(await session.getToken()).toBe(first)
    await world.advance(6_000)
    expect(await failureOf(session.getToken())).toMatchObject({ code: 'unauthorized' })
    expect(session.state).not.toHaveProperty('token')
    expect(of('expired')).toMatchObject([{ reason: 'expired' }])
    await world.advance(hour)
    expect(backend.calls).toHaveLength(length)
  })
})

describe('after a final failure', () => {
  const failed = async () => {
    const scene = createScene()
    scene.backend.answer = () => null
    scene.session.signIn('ann')
    await scene.world.advance(10_000)
    scene.backend.mend()
    return scene
  }

  it('signIn with the same user tries again, with one call (F58)', async () => {
    const { backend, session } = await failed()
    session.signIn('ann')
    expect(session.state.status).toBe('fetching')
    expect(await session.getToken()).toBe(backend.minted[0])
    expect(backend.calls).toHaveLength(2)
    expect(backend.calls[1]!.attempt).toBe(1)
  })

  it('signIn brings a token along that makes a call needless', async () => {
    const { backend, session } = await failed()
    session.signIn('ann', 'opaque')
    expect(await session.getToken()).toBe('opaque')
    expect(backend.calls).toHaveLength(1)
  })

  it('refresh tries again, with one call (F80)', async () => {
    const { backend, session } = await failed()
    expect(await session.refresh()).toBe(backend.minted[0])
    expect(session.state.status).toBe('fresh')
    expect(backend.calls).toHaveLength(2)
  })

  it('another user has calls of their own', async () => {
    const { backend, session } = await failed()
    session.signIn('bob')
    expect(await session.getToken()).toBe(backend.minted[0])
    expect(backend.calls[1]!.user.id).toBe('bob')
  })

  it('signOut leads out of it, and signIn starts anew', async () => {
    const { backend, session } = await failed()
    await session.signOut()
    expect(session.state).toEqual({ status: 'signed-out' })
    session.signIn('ann')
    await session.getToken()
    expect(backend.calls).toHaveLength(2)
  })

  it('the same verdict again is final again, and told again', async () => {
    const { backend, session, errors } = await failed()
    backend.answer = () => null
    session.signIn('ann')
    expect((await failureOf(session.getToken())).code).toBe('unauthorized')
    const refreshed = watch(session.refresh())
    await Promise.all([failureOf(session.getToken())])
    expect(errors()).toHaveLength(2)
    expect(refreshed.ended).toBe(false)
  })
})

describe('a 403 from the endpoint', () => {
  const wakeUp = async (answer: () => unknown) => {
    const running = await onItsWay()
    running.world.jump(8 * hour)
    running.backend.answer = answer
    await running.world.wake()
    for (let turn = 0; turn < 5; turn++) await running.world.flush()
    return running
  }

  it('within 10 s of a wake is tried again, once', async () => {
    const { backend, session, world } = await wakeUp(http(403))
    expect(session.state).toMatchObject({ status: 'waiting', error: { status: 403 } })
    await world.advance(2_000)
    expect(session.state).toMatchObject({ status: 'failed', error: { code: 'unauthorized', status: 403 } })
    expect(backend.calls).toHaveLength(3)
    await world.advance(hour)
    expect(backend.calls).toHaveLength(3)
  })

  it('within 10 s of a wake does no harm if the second answer is a token', async () => {
    const { backend, session, world } = await wakeUp(http(403))
    backend.mend()
    await world.advance(2_000)
    expect(session.state.status).toBe('fresh')
  })

  it('within 10 s of a wake is tried again also where another failure came first', async () => {
    const { backend, session, world } = await wakeUp(http(503))
    backend.answer = http(403)
    await world.advance(2_000)
    expect(backend.calls).toHaveLength(3)
    expect(session.state).toMatchObject({ status: 'waiting', error: { status: 403 } })
  })

  it('later than that is final', async () => {
    const running = await onItsWay()
    await running.world.wake()
    await running.world.advance(11_000)
    running.backend.answer = http(403)
    await nextCall(running)
    expect(running.session.state.status).toBe('failed')
  })

  it('and not a 401: that is final after a wake too', async () => {
    const { session } = await wakeUp(http(401))
    expect(session.state.status).toBe('failed')
  })
})
