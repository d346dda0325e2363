import type { Token } from './token.js'
import type { GetTokenOptions } from './policy.js'

/** What an SDK said about its token. `token` defaults to the one the adapter was given last. */
export type AdapterSignal =
  | { kind: 'expiring' | 'expired'; token?: string | undefined }
  | { kind: 'rejected'; token?: string | undefined; status?: number | undefined; code?: string | number | undefined }
  | { kind: 'session-lost' }
  | { kind: 'accepted'; token?: string | undefined }

/** What an adapter is called with. */
export interface AdapterContext {
  /** The token to hand to the SDK; `token.value` is the raw one, `token.user` whose it is. */
  readonly token: Token
  /** Aborted before `detach`. */
  readonly signal: AbortSignal
  /** For SDKs that ask: resolves to a good token of this adapter's user, rejects with a SessionError. */
  getToken(options?: GetTokenOptions): Promise<Token>
  /** Tells the session what the SDK said. */
  report(signal: AdapterSignal): void
}

/**
 * Keeps one SDK supplied. PUSH: has `update`. PULL: no `update`, the SDK calls `getToken`. EVENT: reports what the SDK says.
 * RECONNECT: `update` returns a new handle. Calls for one adapter never overlap; waiting updates collapse into the newest;
 * an older token never follows a newer one; after a switch no call sees the old user. Each call has 5 s.
 */
export interface Adapter<Handle = unknown> {
  /** Appears in errors and traces. */
  readonly name: string
  attach(context: AdapterContext): Handle | Promise<Handle>
  update?(handle: Handle, context: AdapterContext): void | Handle | Promise<void | Handle>
  detach?(handle: Handle, reason: 'sign-out' | 'switch' | 'detach', last: Token): void | Promise<void>
}
