import { jwtDecode } from 'jwt-decode'
import { SessionError, toSessionError } from './errors.js'

/** Whose inbox it is. Another tenant is another user. */
export interface User {
  readonly id: string
  readonly tenant?: string | undefined
  readonly email?: string | undefined
}

/** The decoded payload of a JWT. */
export type Claims = Readonly<Record<string, unknown>>

/** Immutable. Its secrets (`value`, `extra`) never show in JSON, string conversion, console output or inspection. */
export interface Token {
  /** The raw token; not enumerable. */
  readonly value: string
  readonly user: User
  /** Decoded JWT payload; undefined for HMAC and opaque tokens. */
  readonly claims?: Claims | undefined
  /** Local epoch ms: when the call that brought it began, so it is never counted younger than it is. */
  readonly receivedAt: number
  /** Local epoch ms, corrected for clock skew; undefined: does not expire. */
  readonly expiresAt?: number | undefined
  /** Rises with every token this session adopts, across refreshes and users. */
  readonly generation: number
  /** Companions from the source that change together with the token (a context hash, an api key); not enumerable. */
  readonly extra?: Readonly<Record<string, unknown>> | undefined
}

/** What a source answers: the raw token, or the token with what the backend knows about it. */
export type TokenAnswer =
  | string
  | {
      token: string
      /** Seconds from now. */
      expiresIn?: number | undefined
      /** Epoch seconds, by the server's clock. */
      expiresAt?: number | undefined
      /** The server's clock when it answered, epoch ms. */
      serverTime?: number | undefined
      extra?: Record<string, unknown> | undefined
    }

/** Reads out of a token's claims whose it is; a key that is present has to match the signed-in user. */
export type SubjectReader = (claims: Claims) => { id?: string | undefined; tenant?: string | undefined }

/** An answer, read once. */
export interface Reading {
  readonly value: string
  readonly claims: Claims | undefined
  readonly extra: Record<string, unknown> | undefined
  /** Milliseconds from receipt; undefined: the token states none. */
  readonly lifetime?: number | undefined
  /** What the lifetime was taken from. */
  readonly basis: 'expiresIn' | 'server-clock' | 'exp-iat' | 'exp' | 'none'
  /** The token's end is not a number of seconds: text, milliseconds or beyond reason. */
  readonly odd?: boolean
}

const earliestIssue = Date.UTC(2001)
/** A token that lives shorter is taken for ended, ms. */
export const shortestLifetime = 1_000
/** Characters. */
export const longestToken = 16_384
// Asks for what must not be there: a match would leave the token in RegExp.$_ for every script.
const unsendable = /^$|[^!-~]/

/** Numbers and numeric strings; anything else, an empty string and infinities are NaN. */
const number = (value: unknown): number => {
  const result = typeof value === 'string' && value.trim() ? +value : value
  return Number.isFinite(result) ? (result as number) : NaN
}

/** Epoch ms of a time in seconds, or in milliseconds by mistake (later than 1e12); absurd ones are NaN. */
const epoch = (value: unknown): number => {
  const time = number(value)
  return time > 1e12 ? (time < 4e12 ? time : NaN) : number(time * 1e3)
}

/** Epoch ms of a clock; one that has not been set yet is NaN. */
const clockTime = (value: unknown): number => {
  const time = epoch(value)
  return time > earliestIssue ? time : NaN
}

const readClaims = (value: string): Claims | undefined => {
  if (value.split('.').length !== 3) return
  try {
    const claims: unknown = jwtDecode(value)
    if (claims && typeof claims === 'object' && !Array.isArray(claims)) return Object.freeze(claims) as Claims
  } catch {
    // Not a JWT: opaque. The decoder's message quotes its input and is never passed on.
  }
}

type Lifetime = Pick<Reading, 'lifetime' | 'basis' | 'odd'>

const readLifetime = (
  answer: Exclude<TokenAnswer, string>,
  claims: Claims = {},
  now: number,
  arrived: number,
): Lifetime => {
  const stated = number(number(answer.expiresIn) * 1e3)
  const exp = [answer.expiresAt, claims.exp].find((time) => time !== undefined)
  const end = [answer.expiresAt, claims.exp].map(epoch).find((time) => time === time) ?? NaN
  const odd = exp !== undefined && !(typeof exp === 'number' && exp * 1e3 === end)
  const left = end - now
  // Whatever a backend, a proxy or a record says: no token lives longer than from its iat to its exp.
  const issued = clockTime(claims.iat)
  const allowed = epoch(claims.exp) > issued ? epoch(claims.exp) - issued : Infinity
  const most = arrived !== arrived && left < allowed ? left : allowed
  if (stated === stated) return { lifetime: Math.min(stated, most), basis: 'expiresIn' }
  if (end !== end) return { basis: 'none', odd }
  const byServer = end - clockTime(answer.serverTime)
  if (byServer === byServer) return { lifetime: Math.min(byServer, most), basis: 'server-clock', odd }
  const whole = Math.min(end - issued, most)
  // A token that looks dead on arrival more likely met a wrong local clock than a backend that hands out dead ones.
  return whole < left || (whole > 0 && left < shortestLifetime + 1.2 * (arrived - now))
    ? { lifetime: whole, basis: 'exp-iat', odd }
    : { lifetime: left, basis: 'exp', odd }
}

