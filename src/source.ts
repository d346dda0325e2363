import { globalFetch, wallClock } from './environment/browser.js'
import type { Unsubscribe } from './environment/environment.js'
import { SessionError, UnauthorizedError } from './errors.js'
import type { SessionErrorDetails } from './errors.js'
import type { TokenAnswer, User } from './token.js'

/**
 * Where tokens come from. Returns null or throws an `UnauthorizedError`: nobody is signed in at the backend, which is final.
 * Anything else it throws is retried.
 */
export interface TokenSource {
  (request: TokenRequest): TokenAnswer | null | Promise<TokenAnswer | null>
  /** For sources that can speak first (a native host): subscribed while `user` is signed in. null: signed out over there. */
  subscribe?(push: (answer: TokenAnswer | null) => void, user?: User): Unsubscribe
}

/** What a source is called with. */
export interface TokenRequest {
  readonly user: User
  readonly reason: 'initial' | 'refresh' | 'rejected' | 'forced'
  /** The raw token that is to be replaced, if there is one. */
  readonly previous?: string | undefined
  /** 1 for the first try since the last success. */
  readonly attempt: number
  /** Aborted when the answer is not wanted any more: the time is up, the user has changed, the call is over. */
  readonly signal: AbortSignal
}

/** How `fromEndpoint` asks. Everything `fetch` takes, save `signal` and `cache`, which are its own. */
export interface EndpointOptions extends Omit<RequestInit, 'signal' | 'headers' | 'cache'> {
  /** The headers, or a function that is asked for them before each call. Default: `Accept: application/json, text/plain`. */
  headers?: HeadersInit | ((request: TokenRequest) => HeadersInit | Promise<HeadersInit>) | undefined
  /** Picks the answer out of an unusual body: the parsed JSON, or the text where it is none. null: nobody is signed in. */
  read?: ((body: unknown, response: Response) => TokenAnswer | null | Promise<TokenAnswer | null>) | undefined
  /** Default: the global one. */
  fetch?: typeof fetch | undefined
}

const longestBody = 131_072

const failure = (problem: string, details?: SessionErrorDetails): SessionError =>
  new SessionError(details ? 'source_failed' : 'invalid_answer', 'The endpoint answered with ' + problem, details)

const readAnswer = (body: unknown): TokenAnswer => {
  const fields = (body ?? {}) as Record<string, unknown>
  const found =
    typeof body === 'string' ? body : (fields.token ?? fields.jwt ?? fields.userToken ?? fields.access_token)
  const token = typeof found === 'string' && found.trim()
  // What no header can carry, markup, and JSON that broke off, is no token.
  if (!token || /[^!#-;=-z|~]/.test(token)) throw failure('no token.')
  // The session reads the rest of any source's answer with care.
  return {
    token,
    expiresIn: fields.expiresIn ?? fields.expires_in,
    expiresAt: fields.expiresAt ?? fields.expires_at,
    extra: fields.extra,
  } as TokenAnswer
}

/**
 * A source that asks your backend: GET unless `options.method` says otherwise, never cached, credentials 'same-origin' unless
 * `options.credentials` says otherwise.
 *
 * Understands a bare token, a JSON string, and JSON with `token`, `jwt`, `userToken` or `access_token`, `expiresIn` or
 * `expires_in` (seconds), `expiresAt` or `expires_at` (epoch seconds; numbers may come as strings) and `extra`. The `Date`
 * header, where it can be read, corrects the device's clock.
 *
 * 401 and 403 are an UnauthorizedError, which is final. Any other status that is no success is a SessionError 'source_failed'
 * with `status` and, from `Retry-After`, `retryAfter` (ms). HTML, a redirect that is not followed, more than 131 072
 * characters and bodies without a token are 'invalid_answer'. What `fetch`, `headers` and `read` throw is passed on.
 */
export function fromEndpoint(
  url: string | URL | ((request: TokenRequest) => string | URL),
  options: EndpointOptions = {},
): TokenSource {
  const { headers, read = readAnswer, fetch = globalFetch, ...init } = options
  return async (request) => {
    const sent = new Headers(typeof headers === 'function' ? await headers(request) : headers)
    if (!sent.has('accept')) sent.set('accept', 'application/json, text/plain')
    const response = await fetch(typeof url === 'function' ? url(request) : url, {
      ...init,
      cache: 'no-store',
      headers: sent,
      signal: request.signal,
    })
    const { status, type } = response
    const header = (name: string) => response.headers.get(name) as string
    const date = Date.parse(header('date'))
    if (status === 401 || status === 403) throw new UnauthorizedError(undefined, { status })
    if (!response.ok && type !== 'opaqueredirect') {
      const after = header('retry-after')
      const wait = /GMT$/.test(after)
        ? Date.parse(after) - (date || wallClock())
        : /^\d+$/.test(after)
          ? Number(after) * 1_000
          : NaN
      throw failure(`status ${status}.`, { status, retryAfter: wait >= 0 ? wait : undefined })
    }
    const text = await response.text()
    if (type === 'opaqueredirect' || /^text\/html/i.test(header('content-type'))) throw failure('HTML or a redirect.')
    if (text.length > longestBody) throw failure('too long a body.')
    let body: unknown = text
    try {
      body = JSON.parse(text)
    } catch {
      // The error would quote the body.
    }
    const answer = await read(body, response)
    // The header is cut to whole seconds; the server's clock must not be taken for earlier than it is.
    const serverTime = date + 1_000 || undefined
    return typeof answer === 'string' ? { token: answer, serverTime } : answer && { serverTime, ...answer }
  }
}

/**
 * A source of Firebase ID tokens, for Notifizz' `authType: 'firebase'`. Firebase's own cached token is used for the first call;
 * a new one is asked for where the session needs one. `currentUser` null means that nobody is signed in, which is final:
 * where the SDK has `authStateReady` (10.1 and later) it is waited for, before that sign in only once Firebase knows its user.
 */
export function fromFirebase(auth: {
  currentUser: { getIdToken(forceRefresh?: boolean): Promise<string> } | null
  authStateReady?(): Promise<void>
}): TokenSource {
  return async ({ reason }) => {
    await auth.authStateReady?.()
    return auth.currentUser && auth.currentUser.getIdToken(reason !== 'initial')
  }
}
