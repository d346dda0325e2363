import { inspect } from 'node:util'
import fc from 'fast-check'
import * as decoder from 'jwt-decode'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { isSessionError } from '../src/errors.js'
import {
  type Claims,
  type SubjectReader,
  type User,
  createToken,
  isSameUser,
  isSubject,
  readAnswer,
} from '../src/token.js'
import { ada, hour, minute } from './support/states.js'
import { jwt, piecesOf, shownPieces } from './support/tokens.js'
import { start } from './support/world.js'

vi.mock('jwt-decode', { spy: true })
beforeEach(() => void vi.clearAllMocks())

const now = start
const nowSeconds = now / 1_000
const signature = 'c2lnbmF0dXJlLW9mLWEtdGVzdA'
const encode = (text: string | Uint8Array): string => Buffer.from(text).toString('base64url')
/** A JWT whose payload is exactly this text. */
const jwtOf = (payload: string): string => `${encode('{"alg":"none"}')}.${encode(payload)}.${signature}`
const claimsOf = (payload: string): Claims | undefined => readAnswer(jwtOf(payload), now).claims
const holds = (property: fc.IPropertyWithHooks<any>, numRuns = 200) => fc.assert(property, { seed: 6, numRuns })

describe('the claims', () => {
  it('are what was encoded, whatever characters stand in them (F09)', () => {
    const name = fc.string({ unit: 'binary', maxLength: 40 })
    holds(
      fc.property(fc.dictionary(name, fc.jsonValue({ maxDepth: 2 })), (claims) => {
        fc.pre(!('nbf' in claims))
        expect(claimsOf(JSON.stringify(claims))).toEqual(JSON.parse(JSON.stringify(claims)))
      }),
    )
  })

  it.each(['', 'a', 'aa', 'aaa'])('are read in base64url with every padding (F09): %j more', (more) => {
    const claims = { exp: nowSeconds + 60, name: 'Žluťoučký 贾翼 😀', marks: '~~~???>>>ÿÿÿ' + more }
    const part = encode(JSON.stringify(claims))
    expect(part).toMatch(/-.*_|_.*-/)
    expect(readAnswer(`e30.${part}.${signature}`, now)).toMatchObject({ claims, lifetime: 60_000 })
    const padded = part + '='.repeat((4 - (part.length % 4)) % 4)
    expect(readAnswer(`e30.${padded}.${signature}`, now).claims).toEqual(claims)
  })

  it.each(['[1,2]', '7', '"text"', 'null', 'true', '{"cut', '', 'no json'])(
    'are absent where the payload is no object, and the token is opaque: %s',
    (payload) => {
      const { claims, lifetime, basis } = readAnswer(jwtOf(payload), now)
      expect([claims, lifetime, basis]).toEqual([undefined, undefined, 'none'])
    },
  )

  it('cannot be changed', () => {
    const claims = claimsOf('{"sub":"ada"}') as Record<string, unknown>
    expect(() => (claims.sub = 'bob')).toThrow(TypeError)
  })

  it('named like properties of every object lead nowhere', () => {
    const payload = `{"__proto__":{"exp":1,"sub":"bob"},"constructor":"x","toString":1,"hasOwnProperty":null}`
    const { claims, basis } = readAnswer(jwtOf(payload), now)
    expect(basis).toBe('none')
    expect(Object.getPrototypeOf(claims)).toBe(Object.prototype)
    expect(isSubject(ada, claims)).toBe(true)
    expect(({} as Claims).exp).toBeUndefined()
  })
})

describe('what does not consist of three parts', () => {
  it.each(['0f4c9d'.repeat(10), 'opaque', 'abc.def', 'a.b.c.d', '..a.', `x.${encode('{"exp":1}')}`])(
    'is never decoded (F07): %s',
    (token) => {
      expect(readAnswer(token, now)).toEqual(expect.objectContaining({ value: token, basis: 'none' }))
      expect(vi.mocked(decoder.jwtDecode)).not.toHaveBeenCalled()
    },
  )

  it('and what does is decoded once', () => {
    readAnswer(jwt({ sub: 'ada', exp: nowSeconds + 60, iat: nowSeconds, scope: 'user_id:ada' }), now)
    expect(vi.mocked(decoder.jwtDecode)).toHaveBeenCalledTimes(1)
  })

  it('may look like a JWT and be none: then it is opaque and nothing is thrown', () => {
    const { claims, lifetime } = readAnswer('a.b.c', now)
    expect([claims, lifetime]).toEqual([undefined, undefined])
    holds(
      fc.property(fc.stringMatching(/^[!-~]{1,60}$/), (token) => {
        expect(readAnswer(token, now).value).toBe(token)
      }),
    )
  })
})

