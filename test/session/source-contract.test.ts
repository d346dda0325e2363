import { fromEndpoint } from 'inbox-session'
import type { TokenAnswer } from 'inbox-session'
import { describe, expect, it, vi } from 'vitest'
import { createScene, failureOf } from '../support/scene.js'
import { tokenFor } from '../support/tokens.js'
import { start } from '../support/world.js'

const minute = 60_000
const hour = 60 * minute

describe('a source is told', () => {
  it('who asks, why, for the how many-th time and what is to be replaced', async () => {
    const { backend, session, world } = createScene()
    const user = { id: 'ann', tenant: 't1', email: 'ann@example.org' }
    backend.fail()
    session.signIn(user)
    await world.advance(3_000)
    backend.mend()
    await world.advance(5_000)
    const first = await session.getToken()
    await world.advance(0.83 * hour)
    const asked = backend.calls.map(({ reason, attempt, previous }) => [reason, attempt, previous])
    expect(asked.slice(0, 3)).toEqual([
      ['initial', 1, undefined],
      ['initial', 2, undefined],
      ['initial', 3, undefined],
    ])
    expect(asked.at(-1)).toEqual(['refresh', 1, first])
    for (const call of backend.calls) {
      expect(call.user).toEqual(user)
      expect(call.signal).toBeInstanceOf(AbortSignal)
    }
  })

  it('is not called before signIn, and once however many need a token at the start', async () => {
    const { backend, session, world } = createScene()
    session.attach({ name: 'one', attach() {} })
    session.attach({ name: 'other', attach() {} })
    await world.advance(minute)
    expect(backend.calls).toEqual([])
    session.signIn('ann')
    await Promise.all([session.getToken(), session.getToken(), session.refreshUserToken()])
    expect(backend.calls).toHaveLength(1)
  })
})

describe('an endpoint', () => {
  it('gives a session tokens, with the server’s clock in mind, past every cache (F66)', async () => {
    const seen: RequestInit[] = []
    const { backend, session, world, token } = createScene()
    const server = () => world.environment.now() - hour
    const source = fromEndpoint(({ user }) => `http://127.0.0.1/token/${user.id}`, {
      fetch: async (_, init) => {
        seen.push(init!)
        const date = new Date(server()).toUTCString()
        return Response.json({ token: tokenFor('ann', server(), 600) }, { headers: { date } })
      },
    })
    backend.answer = source as never
    session.signIn('ann')
    await session.getToken()
    expect(seen[0]).toMatchObject({ cache: 'no-store', signal: expect.any(AbortSignal) })
    expect(token()!.expiresAt! - token()!.receivedAt).toBeGreaterThan(598_000)
    expect(token()!.expiresAt! - token()!.receivedAt).toBeLessThanOrEqual(600_000)
  })

  it('is aborted when the user leaves', async () => {
    const { backend, session, world } = createScene()
    let signal: AbortSignal | undefined
    const fetch: typeof globalThis.fetch = (_, init) =>
      new Promise((_, reject) => {
        signal = init!.signal!
        signal.addEventListener('abort', () => reject(signal!.reason as Error))
      })
    backend.answer = fromEndpoint('http://127.0.0.1/token', { fetch }) as never
    session.signIn('ann')
    const asked = failureOf(session.getToken())
    await world.flush()
    await session.signOut()
    expect(signal!.aborted).toBe(true)
    expect((await asked).code).toBe('signed_out')
  })
})

