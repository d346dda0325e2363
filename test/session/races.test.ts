import type { AdapterContext, Session, TokenAnswer } from 'inbox-session'
import { memoryStorage } from 'inbox-session'
import { describe, expect, it } from 'vitest'
import { journaling } from '../support/journal.js'
import { type SceneOptions, createScene, failureOf, watch } from '../support/scene.js'
import { tokenFor } from '../support/tokens.js'
import { createWorld, start } from '../support/world.js'

const never = () => new Promise<never>(() => {})
const hanging = { getItem: never, setItem: never, removeItem: never }
const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await Promise.resolve()
}

/** Ann signs in before the network is there. */
const startedOffline = async (options: SceneOptions) => {
  const world = createWorld()
  world.environment.online = false
  const scene = createScene({ world, storage: memoryStorage(), ...options })
  scene.session.signIn('ann')
  for (let turn = 0; turn < 3; turn++) await world.flush()
  return scene
}

describe('after a start offline', () => {
  it('a caller of one user never gets the next one’s token (F75)', async () => {
    const { backend, session, world } = await startedOffline({})
    backend.fail()
    await world.setOnline(true)
    const asked = watch(session.getToken())
    session.signIn('bob', tokenFor('bob', start))
    await world.flush()
    expect(asked.error).toMatchObject({ code: 'user_changed' })
  })

  it('nor does an adapter that asks', async () => {
    const { backend, session, world } = await startedOffline({ seconds: 60 })
    let context: AdapterContext | undefined
    session.attach({ name: 'pull', attach: (given) => void (context ??= given), update() {} })
    await world.setOnline(true)
    await world.flush()
    backend.fail()
    await world.advance(70_000)
    const asked = watch(context!.getToken())
    session.signIn('bob', tokenFor('bob', world.environment.now()))
    await world.flush()
    expect(asked.error).toMatchObject({ code: 'user_changed' })
  })

  it('a caller who gives up is let go at once, though the storage hangs (F63)', async () => {
    const { session, world } = await startedOffline({ storage: hanging })
    const controller = new AbortController()
    const asked = watch(session.getToken({ signal: controller.signal }))
    controller.abort()
    await world.flush()
    expect(asked.error).toMatchObject({ name: 'AbortError' })
  })
})

describe('whoever leaves while the token lands', () => {
  // Each turn of promises between the sign-in and the answer, and some beyond.
  const all = Array.from({ length: 40 }, (_, turn) => turn)

  it.each<[string, (session: Session) => void, string]>([
    ['out', (session) => void session.signOut(), 'signed_out'],
    ['over', (session) => session.signIn('bob'), 'user_changed'],
  ])('by signing %s does not get it, save where it had been given already (F74, F75)', async (_, leave, code) => {
    const late: number[] = []
    for (const turn of all) {
      const { session, world } = createScene({ storage: memoryStorage() })
      session.signIn('ann')
      const asked = watch(session.getToken())
      await turns(turn)
      const before = asked.ended
      leave(session)
      await world.flush()
      if (asked.error) expect(asked.error).toMatchObject({ code })
      else if (!before) late.push(turn)
    }
    // A resolved promise cannot be taken back; whoever waits for it hears of it two turns later.
    expect(late.length).toBeLessThanOrEqual(2)
  })

  it('leaves nothing in the storage, with adapters or on the clock', async () => {
    for (const turn of all) {
      const items = new Map<string, string>()
      const { session, world } = createScene({
        storage: {
          getItem: (key) => items.get(key) ?? null,
          setItem: (key, value) => void items.set(key, value),
          removeItem: (key) => void items.delete(key),
        },
      })
      const { adapter, journal } = journaling()
      session.attach(adapter)
      session.signIn('ann')
      await turns(turn)
      void session.signOut()
      await world.flush()
      await world.flush()
      expect(journal.length % 2).toBe(0)
      expect([items.size, world.timers, world.listeners]).toEqual([0, 0, 0])
    }
  })
})

describe('a call is made for nobody', () => {
  it.each<[string, string[], (session: Session) => void]>([
    ['who closed at once', [], (session) => void session.close()],
    ['who signed out at once', [], (session) => void session.signOut()],
    ['who signed out and in at once (F89)', ['ann'], (session) => (void session.signOut(), session.signIn('ann'))],
    ['who was switched at once', ['bob'], (session) => session.signIn('bob')],
  ])('%s', async (_, calls, leave) => {
    const { backend, session, world } = createScene()
    session.signIn('ann')
    leave(session)
    await world.flush()
    expect(backend.calls.map(({ user }) => user.id)).toEqual(calls)
  })
})

