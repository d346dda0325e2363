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

/** All pieces of 12 characters of payloads and signatures; of opaque tokens, of the whole. */
export function piecesOf(tokens: readonly string[]): Set<string> {
  const pieces = new Set<string>()
  for (const token of tokens.slice(-100)) {
    const parts = token.split('.')
    for (const part of parts.length === 3 ? parts.slice(1) : [token.slice(0, 5_000)])
      for (let index = 0; index + 12 <= part.length; index++) pieces.add(part.slice(index, index + 12))
  }
  return pieces
}

/** What stands before such pieces in a text: the places, not the secrets. */
export function shownPieces(text: string, pieces: ReadonlySet<string>): string[] {
  const places: string[] = []
  let from = 0
  for (let index = 0; index + 12 <= text.length; index++) {
    if (!pieces.has(text.slice(index, index + 12))) continue
    places.push(text.slice(Math.max(from, index - 40), index))
    while (pieces.has(text.slice(index, index + 12))) index++
    from = index += 11
  }
  return places
}
