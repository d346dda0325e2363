import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { SessionError, withToken } from 'inbox-session'
import type { GetTokenOptions } from 'inbox-session'

interface Seen {
  method: string
  url: string
  authorization: string | undefined
  custom: string | undefined
  body: Buffer
}

/** Accepts `accepted`, answers 401 to any other token; remembers what it saw. */
async function listen() {
  const seen: Seen[] = []
  const api = { accepted: 'new', seen, origin: '', server: undefined as unknown as Server }
  api.server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { authorization, 'x-inbox-token': custom } = request.headers as Record<string, string | undefined>
    const { method = '', url = '' } = request
    seen.push({ method, url, authorization, custom, body: Buffer.concat(chunks) })
    const to = new URL(url, 'http://any').searchParams.get('to')
    if (to) return void response.writeHead(307, { location: to }).end()
    const granted = authorization === `Bearer ${api.accepted}` || custom === api.accepted
    response.writeHead(granted ? 200 : 401).end(granted ? 'welcome' : 'no')
  })
  await new Promise<void>((resolve) => api.server.listen(0, '127.0.0.1', resolve))
  api.origin = `http://127.0.0.1:${(api.server.address() as AddressInfo).port}`
  return api
}

/** Gives `tokens` one after the other: the next one each time the last is refused. */
function supply(...tokens: (string | Error)[]) {
  let index = 0
  const getToken = vi.fn(async (options: GetTokenOptions = {}) => {
    options.signal?.throwIfAborted()
    if (options.rejected === tokens[index] && index < tokens.length - 1) index++
    const token = tokens[index]!
    if (token instanceof Error) throw token
    return token
  })
  return { getToken }
}

let api: Awaited<ReturnType<typeof listen>>
let other: Awaited<ReturnType<typeof listen>>

