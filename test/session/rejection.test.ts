import { describe, expect, it } from 'vitest'
import { createScene, failureOf, watch } from '../support/scene.js'

const minute = 60_000
const hour = 60 * minute
const start = async (options?: Parameters<typeof createScene>[0]) => {
  const scene = createScene(options)
  scene.session.signIn('ann')
  const first = await scene.session.getToken()
  await scene.world.advance(minute)
  return { ...scene, first }
}

describe('a token that the provider refused', () => {
  it('is never handed out again, and replaced at once', async () => {
    const { backend, session, world, first, of } = await start()
    const answer = backend.hold()
    session.invalidate(first)
    expect(session.state).toEqual({ status: 'fetching', user: { id: 'ann' } })
    const asked = watch(session.getToken())
    await world.flush()
    expect(asked.ended).toBe(false)
    expect(backend.calls[1]).toMatchObject({ reason: 'rejected', previous: first })
    expect(of('expired')).toMatchObject([{ reason: 'rejected', token: { generation: 1 } }])
    await answer.resolve()
    expect(asked.value).toBe(backend.minted[1])
    expect(asked.value).not.toBe(first)
  })

  it('by two SDKs at once costs one call (F101)', async () => {
    const { backend, session, first } = await start()
    const asked = [session.getToken({ rejected: first }), session.getToken({ rejected: first })]
    session.invalidate(first)
    const values = await Promise.all(asked)
    expect(new Set(values)).toEqual(new Set([backend.minted[1]]))
    expect(backend.calls).toHaveLength(2)
  })

  it('is known by its value: any other is ignored', async () => {
    const { backend, session, first, happened } = await start()
    const { length } = happened
    session.invalidate('another-token')
    session.invalidate('')
    session.invalidate(undefined as never)
    expect(await session.getToken({ rejected: 'another-token' })).toBe(first)
    expect(await session.getToken({ rejected: '' })).toBe(first)
    expect(happened).toHaveLength(length)
    expect(backend.calls).toHaveLength(1)
  })

  it('and was replaced meanwhile costs no call', async () => {
    const { backend, session, first } = await start()
    const next = await session.refresh()
    expect(await session.getToken({ rejected: first })).toBe(next)
    session.invalidate(first)
    expect(await session.getToken()).toBe(next)
    expect(backend.calls).toHaveLength(2)
  })

  it('during its refresh is dropped, and that refresh brings the next', async () => {
    const { backend, session, first, world } = await start()
    const answer = backend.hold()
    void session.refresh()
    await world.flush()
    session.invalidate(first)
    expect(session.state).toEqual({ status: 'fetching', user: { id: 'ann' } })
    const asked = watch(session.getToken())
    await answer.resolve()
    expect(asked.value).toBe(backend.minted[1])
    expect(backend.calls).toHaveLength(2)
  })

  it('is not taken back when the backend answers it again', async () => {
    const { backend, session, first, world, errors } = await start()
    backend.answer = () => first
    session.invalidate(first)
    expect((await failureOf(session.getToken())).code).toBe('stale_token')
    await world.advance(minute)
    expect(session.state).not.toHaveProperty('token')
    expect(new Set(errors())).toEqual(new Set(['stale_token']))
    backend.mend()
    await world.advance(minute)
    expect(session.state.status).toBe('fresh')
  })

  it('stays refused for the same user after another was there', async () => {
    const { backend, session, first, world } = await start()
    session.invalidate(first)
    session.signIn('bob')
    await session.getToken()
    const mint = backend.answer
    backend.answer = () => first
    session.signIn('ann')
    expect((await failureOf(session.getToken())).code).toBe('stale_token')
    backend.answer = mint
    await world.advance(minute)
    expect(await session.getToken()).not.toBe(first)
  })

  it('without an end, where the backend has no other, is final (providers: a static hash)', async () => {
    const { backend, session, world } = createScene()
    backend.answer = () => 'static-hash'
    session.signIn('ann')
    await session.getToken()
    session.invalidate('static-hash')
    expect(await failureOf(session.getToken())).toMatchObject({ code: 'stale_token', retryable: false })
    expect(session.state.status).toBe('failed')
    await world.advance(hour)
    expect(backend.calls).toHaveLength(2)
  })

  it('while the session waits for the next try is dropped without another call', async () => {
    const { backend, session, first, world } = await start()
    backend.fail()
    await failureOf(session.refresh())
    const { length } = backend.calls
    session.invalidate(first)
    expect(session.state).toMatchObject({ status: 'waiting' })
    expect(session.state).not.toHaveProperty('token')
    expect(backend.calls).toHaveLength(length)
    expect((await failureOf(session.getToken())).code).toBe('source_failed')
    backend.mend()
    await world.advance(2_000)
    expect(session.state.status).toBe('fresh')
  })

  it('after a final failure is dropped, and nobody is called', async () => {
    const { backend, session, first, world } = await start()
    backend.answer = () => null
    await failureOf(session.refresh())
    expect(await session.getToken()).toBe(first)
    session.invalidate(first)
    expect((await failureOf(session.getToken())).code).toBe('unauthorized')
    await world.advance(hour)
    expect(backend.calls).toHaveLength(2)
  })

  it('is told from one that has ended while another was refused', async () => {
    const { session, world, of } = await start()
    world.jump(2 * hour)
    session.invalidate('another-token')
    await world.flush()
    expect(of('expired')).toMatchObject([{ reason: 'expired' }])
  })
})

describe('a provider that refuses every token', () => {
  it('leads to two more mints, then to the error rejected and to no more calls (F101)', async () => {
    const { backend, session, world } = await start()
    const refuse = async () => {
      const state = session.state as { token?: { value: string } }
      if (state.token) session.invalidate(state.token.value)
      await world.advance(100)
    }
    for (let passed = 0; passed < hour; passed += 100 * 60) {
      for (let time = 0; time < 60; time++) await refuse()
      if (session.state.status === 'failed') break
    }
    expect(session.state).toMatchObject({ status: 'failed', error: { code: 'rejected', retryable: false } })
    expect((await failureOf(session.getToken())).code).toBe('rejected')
    await world.advance(hour)
    expect(backend.calls).toHaveLength(3)
  })

  it('in a loop that asks by itself gets the error rejected (F101)', async () => {
    const { backend, session, world, first, errors } = await start()
    let rejected = first
    let failures = 0
    for (let asked = 0; asked < 6_000; asked++) {
      const one = watch(session.getToken({ rejected }))
      await world.advance(10)
      if (one.value) rejected = one.value
      if (one.error?.code === 'rejected') failures++
    }
    expect(failures).toBeGreaterThan(5_000)
    expect(errors()).toContain('rejected')
    expect(backend.calls).toHaveLength(3)
  })

  it('is given another chance by signIn and by refresh', async () => {
    const { backend, session, world } = await start()
    const exhaust = async () => {
      while (session.state.status !== 'failed') {
        if (session.state.status === 'fresh') session.invalidate(session.state.token.value)
        await world.advance(1_000)
      }
    }
    await exhaust()
    session.signIn('ann')
    expect(await session.getToken()).toBe(backend.minted.at(-1))
    await exhaust()
    expect(await session.refresh()).toBe(backend.minted.at(-1))
  })

  it('now and then is no such provider: each refusal is answered by one call', async () => {
    const { backend, session, world } = await start()
    for (let time = 0; time < 10; time++) {
      session.invalidate(await session.getToken())
      await session.getToken()
      await world.advance(10 * minute)
    }
    expect(backend.calls.filter(({ reason }) => reason === 'rejected')).toHaveLength(10)
    expect(session.state.status).toBe('fresh')
  })
})
