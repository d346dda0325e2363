import { describe, expect, it } from 'vitest'
import { createScene, failureOf, watch } from '../support/scene.js'

const hour = 3_600_000
const start = async (options?: Parameters<typeof createScene>[0]) => {
  const scene = createScene(options)
  scene.session.signIn('ann')
  const first = await scene.session.getToken()
  return { ...scene, first }
}

describe('getToken', () => {
  it('rejects with signed_out while nobody is signed in, and asks nobody', async () => {
    const { backend, session } = createScene()
    expect(await failureOf(session.getToken())).toMatchObject({ code: 'signed_out', retryable: false })
    expect(await failureOf(session.refreshUserToken('old', {}))).toMatchObject({ code: 'signed_out' })
    expect(backend.calls).toEqual([])
  })

  it('answers a thousand callers on a spent token with one request, all with the same token', async () => {
    const { backend, session, world, first } = await start()
    world.jump(2 * hour)
    const values = await Promise.all(Array.from({ length: 1_000 }, () => session.getToken()))
    expect(new Set(values).size).toBe(1)
    expect(values[0]).not.toBe(first)
    expect(backend.calls).toHaveLength(2)
  })

  it('never hands out a token that is spent, though its timer has not fired (G9)', async () => {
    const { backend, session, world, first } = await start()
    backend.fail()
    world.jump(hour - 5_001)
    expect(await session.getToken()).toBe(first)
    world.jump(2)
    expect((await failureOf(session.getToken())).code).toBe('source_failed')
  })

  it('never hands out a token in the very moment it is spent (G9)', async () => {
    const { backend, session, world, first } = await start()
    backend.fail()
    await world.advance(0.9 * hour)
    world.jump(hour - 5_001 - 0.9 * hour)
    expect(await session.getToken()).toBe(first)
    world.jump(1)
    expect((await failureOf(session.getToken())).code).toBe('source_failed')
  })

  it('of a due token begins its refresh where the timer is late, and keeps nobody waiting', async () => {
    const { backend, session, world, first } = await start()
    const answer = backend.hold()
    world.jump(0.9 * hour)
    expect(await session.getToken()).toBe(first)
    await world.flush()
    expect(backend.calls).toHaveLength(2)
    await answer.resolve()
    expect(await session.getToken()).toBe(backend.minted[1])
  })

  it('makes nothing anew for each caller while the token is good', async () => {
    const { session } = await start()
    const once = session.getToken()
    expect(session.getToken()).toBe(once)
    expect(session.refreshUserToken()).toBe(once)
  })

  it('works without the session it was taken from', async () => {
    const { session, first } = await start()
    const { getToken, refreshUserToken } = session
    expect(await getToken()).toBe(first)
    expect(await refreshUserToken()).toBe(first)
  })
})

describe('getToken({ signal })', () => {
  it('that aborts rejects this caller alone; the request goes on (F63)', async () => {
    const { backend, session, world } = createScene()
    const answer = backend.hold()
    session.signIn('ann')
    const controller = new AbortController()
    const [one, other, third] = [undefined, controller.signal, undefined].map((signal) =>
      watch(session.getToken(signal && { signal })),
    )
    await world.flush()
    controller.abort()
    await world.flush()
    expect(other!.error).toMatchObject({ name: 'AbortError' })
    expect([one!.ended, third!.ended]).toEqual([false, false])
    expect(backend.calls[0]!.signal.aborted).toBe(false)
    await answer.resolve()
    expect(one!.value).toBe(backend.minted[0])
    expect(third!.value).toBe(one!.value)
    expect(backend.calls).toHaveLength(1)
  })

  it('rejects with the reason the signal gives', async () => {
    const { backend, session } = createScene()
    backend.hold()
    session.signIn('ann')
    const controller = new AbortController()
    const asked = session.getToken({ signal: controller.signal })
    const reason = new Error('the page was left')
    controller.abort(reason)
    await expect(asked).rejects.toBe(reason)
  })

  it('that was aborted before asks nobody', async () => {
    const { backend, session, world } = await start()
    world.jump(hour / 6)
    const options = { signal: AbortSignal.abort(), maxAge: 1_000 }
    await expect(session.getToken(options)).rejects.toMatchObject({ name: 'AbortError' })
    expect(backend.calls).toHaveLength(1)
  })

  it('of everybody leaves the request to end, and its token to serve (F63)', async () => {
    const { backend, session, world } = createScene()
    const answer = backend.hold()
    session.signIn('ann')
    const controller = new AbortController()
    const asked = [1, 2, 3].map(() => watch(session.getToken({ signal: controller.signal })))
    controller.abort()
    await world.flush()
    expect(asked.every(({ error }) => error)).toBe(true)
    await answer.resolve()
    expect(session.state.status).toBe('fresh')
    expect(backend.calls).toHaveLength(1)
  })

  it('keeps no listener at the signal once it is answered', async () => {
    const { session } = await start()
    const { signal } = new AbortController()
    let listeners = 0
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)]
    signal.addEventListener = (...given: Parameters<typeof add>) => (listeners++, add(...given))
    signal.removeEventListener = (...given: Parameters<typeof remove>) => (listeners--, remove(...given))
    await session.getToken({ signal })
    const { backend, session: other } = createScene()
    const answer = backend.hold()
    other.signIn('ann')
    const asked = other.getToken({ signal })
    expect(listeners).toBe(1)
    await answer.resolve()
    await asked
    expect(listeners).toBe(0)
  })
})

