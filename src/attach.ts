import type { Environment, Unsubscribe } from './environment/environment.js'
import { SessionError, toSessionError } from './errors.js'
import type { GetTokenOptions } from './policy.js'
import type { Token, User } from './token.js'
import { within } from './within.js'

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

/** Whether an SDK says its token is no good. A 403 without an authentication code is about permissions: no new token cures it. */
export const isRefusal = (signal: AdapterSignal): boolean =>
  signal.kind === 'expired' || (signal.kind === 'rejected' && (signal.status !== 403 || signal.code !== undefined))

/** Why an adapter lets go. */
export type DetachReason = 'sign-out' | 'switch' | 'detach'

/** What a session lends to its attachments. */
export interface Desk {
  readonly environment: Environment
  /** When to try again after `attempt` failures in a row. */
  delay(attempt: number): number
  /** Who is signed in, their token, and why adapters of others have to let go. */
  wanted(): [user: User | undefined, token: Token | undefined, why: DetachReason]
  /** A token of that user, or a rejection once somebody else is signed in. */
  getToken(user: User, options?: GetTokenOptions): Promise<Token>
  report(name: string, signal: AdapterSignal, token: Token): void
  done(name: string, call: string, error?: SessionError): void
}

/** One adapter's queue. */
export interface Attachment {
  /** Who is signed in and their newest token; the adapter is brought there one call at a time. */
  want(user: User | undefined, token: Token | undefined, reason: DetachReason): void
  /** Resolves when the adapter is where it was wanted, or has used up its time. */
  settled(): Promise<void>
}

interface Held<Handle> {
  readonly controller: AbortController
  token: Token
  handle: Handle
}

const callLimit = 5_000
const kinds = /^(expir(ing|ed)|rejected|session-lost|accepted)$/

/** Brings an adapter where it is wanted, once `before` has settled: attach → update* → detach, never two calls at once. */
export function createAttachment<Handle>(adapter: Adapter<Handle>, desk: Desk, before?: Promise<void>): Attachment {
  const { environment, delay } = desk
  const { name: given }: { readonly name: unknown } = adapter
  const name = String(given)
  const isPush = Boolean(adapter.update)
  let user: User | undefined
  let token: Token | undefined
  let reason: DetachReason
  let held: Held<Handle> | undefined
  let controller = new AbortController()
  let again = false
  // Failures and repeats since the token is new.
  let attempt = 0
  let attachAt = 0
  let repeatAt = 0
  let cancelRetry: Unsubscribe = () => {}
  let busy = Boolean(before)

  const contextOf = (given: Token, { signal }: AbortController): AdapterContext => ({
    token: given,
    signal,
    getToken: (options) => desk.getToken(given.user, options),
    report(said) {
      if (signal.aborted) return
      const { kind } = said
      if (typeof kind !== 'string' || !kinds.test(kind)) return
      desk.report(name, { ...said, kind }, held?.token ?? given)
      if (kind === 'session-lost') repeat()
    },
  })

  /** One call, its time limited. What it brings is for `keep`; a handle that comes too late is let go of at once. */
  const call = async (
    what: 'attach' | 'update' | 'detach',
    to: Token,
    work: () => unknown,
    keep?: (handle: Handle) => void,
  ): Promise<boolean> => {
    const problem = `The adapter "${name}" failed to ${what}`
    let error: SessionError | undefined
    let over = false
    const done = async (): Promise<void> => {
      const handle = (await work()) as Handle
      if (!keep || (handle === undefined && what === 'update')) return
      if (over) await adapter.detach?.(handle, 'detach', to)
      else keep(handle)
    }
    await within(environment, callLimit, done(), undefined, () => {
      throw new SessionError('adapter_failed', problem + ' in time')
    }).catch((thrown: unknown) => {
      error = toSessionError(thrown, 'adapter_failed', problem)
      // A rejection of ours that it passed on says nothing of whose fault it is.
      if (error.code !== 'adapter_failed') error = new SessionError('adapter_failed', `${problem} (${error.message})`)
    })
    over = true
    // Whoever is let go of in the middle of a call has no fault in how it ends.
    desk.done(name, what, controller.signal.aborted && what === 'attach' ? undefined : error)
    return !error
  }

  const attach = async (to: Token): Promise<void> => {
    const mine = (controller = new AbortController())
    const ok = await call(
      'attach',
      to,
      () => adapter.attach(contextOf(to, mine)),
      (handle) => (held = { controller: mine, token: to, handle }),
    )
    if (ok || mine.signal.aborted) return
    mine.abort()
    attachAt = delay(++attempt)
    cancelRetry = environment.schedule(attachAt, go)
  }

  const detach = ({ handle, token: last, controller: given }: Held<Handle>, why: DetachReason): Promise<boolean> => {
    held = undefined
    given.abort()
    return call('detach', last, () => adapter.detach?.(handle, why, last))
  }

  /** The next call that is needed, or undefined when the adapter is where it is wanted. */
  const next = (): Promise<unknown> | undefined => {
    const mine = held
    if (mine && mine.token.user !== user) return detach(mine, reason)
    if (!token) return
    if (!mine) return environment.now() < attachAt ? undefined : attach(token)
    const to = token
    const newer = mine.token.value !== to.value
    const repeated = again
    again = false
    mine.token = to
    if (isPush)
      return repeated || newer
        ? call(
            'update',
            to,
            () => adapter.update!(mine.handle, contextOf(to, mine.controller)),
            (handle) => (mine.handle = handle),
          )
        : undefined
    return repeated ? detach(mine, 'detach') : undefined
  }

  const run = async (): Promise<void> => {
    for (let step; (step = next());) await step
    busy = false
  }
  let running = before?.then(run)

  const go = (): void => {
    if (busy) return
    busy = true
    running = run()
  }

  // An SDK that loses its session in a loop gets the same token again at growing distances; a new token starts over.
  const repeat = (): void => {
    cancelRetry()
    cancelRetry = environment.schedule(repeatAt, () => {
      repeatAt = delay(++attempt)
      again = true
      go()
    })
  }

  return {
    want(nextUser, nextToken, why) {
      if (nextUser !== user) controller.abort()
      if (nextUser !== user || nextToken !== token) {
        cancelRetry()
        attempt = attachAt = repeatAt = 0
      }
      user = nextUser
      token = nextToken
      reason = why
      go()
    },
    settled: async () => running,
  }
}
