/** What a caller may ask of a token. */
export interface GetTokenOptions {
  /** Rejects this caller alone, with the signal's reason. */
  signal?: AbortSignal | undefined
  /** The token the SDK was refused with: a newer one is returned, or one is minted. */
  rejected?: string | undefined
  /** Milliseconds the token must be good for. Best effort where the backend's tokens live shorter. Default: the session's. */
  minValidity?: number | undefined
  /** Milliseconds since it was received. Best effort: a token younger than a tenth of its lifetime is not replaced for it. */
  maxAge?: number | undefined
}