describe('an answer', () => {
  const refused = (answer: unknown): unknown => {
    try {
      readAnswer(answer, now)
    } catch (error) {
      return error
    }
    return undefined
  }

  it('of 16 384 characters is a token, a longer one is not', () => {
    expect(readAnswer('x'.repeat(16_384), now).value).toHaveLength(16_384)
    expect(refused('x'.repeat(16_385))).toMatchObject({ code: 'invalid_answer' })
  })

  it.each([
    ...[
      undefined,
      7,
      true,
      '',
      ' ',
      'two words',
      'line\n',
      'line\nbreak',
      'tab\t',
      'ümlaut',
      '\0',
      '<!doctype html>\n<p>',
    ],
    ...[{}, [], ['token'], { token: null }, { token: 7 }, { token: '' }, { token: ['a'] }, { token: { token: 'a' } }],
    ...[() => 'token', Symbol('token'), new Error('token'), Promise.resolve('token')],
  ])('without a usable token is refused: %o (F65, F73)', (answer) => {
    const message = 'The source answered no usable token.'
    expect(refused(answer)).toMatchObject({ code: 'invalid_answer', retryable: true, message })
  })

  it('of any kind is read or refused by a typed error, never by another one', () => {
    const field = fc.oneof(fc.anything(), fc.double(), fc.string())
    const fields = { token: fc.oneof(fc.constant('opaque'), field), expiresIn: field, expiresAt: field }
    const answers = fc.oneof(fc.anything(), fc.record({ ...fields, serverTime: field, extra: field }))
    holds(
      fc.property(answers, (answer) => {
        const error = refused(answer)
        expect(error === undefined || isSessionError(error, 'invalid_answer')).toBe(true)
      }),
    )
  })

  it('is never quoted in the error (G4, F99)', () => {
    const secret = `${'s3cr3t'.repeat(4)}\n`
    for (const answer of [secret, { token: secret }, jwt({ iat: nowSeconds, nbf: nowSeconds + 90, secret })]) {
      const { message, stack } = refused(answer) as Error
      const pieces = piecesOf([typeof answer === 'string' ? answer : answer.token])
      expect(shownPieces(message + stack, pieces)).toEqual([])
    }
  })

  it('carries its companions', () => {
    const extra = { hash: 'h' }
    const read = readAnswer({ token: 'opaque', extra }, now).extra
    expect(read).toEqual(extra)
    expect(Object.isFrozen(read)).toBe(true)
    expect(readAnswer({ token: 'opaque', extra: 'h' }, now).extra).toBeUndefined()
  })
})

