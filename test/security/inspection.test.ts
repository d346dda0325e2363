import { inspect } from 'node:util'
import { SessionError, type Token } from 'inbox-session'
import { describe, expect, it } from 'vitest'
import { createScene, failureOf } from '../support/scene.js'
import { piecesOf, shownPieces, tokenFor } from '../support/tokens.js'
import { start } from '../support/world.js'

const secret = tokenFor('ann', start)
const opaque = 'Zq8vN3xK7mP2wR9tY4uL6sD1fG5hJ0bC'
const pieces = piecesOf([secret, opaque])
const shows = (...texts: unknown[]): boolean => shownPieces(texts.map(String).join('\n'), pieces).length > 0

const holding = async () => {
  const scene = createScene()
  scene.backend.answer = () => ({ token: secret, extra: { hash: opaque } })
  scene.session.signIn({ id: 'ann', email: 'ann@example.com' })
  await scene.session.getToken()
  await scene.world.advance(2_000)
  return scene
}

/** The paths under which a walker that reads everything, hidden, inherited and symbols too, finds the secret. */
function pathsOf(root: object): string[] {
  const found: string[] = []
  const known = new Set<unknown>()
  const walk = (value: unknown, path: string): void => {
    if (shows(typeof value === 'string' ? value : '')) found.push(path)
    if (Object(value) !== value || known.has(value)) return
    known.add(value)
    for (let owner: unknown = value; owner && owner !== Object.prototype; owner = Object.getPrototypeOf(owner))
      for (const key of Reflect.ownKeys(owner)) {
        if (owner === Function.prototype) continue
        let part: unknown
        try {
          part = (value as Record<PropertyKey, unknown>)[key]
        } catch {
          continue
        }
        walk(part, `${path}.${String(key)}`)
      }
  }
  walk(root, '')
  return found
}

const withPrototype = async <T>(name: string, value: unknown, run: () => T | Promise<T>): Promise<T> => {
  const prototype = Object.prototype as unknown as Record<string, unknown>
  prototype[name] = value
  try {
    return await run()
  } finally {
    delete prototype[name]
  }
}

describe('whoever looks at what the page may log', () => {
  it('by walking every property, hidden, inherited and symbols too, finds a secret in token.value and token.extra alone', async () => {
    const { session, happened, backend } = await holding()
    backend.fail(new Error(`no: ${secret}`))
    const error = await failureOf(session.refresh())
    expect(pathsOf({ error, errors: happened.filter(({ event }) => event === 'error') })).toEqual([])
    expect(pathsOf({ trace: happened.filter(({ event }) => event === 'trace') })).toEqual([])
    expect(pathsOf(session)).toEqual(['.state.token.value', '.state.token.extra.hash'])
  })

  it('by what for…in, Object.entries, JSON, spreading and inspection give, finds none', async () => {
    const { session } = await holding()
    const { token } = session.state as { token: Token }
    const names: string[] = []
    for (const name in token) names.push(name)
    expect(names).toEqual(['user', 'claims', 'receivedAt', 'expiresAt', 'generation'])
    const faces = [JSON.stringify(Object.entries(token)), JSON.stringify({ ...token }), JSON.stringify(session)]
    expect(shows(...faces, inspect({ session, token }, { depth: 9, showHidden: true, showProxy: true }))).toBe(false)
    for (const visible of ['"sub":"ann"', 'ann@example.com']) expect(JSON.stringify(token)).toContain(visible)
  })

  it('by posting a snapshot to a frame or a worker takes no secret along', async () => {
    const { session } = await holding()
    const { port1, port2 } = new MessageChannel()
    const heard = new Promise<{ token: Token }[]>((resolve) => {
      port2.onmessage = ({ data }: MessageEvent) => resolve(data as { token: Token }[])
    })
    port1.postMessage([session.state])
    const [copy] = await heard
    port1.close()
    expect(copy!.token.receivedAt).toBe(start)
    expect(copy!.token.value).toBeUndefined()
    expect(pathsOf({ copy })).toEqual([])
    expect(() => structuredClone(session)).toThrow(expect.objectContaining({ name: 'DataCloneError' }))
  })

  it('by a hook on stack traces reaches no function, object or text with it', async () => {
    const { backend, session } = await holding()
    const reached: unknown[] = []
    const host = Error as unknown as { prepareStackTrace?: unknown; stackTraceLimit: number }
    const { stackTraceLimit } = host
    host.stackTraceLimit = 50
    host.prepareStackTrace = (error: Error, sites: NodeJS.CallSite[]) => {
      for (const site of sites)
        if (/[\\/](src|dist)[\\/]/.test(site.getFileName() ?? ''))
          reached.push([site.getThis(), site.getFunction(), site.getFunctionName(), site.toString()])
      return `${error}`
    }
    try {
      backend.fail(new Error(`no: ${secret}`))
      const error = await failureOf(session.refresh())
      expect(shows(error.stack)).toBe(false)
    } finally {
      delete host.prepareStackTrace
      host.stackTraceLimit = stackTraceLimit
    }
    expect(reached.length).toBeGreaterThan(2)
    expect(pathsOf({ reached })).toEqual([])
    for (const [owner, run] of reached as unknown[][]) expect([owner, run]).toEqual([undefined, undefined])
  })

  it('by the last match of a regular expression, which any script can read, finds none', async () => {
    const last = () => {
      const { $_, lastMatch, leftContext, rightContext } = RegExp as unknown as Record<string, string>
      return [$_, lastMatch, leftContext, rightContext]
    }
    const { session, backend, world } = createScene()
    for (const token of [opaque, secret]) {
      backend.answer = () => token
      session.signIn(token === opaque ? 'bob' : 'ann')
      await session.getToken()
      expect(last()).toHaveLength(4)
      expect(shows(...last())).toBe(false)
      await session.signOut()
      await world.flush()
      expect(shows(...last())).toBe(false)
    }
  })
})

