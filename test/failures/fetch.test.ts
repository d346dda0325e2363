import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fromEndpoint, withToken } from 'inbox-session'
import { createTestToken } from 'inbox-session/testing'
import { expect, onTestFinished, test } from 'vitest'
import { type Scene, createScene, watch } from './scene.js'

type Fetch = typeof fetch

const origin = 'http://api.test'
const minute = 60_000

/** Lets virtual time pass, and real turns: bodies are read by the platform. */
const settle = async <T>({ browser }: Scene, work: Promise<T>): Promise<T> => {
  const result = watch(work)
  for (let step = 0; !result.ended && step < 3_000; step++) {
    await new Promise((resolve) => setImmediate(resolve))
    await browser.advance(10)
  }
  expect(result.ended, 'it settled').toBe(true)
  return work
}

/** An API that says welcome to the tokens that are `good`, and 401 to all others, `latency` ms after they came. */
const createApi = (
  { windows }: Scene,
  good: (token: string) => boolean,
  latency: (index: number) => number = () => 20,
) => {
  const sent: { authorization: string | null; body: Buffer }[] = []
  const fetch: Fetch = async (input, init) => {
    const request = new Request(input, init)
    const authorization = request.headers.get('authorization')
    const index = sent.push({ authorization, body: Buffer.from(await request.arrayBuffer()) }) - 1
    await new Promise<void>((resolve) => windows[0]!.tab.window.setTimeout(resolve, latency(index)))
    const welcome = good(authorization?.replace('Bearer ', '') ?? '')
    return new Response(welcome ? 'welcome' : 'not with that', { status: welcome ? 200 : 401 })
  }
  return { sent, fetch }
}

/** A session whose first token the API refuses; it takes the second. */
const refusedOnce = async (latency?: (index: number) => number) => {
  const scene = createScene()
  const { session } = scene.open()
  const first = await scene.result(session.getToken())
  await scene.advance(minute)
  const { tokens, calls } = scene.browser.backend
  const api = createApi(scene, (token) => token === tokens[1], latency)
  const wrap = () => withToken(session, { origins: [origin], fetch: api.fetch })
  return { scene, session, first, tokens, calls, api, wrap }
}

test('F67 an API that refuses every token gets two sends of a request at most, costs 5 calls in a minute, and its 401 comes out', async () => {
  const scene = createScene()
  const { session } = scene.open()
  await scene.result(session.getToken())
  const api = createApi(scene, () => false)
  const send = withToken(session, { origins: [origin], fetch: api.fetch })
  for (let request = 0; request < 50; request++) {
    const before = [api.sent.length, scene.calls.length] as const
    const response = await settle(scene, send(`${origin}/messages`))
    expect([response.status, await response.text()]).toEqual([401, 'not with that'])
    expect(api.sent.length - before[0], 'sends').toBeLessThanOrEqual(2)
    expect(scene.calls.length - before[1], 'refreshes').toBeLessThanOrEqual(1)
    await scene.advance(1_150)
  }
  expect(scene.calls.length).toBeLessThanOrEqual(5)
})

test('F67 fifty requests at once to such an API cost 5 calls at most as well', async () => {
  const scene = createScene()
  const { session } = scene.open()
  await scene.result(session.getToken())
  const api = createApi(
    scene,
    () => false,
    (index) => 20 + (index % 7) * 300,
  )
  const send = withToken(session, { origins: [origin], fetch: api.fetch })
  const sent = Array.from({ length: 50 }, () => send(`${origin}/messages`))
  for (const response of await settle(scene, Promise.all(sent))) expect(response.status).toBe(401)
  await scene.advance(minute)
  expect(api.sent.length).toBeLessThanOrEqual(100)
  expect(scene.calls.length).toBeLessThanOrEqual(5)
})

test.each([
  [1, 'all at once', () => 20],
  [3, 'all at once', () => 20],
  // Some of the first 401 arrive long after the newer token.
  [3, 'one after the other', (index: number) => 20 + index * 50],
] as const)(
  'F68 20 requests through %i wrappers, refused %s: one refresh, each sent once more and answered',
  async (wrappers, _, latency) => {
    const { scene, wrap, api, calls, tokens, first } = await refusedOnce(latency)
    const sends = Array.from({ length: wrappers }, wrap)
    const sent = Array.from({ length: 20 }, (_, index) => sends[index % wrappers]!(`${origin}/${index}`))
    const responses = await settle(scene, Promise.all(sent))
    expect(responses.map(({ status }) => status)).toEqual(Array(20).fill(200))
    expect(calls).toHaveLength(2)
    const used = api.sent.map(({ authorization }) => authorization)
    expect(used.filter((one) => one === `Bearer ${first}`)).toHaveLength(20)
    expect(used.filter((one) => one === `Bearer ${tokens[1]}`)).toHaveLength(20)
  },
)

const form = (): FormData => {
  const data = new FormData()
  data.set('name', 'Žluťoučký 贾翼')
  data.set('file', new Blob([new Uint8Array(70_000).fill(7)]), 'seven.bin')
  return data
}
const url = `${origin}/messages`
const post = { method: 'POST' }

