import { inspect } from 'node:util'
import { SessionError, fromEndpoint, isSessionError, memoryStorage } from 'inbox-session'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Scene, createScene, failureOf, watch } from '../support/scene.js'
import { jwt, piecesOf, shownPieces, tokenFor } from '../support/tokens.js'
import { start } from '../support/world.js'

const now = start / 1_000
const secret = tokenFor('ann', start)
const opaque = 'Zq8vN3xK7mP2wR9tY4uL6sD1fG5hJ0bC'
const pieces = piecesOf([secret, opaque])

const said: unknown[][] = []
beforeEach(() => {
  said.length = 0
  for (const name of ['log', 'info', 'warn', 'error', 'debug', 'trace'] as const)
    vi.spyOn(console, name).mockImplementation((...given) => void said.push(given))
})
afterEach(() => void vi.restoreAllMocks())

/** Every way a value may come out in a log. */
const faces = (value: unknown): string => {
  const error = value as SessionError | undefined
  return [
    String(value),
    JSON.stringify(value),
    inspect(value, { depth: 12 }),
    inspect(value, { depth: 12, showHidden: true }),
    error?.message,
    error?.stack,
    inspect(error?.cause),
    JSON.stringify(value, value instanceof Error ? Object.getOwnPropertyNames(value) : []),
  ].join('\n')
}
/** Whatever the outside gets to see of a session. */
const expectNoSecret = ({ session, happened }: Pick<Scene, 'session' | 'happened'>, ...more: unknown[]) => {
  const texts = [...happened.map(({ payload }) => payload), session, session.state, ...said.flat(), ...more]
  expect(shownPieces(texts.map(faces).join('\n'), pieces)).toEqual([])
}

const quoting = (text: string) => () => Promise.reject(new Error(`could not parse ${text}`))
const endpoint = (body: string, init?: ResponseInit) =>
  fromEndpoint('http://127.0.0.1/token', { fetch: async () => new Response(body, init) })

