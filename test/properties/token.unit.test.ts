import { format, inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isSessionError } from '../../src/errors.js'
import {
  type Claims,
  type Reading,
  type Token,
  type User,
  createToken,
  isNewer,
  isSubject,
  readAnswer,
} from '../../src/token.js'
import { ada, hour } from '../support/states.js'
import { jwt, piecesOf, shownPieces } from '../support/tokens.js'
import { start } from '../support/world.js'
import { holds, hostile, jsonText, secret, strangeNumber, thrownBy } from './arbitraries.js'

const now = start
const nowSeconds = now / 1_000
const year = 365 * 24 * hour
const encode = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString('base64url')
const jwtOf = (payload: Uint8Array | string): string => `e30.${encode(payload)}.c2lnbmF0dXJlLW9mLWEtdGVzdA`

/** The reading, or undefined for a token that is not valid yet. */
const readOr = (answer: unknown): Reading | undefined => {
  try {
    return readAnswer(answer, now)
  } catch (error) {
    if (!isSessionError(error, 'invalid_answer')) throw error
    return undefined
  }
}

describe('claims', () => {
  it('come out of a JWT as they went in, whatever their keys and characters', () => {
    holds(
      fc.property(jsonText, (text) => {
        const reading = readOr(jwtOf(text))
        fc.pre(reading !== undefined)
        expect(JSON.stringify(reading!.claims)).toBe(JSON.stringify(JSON.parse(text)))
      }),
      600,
    )
  })

  it('come out of every alphabet and padding of base64', () => {
    const text = fc.string({ unit: fc.constantFrom('~', '?', 'ÿ', '>', '😀', 'a', '\u2028', '\u0000'), maxLength: 40 })
    holds(
      fc.property(text, fc.boolean(), fc.boolean(), (name, web, padded) => {
        const payload = Buffer.from(JSON.stringify({ name })).toString(web ? 'base64url' : 'base64')
        const bare = payload.replaceAll('=', '')
        const part = padded ? bare + '='.repeat((4 - (bare.length % 4)) % 4) : bare
        expect(readAnswer(`e30.${part}.sig`, now).claims).toEqual({ name })
      }),
    )
  })

  it('are an object or absent, whatever bytes stand in the parts', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.jsonValue({ maxDepth: 1 }).map((value) => Buffer.from(JSON.stringify(value))),
      fc.tuple(jsonText, fc.nat(200), fc.nat(255)).map(([text, at, byte]) => {
        const broken = Buffer.from(text)
        broken[at % broken.length] = byte
        return broken
      }),
    )
    const garbled = fc.oneof(bytes.map(jwtOf), fc.stringMatching(/^[!-~]{0,30}\.[!-~]{0,60}\.[!-~]{0,9}$/))
    holds(
      fc.property(garbled, (token) => {
        const reading = readOr(token)
        if (!reading) return
        const { claims, value } = reading
        expect(value).toBe(token)
        if (claims !== undefined) expect(Object.prototype.toString.call(claims)).toBe('[object Object]')
        expect(Object.isFrozen(claims)).toBe(true)
      }),
      600,
    )
  })
})

/** The rules in words of their own: what a time in seconds says, and in which order the sources of a lifetime count. */
const expectedLifetime = (
  { expiresIn, expiresAt, serverTime }: { expiresIn?: number; expiresAt?: number; serverTime?: number },
  { exp, iat }: { exp?: number; iat?: number },
): number | undefined => {
  const whole = exp === undefined || iat === undefined ? Infinity : (exp - iat) * 1_000
  // No token lives longer than from its iat to its exp, whatever stands beside it.
  const most = whole > 0 ? whole : Infinity
  if (expiresIn !== undefined) return Math.min(expiresIn * 1_000, most)
  const end = expiresAt ?? exp
  if (end === undefined) return undefined
  if (serverTime !== undefined) return Math.min(end * 1_000 - serverTime, most)
  const left = (end - nowSeconds) * 1_000
  if (iat === undefined) return left
  const issued = Math.min((end - iat) * 1_000, most)
  return left <= 0 && issued > 0 ? issued : Math.min(issued, left)
}