test.each<[string, () => Parameters<Fetch>]>([
  ['text', () => [url, { ...post, body: 'Žluťoučký 😀' }]],
  ['a form with a file', () => [url, { ...post, body: form() }]],
  ['a Blob', () => [url, { ...post, body: new Blob([new Uint8Array([0, 255, 128])]) }]],
  ['a Request with text', () => [new Request(url, { ...post, body: 'x'.repeat(300_000) })]],
  ['a Request with a form', () => [new Request(url, { ...post, body: form() })]],
  ['a Request with a Blob', () => [new Request(url, { ...post, body: new Blob(['abc']) })]],
])('F70 the second send carries the same bytes: %s', async (_, create) => {
  const { scene, wrap, api } = await refusedOnce()
  expect((await settle(scene, wrap()(...create()))).status).toBe(200)
  const [one, other] = api.sent
  expect(api.sent).toHaveLength(2)
  expect(one!.body.length).toBeGreaterThan(0)
  expect(other!.body.equals(one!.body)).toBe(true)
})

test('F70 a body that can be read only once is not sent again: the 401 comes out as it was', async () => {
  const { scene, wrap, api, calls } = await refusedOnce()
  const body = new Blob(['abc']).stream()
  const response = await settle(scene, wrap()(url, { ...post, body, duplex: 'half' } as RequestInit))
  expect([response.status, await response.text()]).toEqual([401, 'not with that'])
  expect(api.sent.map(({ body }) => body.toString())).toEqual(['abc'])
  expect(calls).toHaveLength(1)
})

test.each([
  ['another host', 'http://elsewhere.test/'],
  ['a host that begins alike', 'http://api.test.elsewhere.test/'],
  ['another port', 'http://api.test:8080/'],
  ['another scheme', 'https://api.test/'],
])('F71 no token goes to %s', async (_, address) => {
  const { scene, wrap, api, calls } = await refusedOnce()
  expect((await settle(scene, wrap()(address))).status).toBe(401)
  expect(api.sent).toMatchObject([{ authorization: null }])
  expect(calls).toHaveLength(1)
})

test.each([
  ['in the options', () => [url, { headers: { authorization: 'Basic mine' } }]],
  ['in a Request', () => [new Request(url, { headers: { Authorization: 'Basic mine' } })]],
] as [string, () => Parameters<Fetch>][])(
  'F71 an Authorization of the caller %s stays, and its 401 is not answered by a refresh',
  async (_, create) => {
    const { scene, wrap, api, calls } = await refusedOnce()
    expect((await settle(scene, wrap()(...create()))).status).toBe(401)
    expect(api.sent).toMatchObject([{ authorization: 'Basic mine' }])
    expect(calls).toHaveLength(1)
  },
)

/** A real server that leads every request to `to`, or answers 401. */
const listen = async (to?: string) => {
  const headers: Record<string, unknown>[] = []
  const server = createServer((request, response) => {
    headers.push(request.headers)
    response.writeHead(to ? 307 : 401, to ? { location: to } : {}).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close().closeAllConnections())
  return { headers, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

test.each([undefined, 'x-inbox-token'])(
  'F71 a redirect to another origin takes no token there, nor does the 401 from there cost a call (header: %s)',
  async (header) => {
    const { calls, session } = await refusedOnce()
    const elsewhere = await listen()
    const here = await listen(elsewhere.origin)
    const send = withToken(session, { origins: [here.origin], ...(header && { header, scheme: '' }) })
    const status = await send(here.origin).then(
      (response) => response.status,
      (error: unknown) => error instanceof TypeError,
    )
    expect(status).toBe(header ? true : 401)
    expect(here.headers).toHaveLength(1)
    expect(here.headers[0]).toHaveProperty(header ?? 'authorization')
    expect(elsewhere.headers).toHaveLength(header ? 0 : 1)
    for (const headers of elsewhere.headers) {
      expect(headers).not.toHaveProperty('authorization')
      expect(headers).not.toHaveProperty('x-inbox-token')
    }
    expect(calls).toHaveLength(1)
  },
)

/** A session whose source asks through the fetch that the session itself supplies, so many turns of promises late. */
const askingItself = (turns: number, held: boolean) => {
  const scene = createScene()
  const wrapped: Fetch = (...request) => send(...request)
  const request = fromEndpoint(`${origin}/token?user=ann`, { fetch: wrapped })
  const window = scene.open({
    signIn: false,
    source: async (asked) => {
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      return request(asked)
    },
  })
  const send = withToken(window.session, { origins: [origin], fetch: window.tab.fetch })
  const issuedAt = Math.floor(scene.browser.now / 1_000)
  window.session.signIn('ann', held ? createTestToken({ sub: 'ann', issuedAt }) : undefined)
  return { scene, ...window, sent: scene.browser.backend.calls }
}

test.each([0, 5])(
  'F72 a source that asks through the wrapped fetch, %i turns late, settles with an error in time',
  async (turns) => {
    const { scene, ask, status, sent } = askingItself(turns, false)
    const asked = ask()
    await scene.advance(10_100)
    expect(asked).toMatchObject({ ended: true, error: { code: turns ? 'timeout' : 'source_failed' } })
    expect(status()).toBe('waiting')
    expect(sent).toEqual([])
  },
)

test.each([0, 5])('F72 such a source, %i turns late, is served with the token that is held', async (turns) => {
  const { scene, session, sent } = askingItself(turns, true)
  await scene.advance(minute)
  const held = await session.getToken()
  expect(await scene.result(session.refresh())).toBe(scene.browser.backend.tokens[0])
  expect(sent).toHaveLength(1)
  expect(sent[0]!.headers.get('authorization')).toBe(`Bearer ${held}`)
})