describe('a page whose Object.prototype was tampered with', () => {
  it.each([
    ['enumerable', true],
    ['value', 'x'],
    ['writable', true],
    ['configurable', true],
  ])('(%s) gets its token, and shows it no more than any other', async (name, value) => {
    const { session, backend } = createScene()
    backend.answer = () => ({ token: secret, extra: { hash: opaque } })
    const [token, json, keys] = await withPrototype(name, value, async () => {
      session.signIn('ann')
      const token = await session.getToken().catch(({ code }: SessionError) => code)
      return [token, JSON.stringify(session.state), Object.keys((session.state as { token?: Token }).token ?? {})]
    })
    expect(token === secret).toBe(true)
    expect(shows(json)).toBe(false)
    expect(keys).toEqual(['user', 'claims', 'receivedAt', 'expiresAt', 'generation'])
  })

  it('by claims, companions or messages is not tampered with by this library', async () => {
    const { session, backend } = createScene()
    const payload = Buffer.from(`{"sub":"ann","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}`)
    const extra = JSON.parse('{"__proto__":{"polluted":1}}') as Record<string, unknown>
    backend.answer = () => ({ token: `e30.${payload.toString('base64url')}.x`, expiresIn: 60, extra })
    session.signIn('ann')
    await session.getToken()
    const { token } = session.state as { token: Token }
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
    expect((token.extra as { polluted?: unknown }).polluted).toBeUndefined()
    expect(Object.getPrototypeOf(token.extra)).toBe(Object.prototype)
  })
})

describe('what others throw or say', () => {
  it.each([
    ['code', { code: secret }],
    ['status', { code: 'source_failed', status: secret }],
    ['status, inside an object', { code: 'source_failed', status: { answer: secret } }],
    ['retryable', { code: 'source_failed', retryable: secret }],
    ['retryAfter', { code: 'source_failed', retryAfter: secret }],
  ])('with the token in its %s comes out without it', async (_, more) => {
    const { session, backend, happened } = createScene()
    backend.fail({ [Symbol.for('inbox-session.error')]: true, message: 'no', ...more })
    session.signIn('ann')
    const error = await failureOf(session.getToken())
    expect(pathsOf({ error, happened, state: session.state })).toEqual([])
  })

  it('an SDK’s signal with the token in it leaves no trace of it', async () => {
    const { session, happened, world } = await holding()
    const signals = [{ kind: `refused ${secret}` }, { kind: 'rejected', token: opaque, status: secret, code: opaque }]
    session.attach({
      name: 'sdk',
      attach: ({ report }) => signals.forEach((signal) => report(signal as never)),
    })
    await world.flush()
    expect(happened.some(({ payload }) => (payload as { kind?: string }).kind === 'rejected')).toBe(true)
    expect(pathsOf({ trace: happened.filter(({ event }) => event === 'trace') })).toEqual([])
  })

  it('shows a secret that has no shape of one: plain words, or cut into short runs by punctuation', async () => {
    const shapeless = [
      'correct-horse-battery',
      'lettersonlyandnothingelse',
      'k1:9fJ2.xQ8~Lm3!Zt7',
      'short2Secret'.slice(1),
    ]
    for (const text of shapeless) expect(new SessionError('source_failed', `sent ${text}`).message).toContain(text)
    const shaped = [secret, opaque, `"${opaque}"`, `?auth=${secret}&x`, secret.slice(70, 82), `Bearer ${opaque}`]
    for (const text of shaped) expect(shows(new SessionError('source_failed', `sent ${text}`).message)).toBe(false)
  })
})