describe('a source that speaks first', () => {
  const speaking = () => {
    const listeners = new Set<(answer: TokenAnswer | null) => void>()
    const scene = createScene({
      subscribe(push) {
        listeners.add(push)
        return () => void listeners.delete(push)
      },
    })
    return { ...scene, listeners, push: (answer: unknown) => listeners.forEach((run) => run(answer as never)) }
  }
  const signedIn = async () => {
    const scene = speaking()
    scene.session.signIn('ann')
    const first = await scene.session.getToken()
    await scene.world.advance(minute)
    return { ...scene, first }
  }

  it('is listened to while somebody is signed in', async () => {
    const { session, listeners } = speaking()
    expect(listeners.size).toBe(0)
    session.signIn('ann')
    expect(listeners.size).toBe(1)
    session.signIn('bob')
    expect(listeners.size).toBe(1)
    await session.signOut()
    expect(listeners.size).toBe(0)
    session.signIn('ann')
    await session.close()
    expect(listeners.size).toBe(0)
  })

  it('brings a newer token without a call', async () => {
    const { backend, session, push, of } = await signedIn()
    push({ token: 'pushed', expiresIn: 600 })
    expect(await session.getToken()).toBe('pushed')
    expect(session.state).toMatchObject({ status: 'fresh', token: { generation: 2 } })
    expect(of('token')).toHaveLength(2)
    expect(backend.calls).toHaveLength(1)
  })

  it('is told whose tokens are meant', () => {
    const users: unknown[] = []
    const { session } = createScene({ subscribe: (_, user) => (users.push(user), () => {}) })
    session.signIn({ id: 'ann', tenant: 'acme' })
    expect(users).toEqual([{ id: 'ann', tenant: 'acme' }])
  })

  it('brings tokens that are kept for four fifths of their lives, the first alone is spread', async () => {
    const { backend, world, push } = await signedIn()
    push({ token: 'pushed', expiresIn: 600 })
    await world.advance(479_999)
    expect(backend.calls).toHaveLength(1)
    await world.advance(18_001)
    expect(backend.calls).toHaveLength(2)
  })

  it('ends the call that is under way: it has brought what was asked for', async () => {
    const { backend, session, world, push } = await signedIn()
    const answer = backend.hold()
    world.jump(2 * hour)
    const asked = session.getToken()
    await world.flush()
    push('pushed')
    expect(await asked).toBe('pushed')
    expect(backend.calls[1]!.signal.aborted).toBe(true)
    await answer.resolve()
    expect(await session.getToken()).toBe('pushed')
  })

  it('brings somebody back out of a failure', async () => {
    const { backend, session, world, push } = speaking()
    backend.answer = () => null
    session.signIn('ann')
    await world.advance(minute)
    expect(session.state.status).toBe('failed')
    push('pushed')
    expect(session.state.status).toBe('fresh')
  })

  it('is checked like any other: wrong, ended, older or refused tokens change nothing', async () => {
    const { session, world, first, push, errors } = await signedIn()
    push(tokenFor('bob', start + minute))
    push({ token: 'ended', expiresIn: -5 })
    push(tokenFor('ann', start - minute))
    push({ token: '' })
    push(7)
    push(undefined)
    expect(await session.getToken()).toBe(first)
    expect(errors().length).toBeGreaterThanOrEqual(3)
    session.invalidate(first)
    await session.getToken()
    await world.advance(minute)
    push(first)
    expect(await session.getToken()).not.toBe(first)
  })

  it('and says again what is known, or was known before, has said nothing wrong', async () => {
    const { session, world, first, push, errors } = await signedIn()
    push(first)
    await Promise.all([session.refresh(), world.advance(minute)])
    push(first)
    expect(errors()).toEqual([])
    expect(session.state).toMatchObject({ status: 'fresh', token: { generation: 2 } })
  })

  it('and says null has signed out over there', async () => {
    const { backend, session, world, push, of } = await signedIn()
    push(null)
    expect(session.state).toEqual({ status: 'signed-out' })
    expect(of('signed-out')).toHaveLength(1)
    await world.advance(2 * hour)
    expect(backend.calls).toHaveLength(1)
  })

  it('too late, for a user who left, is not heard', async () => {
    const { session, world, listeners } = await signedIn()
    const [late] = [...listeners]
    session.signIn('bob')
    const bobs = await session.getToken()
    await world.advance(minute)
    late!('for-ann')
    late!(null)
    expect(session.state).toMatchObject({ status: 'fresh', user: { id: 'bob' } })
    expect(await session.getToken()).toBe(bobs)
  })

  it('may be taken off again without an answer from its host', async () => {
    const subscribe = vi.fn(() => undefined as never)
    const { session } = createScene({ subscribe })
    session.signIn('ann')
    await session.signOut()
    expect(subscribe).toHaveBeenCalledTimes(1)
  })
})
