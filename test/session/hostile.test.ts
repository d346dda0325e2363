import type { SessionState } from 'inbox-session'
import { SessionError, isSessionError, memoryStorage } from 'inbox-session'
import { describe, expect, it, vi } from 'vitest'
import { journaling } from '../support/journal.js'
import { createScene, failureOf, watch } from '../support/scene.js'
import { piecesOf, shownPieces, tokenFor } from '../support/tokens.js'
import { start } from '../support/world.js'

const secret = tokenFor('ann', start)
const shows = (text: string) => shownPieces(text, piecesOf([secret]))
const branded = (more: object) => ({ [Symbol.for('inbox-session.error')]: true, code: 'source_failed', ...more })

describe('a Retry-After that is no number', () => {
  it.each([NaN, 'soon' as never])('%s: the usual wait, and never dead for good', async (retryAfter) => {
    const { backend, session, world } = createScene()
    backend.fail(new SessionError('source_failed', 'down', { retryAfter }))
    session.signIn('ann')
    await world.flush()
    const { retryAt } = session.state as SessionState & { status: 'waiting' }
    expect(retryAt - start).toBeGreaterThan(0)
    expect(retryAt - start).toBeLessThanOrEqual(2_000)
    backend.mend()
    await world.advance(2_000)
    expect(session.state.status).toBe('fresh')
  })

  it('is no loop for a listener that asks at each change (G8)', async () => {
    const { backend, session, world } = createScene()
    backend.fail(new SessionError('source_failed', 'down', { retryAfter: NaN }))
    const listener = vi.fn(() => {
      if (listener.mock.calls.length < 100) watch(session.getToken())
    })
    session.subscribe(listener)
    session.signIn('ann')
    await world.flush()
    expect(listener.mock.calls.length).toBeLessThan(20)
  })
})

describe('a source whose subscription', () => {
  it('throws is reported once, and asked for tokens all the same (F73)', async () => {
    const { session, errors } = createScene({
      subscribe() {
        throw new Error('no bridge')
      },
    })
    session.signIn('ann')
    expect(await session.getToken()).toMatch(/./)
    expect(errors()).toEqual(['source_failed'])
  })

  it.each<[string, () => unknown]>([
    ['throws', () => () => expect.unreachable('always')],
    ['is a promise', () => Promise.resolve(() => {})],
  ])('cannot be undone, its undo %s: signOut takes everything away all the same', async (_, subscribe) => {
    const items = new Map<string, string>()
    const storage = { ...memoryStorage(), setItem: (key: string, value: string) => void items.set(key, value) }
    storage.removeItem = (key) => void items.delete(key)
    const { session, world, of, errors } = createScene({ storage, subscribe: subscribe as never })
    const { adapter, journal } = journaling()
    session.attach(adapter)
    session.signIn('ann')
    await session.getToken()
    await world.flush()
    expect(items.size).toBe(1)
    await session.signOut()
    expect(session.state).toEqual({ status: 'signed-out' })
    expect(of('signed-out')).toHaveLength(1)
    expect(journal.at(-1)).toMatch(/^detach/)
    expect(items.size).toBe(0)
    expect(errors()).toEqual(['source_failed'])
  })
})

