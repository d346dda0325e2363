import { createTestToken } from './token.js'
import type { Device, Line } from './device.js'

/** What goes wrong with a call: a status (with a Retry-After), a page in place of an answer, no network, or no answer ever. */
export type BackendFault =
  { readonly status: number; readonly retryAfter?: number | string } | 'html' | 'empty' | 'network' | 'hangs'

/** A call the backend got. */
export interface BackendCall {
  /** True time, epoch ms. */
  readonly at: number
  /** Whole; what was asked for by its path alone is at http://app.test. */
  readonly url: string
  /** From the query, or else `backend.user`. */
  readonly user: string | undefined
  readonly tenant: string | undefined
  readonly headers: Headers
  /** What it was answered; undefined while it is under way. */
  status?: number
  token?: string
  endedAt?: number
}

/** Mints a token for the caller; `claims` as for createTestToken. */
type Mint = (claims?: Parameters<typeof createTestToken>[0]) => string

/**
 * The app's own backend, behind every tab's `fetch`: whatever the address, it is the token endpoint, until `reply` tells
 * addresses apart by `call.url`. Turn the knobs at any time.
 */
export interface TestBackend {
  /** Seconds a token lives. Default 3 600. */
  lifetime: number
  /** Milliseconds a call takes. Default 50. */
  latency: number | (() => number)
  /** Milliseconds its clock is ahead of the true time. Default 0. */
  skew: number
  /** Whom the cookie names: for whom a call without `?user=` is. Default: nobody, then tokens name no user. */
  user: string | undefined
  /** Claims of every token beside sub, iat and exp. */
  claims: Readonly<Record<string, unknown>>
  /** Calls in the order they came. */
  readonly calls: readonly BackendCall[]
  /** Tokens it gave out, oldest first. */
  readonly tokens: readonly string[]
  /** Fails from now on, or so many times. Default fault: status 503. */
  fail(fault?: BackendFault, times?: number): void
  /**
   * Answers in place of the endpoint from now on: a Response as it is, a string as the body, anything else as JSON; a promise
   * is waited for. With what it throws the call fails. Only `mint` makes tokens that `tokens` knows.
   */
  reply(answer: (call: BackendCall, mint: Mint) => unknown): void
  /** Ends `fail` and `reply`; the knobs stay. */
  mend(): void
}

/** `fetchFor(line, isOnline)` is a page's `fetch`: its answers arrive while the page runs. */
export interface BackendPort extends TestBackend {
  fetchFor(line: Line, hasNetwork: () => boolean): typeof fetch
}

const noNetwork = (): TypeError => new TypeError('Failed to fetch')

export function createBackend(device: Device): BackendPort {
  const calls: BackendCall[] = []
  const tokens: string[] = []
  let fault: BackendFault | undefined
  let times = Infinity
  let answer: Parameters<TestBackend['reply']>[0] | undefined

  const now = (): number => device.truth() + backend.skew
  const mintFor =
    (call: BackendCall): Mint =>
    (claims) => {
      const token = createTestToken({
        ...(call.user !== undefined && { sub: call.user }),
        ...(call.tenant !== undefined && { tenant: call.tenant }),
        issuedAt: Math.floor(now() / 1_000),
        expiresIn: backend.lifetime,
        // Not from a counter that outlives the run: tokens of one age are compared by their text.
        jti: String(tokens.length + 1).padStart(6, '0'),
        ...backend.claims,
        ...claims,
      })
      tokens.push(token)
      call.token = token
      return token
    }
  const respond = (
    body: string,
    status = 200,
    type = 'application/json',
    more: Record<string, string> = {},
  ): Response =>
    // A body of null where the status forbids one.
    new Response([204, 205, 304].includes(status) ? null : body, {
      status,
      headers: { 'content-type': type, date: new Date(now()).toUTCString(), ...more },
    })
  const answerTo = async (call: BackendCall): Promise<Response | undefined> => {
    if (fault && times-- > 0) {
      if (fault === 'network') throw noNetwork()
      if (fault === 'hangs') return undefined
      if (fault === 'html') return respond('<!doctype html><title>Log in</title>', 200, 'text/html')
      if (fault === 'empty') return respond('')
      const { status, retryAfter } = fault
      return respond('{}', status, undefined, retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) })
    }
    const mint = mintFor(call)
    const content = answer ? await answer(call, mint) : { token: mint() }
    if (content instanceof Response) return content
    return respond(typeof content === 'string' ? content : (JSON.stringify(content) ?? ''))
  }

  const fetchFor: BackendPort['fetchFor'] = (line, hasNetwork) => (input, init) => {
    const asked = input instanceof Request ? input : undefined
    const signal = init?.signal ?? asked?.signal
    const headers = init?.headers ?? asked?.headers
    return new Promise((resolve, reject) => {
      if (!device.has(line)) return
      const { href, searchParams } = new URL(asked?.url ?? String(input), 'http://app.test')
      if (signal?.aborted) return reject(signal.reason as Error)
      if (!hasNetwork()) return void device.plan(line, 0, () => reject(noNetwork()))
      const call: BackendCall = {
        at: device.truth(),
        url: href,
        user: searchParams.get('user') ?? backend.user,
        tenant: searchParams.get('tenant') ?? undefined,
        headers: new Headers(headers),
      }
      calls.push(call)
      const end = (work: () => void): void => {
        signal?.removeEventListener('abort', abort)
        call.endedAt ??= device.truth()
        work()
      }
      const abort = (): void => end(() => reject(signal!.reason as Error))
      signal?.addEventListener('abort', abort)
      const { latency } = backend
      const half = (typeof latency === 'function' ? latency() : latency) / 2
      device.plan(server, half, () => {
        answerTo(call).then(
          (response) => {
            if (!response) return
            call.status = response.status
            device.plan(line, half, () => end(() => (hasNetwork() ? resolve(response) : reject(noNetwork()))))
          },
          (error: unknown) => void device.plan(line, half, () => end(() => reject(error))),
        )
      })
    })
  }
  const server = device.line()
  const backend: BackendPort = {
    lifetime: 3_600,
    latency: 50,
    skew: 0,
    user: undefined,
    claims: {},
    calls,
    tokens,
    fail(given = { status: 503 }, count = Infinity) {
      fault = given
      times = count
    },
    reply: (given) => void (answer = given),
    mend() {
      fault = undefined
      answer = undefined
    },
    fetchFor,
  }
  return backend
}
