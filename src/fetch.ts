import { globalFetch } from './environment/browser.js'
import type { GetTokenOptions } from './policy.js'

/** The part of a session that `withToken` needs. */
export interface TokenSupply {
  getToken(options?: GetTokenOptions): Promise<string>
  readonly state?: { readonly status: unknown; readonly user?: unknown }
}

/** Where `withToken` puts the token. */
export interface WithTokenOptions {
  /** The only origins that get it, such as `https://api.example.com`. Never a pattern. */
  origins: readonly string[]
  /** The header it goes in. Default 'Authorization'. With any other, redirects are refused (see `withToken`). */
  header?: string | undefined
  /** Stands before the token. Default 'Bearer'; '' sends the raw token. */
  scheme?: string | undefined
  /** Default: the global one. */
  fetch?: typeof fetch | undefined
}

const toPrefix = (entry: string): string => {
  try {
    const { origin, href } = new URL(entry)
    if (href === origin + '/' && !href.includes('*')) return href
  } catch {
    // Said below.
  }
  throw new TypeError('origins: expected a list such as ["https://api.example.com"]')
}

/**
 * A `fetch` with the session's token in it, for `origins` only; any other request, and one that brings a header of that name
 * itself, goes through unchanged.
 *
 * A 401 is answered by asking the session for a newer token and one second send with the same bytes. The first 401 comes out
 * where there is no newer token, the user has changed meanwhile, or the body was a one-shot ReadableStream.
 * Without a token: rejects with the session's error if that is retryable, else sends without one, so that the server's answer
 * comes out. On a redirect to another origin browsers take off `Authorization` and nothing else: with another `header` a
 * redirect is a network error (`redirect: 'error'`). Throws a TypeError if `origins` is not a list of
 * origins, or `header` no name of a header.
 */
export function withToken(session: TokenSupply, options: WithTokenOptions): typeof globalThis.fetch {
  const { origins, header = 'Authorization', scheme = 'Bearer', fetch = globalFetch } = options
  const prefixes = [origins].flat().map(toPrefix)
  if (!prefixes.length) toPrefix('')
  new Headers([[header, scheme]])
  const isListed = (address: string) => prefixes.some((prefix) => address.startsWith(prefix))
  const whose = () => JSON.stringify(session.state?.user)

  return async (input, init) => {
    const { url = input as string, headers } = input as Request
    let address = ''
    try {
      // Resolves relative addresses as fetch will.
      address = new Request(url).url
    } catch {
      // Without a page to be relative to; or no address at all, as fetch will say.
    }
    if (!isListed(address) || new Headers(init?.headers ?? headers).has(header)) return fetch(input, init)

    const request = new Request(input, {
      duplex: 'half',
      ...init,
      ...(header.toLowerCase() !== 'authorization' && { redirect: 'error' }),
    } as RequestInit)
    const { signal } = request
    // What was compared is read once more by `Request`, and may read differently.
    if (!isListed(request.url)) return fetch(request)
    const spare = init?.body instanceof ReadableStream ? undefined : request.clone()
    const send = (prepared: Request, token: string) => {
      prepared.headers.set(header, `${scheme} ${token}`)
      return fetch(prepared)
    }

    const user = whose()
    let token
    try {
      token = await session.getToken({ signal })
    } catch (error) {
      if ((error as { retryable?: unknown } | null)?.retryable !== false) throw error
      return fetch(request)
    }
    const response = await send(request, token)
    // A 401 from where a redirect led, without the token, says nothing about the token.
    if (response.status !== 401 || !spare || (response.redirected && !isListed(response.url))) return response
    const newer = await session.getToken({ signal, rejected: token }).catch(() => {
      signal.throwIfAborted()
      return token
    })
    if (newer === token || whose() !== user) return response
    response.body?.cancel().catch(() => {})
    return send(spare, newer)
  }
}
