import { randomBytes } from 'node:crypto'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import {
  SessionError,
  type SessionErrorCode,
  UnauthorizedError,
  isSessionError,
  toSessionError,
} from '../src/errors.js'
import { jwt, piecesOf, shownPieces } from './support/tokens.js'

const retryable: Record<SessionErrorCode, boolean> = {
  unauthorized: false,
  subject_mismatch: false,
  rejected: false,
  signed_out: false,
  user_changed: false,
  closed: false,
  source_failed: true,
  timeout: true,
  offline: true,
  invalid_answer: true,
  expired_on_arrival: true,
  stale_token: true,
  storage_failed: true,
  adapter_failed: true,
}
const codes = Object.entries(retryable) as [SessionErrorCode, boolean][]

describe('an error', () => {
  it.each(codes)('with the code %s says whether waiting can help: %s', (code, expected) => {
    expect(new SessionError(code)).toMatchObject({ name: 'SessionError', code, message: code, retryable: expected })
  })

  it.each(codes.filter(([code]) => /^\w{12,}$/.test(code) && code.includes('_')))(
    'with the code %s and no message says the code',
    (code) => {
      expect(new SessionError(code).message).toBe(code)
    },
  )

  it('takes the word of whoever knows better', () => {
    expect(new SessionError('rejected', 'once more', { retryable: true }).retryable).toBe(true)
    expect(new SessionError('timeout', 'enough', { retryable: false }).retryable).toBe(false)
  })

  it('has a status and a time to wait only where they are known', () => {
    expect(new SessionError('source_failed', 'busy', { status: 503, retryAfter: 0 })).toMatchObject({
      status: 503,
      retryAfter: 0,
    })
    expect(JSON.stringify(new SessionError('source_failed', 'no'))).not.toMatch(/status|retryAfter/)
  })

  it('that a source throws to say that nobody is signed in is final', () => {
    const error = new UnauthorizedError(undefined, { status: 401 })
    expect(error).toBeInstanceOf(SessionError)
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({ code: 'unauthorized', retryable: false, status: 401 })
    expect(error.message).not.toBe('')
  })
})

describe('an error is known by its brand', () => {
  it('also when it comes from another copy of the library', async () => {
    vi.resetModules()
    const copy = await import('../src/errors.js')
    const foreign = new copy.UnauthorizedError()
    expect(copy.SessionError).not.toBe(SessionError)
    expect(foreign).not.toBeInstanceOf(SessionError)
    expect(isSessionError(foreign)).toBe(true)
    expect(isSessionError(foreign, 'unauthorized')).toBe(true)
    expect(copy.isSessionError(new SessionError('closed'), 'closed')).toBe(true)
    expect(toSessionError(foreign, 'source_failed', 'The source failed')).toMatchObject({ code: 'unauthorized' })
  })

  it('also when it comes from another realm', () => {
    const foreign: unknown = runInNewContext(`
      const error = new Error('no')
      error.code = 'closed'
      Object.defineProperty(error, Symbol.for('inbox-session.error'), { value: true })
      error`)
    expect(foreign).not.toBeInstanceOf(Error)
    expect(isSessionError(foreign, 'closed')).toBe(true)
  })

  it('and asked for one code it says no to another', () => {
    expect(isSessionError(new SessionError('timeout'), 'timeout')).toBe(true)
    expect(isSessionError(new SessionError('timeout'), 'offline')).toBe(false)
  })

  it.each([
    undefined,
    null,
    0,
    '',
    'closed',
    {},
    [],
    new Error('closed'),
    { code: 'closed', name: 'SessionError' },
    () => {},
  ])('which %o does not carry', (value) => expect(isSessionError(value)).toBe(false))

  it('which shows nowhere', () => {
    const error = new SessionError('closed', 'no')
    expect(JSON.parse(JSON.stringify(error))).toEqual({ name: 'SessionError', code: 'closed', retryable: false })
    expect(Object.getOwnPropertySymbols({ ...error })).toEqual([])
  })
})

