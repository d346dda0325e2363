/// <reference lib="esnext.disposable" preserve="true" />
import type { Adapter } from './attach.js'
import type { Environment, Unsubscribe } from './environment/environment.js'
import type { SessionError } from './errors.js'
import type { GetTokenOptions, PolicyOptions } from './policy.js'
import type { TokenSource } from './source.js'
import type { TokenStorage } from './storage.js'
import type { SubjectReader, Token, TokenAnswer, User } from './token.js'

/** What a session is doing. Immutable; the same object until something in it changes. */
export type SessionState =
  | { readonly status: 'signed-out' }
  /** A request is under way. With `token`: a background refresh; the token is still good. */
  | { readonly status: 'fetching'; readonly user: User; readonly token?: Token | undefined }
  | { readonly status: 'fresh'; readonly user: User; readonly token: Token }
  /** The last attempt failed; the next is at `retryAt` (local epoch ms; Infinity while offline or paused). A good token keeps serving. */
  | {
      readonly status: 'waiting'
      readonly user: User
      readonly token?: Token | undefined
      readonly error: SessionError
      readonly retryAt: number
    }
  /** Final: nobody is signed in at the source, or the token can never be right. No more calls until `signIn` or `refresh`. */
  | {
      readonly status: 'failed'
      readonly user: User
      readonly token?: Token | undefined
      readonly error: SessionError
    }
  | { readonly status: 'closed' }

/** The events of a session and what their listeners get. */
export interface SessionEvents {
  /** The new snapshot. */
  change: SessionState
  /** A token was adopted: minted here, pushed by the source, or taken over from another tab or the storage. */
  token: Token
  /** The token this page held stopped being good before a newer one came. */
  expired: { readonly token: Token; readonly reason: 'expired' | 'rejected' }
  /** Anything that went wrong, a background refresh, a storage, an adapter and a listener included. */
  error: SessionError
  'signed-out': { readonly user: User; readonly reason: 'here' | 'other-tab' | 'switched' }
  /** Why the session did what it did, machine-readable, without secrets. */
  trace: TraceEntry
}

/** One step of a session: what happened (`type`), when (epoch ms) and what it was about. */
export interface TraceEntry {
  readonly at: number
  readonly type: string
  readonly reason?: string
  readonly [detail: string]: unknown
}

/** Durations are milliseconds. */
export interface SessionOptions extends PolicyOptions {
  /** Where tokens come from: `fromEndpoint(url)`, `fromFirebase(auth)`, `fromBridge()` or any async function. */
  source: TokenSource
  /** Tells apart several sessions of one user on one origin (two providers, say); tabs share by it. Default 'default'. */
  name?: string
  /** Where the token may outlive the page. Default: nowhere, nothing is written to disk. */
  storage?: TokenStorage
  /** Whose token is it? Default: reads the usual claims (sub, entity_id, user_id, Courier's scope, tenant). false: no check. */
  subject?: false | SubjectReader
  /** Refresh while the page is hidden. Default true. */
  refreshWhenHidden?: boolean
  /** The outside world: clock, timers, random, page, tabs. Default: the browser's, or inert ones on a server. */
  environment?: Environment
}

/** Keeps one fresh token for the signed-in user and hands it to everybody who needs it. */
export interface Session {
  /**
   * Frozen snapshot; the same object until something changes, and never with a token that has ended, though after a sleep nobody
   * tells of the `change` comes later, with the next timer. Reading it never starts a request.
   */
  readonly state: SessionState
  /**
   * Starts, or switches to, a user. The same user again does nothing, except after 'failed', where it tries again.
   * `initial`: a token that came with the page or the login response; it is checked like any other and saves the first request;
   * a page may have been kept, so the token's own end, by the device's clock, bounds its life.
   * Throws a TypeError for a user without an id, a SessionError 'closed' after `close`.
   */
  signIn(user: string | User, initial?: TokenAnswer): void
  /** Takes the token out of memory, storage, every adapter and every tab. Resolves when all adapters of this tab have let go. */
  signOut(): Promise<void>
  /** A token good for at least `minValidity`. All callers share one request. Rejects with a SessionError. */
  getToken(options?: GetTokenOptions): Promise<string>
  /** A token of a call, in whatever tab, that began after this one; the current one keeps serving meanwhile. At most one call a second. */
  refresh(): Promise<string>
  /** The provider refused this token: it is never handed out again, here or in another tab. Other values than the current one are ignored. */
  invalidate(rejected: string): void
  /** For SDKs with a callback (SuprSend's refreshUserToken, Knock's onUserTokenExpiring): a good token, the same one while it is good. */
  readonly refreshUserToken: (oldToken?: string, payload?: unknown) => Promise<string>
  /** Keeps an SDK supplied. Returns what takes it off again; that resolves when the adapter has let go. */
  attach<Handle>(adapter: Adapter<Handle>): () => Promise<void>
  /** Returns what unsubscribes. A listener that throws harms no other listener and no refresh; it is reported as an `error`. */
  on<Name extends keyof SessionEvents>(event: Name, listener: (payload: SessionEvents[Name]) => void): Unsubscribe
  /** For useSyncExternalStore and stores: called after `state` changed. */
  subscribe(listener: () => void): Unsubscribe
  /** Ends this session here only (signs nobody out): no timer, listener, channel or lock is left. Resolves when all adapters have let go. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