describe('the lifetime', () => {
  const read = (answer: unknown): [number | undefined, string] => {
    const { lifetime, basis } = readAnswer(answer, now)
    return [lifetime, basis]
  }
  const hourLong = (more: object = {}) => jwt({ iat: nowSeconds, exp: nowSeconds + 3_600, ...more })

  it('is taken from what is most certain: expiresIn, the server’s clock, the claims', () => {
    const token = jwt({ iat: nowSeconds - 100, exp: nowSeconds + 500 })
    const all = { token, expiresIn: 90, expiresAt: nowSeconds + 700, serverTime: now + 200_000 }
    expect(read(all)).toEqual([90_000, 'expiresIn'])
    expect(read({ ...all, expiresIn: undefined })).toEqual([500_000, 'server-clock'])
    expect(read({ token, serverTime: now + 200_000 })).toEqual([300_000, 'server-clock'])
    expect(read(token)).toEqual([500_000, 'exp'])
    expect(read({ token: 'opaque', expiresAt: nowSeconds + 700 })).toEqual([700_000, 'exp'])
    expect(read(jwt({ exp: nowSeconds + 60 }))).toEqual([60_000, 'exp'])
    expect(read(jwt({ iat: nowSeconds }))).toEqual([undefined, 'none'])
    expect(read('opaque')).toEqual([undefined, 'none'])
  })

  it.each([50, 3_600, 86_400, 315_360_000])('of a client whose clock is %d s ahead is the whole one (F16)', (skew) => {
    for (const life of [60, 3_600]) {
      const iat = nowSeconds - skew
      const [lifetime] = read(jwt({ iat, exp: iat + life }))
      // Ahead by less than the lifetime it looks like an old token of a backend that keeps them: the shorter is safe.
      expect(lifetime).toBe((skew < life ? life - skew : life) * 1_000)
    }
  })

  it.each([2, 3_600])('of a client whose clock is %d s behind is not longer than the token’s (F17)', (skew) => {
    const iat = nowSeconds + skew
    expect(read(jwt({ iat, exp: iat + 60 }))).toEqual([60_000, 'exp-iat'])
  })

  it('is right by the server’s clock, however wrong the client’s is', () => {
    holds(
      fc.property(
        fc.integer({ min: -7e8, max: 7e8 }),
        fc.integer({ min: 1, max: 1e8 }),
        fc.nat(1e7),
        (skew, left, age) => {
          const server = nowSeconds + skew
          const answer = { token: jwt({ iat: server - age, exp: server + left }), serverTime: server * 1_000 }
          expect(read(answer)).toEqual([left * 1_000, 'server-clock'])
        },
      ),
    )
  })

  it('is never longer than exp − iat, nor exp − now while that is positive', () => {
    holds(
      fc.property(fc.integer({ min: -1e8, max: 1e8 }), fc.integer({ min: 1, max: 1e8 }), (offset, life) => {
        const iat = nowSeconds + offset
        const [lifetime] = read(jwt({ iat, exp: iat + life }))
        const left = offset + life
        expect(lifetime).toBe((left > 0 ? Math.min(left, life) : life) * 1_000)
      }),
    )
  })

  it('is over for a token that ended by every account (F03)', () => {
    expect(read(jwt({ exp: nowSeconds - 10 }))).toEqual([-10_000, 'exp'])
    expect(read({ token: 'opaque', expiresIn: -5 })).toEqual([-5_000, 'expiresIn'])
    expect(read({ token: hourLong(), serverTime: now + 2 * hour })).toEqual([-hour, 'server-clock'])
  })

  it('reads exp and iat in milliseconds as what they are (F06)', () => {
    expect(read(jwt({ exp: now + hour }))).toEqual([hour, 'exp'])
    expect(read(jwt({ iat: now - minute, exp: now + hour - minute }))).toEqual([hour - minute, 'exp'])
    expect(read({ token: 'opaque', expiresAt: now + hour })).toEqual([hour, 'exp'])
  })

  it('reads the end of the year 9999 as such (F01)', () => {
    const exp = 253_402_300_799
    expect(read(jwt({ exp }))).toEqual([exp * 1_000 - now, 'exp'])
    expect(read(jwt({ exp, iat: nowSeconds }))[0]).toBe(exp * 1_000 - now)
  })

  it('reads numbers that came as text, and parts of seconds (F08)', () => {
    expect(read(jwt({ exp: String(nowSeconds + 60) }))).toEqual([60_000, 'exp'])
    expect(read({ token: 'opaque', expiresIn: '300' })).toEqual([300_000, 'expiresIn'])
    expect(read({ token: 'opaque', expiresAt: String(nowSeconds + 60) })).toEqual([60_000, 'exp'])
    expect(read(jwt({ exp: nowSeconds + 60.5 }))).toEqual([60_500, 'exp'])
  })

  it.each(['NaN', 'soon', '', ' ', null, true, {}, [], [1], 1e308, '1e308', 5e12, '9e99'])(
    'is none where exp is %j, and a usable one beside it counts (F08)',
    (exp) => {
      expect(read(jwt({ exp, iat: nowSeconds }))).toEqual([undefined, 'none'])
      expect(read({ token: jwt({ exp }), expiresIn: 60 })).toEqual([60_000, 'expiresIn'])
      expect(read({ token: hourLong(), expiresAt: exp })[0]).toBe(hour)
    },
  )

  it('is none, or that of the claims, where expiresIn is beyond reason', () => {
    expect(read({ token: hourLong(), expiresIn: 1e308 })[0]).toBe(hour)
  })

  it('of a token that has ended is not thousands of years because iat is nonsense', () => {
    expect(read(jwt({ exp: nowSeconds - 10, iat: -1e12 }))[0]).toBeLessThan(100 * 365 * 24 * hour)
  })

  it('has an end or is none, whatever stands in the claims and the answer', () => {
    const time = fc.oneof(fc.anything(), fc.double(), fc.string(), fc.integer(), fc.integer({ min: 1e9, max: 3e12 }))
    const claims = fc.record({ exp: time, iat: time }, { requiredKeys: [] })
    const answer = fc.record({ expiresIn: time, expiresAt: time, serverTime: time }, { requiredKeys: [] })
    holds(
      fc.property(claims, answer, ({ exp, iat }, more) => {
        let token = 'opaque'
        try {
          token = jwt({ exp, iat })
        } catch {
          // No JSON of that.
        }
        const { lifetime = 0 } = readAnswer({ ...more, token }, now)
        expect(lifetime).toBeLessThan(Infinity)
      }),
      2_000,
    )
  })
})

