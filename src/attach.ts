import type { Environment, Unsubscribe } from './environment/environment.js'
import { SessionError, toSessionError } from './errors.js'
import { type GetTokenOptions, type Policy, check, retryDelay } from './policy.js'
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
  readonly policy: Policy
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
  readonly user: User
  readonly controller: AbortController
  token: Token
  handle: Handle
}

const callLimit = 5_000

/** Brings an adapter where it is wanted: attach → update* → detach, never two calls at once. */
export function createAttachment<Handle>(adapter: Adapter<Handle>, desk: Desk): Attachment {
  const { environment, policy } = desk
  const { name } = adapter
  let user: User | undefined
  let token: Token | undefined
  let reason: DetachReason
  let held: Held<Handle> | undefined
  let controller = new AbortController()
  let again = false
  let failures = 0
  let retryAt = 0
  let cancelRetry: Unsubscribe = () => {}
  let repeats = 0
  let repeatedAt = 0
  let busy = false
  let running: Promise<void> | undefined

  const contextOf = (given: Token, { signal }: AbortController): AdapterContext => ({
    token: given,
    signal,
    getToken: (options) => desk.getToken(given.user, options),
    report(said) {
      if (signal.aborted) return
      desk.report(name, said, held?.token ?? given)
      if (said.kind === 'session-lost') repeat()
    },
  })

  const call = async (what: string, work: () => Promise<void>): Promise<boolean> => {
    const late = (): never => {
      throw new SessionError('adapter_failed', `The adapter "${name}" did not end its ${what} in time.`)
    }
    let error: SessionError | undefined
    await within(environment, callLimit, work(), undefined, late).catch((thrown: unknown) => {
      error = toSessionError(thrown, 'adapter_failed', `The adapter "${name}" failed to ${what}`)
    })
    // Whoever is let go of in the middle of a call has no fault in how it ends.
    desk.done(name, what, controller.signal.aborted && what === 'attach' ? undefined : error)
    return !error
  }

  /** A call that may bring a handle. One that comes after its time is let go of at once. */
  const open = async (
    what: 'attach' | 'update',
    to: Token,
    work: () => unknown,
    keep: (handle: Handle) => void,
  ): Promise<boolean> => {
    let late = false
    const ok = await call(what, async () => {
      const handle = (await work()) as Handle
      if (handle === undefined && what === 'update') return
      if (late) await adapter.detach?.(handle, 'detach', to)
      else keep(handle)
    })
    late = true
    return ok
  }

  const attach = async (to: Token): Promise<void> => {
    const mine = (controller = new AbortController())
    const ok = await open(
      'attach',
      to,
      () => adapter.attach(contextOf(to, mine)),
      (handle) => (held = { user: to.user, controller: mine, token: to, handle }),
    )
    if (ok) return void (failures = 0)
    if (mine.signal.aborted) return
    mine.abort()
    retryAt = environment.now() + retryDelay(policy, ++failures, environment.random())
    cancelRetry = environment.schedule(retryAt, go)
  }

  const update = (mine: Held<Handle>, to: Token): Promise<boolean> => {
    mine.token = to
    return open(
      'update',
      to,
      () => adapter.update!(mine.handle, contextOf(to, mine.controller)),
      (handle) => (mine.handle = handle),
    )
  }

  const detach = ({ handle, token: last, controller: given }: Held<Handle>, why: DetachReason): Promise<boolean> => {
    held = undefined
    given.abort()
    return call('detach', async () => adapter.detach?.(handle, why, last))
  }

  /** The next call that is needed, or undefined when the adapter is where it is wanted. */
  const next = (): Promise<unknown> | undefined => {
    if (held && held.user !== user) return detach(held, reason)
    if (!token) return
    if (!held) return environment.now() < retryAt ? undefined : attach(token)
    const repeated = again
    again = false
    if (!adapter.update) {
      held.token = token
      return repeated ? detach(held, 'detach') : undefined
    }
    return repeated || held.token.value !== token.value ? update(held, token) : undefined
  }

  const run = async (): Promise<void> => {
    for (let step; (step = next());) await step
    busy = false
  }

  const go = (): void => {
    if (busy) return
    busy = true
    running = run()
  }

  // An SDK that loses its session in a loop gets the same token again at growing distances; a new token starts over.
  const repeat = (): void => {
    const now = environment.now()
    const wait = repeats && retryDelay(policy, repeats, environment.random())
    cancelRetry()
    cancelRetry = environment.schedule(Math.max(now, repeatedAt + wait), () => {
      repeatedAt = environment.now()
      repeats++
      again = true
      go()
    })
  }

  return {
    want(nextUser, nextToken, why) {
      if (nextUser !== user) controller.abort()
      if (nextUser !== user || nextToken !== token) {
        cancelRetry()
        retryAt = repeats = 0
      }
      user = nextUser
      token = nextToken
      reason = why
      go()
    },
    settled: async () => running,
  }
}

/** All adapters of a session. */
export function createAttachments(desk: Desk): {
  /** Returns what takes the adapter off again. */
  add<Handle>(adapter: Adapter<Handle>): () => Promise<void>
  /** Tells each what is wanted of it now. */
  bring(): void
  settled(): Promise<unknown>
} {
  const all = new Set<Attachment>()
  return {
    add(adapter) {
      check(typeof adapter?.attach === 'function', 'adapter')
      const attachment = createAttachment(adapter, desk)
      all.add(attachment)
      return () => {
        all.delete(attachment)
        attachment.want(undefined, undefined, 'detach')
        return attachment.settled()
      }
    },
    bring: () => all.forEach((attachment) => attachment.want(...desk.wanted())),
    settled: () => Promise.all([...all].map((attachment) => attachment.settled())),
  }
}