describe('an error of ours that somebody else threw', () => {
  it('comes out without its cause, and without what was written into its message (G4, F99)', async () => {
    const { backend, session, of } = createScene()
    const cause = new Error(secret)
    backend.fail(Object.assign(new SessionError('timeout', 'slow'), { cause, message: `with ${secret}` }))
    session.signIn('ann')
    const error = await failureOf(session.getToken())
    expect(error.code).toBe('timeout')
    expect(error.cause).toBeUndefined()
    expect(shows(`${error.message} ${error.stack}`)).toEqual([])
    expect(of('error')).toEqual([error])
  })

  it.each([
    ['says nothing else', {}],
    ['has a token for a message', { message: secret }],
    ['has a number for a message', { message: 7 }],
  ])('as a plain object that %s is taken for what its code says', async (_, more) => {
    const { backend, session } = createScene()
    backend.fail(branded(more))
    session.signIn('ann')
    const error = await failureOf(session.getToken())
    expect(error).toBeInstanceOf(SessionError)
    expect(error).toMatchObject({ code: 'source_failed', retryable: true })
    expect(shows(error.message)).toEqual([])
    expect(session.state.status).toBe('waiting')
  })

  it('and is thrown again and again is told each time', async () => {
    const { backend, session, world, errors } = createScene()
    backend.fail(new SessionError('source_failed', 'down'))
    session.signIn('ann')
    await world.advance(60_000)
    expect(backend.calls.length).toBeGreaterThan(4)
    expect(errors()).toHaveLength(backend.calls.length)
  })
})

describe('something thrown that cannot be read', () => {
  const trap = () => {
    throw new TypeError('trap')
  }
  it.each<[string, unknown]>([
    ['a message that throws', Object.defineProperty(new Error('x'), 'message', { get: trap })],
    ['a symbol for a message', Object.assign(new Error('x'), { message: Symbol('x') })],
    ['a proxy that throws', new Proxy({}, { get: trap })],
  ])('(%s) is a failure like any other', async (_, thrown) => {
    const { backend, session } = createScene()
    backend.fail(thrown)
    session.signIn('ann')
    const error = await failureOf(session.getToken())
    expect(isSessionError(error, 'source_failed')).toBe(true)
    expect(session.state).toMatchObject({ status: 'waiting', error })
  })
})

describe('an answer that throws when it is read', () => {
  const answer = {
    get token(): string {
      throw new Error(secret)
    },
  }
  it('is an invalid answer, its words kept back: with signIn', async () => {
    const { session, of } = createScene()
    session.signIn('ann', answer)
    const [error] = of('error')
    expect(isSessionError(error, 'invalid_answer')).toBe(true)
    expect(shows(error!.message)).toEqual([])
    expect(await session.getToken()).toMatch(/./)
  })

  it('and pushed', async () => {
    let push: (answer: never) => void = () => {}
    const { session, of } = createScene({ subscribe: (given) => ((push = given), () => {}) })
    session.signIn('ann')
    const token = await session.getToken()
    push(answer as never)
    const [error] = of('error')
    expect(isSessionError(error, 'invalid_answer')).toBe(true)
    expect(shows(error!.message)).toEqual([])
    expect(await session.getToken()).toBe(token)
  })
})

describe('invalidate', () => {
  it('of nothing while no token is held is nothing', async () => {
    const { backend, session, world, of } = createScene()
    session.signIn('ann')
    session.invalidate(undefined as never)
    await world.flush()
    expect(session.state.status).toBe('fresh')
    expect(of('expired')).toEqual([])
    expect(backend.calls).toHaveLength(1)
  })
})

describe('an opaque token', () => {
  it('that is answered with an end first and without one later does not keep the old end (G9)', async () => {
    const { backend, session, world } = createScene()
    backend.answer = () => ({ token: 'opaque', expiresIn: 300 })
    session.signIn('ann')
    await session.getToken()
    backend.answer = () => 'opaque'
    await world.advance(1_000_000)
    expect(session.state.status).toBe('fresh')
    const { expiresAt = Infinity } = (session.state as { token: { expiresAt?: number } }).token
    expect(expiresAt).toBeGreaterThan(world.environment.now())
  })
})

describe('what comes beside a token', () => {
  it('is a copy that nobody can change', async () => {
    const { backend, session, token } = createScene()
    const extra = { hash: 'first' }
    backend.answer = ({ user }) => ({ token: tokenFor(user.id, start), extra })
    session.signIn('ann')
    await session.getToken()
    extra.hash = 'second'
    expect(token()!.extra).toEqual({ hash: 'first' })
    expect(Object.isFrozen(token()!.extra)).toBe(true)
  })
})
