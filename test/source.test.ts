import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { fromEndpoint, fromFirebase, isSessionError, UnauthorizedError } from 'inbox-session'
import type { EndpointOptions, SessionError, TokenRequest } from 'inbox-session'

const request = (fields: Partial<TokenRequest> = {}): TokenRequest => ({
  user: { id: 'ada' },
  reason: 'initial',
  attempt: 1,
  signal: new AbortController().signal,
  ...fields,
})

/** A source whose backend always answers this, and what it was asked. */
function answering(body: BodyInit | null, init: ResponseInit = {}, options: EndpointOptions = {}) {
  const calls: Request[] = []
  const fetch: typeof globalThis.fetch = async (input, given) => {
    calls.push(new Request(input, given))
    return new Response(body, init)
  }
  const source = fromEndpoint('http://127.0.0.1/token', { ...options, fetch })
  return { calls, ask: async (fields?: Partial<TokenRequest>) => source(request(fields)) }
}
const json = (value: unknown) => answering(JSON.stringify(value), { headers: { 'content-type': 'application/json' } })
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.unreachable(),
    (error: SessionError) => error,
  )

describe('the request of an endpoint', () => {
  it('is a GET past every cache, with same-origin credentials and a fitting Accept header (F66)', async () => {
    const { ask, calls } = answering('abc.def')
    await ask()
    expect(calls[0]).toMatchObject({ method: 'GET', cache: 'no-store', credentials: 'same-origin' })
    expect(calls[0]!.headers.get('accept')).toBe('application/json, text/plain')
  })

  it('is as the options say, save that it stays uncached', async () => {
    const options = { method: 'POST', credentials: 'include', body: 'who', headers: { Accept: 'text/plain' } } as const
    const { ask, calls } = answering('abc.def', {}, { ...options, cache: 'force-cache' } as EndpointOptions)
    await ask()
    expect(calls[0]).toMatchObject({ method: 'POST', credentials: 'include', cache: 'no-store' })
    expect(calls[0]!.headers.get('accept')).toBe('text/plain')
    expect(await calls[0]!.text()).toBe('who')
  })

  it('asks for its headers before each call', async () => {
    let count = 0
    const headers = async ({ user }: TokenRequest) => ({ 'x-call': `${user.id} ${++count}` })
    const { ask, calls } = answering('abc.def', {}, { headers })
    await ask()
    await ask()
    expect(calls.map((call) => call.headers.get('x-call'))).toEqual(['ada 1', 'ada 2'])
    expect(calls[0]!.headers.get('accept')).toBe('application/json, text/plain')
  })

  it.each([
    ['text', '/token'],
    ['a URL', new URL('http://127.0.0.1/token')],
    ['a function', ({ user }: TokenRequest) => `/token/${user.id}`],
  ])('takes its address as %s and hands it to fetch as it is', async (_, url) => {
    const addresses: unknown[] = []
    const fetch: typeof globalThis.fetch = async (input) => {
      addresses.push(input)
      return new Response('abc.def')
    }
    await fromEndpoint(url, { fetch })(request())
    expect(addresses).toEqual([typeof url === 'function' ? '/token/ada' : url])
  })

  it('is aborted by the signal', async () => {
    const abort = new AbortController()
    const fetch: typeof globalThis.fetch = (_, init) =>
      new Promise((_, reject) => init!.signal!.addEventListener('abort', () => reject(init!.signal!.reason)))
    const answer = fromEndpoint('/token', { fetch })(request({ signal: abort.signal }))
    abort.abort(new Error('too late'))
    await expect(answer).rejects.toThrow('too late')
  })

  it('passes a network failure on as it is', async () => {
    const down = new TypeError('fetch failed')
    const source = fromEndpoint('/token', { fetch: () => Promise.reject(down) })
    await expect(source(request())).rejects.toBe(down)
  })
})

describe('an answer', () => {
  it.each([
    ['a bare token', 'abc.def-_~+/='],
    ['a bare token with a bar', '12|abc.def-_~+/=!'],
    ['a bare token in a line of its own', '  abc.def-_~+/=\r\n'],
    ['a JSON string', '"abc.def-_~+/="'],
    ['JSON with token', '{"token":"abc.def-_~+/="}'],
    ['JSON with jwt', '{"jwt":"abc.def-_~+/="}'],
    ['JSON with userToken', '{"userToken":"abc.def-_~+/="}'],
    ['JSON with access_token', '{"access_token":"abc.def-_~+/="}'],
    ['JSON with a line break in the token', '{"token":"abc.def-_~+/=\\n"}'],
  ])('may be %s', async (_, body) => {
    expect(await answering(body).ask()).toMatchObject({ token: expect.stringMatching(/^(12\|)?abc\.def-_~\+\/=!?$/) })
  })

  it.each([
    { expiresIn: 300, expiresAt: 1_790_000_300 },
    { expires_in: 300, expires_at: 1_790_000_300 },
  ])('says how long it lives: %o', async (fields) => {
    expect(await json({ token: 'a.b', ...fields }).ask()).toMatchObject({ expiresIn: 300, expiresAt: 1_790_000_300 })
  })

  it('brings its companions', async () => {
    expect(await json({ token: 'a.b', extra: { hash: 'h' } }).ask()).toMatchObject({ extra: { hash: 'h' } })
  })

  it('tells the server’s clock, never earlier than it is: the header is cut to whole seconds', async () => {
    const { ask } = answering('a.b', { headers: { date: 'Sat, 21 Nov 2026 08:00:00 GMT' } })
    expect(await ask()).toMatchObject({ serverTime: Date.UTC(2026, 10, 21, 8, 0, 1) })
  })

  it.each([undefined, 'yesterday'])('says nothing of the server’s clock with a Date header of %j', async (date) => {
    const { ask } = answering('a.b', { headers: date ? { date } : {} })
    expect(await ask()).toMatchObject({ serverTime: undefined })
  })
})