describe('getToken({ minValidity }) and ({ maxAge })', () => {
  it.each([{ minValidity: 3_000_000 }, { maxAge: 600_000 }])(
    'bring a newer token where %j asks for one',
    async (options) => {
      const { backend, session, world, first } = await start()
      expect(await session.getToken(options)).toBe(first)
      world.jump(601_000)
      const next = await session.getToken(options)
      expect(next).not.toBe(first)
      expect(await session.getToken(options)).toBe(next)
      expect(backend.calls).toHaveLength(2)
    },
  )

  it.each([{ minValidity: 60_000 }, { maxAge: 1_800_000 }])('call nobody where the token meets %j', async (options) => {
    const { backend, session, world, first } = await start()
    world.jump(1_200_000)
    expect(await session.getToken(options)).toBe(first)
    await world.flush()
    expect(backend.calls).toHaveLength(1)
  })

  it('wait for the refresh that is under way anyway, while others get the good token', async () => {
    const { backend, session, world, first } = await start()
    const answer = backend.hold()
    while (session.state.status === 'fresh') await world.advance(10_000)
    const asked = watch(session.getToken({ maxAge: 1_000 }))
    expect(await session.getToken()).toBe(first)
    expect(asked.ended).toBe(false)
    await answer.resolve()
    expect(asked.value).toBe(backend.minted.at(-1))
    expect(backend.calls).toHaveLength(2)
  })

  it.each([{ minValidity: 60_000 }, { maxAge: 0 }])(
    'that no token can meet, as %j of 15 s tokens, do not loop (F02, G1)',
    async (options) => {
      const { backend, session, world } = await start({ seconds: 15 })
      for (let passed = 0; passed < 120_000; passed += 50) {
        expect(await session.getToken(options)).toBeTypeOf('string')
        await world.advance(50)
      }
      expect(backend.calls.length).toBeLessThanOrEqual(87)
      expect(backend.calls.length).toBeGreaterThan(10)
    },
  )

  it('give the good token at once where the newer one cannot be had', async () => {
    const { backend, session, world, first } = await start()
    backend.fail()
    world.jump(1_000_000)
    expect(await session.getToken({ maxAge: 1_000 })).toBe(first)
    await world.setOnline(false)
    expect(await session.getToken({ maxAge: 1_000 })).toBe(first)
  })

  it('replace a token without an end when it is older than maxAge', async () => {
    const { backend, session, world } = createScene()
    backend.answer = () => `opaque-${backend.calls.length}`
    session.signIn('ann')
    await session.getToken()
    world.jump(hour)
    expect(await session.getToken({ maxAge: 600_000 })).toBe('opaque-2')
  })
})

describe('whoever asks in the middle of something (F32)', () => {
  it.each(['token', 'change', 'trace', 'signed-out'] as const)('as a listener of %s is answered', async (event) => {
    const { session, world } = createScene()
    const asked: ReturnType<typeof watch>[] = []
    session.on(event, async () => {
      if (asked.length > 3) return
      asked.push(watch(session.getToken()), watch(session.refresh()))
      await session.getToken()
    })
    session.signIn('ann')
    await world.advance(2_000)
    await session.signOut()
    await world.advance(20_000)
    expect(asked.length).toBeGreaterThan(1)
    expect(asked.every(({ ended }) => ended)).toBe(true)
  })

  it('as the source itself gets the token there is, or an error at once', async () => {
    const { backend, session, world } = createScene()
    const asked: ReturnType<typeof watch>[] = []
    const mint = backend.answer
    backend.answer = async (request) => {
      asked.push(watch(session.getToken()))
      await world.flush()
      return mint(request)
    }
    session.signIn('ann')
    const first = await session.getToken()
    expect(asked[0]!.error).toMatchObject({ code: 'source_failed' })
    while (backend.calls.length < 2) await world.advance(60_000)
    await world.flush()
    expect(asked[1]!.value).toBe(first)
    expect(session.state.status).toBe('fresh')
  })

  it('as the source itself, after a wait of its own, ends with its time limit at the latest (G7)', async () => {
    const { backend, session, world } = createScene()
    backend.answer = async () => {
      await Promise.resolve()
      return session.getToken()
    }
    session.signIn('ann')
    const asked = watch(session.getToken())
    await world.advance(10_000)
    expect(asked.error).toMatchObject({ code: 'timeout' })
  })
})

it('code that kept the session, not the token, is served the newest one (F98)', async () => {
  const { backend, session, world, first } = await start()
  const call = () => session.getToken()
  let deployed = 'one'
  backend.answer = () => ({ token: `opaque-${deployed}`, expiresIn: 3_600 })
  deployed = 'two'
  await world.advance(hour)
  expect(await call()).toBe('opaque-two')
  expect(await call()).not.toBe(first)
})
