const encode = (part: unknown): string => Buffer.from(JSON.stringify(part)).toString('base64url')

/** An unsigned JWT with exactly these claims. Its signature is unlike any other's. */
export function jwt(claims: Record<string, unknown>): string {
  const signature = encode({ signature: ++made, padding: 'x'.repeat(24) })
  return `${encode({ alg: 'none' })}.${encode(claims)}.${signature}`
}
let made = 0

/** A JWT for `sub` issued at `now` (epoch ms) that lives `seconds`. */
export const tokenFor = (sub: string, now: number, seconds = 3_600, more: Record<string, unknown> = {}): string => {
  const iat = Math.floor(now / 1_000)
  return jwt({ sub, iat, exp: iat + seconds, ...more })
}