const read = (answer: unknown, now: number, arrived: number): Reading => {
  const fields = (typeof answer === 'string' ? { token: answer } : (answer ?? {})) as Exclude<TokenAnswer, string>
  const { token, extra } = fields
  if (typeof token !== 'string' || token.length > longestToken || unsendable.test(token))
    throw new SessionError('invalid_answer', 'The source answered no usable token.')
  const claims = readClaims(token)
  // Only what nbf has beyond iat is meant: the local clock may be behind the server's.
  const wait = epoch(claims?.nbf) - Math.max(epoch(claims?.iat), clockTime(fields.serverTime) || now)
  if (wait > 0) throw new SessionError('invalid_answer', 'The token is not valid yet (nbf).', { retryAfter: wait })
  return {
    value: token,
    claims,
    extra: Object(extra) === extra ? Object.freeze({ ...extra }) : undefined,
    ...readLifetime(fields, claims, now, arrived),
  }
}

/**
 * Reads a source's answer to a call that began at `now` and was answered at `arrived`; NaN: it was kept somewhere, nobody knows
 * for how long. Then its end by the local clock counts, whatever else is said.
 * Throws `invalid_answer`; the message never quotes the answer.
 */
export function readAnswer(answer: unknown, now: number, arrived: number = now): Reading {
  try {
    return read(answer, now, arrived)
  } catch (error) {
    throw toSessionError(error, 'invalid_answer', 'The answer cannot be read')
  }
}

// Engagespot's subject is `user:<id>`, Courier's stands in its scope, SuprSend's tenant in an object called scope.
const usualSubject = (claims: Claims, user: User): { id?: unknown; tenant?: unknown } => {
  const scope = claims.scope as { tenant_id?: unknown } | string | undefined
  const id = /\buser_id:(\S+)/.exec(scope as string)?.[1] ?? claims.entity_id ?? claims.user_id ?? claims.sub
  const tenant = (scope as { tenant_id?: unknown } | undefined)?.tenant_id ?? claims.tenant_id ?? claims.tenant
  return {
    ...(id != null && { id: id === 'user:' + user.id ? user.id : String(id) }),
    ...(tenant != null && user.tenant !== undefined && { tenant: String(tenant) }),
  }
}

/** Whether the claims name that user. What a given reader asks for has to be there; of the usual claims only what is there has to fit. */
export function isSubject(user: User, claims: Claims = {}, read?: SubjectReader | false): boolean {
  if (read === false) return true
  try {
    const subject = read ? read(claims) : usualSubject(claims, user)
    return (['id', 'tenant'] as const).every((key) => !(key in subject) || subject[key] === user[key])
  } catch {
    // A reader that trips over the claims has not found the user in them.
    return false
  }
}

/** The same person in the same tenant. */
export const isSameUser = (one: User | undefined, other: User | undefined): boolean =>
  one?.id === other?.id && one?.tenant === other?.tenant

/** A Token whose secrets are readable and nowhere visible. */
export function createToken({ value, extra, ...visible }: Token): Token {
  // A getter that cannot be enumerated also stays folded in a browser's console.
  const hidden = (secret: unknown): PropertyDescriptor => ({ __proto__: null, get: () => secret }) as PropertyDescriptor
  return Object.freeze(Object.defineProperties(visible as Token, { value: hidden(value), extra: hidden(extra) }))
}

/** When a token says that it was issued, epoch ms, a minute after its receipt at most; NaN: it does not say. */
export const issuedAt = ({ claims, receivedAt }: Pick<Token, 'claims' | 'receivedAt'>): number =>
  Math.min(epoch(claims?.iat), receivedAt + 60_000)

/** Whether a token is to be preferred: by its issue, its receipt, its text. The same in every tab, so that they end up with the same one. */
export const isNewer = (token: Token, other: Token | undefined): boolean => {
  if (!other) return true
  const later = (issuedAt(token) || 0) - (issuedAt(other) || 0) || token.receivedAt - other.receivedAt
  return later > 0 || (later === 0 && token.value > other.value)
}
