import { isSessionError } from 'inbox-session'
import { describe, expect, it, vi } from 'vitest'
import { createScene, failureOf } from '../support/scene.js'
import { createWorld } from '../support/world.js'

const hour = 3_600_000

describe('close', () => {
  const closed = async () => {
    const scene = createScene()
    scene.session.signIn('ann')
    await scene.session.getToken()
    await scene.session.close()
    return scene
  }

  it('ends everything, and signs nobody out', async () => {
    const { backend, session, world, of } = await closed()
    expect(session.state).toEqual({ status: 'closed' })
    expect(of('change').at(-1)).toEqual({ status: 'closed' })
    expect(of('signed-out')).toEqual([])
    expect(world.timers + world.listeners).toBe(0)
    await world.advance(2 * hour)
    expect(backend.calls).toHaveLength(1)
  })

  it('is answered with closed by whatever is asked afterwards', async () => {
    const { backend, session, world } = await closed()
    for (const asked of [session.getToken(), session.refresh(), session.refreshUserToken()])
      expect((await failureOf(asked)).code).toBe('closed')
    const signIn = () => session.signIn('ann')
    expect(signIn).toThrow()
    try {
      signIn()
    } catch (error) {
      expect(isSessionError(error, 'closed')).toBe(true)
    }
    session.invalidate('opaque')
    await session.signOut()
    await session.close()
    const attach = vi.fn()
    await session.attach({ name: 'late', attach })()
    expect(attach).not.toHaveBeenCalled()
    expect(backend.calls).toHaveLength(1)
    expect(world.timers + world.listeners).toBe(0)
  })

  it('rejects those who wait, and drops the answer that comes late', async () => {
    const { backend, session, world, of } = createScene()
    const answer = backend.hold()
    session.signIn('ann')
    const asked = failureOf(session.getToken())
    await world.flush()
    await session.close()
    expect((await asked).code).toBe('closed')
    expect(backend.calls[0]!.signal.aborted).toBe(true)
    await answer.resolve()
    expect(of('token')).toEqual([])
  })

  it('is what `await using` does', async () => {
    const { session } = createScene()
    await session[Symbol.asyncDispose]()
    expect(session.state.status).toBe('closed')
  })
})

it('before signIn nothing is done at all', async () => {
  const world = createWorld()
  const calls: string[] = []
  const environment = new Proxy(world.environment, {
    get(target, key) {
      if (key !== 'now') calls.push(String(key))
      return Reflect.get(target, key) as unknown
    },
  })
  const scene = createScene({ world: { ...world, environment } })
  const { session } = scene
  calls.length = 0
  expect(session.state.status).toBe('signed-out')
  await world.advance(hour)
  expect(world.timers + world.listeners).toBe(0)
  expect(calls).toEqual([])
  expect(scene.backend.calls).toEqual([])
})