describe('a message (G4, F99)', () => {
  const hides = (secret: string) => {
    for (const text of [
      secret,
      `Unexpected token '<', "${secret}" is not valid JSON`,
      `a=${secret}&b, (${secret}): [${secret}]`,
    ]) {
      const { message, stack } = new SessionError('source_failed', text)
      expect(shownPieces(message + stack, piecesOf([secret]))).toEqual([])
    }
  }

  it('shows no piece of a JWT', () => {
    for (let round = 0; round < 50; round++) {
      const token = jwt({ sub: 'ada', round, secret: randomBytes(round).toString('hex') })
      hides(token)
      hides(`Bearer ${token}`)
      hides(token.split('.')[1]!)
    }
  })

  it('is searched in no time, however long a run of letters is', () => {
    const began = performance.now()
    expect(new SessionError('timeout', 'a'.repeat(40) + '1').message).toBe('[redacted]')
    expect(performance.now() - began).toBeLessThan(300)
  })

  it.each(['hex', 'base64', 'base64url'] as const)('shows no piece of a secret in %s', (encoding) => {
    const bytes = fc.uint8Array({ minLength: 16, maxLength: 64 })
    fc.assert(
      fc.property(
        bytes.filter((list) => new Set(list).size > 8),
        (list) => hides(Buffer.from(list).toString(encoding)),
      ),
      { seed: 9, numRuns: 300 },
    )
  })

  it('cuts runs of twelve characters and leaves those of eleven', () => {
    expect(new SessionError('timeout', 'a1b2c3d4e5f6 a1b2c3d4e5f').message).toBe('[redacted] a1b2c3d4e5f')
  })

  it.each([
    'The endpoint answered with status 503.',
    'getaddrinfo ENOTFOUND api',
    'connect ECONNREFUSED 127.0.0.1:3000',
    'ERR_INVALID_ARGUMENT: unfortunately misconfigured',
    'Internationalization failed, notwithstanding',
    'application/json, text/plain',
  ])('keeps ordinary words: %s', (text) => {
    expect(new SessionError('source_failed', text).message).toBe(text)
  })

  it.each(['NetworkError when fetching', 'QuotaExceededError', 'InvalidStateError: closed'])(
    'keeps the names of errors: %s',
    (text) => expect(new SessionError('source_failed', text).message).toBe(text),
  )
})

describe('what somebody threw', () => {
  const token = jwt({ sub: 'ada', secret: 'of the user' })

  it('keeps its code and details where it is an error of this library, and loses what it may carry beside them', () => {
    const error = Object.assign(new SessionError('source_failed', 'busy', { status: 503, retryAfter: 7 }), {
      cause: 'secret',
    })
    const taken = toSessionError(error, 'timeout', 'The source failed')
    expect(taken).toMatchObject({ code: 'source_failed', message: 'busy', status: 503, retryAfter: 7, retryable: true })
    expect(taken).not.toHaveProperty('cause')
  })

  it('may be unreadable', () => {
    const error = Object.assign(new Error(), { message: Symbol('no text') })
    expect(toSessionError(error, 'source_failed', 'The source failed').code).toBe('source_failed')
    const trap = new Proxy(new Error(), { get: () => expect.unreachable() })
    expect(toSessionError(trap, 'source_failed', 'The source failed').message).toBe('The source failed')
  })

  it('keeps its name and message, and nothing else of it is passed on', () => {
    const cause = Object.assign(new RangeError(`odd ${token}`), { config: { headers: { authorization: token } } })
    const error = toSessionError(cause, 'source_failed', 'The source failed')
    expect(error).toMatchObject({ code: 'source_failed', retryable: true })
    expect(error.message).toMatch(/^The source failed \(RangeError: odd /)
    expect(error.cause).toBeUndefined()
    expect({ ...error }).toEqual({ name: 'SessionError', code: 'source_failed', retryable: true })
    expect(shownPieces(error.message + error.stack, piecesOf([token]))).toEqual([])
  })

  it.each([
    [undefined, 'undefined'],
    [null, 'object'],
    [token, 'string'],
    [{ message: token }, 'object'],
    [Object.assign(new Error(''), { name: 'AbortError' }), 'AbortError'],
  ])('may be anything: %#', (thrown, name) => {
    const { message } = toSessionError(thrown, 'adapter_failed', 'The adapter failed')
    expect(message).toBe(`The adapter failed (${name})`)
  })
})