describe('a token that is not valid yet', () => {
  it.each([0, 2, 90])('by a clock that is %d s behind is taken (F18)', (skew) => {
    const iat = nowSeconds + skew
    expect(readAnswer(jwt({ iat, nbf: iat, exp: iat + 60 }), now).lifetime).toBe(60_000)
  })

  it('by its own claims is refused, with the time to wait (F18)', () => {
    const early = () => readAnswer(jwt({ iat: nowSeconds, nbf: nowSeconds + 30, exp: nowSeconds + 600 }), now)
    expect(early).toThrow(expect.objectContaining({ code: 'invalid_answer', retryAfter: 30_000, retryable: true }))
    expect(early).toThrow('not valid yet (nbf)')
    const old = jwt({ iat: nowSeconds - 100, nbf: nowSeconds - 70, exp: nowSeconds + 600 })
    expect(readAnswer(old, now).lifetime).toBe(600_000)
  })
})

describe('the subject', () => {
  const inTenant: User = { id: 'ada', tenant: 'acme' }
  const of: [string, User, Claims, boolean][] = [
    ['Courier’s scope', ada, { scope: 'user_id:ada inbox:read:messages' }, true],
    ['Courier’s scope, not first', ada, { scope: 'inbox:read:messages user_id:ada write:events' }, true],
    ['Courier’s scope of another user', ada, { scope: 'user_id:bob inbox:read:messages', sub: 'ada' }, false],
    ['Courier’s scope of a longer name', ada, { scope: 'user_id:ada-2 inbox:read:messages' }, false],
    ['Courier’s scope without a user', ada, { scope: 'inbox:read:messages' }, true],
    ['SuprSend’s entity_id', ada, { entity_type: 'subscriber', entity_id: 'ada' }, true],
    ['SuprSend’s entity_id of another', ada, { entity_id: 'bob', sub: 'ada' }, false],
    ['user_id, as Firebase has it', ada, { user_id: 'ada', sub: 'ada' }, true],
    ['user_id of another', ada, { user_id: 'bob' }, false],
    ['sub', ada, { sub: 'ada' }, true],
    ['sub of another', ada, { sub: 'bob' }, false],
    ['a sub that differs in case', ada, { sub: 'Ada' }, false],
    ['an empty sub', ada, { sub: '' }, false],
    ['Engagespot’s prefix', ada, { sub: 'user:ada' }, true],
    ['Engagespot’s prefix before another', ada, { sub: 'user:bob' }, false],
    ['a user whose own id has that prefix', { id: 'user:ada' }, { sub: 'user:ada' }, true],
    ['a number', { id: '42' }, { sub: 42 }, true],
    ['another number', { id: '42' }, { sub: 43 }, false],
    ['null', ada, { sub: null }, true],
    ['nothing at all', ada, {}, true],
    ['SuprSend’s tenant', inTenant, { entity_id: 'ada', scope: { tenant_id: 'acme' } }, true],
    ['SuprSend’s other tenant', inTenant, { entity_id: 'ada', scope: { tenant_id: 'umbrella' } }, false],
    ['tenant_id', inTenant, { sub: 'ada', tenant_id: 'acme' }, true],
    ['another tenant_id', inTenant, { sub: 'ada', tenant_id: 'umbrella' }, false],
    ['tenant', inTenant, { tenant: 'acme' }, true],
    ['another tenant', inTenant, { tenant: 'umbrella' }, false],
    ['no tenant where one is signed in', inTenant, { sub: 'ada' }, true],
    ['a tenant where none is signed in', ada, { sub: 'ada', tenant_id: 'acme' }, true],
    ['odd kinds', ada, { scope: null, entity_id: undefined, tenant: null }, true],
    ['an object', ada, { sub: { id: 'ada' } }, false],
  ]
  it.each(of)('is read from %s (F76)', (_, user, claims, fits) => {
    expect(isSubject(user, claims)).toBe(fits)
  })

  it('of an opaque token is anybody’s', () => {
    expect(isSubject(inTenant, undefined)).toBe(true)
  })

  it('read by the app’s own reader has to match in every key that is there', () => {
    const read: SubjectReader = ({ who, where }) => ({
      id: who as string,
      ...(where ? { tenant: where as string } : {}),
    })
    expect(isSubject(inTenant, { who: 'ada', sub: 'bob' }, read)).toBe(true)
    expect(isSubject(inTenant, { who: 'bob', sub: 'ada' }, read)).toBe(false)
    expect(isSubject(inTenant, { who: 'ada', where: 'umbrella' }, read)).toBe(false)
    expect(isSubject(inTenant, { sub: 'ada' }, read)).toBe(false)
    expect(isSubject(inTenant, undefined, read)).toBe(false)
    expect(isSubject(inTenant, { sub: 'bob' }, () => ({}))).toBe(true)
  })

  it('is not found by a reader that throws or answers nothing', () => {
    const throwing: SubjectReader = (claims) => ({ id: (claims.deep as any).er.id })
    expect(isSubject(ada, { sub: 'ada' }, throwing)).toBe(false)
    expect(isSubject(ada, { sub: 'ada' }, () => null as never)).toBe(false)
  })

  it('is not looked at where the app says so', () => {
    expect(isSubject(ada, { sub: 'bob' }, false)).toBe(true)
  })

  it('is the same person only in the same tenant', () => {
    expect(isSameUser(inTenant, { ...inTenant, email: 'ada@acme.test' })).toBe(true)
    expect(isSameUser(inTenant, ada)).toBe(false)
    expect(isSameUser(ada, { id: 'ada', tenant: undefined })).toBe(true)
    expect(isSameUser({ id: 'a:b', tenant: 'c' }, { id: 'a', tenant: 'b:c' })).toBe(false)
    expect(isSameUser(undefined, ada)).toBe(false)
  })
})