beforeEach(async () => {
  ;[api, other] = await Promise.all([listen(), listen()])
})
afterEach(async () => {
  vi.unstubAllGlobals()
  for (const { server } of [api, other]) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

describe('the token', () => {
  it('goes to a listed origin, beside the headers the caller gave', async () => {
    const seen: Request[] = []
    const fetch = withToken(supply('new'), {
      origins: ['https://api.example.com', api.origin],
      fetch: async (input, init) => {
        seen.push(new Request(input, init))
        return globalThis.fetch(input, init)
      },
    })
    const response = await fetch(`${api.origin}/messages`, { headers: { 'x-page': '2' } })
    expect(await response.text()).toBe('welcome')
    expect(api.seen).toMatchObject([{ method: 'GET', url: '/messages', authorization: 'Bearer new' }])
    expect(seen[0]!.headers.get('x-page')).toBe('2')
  })

  it.each([
    ['text', (url: string) => url],
    ['a URL', (url: string) => new URL(url)],
    ['a Request', (url: string) => new Request(url)],
  ])('goes with an address given as %s', async (_, address) => {
    await withToken(supply('new'), { origins: [`${api.origin}/`] })(address(`${api.origin}/messages`))
    expect(api.seen).toMatchObject([{ authorization: 'Bearer new' }])
  })

  it('goes bare where the scheme is empty', async () => {
    const options = { origins: [api.origin], header: 'X-Inbox-Token', scheme: '' }
    await withToken(supply('new'), options)(api.origin)
    expect(api.seen).toMatchObject([{ custom: 'new', authorization: undefined }])
  })

  it('is sent by the global fetch of the moment', async () => {
    const fetch = withToken(supply('new'), { origins: [api.origin] })
    const replaced = vi.fn(async (_: RequestInfo | URL) => new Response())
    vi.stubGlobal('fetch', replaced)
    await fetch(api.origin)
    expect((replaced.mock.calls[0]![0] as Request).headers.get('authorization')).toBe('Bearer new')
  })
})

describe('no token goes', () => {
  const untouched = async (url: string, origin: string) => {
    const session = supply('new')
    const passed = vi.fn(async () => new Response())
    const init = { method: 'POST', body: 'text' }
    await withToken(session, { origins: [origin], fetch: passed })(url, init)
    expect(passed).toHaveBeenCalledWith(url, init)
    expect(session.getToken).not.toHaveBeenCalled()
  }

  it.each([
    ['another host', 'https://evil.example', 'https://api.example.com'],
    ['a host that begins alike', 'https://api.example.com.evil.example/', 'https://api.example.com'],
    ['another port', 'https://api.example.com:8443/', 'https://api.example.com'],
    ['a port that begins alike', 'http://127.0.0.1:80801/', 'http://127.0.0.1:8080'],
    ['another scheme', 'http://api.example.com/', 'https://api.example.com'],
    ['a host in place of the user', 'https://api.example.com@evil.example/', 'https://api.example.com'],
    ['a subdomain', 'https://www.api.example.com/', 'https://api.example.com'],
    ['an address without a page to be relative to', '/messages', 'https://api.example.com'],
  ])('to %s: the request is passed on untouched (F71)', async (_, url, origin) => {
    await untouched(url, origin)
  })

  it('along a redirect to another origin, and the 401 from there costs no refresh (F71)', async () => {
    const session = supply('new', 'newest')
    const fetch = withToken(session, { origins: [api.origin] })
    const response = await fetch(`${api.origin}/?to=${encodeURIComponent(other.origin)}`)
    expect([response.status, await response.text()]).toEqual([401, 'no'])
    expect(api.seen).toMatchObject([{ authorization: 'Bearer new' }])
    expect(other.seen).toMatchObject([{ authorization: undefined }])
    expect(session.getToken).toHaveBeenCalledTimes(1)
  })

  it('along a redirect in a header browsers do not take off: the redirect is refused (F71)', async () => {
    const fetch = withToken(supply('new'), { origins: [api.origin], header: 'x-inbox-token', scheme: '' })
    const redirected = fetch(`${api.origin}/?to=${encodeURIComponent(other.origin)}`, { redirect: 'follow' })
    await expect(redirected).rejects.toBeInstanceOf(TypeError)
    expect(api.seen).toMatchObject([{ custom: 'new' }])
    expect(other.seen).toEqual([])
  })

  it.each([
    ['in the options', (url: string) => url, { headers: { authorization: 'Basic mine' } }],
    ['in a Request', (url: string) => new Request(url, { headers: { authorization: 'Basic mine' } }), undefined],
  ])('over the caller’s own header %s, and its 401 is not answered by a refresh (F71)', async (_, address, init) => {
    const session = supply('old', 'new')
    const response = await withToken(session, { origins: [api.origin] })(address(api.origin), init)
    expect(response.status).toBe(401)
    expect(api.seen).toMatchObject([{ authorization: 'Basic mine' }])
    expect(session.getToken).not.toHaveBeenCalled()
  })
})

describe('a 401', () => {
  it('is answered by a newer token and one second send', async () => {
    const session = supply('old', 'new')
    const response = await withToken(session, { origins: [api.origin] })(`${api.origin}/messages`)
    expect([response.status, await response.text()]).toEqual([200, 'welcome'])
    expect(api.seen.map((request) => request.authorization)).toEqual(['Bearer old', 'Bearer new'])
    expect(session.getToken.mock.calls[1]![0]).toMatchObject({ rejected: 'old' })
  })

  it('to every token comes out after two sends and one refresh (F67)', async () => {
    api.accepted = 'none'
    const session = supply('first', 'second', 'third')
    const response = await withToken(session, { origins: [api.origin] })(api.origin)
    expect([response.status, await response.text()]).toEqual([401, 'no'])
    expect(api.seen).toHaveLength(2)
    expect(session.getToken).toHaveBeenCalledTimes(2)
  })

  it.each([403, 500])('is told from a %i, which a newer token cannot cure', async (status) => {
    const session = supply('old', 'new')
    const fetch = withToken(session, { origins: [api.origin], fetch: async () => new Response('', { status }) })
    expect((await fetch(api.origin)).status).toBe(status)
    expect(session.getToken).toHaveBeenCalledTimes(1)
  })

  it('comes out as it was where the session has no newer token (F67)', async () => {
    const response = await withToken(supply('old'), { origins: [api.origin] })(api.origin)
    expect([response.status, await response.text()]).toEqual([401, 'no'])
    expect(api.seen).toHaveLength(1)
  })

  it.each([true, false])('comes out as it was where a newer token cannot be had, retryable: %s', async (retryable) => {
    const session = supply('old', new SessionError('source_failed', 'down', { retryable }))
    const response = await withToken(session, { origins: [api.origin] })(api.origin)
    expect([response.status, await response.text()]).toEqual([401, 'no'])
  })

  it('to 20 requests through 3 wrappers sends each once more, with the one newer token (F68)', async () => {
    const session = supply('old', 'new')
    const wrappers = [1, 2, 3].map(() => withToken(session, { origins: [api.origin] }))
    const sent = Array.from({ length: 20 }, (_, index) => wrappers[index % 3]!(`${api.origin}/${index}`))
    const responses = await Promise.all(sent)
    expect(responses.map((response) => response.status)).toEqual(Array(20).fill(200))
    expect(api.seen).toHaveLength(40)
    const refused = session.getToken.mock.calls.map(([options]) => options?.rejected)
    expect(refused.filter((token) => token === 'old')).toHaveLength(20)
    expect(refused.filter((token) => token === 'new')).toHaveLength(0)
  })

  it('leaves nothing of its body unread', async () => {
    const cancelled = vi.fn()
    let call = 0
    const fetch = withToken(supply('old', 'new'), {
      origins: [api.origin],
      fetch: async () =>
        call++ ? new Response('welcome') : new Response(new ReadableStream({ cancel: cancelled }), { status: 401 }),
    })
    expect(await (await fetch(api.origin)).text()).toBe('welcome')
    expect(cancelled).toHaveBeenCalledTimes(1)
  })

  it('after a redirect within the origin is answered like any other', async () => {
    const response = await withToken(supply('old', 'new'), { origins: [api.origin] })(`${api.origin}/?to=/messages`)
    expect(response.status).toBe(200)
    expect(api.seen.map((request) => request.authorization)).toEqual([
      'Bearer old',
      'Bearer old',
      'Bearer new',
      'Bearer new',
    ])
  })

  it('of one user is not sent again with the token of another', async () => {
    const session = { ...supply('old', 'new'), state: { status: 'fresh', user: { id: 'ada' } } }
    const fetch = withToken(session, {
      origins: [api.origin],
      fetch: async (input) => {
        session.state = { status: 'fresh', user: { id: 'bob' } }
        return globalThis.fetch(input)
      },
    })
    expect((await fetch(api.origin)).status).toBe(401)
    expect(api.seen).toHaveLength(1)
  })

  it('is sent again where the user is the same in a new snapshot', async () => {
    const tokens = supply('old', 'new')
    const session = {
      ...tokens,
      get state() {
        return { status: 'fresh', user: { id: 'ada' } }
      },
    }
    expect((await withToken(session, { origins: [api.origin] })(api.origin)).status).toBe(200)
  })
})

describe('the body on the second send', () => {
  const form = new FormData()
  form.set('name', 'Žluťoučký')
  form.set('file', new Blob(['abc']), 'a.txt')

  it.each([
    ['text', () => ({ body: 'Žluťoučký 😀' })],
    ['a form', () => ({ body: form })],
    ['a Blob', () => ({ body: new Blob([new Uint8Array([0, 255, 128])]) })],
    ['search parameters', () => ({ body: new URLSearchParams({ a: 'ž' }) })],
    ['an ArrayBuffer', () => ({ body: new Uint8Array([0, 255, 128]).buffer })],
    ['a view', () => ({ body: new Uint8Array([0, 255, 128]) })],
    ['nothing', () => ({})],
  ])('is the same, byte for byte: %s (F70)', async (_, init) => {
    const fetch = withToken(supply('old', 'new'), { origins: [api.origin] })
    const response = await fetch(api.origin, { method: 'POST', ...init() })
    expect(response.status).toBe(200)
    expect(api.seen).toHaveLength(2)
    expect(api.seen[1]!.body.equals(api.seen[0]!.body)).toBe(true)
    expect(api.seen[1]!.method).toBe('POST')
  })

  it.each([
    ['text', (url: string) => new Request(url, { method: 'PUT', body: 'x'.repeat(300_000) })],
    ['a form', (url: string) => new Request(url, { method: 'PUT', body: form })],
    [
      'a stream',
      (url: string) =>
        new Request(url, { method: 'PUT', body: new Blob(['abc']).stream(), duplex: 'half' } as RequestInit),
    ],
  ])('is the same, byte for byte: a Request with %s (F70)', async (_, create) => {
    const response = await withToken(supply('old', 'new'), { origins: [api.origin] })(create(api.origin))
    expect(response.status).toBe(200)
    expect(api.seen[0]!.body.length).toBeGreaterThan(0)
    expect(api.seen[1]!.body.equals(api.seen[0]!.body)).toBe(true)
    expect(api.seen[1]!.method).toBe('PUT')
  })

  it('is not to be had from a one-shot stream: the 401 comes out, and no token is asked for (F70)', async () => {
    const session = supply('old', 'new')
    const stream = new Blob(['abc']).stream()
    const response = await withToken(session, { origins: [api.origin] })(api.origin, { method: 'POST', body: stream })
    expect([response.status, await response.text()]).toEqual([401, 'no'])
    expect(api.seen.map(({ body }) => body.toString())).toEqual(['abc'])
    expect(session.getToken).toHaveBeenCalledTimes(1)
  })
})

describe('without a token', () => {
  it('the call rejects with the session’s error where trying again can help', async () => {
    const down = new SessionError('source_failed', 'down')
    await expect(withToken(supply(down), { origins: [api.origin] })(api.origin)).rejects.toBe(down)
    expect(api.seen).toEqual([])
  })

  it('the call rejects with whatever else went wrong', async () => {
    const broken = new Error('broken')
    await expect(withToken(supply(broken), { origins: [api.origin] })(api.origin)).rejects.toBe(broken)
    expect(api.seen).toEqual([])
  })

  it('the request goes without one where it cannot, so that the server’s answer comes out', async () => {
    const session = supply(new SessionError('signed_out'))
    const response = await withToken(session, { origins: [api.origin] })(api.origin, { method: 'POST', body: 'x' })
    expect([response.status, await response.text()]).toEqual([401, 'no'])
    expect(api.seen).toMatchObject([{ authorization: undefined, body: Buffer.from('x') }])
    expect(session.getToken).toHaveBeenCalledTimes(1)
  })

  it('the source may ask through the wrapped fetch: what the session says to that settles it (F72)', async () => {
    let asking = false
    const session = {
      async getToken(): Promise<string> {
        if (asking) throw new SessionError('source_failed', 'The source waits for itself.')
        asking = true
        return (await fetch(api.origin)).text()
      },
    }
    const fetch = withToken(session, { origins: [api.origin] })
    await expect(fetch(api.origin)).rejects.toMatchObject({ code: 'source_failed' })
  })
})

describe('an abort', () => {
  it('ends the wait for the token with the caller’s reason', async () => {
    const reason = new Error('left the page')
    const session = {
      getToken: ({ signal }: GetTokenOptions = {}) =>
        new Promise<string>((_, reject) => signal!.addEventListener('abort', () => reject(signal!.reason))),
    }
    const abort = new AbortController()
    const sent = withToken(session, { origins: [api.origin] })(api.origin, { signal: abort.signal })
    abort.abort(reason)
    await expect(sent).rejects.toBe(reason)
    expect(api.seen).toEqual([])
  })

  it('during the refresh comes out instead of the 401', async () => {
    const reason = new Error('left the page')
    const abort = new AbortController()
    const session = {
      async getToken({ rejected, signal }: GetTokenOptions = {}) {
        if (rejected) abort.abort(reason)
        signal?.throwIfAborted()
        return 'old'
      },
    }
    const sent = withToken(session, { origins: [api.origin] })(api.origin, { signal: abort.signal })
    await expect(sent).rejects.toBe(reason)
    expect(api.seen).toHaveLength(1)
  })

  it('reaches the second send', async () => {
    const reason = new Error('left the page')
    const abort = new AbortController()
    const fetch = withToken(supply('old', 'new'), {
      origins: [api.origin],
      async fetch(input) {
        if ((input as Request).headers.get('authorization') === 'Bearer new') abort.abort(reason)
        return globalThis.fetch(input)
      },
    })
    await expect(fetch(api.origin, { signal: abort.signal })).rejects.toBe(reason)
  })
})

describe('the options', () => {
  it.each([
    [['*']],
    [['https://*.example.com']],
    [['']],
    [[]],
    [['api.example.com']],
    [['/api']],
    [['https://api.example.com/v1']],
    [['https://me@api.example.com']],
    [['file:///tmp']],
    [['data:text/plain,x']],
    [['null']],
    [['https://api.example.com', '*']],
    [undefined],
    [null],
    [[42]],
  ])('origins of %j is a TypeError that names it', (origins) => {
    expect(() => withToken(supply('new'), { origins: origins as string[] })).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringContaining('origins') }),
    )
  })

  it.each([['not a name'], ['']])('header of %j is a TypeError at once', (header) => {
    expect(() => withToken(supply('new'), { origins: [api.origin], header })).toThrow(TypeError)
  })

  it('origins may be written as people write them', async () => {
    const sent = vi.fn(async (_: RequestInfo | URL) => new Response())
    const fetch = withToken(supply('new'), { origins: ['HTTPS://API.example.com:443/'], fetch: sent })
    await fetch('https://api.example.com/messages')
    expect((sent.mock.calls[0]![0] as Request).headers.get('authorization')).toBe('Bearer new')
  })
})