describe('an endless token that is refused', () => {
  it('while a request is under way is not taken from its answer', async () => {
    const { backend, session, world } = createScene()
    backend.answer = () => 'opaque'
    session.signIn('ann')
    await session.getToken()
    const answer = backend.hold()
    watch(session.refresh())
    await world.advance(1_000)
    session.invalidate('opaque')
    await answer.resolve('opaque')
    expect((await failureOf(session.getToken())).code).toBe('stale_token')
    expect(session.state).not.toHaveProperty('token')
  })

  it('while that answer is being saved is not taken either', async () => {
    let refuse = () => {}
    const storage = { getItem: () => null, setItem: () => refuse(), removeItem: () => {} }
    const { backend, session, world } = createScene({ storage })
    backend.answer = () => 'opaque'
    session.signIn('ann')
    await session.getToken()
    refuse = () => session.invalidate('opaque')
    watch(session.refresh())
    await world.advance(1_000)
    expect((await failureOf(session.getToken())).code).toBe('stale_token')
  })
})

describe('refresh', () => {
  it('takes no token that another session saved before', async () => {
    const shared = { world: createWorld(), storage: memoryStorage() }
    const [one, other] = [createScene(shared), createScene(shared)] as const
    for (const { session } of [one, other]) {
      session.signIn('ann')
      await session.getToken()
    }
    await shared.world.advance(60_000)
    const others = watch(other.session.refresh())
    await shared.world.advance(60_000)
    const mine = watch(one.session.refresh())
    await shared.world.flush()
    expect(others.value).toBeDefined()
    expect(mine.value).toBeDefined()
    expect(mine.value).not.toBe(others.value)
    // They share a clock: at the end of the test both have to be gone.
    await Promise.all([one.session.close(), other.session.close()])
  })
})

describe('a pushed token', () => {
  it('of the same millisecond as the one that is held replaces it', async () => {
    let push: (answer: TokenAnswer) => void = () => {}
    const { session } = createScene({ subscribe: (given) => ((push = given), () => {}) })
    const [first, second] = [tokenFor('ann', start), tokenFor('ann', start, 7_200)]
    session.signIn('ann', first)
    push(second)
    expect(await session.getToken()).toBe(second)
  })
})

describe('close leaves no timer (G6)', () => {
  it('of an adapter that fails to attach after its token was dropped', async () => {
    const { session, world } = createScene()
    let fail = () => {}
    session.attach({ name: 'sdk', attach: () => new Promise((_, reject) => (fail = () => reject(new Error('no')))) })
    session.signIn('ann')
    const token = await session.getToken()
    await world.setOnline(false)
    session.invalidate(token)
    await world.flush()
    fail()
    await world.flush()
    await session.close()
    expect(world.timers).toBe(0)
  })

  it('of an SDK that lost its session after its token was dropped', async () => {
    const { session, world } = createScene()
    const { adapter, contexts } = journaling()
    session.attach(adapter)
    session.signIn('ann')
    const token = await session.getToken()
    await world.flush()
    await world.setOnline(false)
    session.invalidate(token)
    await world.flush()
    contexts[0]!.report({ kind: 'session-lost' })
    await world.flush()
    await session.close()
    expect(world.timers).toBe(0)
  })

  it('of a storage that never answers', async () => {
    const { session, world } = createScene({ storage: hanging })
    session.signIn('ann')
    await world.advance(2_000)
    expect(session.state.status).toBe('fresh')
    const closed = watch(session.close())
    for (let step = 0; step < 30 && !closed.ended; step++) await world.advance(100)
    expect(closed.ended).toBe(true)
    expect(world.timers).toBe(0)
  })
})

describe('a host that speaks first', () => {
  it('and signs out its user while another one is about to sign in does not sign out that one', async () => {
    let push: ((answer: TokenAnswer | null) => void) | undefined
    const { backend, session, world } = createScene({
      subscribe: (given) => {
        push ??= given
        return () => {}
      },
    })
    backend.hold()
    session.signIn('ann')
    await world.flush()
    // The call is given up because the host brought a token: in the midst of that, bob comes and the host lets ann go.
    backend.calls[0]!.signal.addEventListener('abort', () => {
      session.signIn('bob')
      push!(null)
    })
    push!(tokenFor('ann', world.environment.now()))
    await world.flush()
    expect(session.state).toMatchObject({ status: 'fetching', user: { id: 'bob' } })
  })
})
