/** What a provider stand-in wants to know of a token: whether it is good for this provider, and whose it is. */
export type Verdict =
  | { ok: true; userId: string; tokenId: string; expiresAt?: number | undefined }
  | {
      ok: false
      reason: 'missing' | 'signature' | 'expired' | 'revoked' | 'scope' | 'user'
      tokenId?: string | undefined
    }

/** One thing a provider was asked, with what it made of the token. Never holds a token: `tokenId` is its jti or a short hash. */
export interface Seen {
  at: number
  kind: 'http' | 'socket'
  /** Which call: 'GetInboxMessages', 'identify', 'handshake' … */
  what: string
  /** The user the request said it was for. */
  claimedUser?: string | undefined
  /** The user the token belongs to. */
  tokenUser?: string | undefined
  tokenId?: string | undefined
  /** 200, 401, 403 …; 101 for an accepted socket. */
  status: number
  reason?: string | undefined
}

export interface Message {
  id: string
  title: string
  body: string
}

/** A local stand-in of one provider's API: its real paths and shapes, its own port, tokens verified for real. */
export interface ProviderStandIn {
  readonly name: string
  /** Origin with a trailing slash, for example http://127.0.0.1:4401/ */
  readonly url: string
  readonly seen: readonly Seen[]
  /** Puts a message into the user's inbox: listed from now on and pushed over every live socket. */
  send(userId: string, message: Message): void
  /** Refuses from now on every token presented so far and cuts the sockets opened with them, as a revocation would. */
  revoke(): void
  /** Open, authenticated sockets of that user. */
  sockets(userId: string): number
  close(): Promise<void>
}