describe('the lifetime', () => {
  const around = fc.integer({ min: nowSeconds - 1e8, max: nowSeconds + 1e8 })
  const answers = fc.record(
    {
      expiresIn: fc.integer({ min: -1e6, max: 1e8 }),
      expiresAt: around,
      serverTime: fc.integer({ min: now - 1e11, max: now + 1e11 }),
    },
    { requiredKeys: [] },
  )
  const claims = fc.record({ exp: around, iat: around }, { requiredKeys: [] })
  const spell = fc.constantFrom<(seconds: number) => unknown>(
    (seconds) => seconds,
    (seconds) => String(seconds),
    (seconds) => seconds * 1_000,
    (seconds) => ` ${seconds * 1_000} `,
  )

  it('is what the rules say for every mixture of what is known', () => {
    holds(
      fc.property(answers, claims, (answer, given) => {
        const { lifetime } = readAnswer({ ...answer, token: jwt(given) }, now)
        expect(lifetime).toBe(expectedLifetime(answer, given))
      }),
      1_500,
    )
  })

  it('is the same for times in milliseconds and as text (F06, F08), and that is noticed', () => {
    holds(
      fc.property(answers, claims, spell, (answer, given, spelled) => {
        const { expiresIn, expiresAt, serverTime } = answer
        const odd = {
          ...(expiresIn !== undefined && { expiresIn: String(expiresIn) }),
          ...(expiresAt !== undefined && { expiresAt: spelled(expiresAt) }),
          ...(serverTime !== undefined && { serverTime: String(serverTime) }),
        }
        const token = jwt(Object.fromEntries(Object.entries(given).map(([key, time]) => [key, spelled(time)])))
        const reading = readAnswer({ ...odd, token }, now)
        expect(reading.lifetime).toBe(expectedLifetime(answer, given))
        const end = expiresAt ?? given.exp
        if (expiresIn === undefined && end !== undefined) expect(reading.odd).toBe(spelled(end) !== end)
      }),
      600,
    )
  })

  it('is a number of milliseconds with an end, or unknown, whatever stands in the answer and the claims', () => {
    const wild = fc.record(
      { expiresIn: strangeNumber, expiresAt: strangeNumber, serverTime: strangeNumber },
      { requiredKeys: [] },
    )
    const wildClaims = fc.record({ exp: strangeNumber, iat: strangeNumber, nbf: strangeNumber }, { requiredKeys: [] })
    holds(
      fc.property(wild, wildClaims, (answer, given) => {
        const reading = readOr({ ...answer, token: jwt(given) })
        if (!reading) return
        const { lifetime, basis } = reading
        expect(basis === 'none').toBe(lifetime === undefined)
        if (lifetime !== undefined) expect(Number.isFinite(lifetime)).toBe(true)
      }),
      3_000,
    )
  })

  it('is never that of milliseconds taken for seconds: no token of an hour lives a thousand years (F06)', () => {
    const unit = fc.constantFrom(1, 1_000)
    const seconds = fc.integer({ min: 1, max: 1e8 })
    const maybe = fc.constantFrom('expiresAt', 'exp', 'both')
    holds(
      fc.property(seconds, unit, unit, unit, maybe, (left, endUnit, issueUnit, serverUnit, place) => {
        const end = (nowSeconds + left) * endUnit
        const given = { iat: nowSeconds * issueUnit, ...(place !== 'expiresAt' && { exp: end }) }
        const answer = { token: jwt(given), ...(place !== 'exp' && { expiresAt: end }) }
        expect(readAnswer(answer, now).lifetime).toBe(left * 1_000)
        expect(readAnswer({ ...answer, serverTime: nowSeconds * serverUnit }, now).lifetime).toBe(left * 1_000)
      }),
    )
  })

  it('is not made longer by nonsense beside sound claims', () => {
    const nonsense = fc.oneof(
      fc.constantFrom<unknown>(NaN, Infinity, -Infinity, null, '', 'soon', {}, [], [1], true, 1e308, -1e308, '1e999'),
      // What a device says whose clock has no battery, and what a Date header makes of it.
      fc.integer({ min: -9e8, max: 9e8 }),
    )
    holds(
      fc.property(fc.integer({ min: 1, max: 86_400 }), nonsense, (life, serverTime) => {
        const token = jwt({ iat: nowSeconds, exp: nowSeconds + life })
        expect(readAnswer({ token, serverTime }, now).lifetime).toBe(life * 1_000)
      }),
    )
  })

  it('is not made longer by nonsense in iat', () => {
    holds(
      fc.property(fc.integer({ min: -86_400, max: 86_400 }), strangeNumber, (left, iat) => {
        const { lifetime } = readAnswer(jwt({ iat, exp: nowSeconds + left }), now)
        // An end that has passed may be the local clock's fault: then only the claims can tell.
        expect(lifetime).toBeLessThanOrEqual(left > 0 ? left * 1_000 : 30 * year)
      }),
      600,
    )
  })

  it('never waits for a token that is valid already: nbf counts only beyond iat and the local clock', () => {
    const offset = fc.integer({ min: -1e7, max: 1e7 })
    holds(
      fc.property(offset, offset, offset, (issued, notBefore, ends) => {
        const given = { iat: nowSeconds + issued, nbf: nowSeconds + notBefore, exp: nowSeconds + ends }
        const error = thrownBy(() => readAnswer(jwt(given), now))
        const wait = Math.min(notBefore - issued, notBefore) * 1_000
        if (wait > 0) expect(error).toMatchObject({ code: 'invalid_answer', retryAfter: wait })
        else expect(error).toBeUndefined()
      }),
      600,
    )
  })
})