describe('an answer that is none', () => {
  const secret = 'sEcReT-0123456789'

  it.each([
    ['HTML', `<html>${secret}</html>`, { headers: { 'content-type': 'text/html; charset=utf-8' } }],
    ['a token called HTML', secret, { headers: { 'content-type': 'Text/HTML' } }],
    ['HTML called plain text', `<!doctype html>${secret}`, {}],
    ['a sentence', `not today ${secret}`, {}],
    ['a sentence in JSON', `{"token":"not today ${secret}"}`, {}],
    ['JSON that breaks off', `{"token":"${secret}`, {}],
    ['what no header can carry', `{"token":"${secret}\\u0000é"}`, {}],
    ['nothing', '', {}],
    ['no content', null, { status: 204 }],
    ['blanks', ' \n', {}],
    ['{}', '{}', {}],
    ['an empty token', '{"token":""}', {}],
    ['a token of null', '{"token":null}', {}],
    ['a number for a token', '{"token":123456789012}', {}],
    ['null', 'null', {}],
    ['a list', `["${secret}"]`, {}],
    ['a number', '123456789012', {}],
    ['true', 'true', {}],
    ['200 kB of text', secret.repeat(12_000), {}],
  ])('is an invalid_answer without a word of it: %s (F65, F73)', async (_, body, init) => {
    const error = await failure(answering(body, init).ask())
    expect(isSessionError(error, 'invalid_answer')).toBe(true)
    expect(error.retryable).toBe(true)
    expect(`${error.message}${error.stack}${String(error.cause)}${JSON.stringify(error)}`).not.toMatch(
      /sEcReT|not today|123456789012/,
    )
  })

  it('is a redirect that is not to be followed (F65)', async () => {
    const redirect = Object.defineProperty(Response.error(), 'type', { value: 'opaqueredirect' })
    const source = fromEndpoint('/token', { redirect: 'manual', read: () => 'a.b', fetch: async () => redirect })
    expect(await failure(Promise.resolve(source(request())))).toMatchObject({ code: 'invalid_answer' })
  })

  it('takes 131 072 characters at most', async () => {
    expect(await answering('a'.repeat(131_072)).ask()).toMatchObject({ token: expect.any(String) })
    expect(await failure(answering('a'.repeat(131_073)).ask())).toMatchObject({ code: 'invalid_answer' })
  })
})

describe('a refusal', () => {
  it.each([401, 403])('with status %i says that nobody is signed in, whatever its body (F58)', async (status) => {
    const error = await failure(answering('{"token":"a.b"}', { status }).ask())
    expect(error).toBeInstanceOf(UnauthorizedError)
    expect(error).toMatchObject({ code: 'unauthorized', retryable: false, status })
  })

  it.each([302, 400, 404, 408, 425, 429, 500, 502, 503, 504, 520])(
    'with status %i is a failure that is tried again (F57)',
    async (status) => {
      const { ask } = answering('<h1>down</h1>', { status, headers: { 'content-type': 'text/html' } })
      const error = await failure(ask())
      expect(error).toMatchObject({ code: 'source_failed', retryable: true, status })
      expect(error.retryAfter).toBeUndefined()
    },
  )
})

describe('Retry-After', () => {
  const wait = async (after: string, date?: string) => {
    const headers = { 'retry-after': after, ...(date && { date }) }
    return (await failure(answering(null, { status: 429, headers }).ask())).retryAfter
  }

  beforeEach(() => void vi.useFakeTimers({ now: Date.UTC(2026, 10, 21, 9) }))
  afterEach(() => void vi.useRealTimers())

  it.each([
    ['120', 120_000],
    ['0', 0],
    ['86400', 86_400_000],
  ])('of %s seconds comes out in milliseconds (F61)', async (after, expected) => {
    expect(await wait(after)).toBe(expected)
  })

  it('as a date counts from the server’s own clock, though the device is an hour ahead (F61)', async () => {
    expect(await wait('Sat, 21 Nov 2026 08:02:00 GMT', 'Sat, 21 Nov 2026 08:00:00 GMT')).toBe(120_000)
  })

  it('as a date counts from the device’s clock where the server’s is not known', async () => {
    expect(await wait('Sat, 21 Nov 2026 09:02:00 GMT')).toBe(120_000)
  })

  it.each(['-5', 'soon', '', '12 parsecs', 'tomorrow 2099', 'Sat, 21 Nov 2020 08:02:00 GMT', 'never GMT'])(
    'of %j is ignored (F61)',
    async (after) => {
      expect(await wait(after)).toBeUndefined()
    },
  )
})