describe('a Token', () => {
  const value = jwt({ sub: 'ada', deep: 'inside' })
  const hash = '0f4c9d1e'.repeat(4)
  const token = createToken({
    value,
    user: ada,
    receivedAt: now,
    expiresAt: now + hour,
    generation: 3,
    extra: { hash },
  })

  it('gives its secrets to whoever asks for them by name', () => {
    expect(token.value).toBe(value)
    expect(token.extra).toEqual({ hash })
    expect(token).toMatchObject({ user: ada, receivedAt: now, expiresAt: now + hour, generation: 3 })
  })

  it.each<[string, () => unknown]>([
    ['JSON', () => JSON.stringify({ token })],
    ['its keys', () => JSON.stringify([Object.keys(token), Object.values(token), Object.entries(token)])],
    ['inspection', () => inspect({ token }, { depth: 9 })],
    ['inspection of hidden properties', () => inspect({ token }, { depth: 9, showHidden: true })],
    ['a format', () => inspect([token, `${token}`, String(token)], { compact: false })],
    ['a spread', () => inspect({ ...token }, { showHidden: true, getters: true })],
    ['an assignment', () => JSON.stringify(Object.assign({}, token))],
    ['a clone', () => inspect(structuredClone(token), { showHidden: true, getters: true })],
    ['a loop', () => JSON.stringify((() => Array.from({ length: 1 }, () => ({ ...token })))())],
  ])('shows none of them in %s (G4)', (_, show) => {
    const text = String(show())
    expect(text.length).toBeGreaterThan(5)
    expect(shownPieces(text, piecesOf([value, hash]))).toEqual([])
  })

  it('cannot be changed', () => {
    expect(Object.isFrozen(token)).toBe(true)
    expect(() => Object.assign(token, { value: 'other' })).toThrow(TypeError)
    expect(() => Object.defineProperty(token, 'value', { value: 'other' })).toThrow(TypeError)
  })
})