describe('the subject', () => {
  const id = fc.oneof(
    fc.stringMatching(/^\S{1,12}$/),
    fc.constantFrom('ada', 'Ada', 'user:ada', '42', 'toString', '__proto__'),
  )
  const shapes = fc.constantFrom<(id: string) => object>(
    (sub) => ({ sub }),
    (sub) => ({ sub: 'user:' + sub }),
    (user_id) => ({ user_id }),
    (entity_id) => ({ entity_id, entity_type: 'subscriber' }),
    (name) => ({ scope: `inbox:read:messages user_id:${name} write:user-tokens` }),
  )
  const claimsOf = (shape: object): Claims => readAnswer(jwt({ ...shape }), now).claims!

  it('is the user whom the claims name in any of the known ways', () => {
    holds(
      fc.property(id, shapes, (name, shape) => {
        expect(isSubject({ id: name }, claimsOf(shape(name)))).toBe(true)
      }),
    )
  })

  it('is no other user, in none of the known ways (G3)', () => {
    holds(
      fc.property(id, id, shapes, (name, other, shape) => {
        // Engagespot writes `user:ada` for ada.
        fc.pre(name !== other && name !== 'user:' + other && other !== 'user:' + name)
        expect(isSubject({ id: name }, claimsOf(shape(other)))).toBe(false)
      }),
      600,
    )
  })

  it('is no other tenant’s (G3)', () => {
    const places = fc.constantFrom<(tenant: string) => object>(
      (tenant) => ({ tenant }),
      (tenant_id) => ({ tenant_id }),
      (tenant_id) => ({ scope: { tenant_id } }),
    )
    holds(
      fc.property(id, id, id, places, (name, tenant, other, place) => {
        const user: User = { id: name, tenant }
        expect(isSubject(user, claimsOf({ sub: name, ...place(other) }))).toBe(tenant === other)
      }),
    )
  })

  it('is answered by yes or no, whatever the claims and the app’s reader say', () => {
    const reader = fc.option(hostile, { nil: undefined })
    holds(
      fc.property(jsonText, reader, (text, answer) => {
        const claims = JSON.parse(text) as Claims
        const read = answer && (() => answer() as object)
        const fits = isSubject({ id: 'ada', tenant: 'acme' }, claims, read)
        expect(typeof fits).toBe('boolean')
        expect(isSubject({ id: 'ada', tenant: 'acme' }, claims, false)).toBe(true)
      }),
      500,
    )
  })
})

