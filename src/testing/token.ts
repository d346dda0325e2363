import { wallClock } from '../environment/browser.js'
import { check } from '../policy.js'

/** What a test token says. Every property beside these two is a claim; `exp` and `iat` too, `undefined` leaves one out. */
export interface TestTokenClaims {
  /** Seconds from `issuedAt` to its end; 0 and less: it has ended. Default 3 600. */
  expiresIn?: number | undefined
  /** Epoch seconds. Default: the device's clock; beside a test browser give `Math.floor(browser.now / 1_000)`. */
  issuedAt?: number | undefined
  readonly [claim: string]: unknown
}

let made = 0

const encode = (part: unknown): string => {
  let bytes = ''
  for (const byte of new TextEncoder().encode(JSON.stringify(part))) bytes += String.fromCharCode(byte)
  return btoa(bytes).replace(/=+$/, '').replace(/\+/g, '-').replace(/\//g, '_')
}

const isWritable = (claim: unknown): boolean => {
  try {
    JSON.stringify(claim)
    return true
  } catch {
    return false
  }
}

/**
 * An unsigned JWT (RFC 7519: `alg` is none, the third part is empty), as every reader that checks no signature takes it. No two
 * calls give the same one: each has a `jti` of its own, unless you give that claim. Runs in browsers and servers alike.
 * Throws a TypeError that names the option, or the claim that JSON cannot hold.
 */
export function createTestToken(claims: TestTokenClaims = {}): string {
  check(Object(claims) === claims && !Array.isArray(claims), 'claims')
  const { expiresIn = 3_600, issuedAt = Math.floor(wallClock() / 1_000), ...rest } = claims
  check(Number.isFinite(expiresIn), 'expiresIn')
  check(Number.isFinite(issuedAt), 'issuedAt')
  for (const [claim, value] of Object.entries(rest)) check(isWritable(value), claim)
  const payload = { iat: issuedAt, exp: issuedAt + expiresIn, jti: `test-${++made}`, ...rest }
  return `${encode({ alg: 'none', typ: 'JWT' })}.${encode(payload)}.`
}
