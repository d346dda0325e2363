import { browserEnvironment, randomText, wallClock } from '../environment/browser.js'
import type { Environment, Unsubscribe } from '../environment/environment.js'
import { SessionError } from '../errors.js'
import type { TokenSource } from '../source.js'
import { type TokenAnswer, isSameUser } from '../token.js'
import { within } from '../within.js'
import { webviewEndpoint } from './endpoints.js'
import { type Endpoint, type GuestMessage, addressee, checkOrigin, read, version, write } from './protocol.js'

/** How `fromBridge` asks. */
export interface BridgeOptions {
  /** Milliseconds to wait for an answer. Default: the session's own `timeout`, which is also the most. */
  timeout?: number | undefined
  /**
   * Whom to believe beside the endpoint's own origin and native hosts, whose messages have none. Origins in full: '*' is
   * refused with a TypeError. Default: nobody.
   */
  allowedOrigins?: readonly string[] | undefined
  /** The clock and timers. Default: the browser's. */
  environment?: Pick<Environment, 'now' | 'schedule'> | undefined
}

/** What this page has said, and who waits for what comes of it: tokens unasked, or the answer to one question. */
type Pending = readonly [
  message: GuestMessage,
  give: (answer: TokenAnswer | null) => void,
  fail: (error: unknown) => void,
]

/**
 * A source that asks the native app, or the embedding page, on the other side of `endpoint` (default: `webviewEndpoint()`,
 * which throws where there is none). Tokens that come unasked are taken, and a sign-out over there signs out here.
 *
 * No answer in time is a 'timeout', which the session retries; a token for somebody else is a 'subject_mismatch', a final
 * denial 'unauthorized': both are final. Late, doubled, foreign, forged and oversized messages are ignored.
 */
export function fromBridge(endpoint: Endpoint = webviewEndpoint(), options: BridgeOptions = {}): TokenSource {
  const { timeout = Infinity, allowedOrigins = [], environment = browserEnvironment() } = options
  const allowed = [endpoint.origin, ...allowedOrigins.map(checkOrigin)]
  const pending = new Set<Pending>()
  let corrected = false
  let quietUntil = 0
  let stop: Unsubscribe

  const post = ([message, , fail]: Pending): Promise<void> =>
    new Promise((resolve) => resolve(endpoint.post(write(message)))).then((reply) => hear(reply, ''), fail)

  const hear = (text: unknown, origin: string): void => {
    const heard = read(text, origin, allowed)
    if (!heard) return
    const { type } = heard
    const foreign = heard.inboxSession !== version
    const greeted = !foreign && type === 'hello'
    const now = environment.now()
    // A host that answers each greeting with another must not keep both sides busy.
    if (foreign ? corrected : greeted && now < quietUntil) return
    corrected ||= foreign
    if (greeted) quietUntil = now + 1_000
    for (const one of [...pending]) {
      const [message, give, fail] = one
      const mine = isSameUser(heard.user, message.user)
      if (foreign || greeted) void post(one)
      else if (type === 'signed-out') mine && give(null)
      else if (message.id !== heard.id) continue
      else if (type === 'denied' || (type === 'token' && !mine))
        fail(
          new SessionError(
            type === 'token' ? 'subject_mismatch' : heard.final ? 'unauthorized' : 'source_failed',
            'The source has no token for the user.',
            { retryAfter: heard.retryAfter * 1_000 },
          ),
        )
      // A page that slept hears it late.
      else if (type === 'token')
        give({
          ...heard,
          expiresIn: heard.expiresIn - Math.max(wallClock() / 1_000 - heard.sentAt || 0, 0),
        })
    }
  }

  const start = (...one: Pending): Unsubscribe => {
    if (!pending.size) stop = endpoint.listen(hear)
    pending.add(one)
    void post(one)
    return () => {
      if (pending.delete(one) && !pending.size) stop()
    }
  }

  const source: TokenSource = async ({ user, reason, attempt, signal }) => {
    let end!: Unsubscribe
    const answer = new Promise<TokenAnswer | null>((give, fail) => {
      // Drawn, not counted: an answer may come to a question that was asked before the page was reloaded.
      end = start({ type: 'ask', id: randomText(), user: addressee(user), reason, attempt }, give, fail)
    })
    return within(environment, timeout, answer, signal, () => {
      throw new SessionError('timeout', 'The source did not answer in time.')
    }).finally(end)
  }
  // A greeting that cannot be sent is no harm: whoever cannot be reached cannot be asked either, and that is told.
  source.subscribe = (push, user) => start({ type: 'hello', user: addressee(user) }, push, () => {})
  return source
}