describe('which of two tokens is newer', () => {
  const iat = fc.oneof(fc.integer({ min: -2, max: 2 }), strangeNumber)
  const receivedAt = fc.oneof(
    fc.integer({ min: now - 2, max: now + 2 }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  )
  const tokens = fc
    .record({ value: fc.constantFrom('a', 'b', 'B', 'aa', 'é', '', '\ud83d'), receivedAt, iat, jwt: fc.boolean() })
    .map(({ value, receivedAt, iat, jwt }) =>
      createToken({ value, user: ada, receivedAt, generation: 1, claims: jwt ? { iat } : undefined }),
    )

  it('is a strict order, the same in every tab: one of two, never both, and no circle', () => {
    holds(
      fc.property(tokens, tokens, tokens, (one, two, three) => {
        expect(isNewer(one, one)).toBe(false)
        expect(isNewer(one, undefined)).toBe(true)
        if (one.value !== two.value) expect(isNewer(one, two)).toBe(!isNewer(two, one))
        if (isNewer(one, two) && isNewer(two, three)) expect(isNewer(one, three)).toBe(true)
      }),
      3_000,
    )
  })

  it('is found in whatever sequence they are heard of: all tabs end with the same one', () => {
    holds(
      fc.property(
        fc
          .uniqueArray(tokens, { selector: ({ value }) => value, minLength: 1, maxLength: 7 })
          .chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        ([all, shuffled]) => {
          const newest = (list: Token[]) =>
            list.reduce<Token | undefined>((held, next) => (isNewer(next, held) ? next : held), undefined)
          expect(newest(shuffled)).toBe(newest(all))
        },
      ),
      600,
    )
  })
})

describe('a Token', () => {
  const values = fc.oneof(
    fc.uint8Array({ minLength: 12, maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('hex')),
    fc.stringMatching(/^[!-~]{12,60}$/),
    fc.record({ sub: fc.string(), deep: fc.string({ unit: 'binary' }) }).map((claims) => jwt(claims)),
  )
  const shows: Record<string, (token: Token) => string> = {
    json: (token) => JSON.stringify([token, { token }]),
    string: (token) => String(token) + `${token}` + Object.prototype.toString.call(token),
    inspect: (token) => inspect(token, { depth: 9, showHidden: true, compact: false }),
    console: (token) => format('%s %o %O %j', token, token, token, token),
    spread: (token) => inspect({ ...token }, { showHidden: true, getters: true }),
    entries: (token) => JSON.stringify([Object.keys(token), Object.entries(token), Object.assign({}, token)]),
    clone: (token) => inspect(structuredClone(token), { showHidden: true, getters: true }),
    loop: (token) => {
      const seen: unknown[] = []
      for (const key in token) seen.push(key, token[key as keyof Token])
      return JSON.stringify(seen)
    },
    error: (token) => String(thrownBy(() => Object.assign(token, { value: 1 }))),
    copy: (token) => JSON.stringify(createToken({ ...token, value: token.value, extra: token.extra })),
  }

  it.each(Object.keys(shows))('shows none of its secrets: %s (G4)', (way) => {
    const extras = fc.option(fc.dictionary(fc.constantFrom('hash', 'key', '__proto__'), values), { nil: undefined })
    holds(
      fc.property(values, extras, fc.option(fc.integer()), (value, extra, expiresAt) => {
        const claims = readOr(value)?.claims
        const token = createToken({
          ...{ value, user: ada, claims, receivedAt: now, generation: 1 },
          ...{ expiresAt: expiresAt ?? undefined, extra },
        })
        const pieces = piecesOf([value, ...Object.values(extra ?? {})])
        expect(shownPieces(shows[way]!(token), pieces)).toEqual([])
        expect([token.value, token.extra]).toEqual([value, extra])
      }),
      150,
    )
  })

  it('would be seen to, if it did', () => {
    expect(shownPieces(JSON.stringify({ value: secret }), piecesOf([secret]))).toHaveLength(1)
  })
})
