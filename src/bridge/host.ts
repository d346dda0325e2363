import type { Session } from '../api.js'
import { browserEnvironment, wallClock } from '../environment/browser.js'
import type { Environment, Unsubscribe } from '../environment/environment.js'
import { type Token, type User, isSameUser } from '../token.js'
import { type Endpoint, type HostMessage, addressee, checkOrigin, read, version, write } from './protocol.js'

/** Whom `serveBridge` serves. */
export interface ServeOptions {
  /** The origins of pages that may have this session's tokens. Each in full; '*' is refused. */
  allowedOrigins: readonly string[]
  /** The clock of the session. Default: the browser's. */
  environment?: Pick<Environment, 'now'> | undefined
}

/**
 * Serves this page's `session` to the page on the other side of `endpoint`: answers what its `fromBridge` asks, hands it each
 * new token, and tells it when the user signs out here. Tokens go out only for the user who is signed in here.
 * Returns what ends it; the page inside keeps the token it has.
 *
 * Throws a TypeError without `allowedOrigins`, and for an origin that is none.
 */
export function serveBridge(session: Session, endpoint: Endpoint, options: ServeOptions): Unsubscribe {
  const { allowedOrigins, environment: { now } = browserEnvironment() } = options
  if (!allowedOrigins?.length) throw new TypeError('allowedOrigins has to name who may have the tokens.')
  allowedOrigins.forEach(checkOrigin)
  // Questions that are being answered.
  const open = new Set<string>()
  let guest: User | undefined
  let sent: string | undefined
  let pushedAt = -Infinity
  let corrected = false
  let ended = false

  const post = async (message: HostMessage): Promise<void> => {
    if (!ended) await endpoint.post(write(message))
  }
  const greet = (): Promise<void> => post({ type: 'hello' }).catch(() => {})

  const send = ({ user, value, receivedAt, expiresAt, extra }: Token, id?: string): Promise<void> => {
    sent = value
    // The session's clock never runs backwards; this one may have begun after it was set back.
    const expiresIn = expiresAt && (expiresAt - Math.max(now(), receivedAt)) / 1_000
    return post({
      type: 'token',
      id,
      user: addressee(user),
      token: value,
      expiresIn,
      sentAt: wallClock() / 1_000,
      extra,
    })
  }

  const deny = (id: string, user: User): Promise<void> => {
    const { state } = session
    const others = 'user' in state && !isSameUser(state.user, user)
    // Infinity while offline: JSON makes null of it, which is as good as absent.
    const retryAfter = 'retryAt' in state ? Math.max(state.retryAt - now(), 0) / 1_000 : undefined
    return post({ type: 'denied', id, final: others || state.status === 'failed', retryAfter })
  }

  const answer = async (id: string, user: User, reason: unknown): Promise<void> => {
    const { state } = session
    const held = 'token' in state ? state.token?.value : undefined
    // It asks for a fresher one than it was given.
    const stale = reason === 'refresh' && held === sent
    open.add(id)
    try {
      if (!('user' in state && isSameUser(state.user, user))) return await deny(id, user)
      if (reason === 'forced') await session.refresh()
      // A call that is under way will do.
      else
        await session.getToken({
          // What was refused may have been the one before: a question that crossed a push.
          rejected: reason === 'rejected' && now() - pushedAt > 1_000 ? sent : undefined,
          maxAge: stale ? 0 : undefined,
        })
      const { state: after } = session
      const token = 'token' in after && isSameUser(after.user, user) ? after.token : undefined
      const same = stale && token?.value === held && after.status !== 'fresh'
      return await (token && !same ? send(token, id) : deny(id, user))
    } catch {
      return await deny(id, user)
    } finally {
      open.delete(id)
    }
  }

  const hear = (text: string, origin: string): void => {
    const heard = read(text, origin, allowedOrigins)
    if (!heard) return
    const { inboxSession, type, id, user, reason } = heard
    if (inboxSession !== version) {
      if (!corrected) void greet()
      corrected = true
    } else if ((type === 'hello' || type === 'ask') && typeof user?.id === 'string') {
      guest = user
      if (type === 'ask' && typeof id === 'string' && !open.has(id)) answer(id, user, reason).catch(() => {})
    }
  }

  const undo = [
    endpoint.listen(hear),
    session.on('token', (token) => {
      // Who waits for an answer gets it as one.
      if (!isSameUser(guest, token.user) || open.size) return
      pushedAt = now()
      send(token).catch(() => {})
    }),
    session.on('signed-out', ({ user }) => {
      if (isSameUser(guest, user)) post({ type: 'signed-out', user: addressee(user) }).catch(() => {})
    }),
  ]
  void greet()
  return () => {
    ended = true
    undo.forEach((stop) => stop())
  }
}