describe('no token, nor 12 characters of one, is to be seen (F99, G4)', () => {
  it.each<[string, unknown]>([
    ['an error that quotes it', quoting(secret)],
    ['an error that quotes a piece of it', quoting(`${secret.slice(60, 90)}…`)],
    ['an error that quotes an opaque one', quoting(opaque)],
    ['an error whose cause quotes it', () => Promise.reject(new Error('no', { cause: new Error(secret) }))],
    ['an error that carries it', () => Promise.reject(Object.assign(new Error('no'), { token: secret, body: secret }))],
    ['an error named after it', () => Promise.reject(Object.assign(new Error('no'), { name: secret }))],
    ['it, thrown', () => Promise.reject(secret)],
    ['an object that holds it, thrown', () => Promise.reject({ message: secret })],
    ['a SessionError that quotes it', () => Promise.reject(new SessionError('source_failed', `sent ${secret}`))],
    ['it in an object of another kind', () => ({ jwt: secret })],
    ['it with a blank in it', () => `${secret} ${secret}`],
    ['it in a list', () => [secret]],
    ['it, ended', () => ({ token: secret, expiresIn: -1 })],
    ['it, of another user', () => ({ token: jwt({ sub: 'bob', secret: opaque, exp: now + 60 }) })],
    ['it, not valid yet', () => jwt({ sub: 'ann', iat: now, nbf: now + 60, exp: now + 600 })],
    ['it in HTML', endpoint(`<p>${secret}</p>`, { headers: { 'content-type': 'text/html' } })],
    ['it in broken JSON', endpoint(`{"token":"${secret}`)],
    ['it in the body of a 500', endpoint(secret, { status: 500 })],
    ['it in the body of a 401', endpoint(secret, { status: 401 })],
  ])('when the source answers %s', async (_, answer) => {
    const scene = createScene({ storage: memoryStorage() })
    const { backend, session, world } = scene
    backend.answer = answer as never
    session.signIn('ann')
    const error = await failureOf(session.getToken())
    expect(isSessionError(error)).toBe(true)
    await world.advance(5_000)
    expectNoSecret(scene, error)
    expect(error.message.length).toBeLessThan(300)
    expect(said).toEqual([])
  })

  it('while it is held, in the session, its snapshot, its events and its Token', async () => {
    const scene = createScene()
    const { backend, session, world } = scene
    backend.answer = () => ({ token: secret, extra: { hash: opaque } })
    session.signIn('ann')
    expect(await session.getToken()).toBe(secret)
    const token = scene.token()!
    expect(token.value).toBe(secret)
    expect(token.extra).toEqual({ hash: opaque })
    expectNoSecret(scene, token, `${token as never}`, { ...token }, Object.assign({}, token))
    session.invalidate(secret)
    await world.flush()
    backend.answer = () => secret
    await world.advance(60_000)
    await session.signOut()
    expectNoSecret(scene)
  })

  it('is not copied to the snapshot by a structured clone or by spreading', async () => {
    const { session } = createScene()
    session.signIn('ann', secret)
    const { state } = session
    expect(shownPieces(JSON.stringify({ ...state }) + inspect({ ...state }), pieces)).toEqual([])
    expect(shownPieces(inspect(structuredClone(state), { showHidden: true, depth: 9 }), pieces)).toEqual([])
  })

  it.each(['attach', 'update', 'detach'] as const)('when an adapter’s %s quotes it', async (call) => {
    const scene = createScene()
    const { session, world } = scene
    session.signIn('ann', { token: secret })
    const quote = () => {
      throw new Error(`401 for ${secret} and ${opaque}`)
    }
    session.attach({ name: 'sdk', attach() {}, update() {}, detach() {}, [call]: quote })
    await world.flush()
    await Promise.all([session.refresh(), world.advance(2_000)])
    await session.signOut()
    expect(scene.errors()).toContain('adapter_failed')
    expectNoSecret(scene)
  })

  it.each(['getItem', 'setItem', 'removeItem'] as const)('when a storage’s %s quotes it', async (call) => {
    const quote = (...given: unknown[]) => {
      throw new Error(`cannot ${call} ${given.join()} ${secret}`)
    }
    const scene = createScene({ storage: { ...memoryStorage(), [call]: quote } })
    scene.backend.answer = () => secret
    scene.session.signIn('ann')
    await scene.session.getToken()
    await scene.session.signOut()
    expect(scene.errors()).toContain('storage_failed')
    expectNoSecret(scene)
  })

  it('when a listener, a reader of subjects or a caller’s token quotes it', async () => {
    const subject = () => {
      throw new Error(secret)
    }
    const scene = createScene({ subject })
    const { session, world } = scene
    session.on('change', () => {
      throw new Error(secret)
    })
    session.signIn('ann', secret)
    const asked = watch(session.getToken({ rejected: secret }))
    session.invalidate(secret)
    await world.flush()
    await world.advance(1_000)
    expect(asked.ended).toBe(true)
    expectNoSecret(scene, asked.error)
  })

  it('when options of a wrong kind hold it', () => {
    const { session } = createScene()
    for (const run of [
      () => createScene({ name: [secret] as never }),
      () => createScene({ storage: secret as never }),
      () => session.signIn({ token: secret } as never),
      () => session.attach(secret as never),
      () => session.on('token', secret as never),
    ])
      try {
        run()
        expect.unreachable()
      } catch (error) {
        expect(error).toBeInstanceOf(TypeError)
        expect(shownPieces(faces(error), pieces)).toEqual([])
      }
  })
})

describe('what the app needs to find the fault is still told', () => {
  it.each([
    ['Failed to fetch', new TypeError('Failed to fetch'), /TypeError.*Failed to fetch/],
    ['a status', new Error('status 503 from /api/token'), /503/],
    ['a code in capitals', new Error('ECONNREFUSED 127.0.0.1'), /ECONNREFUSED/],
  ])('%s', async (_, error, expected) => {
    const { backend, session } = createScene()
    backend.fail(error)
    session.signIn('ann')
    expect((await failureOf(session.getToken())).message).toMatch(expected)
  })
})