describe('read', () => {
  const date = { headers: { date: 'Sat, 21 Nov 2026 08:00:00 GMT' } }
  const serverTime = Date.UTC(2026, 10, 21, 8, 0, 1)

  it('is given the parsed body and the response, and its object is used with the server’s clock', async () => {
    const read = vi.fn((body: unknown) => ({ token: (body as { data: { t: string } }).data.t, expiresIn: 5 }))
    const { ask } = answering('{"data":{"t":"a.b"}}', date, { read })
    expect(await ask()).toEqual({ token: 'a.b', expiresIn: 5, serverTime })
    expect(read).toHaveBeenCalledWith({ data: { t: 'a.b' } }, expect.any(Response))
  })

  it('is given the text where it is no JSON, and its string is used with the server’s clock', async () => {
    const { ask } = answering('token=a.b', date, { read: (body) => (body as string).slice(6) })
    expect(await ask()).toEqual({ token: 'a.b', serverTime })
  })

  it('may know the server’s clock better', async () => {
    const { ask } = answering('{}', date, { read: () => ({ token: 'a.b', serverTime: 42 }) })
    expect(await ask()).toMatchObject({ serverTime: 42 })
  })

  it('may find that nobody is signed in, in an empty body too', async () => {
    const read = (_: unknown, response: Response) => (response.status === 204 ? null : 'a.b')
    expect(await answering(null, { status: 204 }, { read }).ask()).toBeNull()
  })
})

describe('an endpoint over a real connection', () => {
  const listen = async (answer: (request: IncomingMessage, response: ServerResponse) => void) => {
    const server = createServer(answer)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const close = () =>
      new Promise((resolve) => {
        server.close(resolve)
        server.closeAllConnections()
      })
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`, close }
  }

  it('brings the token, its life and the server’s clock', async () => {
    const { url, close } = await listen((_, response) =>
      response.setHeader('content-type', 'application/json').end('{"token":"a.b","expires_in":60}'),
    )
    const before = Date.now()
    const answer = await fromEndpoint(url)(request())
    await close()
    expect(answer).toMatchObject({ token: 'a.b', expiresIn: 60 })
    expect((answer as { serverTime: number }).serverTime).toBeGreaterThanOrEqual(before)
  })

  it('that redirects to a login page brings invalid_answer (F65)', async () => {
    const { url, close } = await listen((request, response) =>
      request.url === '/token'
        ? response.writeHead(302, { location: '/login' }).end()
        : response.setHeader('content-type', 'text/html').end('<form>'),
    )
    const error = await failure(Promise.resolve(fromEndpoint(url)(request())))
    await close()
    expect(error).toMatchObject({ code: 'invalid_answer' })
  })

  it('that breaks off in the middle of the body is a network failure, not an answer', async () => {
    const { url, close } = await listen((_, response) => {
      response.writeHead(200, { 'content-length': 100 })
      response.write('abc.def')
      setImmediate(() => response.destroy())
    })
    const error = await failure(Promise.resolve(fromEndpoint(url)(request())))
    await close()
    expect(error).toBeInstanceOf(TypeError)
  })
})

describe('Firebase', () => {
  const auth = () => ({ currentUser: { getIdToken: vi.fn(async (force?: boolean) => (force ? 'new' : 'cached')) } })

  it.each([
    ['initial', 'cached'],
    ['refresh', 'new'],
    ['rejected', 'new'],
    ['forced', 'new'],
  ] as const)('is asked, for the reason %s, for the %s token', async (reason, expected) => {
    expect(await fromFirebase(auth())(request({ reason }))).toBe(expected)
  })

  it('without a user says that nobody is signed in (F80)', async () => {
    expect(await fromFirebase({ currentUser: null })(request())).toBeNull()
  })

  it('is waited for until it knows its user', async () => {
    const late: { currentUser: ReturnType<typeof auth>['currentUser'] | null; authStateReady(): Promise<void> } = {
      currentUser: null,
      async authStateReady() {
        late.currentUser = auth().currentUser
      },
    }
    expect(await fromFirebase(late)(request())).toBe('cached')
  })

  it('passes its failure on', async () => {
    const offline = Object.assign(new Error('network'), { code: 'auth/network-request-failed' })
    const source = fromFirebase({ currentUser: { getIdToken: () => Promise.reject(offline) } })
    await expect(source(request())).rejects.toBe(offline)
  })
})
