import { describe, expect, it } from 'vitest'
import { createScene, failureOf, watch } from '../support/scene.js'
import { seeded } from '../support/world.js'

const minute = 60_000
const start = async (options?: Parameters<typeof createScene>[0]) => {
  const scene = createScene(options)
  scene.session.signIn('ann')
  const first = await scene.session.getToken()
  return { ...scene, first }
}

describe('refresh', () => {
  it('brings a token of a call made after it; the current one serves meanwhile', async () => {
    const { backend, session, world, first } = await start()
    await world.advance(minute)
    const answer = backend.hold()
    const refreshed = watch(session.refresh())
    await world.flush()
    expect(backend.calls[1]).toMatchObject({ reason: 'forced', previous: first, attempt: 1 })
    expect(await session.getToken()).toBe(first)
    expect(refreshed.ended).toBe(false)
    await answer.resolve()
    expect(refreshed.value).toBe(backend.minted[1])
    expect(await session.getToken()).toBe(backend.minted[1])
  })

  it('by several in the same moment is one call (G1)', async () => {
    const { backend, session, world } = await start()
    await world.advance(minute)
    const refreshed = [1, 2, 3].map(() => watch(session.refresh()))
    await world.advance(2_000)
    expect(refreshed.map(({ value }) => value)).toEqual(Array(3).fill(backend.minted[1]))
    expect(backend.calls).toHaveLength(2)
  })

  it('during a call waits for another: the answer of a call made before it is not what was asked for', async () => {
    const { backend, session, world } = createScene()
    const answer = backend.hold()
    session.signIn('ann')
    await world.advance(200)
    const refreshed = watch(session.refresh())
    await answer.resolve()
    expect(session.state.status).toBe('fresh')
    expect(refreshed.ended).toBe(false)
    await world.advance(1_000)
    expect(refreshed.value).toBe(backend.minted[1])
    expect(backend.calls).toHaveLength(2)
  })

  it('in a loop makes one call a second (G1)', async () => {
    const { backend, session, world, gaps } = await start()
    for (let passed = 0; passed < minute; passed += 50) {
      void session.refresh()
      await world.advance(50)
    }
    expect(backend.calls.length).toBeLessThanOrEqual(62)
    expect(backend.calls.length).toBeGreaterThan(55)
    expect(Math.min(...gaps())).toBeGreaterThanOrEqual(1_000)
  })

  it('in a loop on a backend that is down stays within 10 calls a minute and 30 in ten (G1)', async () => {
    const { backend, session, world, first } = await start({ random: seeded(1) })
    backend.fail()
    let failed = 0
    for (let passed = 0; passed < 10 * minute; passed += 200) {
      session.refresh().catch(() => failed++)
      await world.advance(200)
      if (passed === minute) expect(backend.calls.length).toBeLessThanOrEqual(11)
    }
    expect(backend.calls.length).toBeLessThanOrEqual(31)
    expect(failed).toBeGreaterThan(25)
    expect(await session.getToken()).toBe(first)
  })

  it('that fails rejects with the reason, and the good token stays', async () => {
    const { backend, session, world, first } = await start()
    await world.advance(minute)
    backend.fail()
    expect(await failureOf(session.refresh())).toMatchObject({ code: 'source_failed' })
    expect(session.state).toMatchObject({ status: 'waiting', token: { generation: 1 } })
    expect(await session.getToken()).toBe(first)
  })

  it('does not wait for the next retry', async () => {
    const { backend, session, world } = createScene({ retry: { minDelay: minute } })
    backend.fail()
    session.signIn('ann')
    await world.advance(5_000)
    backend.mend()
    expect(await session.refresh()).toBe(backend.minted[0])
    expect(backend.calls).toHaveLength(2)
  })

  it('is tried though the browser says offline', async () => {
    const { backend, session, world } = await start()
    await world.advance(minute)
    await world.setOnline(false)
    expect(await session.refresh()).toBe(backend.minted[1])
  })

  it('of a token that the backend answers again is a stale_token', async () => {
    const { backend, session, world, first } = await start()
    await world.advance(minute)
    backend.answer = () => first
    expect((await failureOf(session.refresh())).code).toBe('stale_token')
    expect(await session.getToken()).toBe(first)
  })

  it('of a token without an end may bring the same one: it is still what the backend has', async () => {
    const { backend, session, world, of, errors } = createScene()
    backend.answer = () => 'static-hash'
    session.signIn('ann')
    await session.getToken()
    await world.advance(minute)
    expect(await session.refresh()).toBe('static-hash')
    expect(session.state.status).toBe('fresh')
    expect(of('token')).toHaveLength(1)
    expect(errors()).toEqual([])
  })

  it('is ended by signOut and by close, with the right error', async () => {
    const { backend, session, world } = await start()
    await world.advance(minute)
    backend.hold()
    const one = failureOf(session.refresh())
    void session.signOut()
    expect((await one).code).toBe('signed_out')
    session.signIn('ann')
    const other = failureOf(session.refresh())
    void session.close()
    expect((await other).code).toBe('closed')
    expect((await failureOf(session.refresh())).code).toBe('closed')
  })
})

describe('refreshUserToken', () => {
  it('gives the SDK the good token, and mints none as long as there is one', async () => {
    const { backend, session, world, first } = await start()
    const { refreshUserToken } = session
    expect(await refreshUserToken('an-old-one', { exp: 1 })).toBe(first)
    expect(await refreshUserToken(first, {})).toBe(first)
    expect(session.refreshUserToken).toBe(refreshUserToken)
    expect(backend.calls).toHaveLength(1)
    world.jump(2 * 60 * minute)
    expect(await refreshUserToken(first)).not.toBe(first)
    expect(backend.calls).toHaveLength(2)
  })

  it('asked 100 times a second by an SDK in a loop does not reach the backend (F101)', async () => {
    const { backend, session, world, first } = await start()
    for (let passed = 0; passed < minute; passed += 10) {
      expect(await session.refreshUserToken(first)).toBe(first)
      if (passed % 1_000 === 0) await world.advance(1_000)
    }
    expect(backend.calls).toHaveLength(1)
  })
})
