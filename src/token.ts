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
