import { randomUUID } from 'node:crypto'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { Hono, type Context } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import type { Message, Seen } from './providers/provider.js'
import { nextMessage, providerNames, type ProviderName, type World } from './world.js'

export type { ProviderName } from './world.js'

/** How the token endpoint misbehaves. */
export type Fault = 'none' | 'down' | '401' | 'slow' | 'garbage'
const faults: readonly Fault[] = ['none', 'down', '401', 'slow', 'garbage']

/** What the page shows of the server's side. */
export interface DemoState {
  user?: string | undefined
  users: readonly { id: string; name: string; email: string }[]
  fault: Fault
  /** Seconds that a token lives; from the next one on. */
  life: number
  /** Tokens that took another one's place in this run, and the requests they were brought by: one each, in however many tabs. */
  refreshes: number
  requests: number
  providers: Record<
    ProviderName,
    {
      settings: Record<string, string> & { url: string }
      /** Open, authenticated sockets of the signed-in user. */
      sockets: number
      /** Requests and handshakes of this run. */
      accepted: number
      refused: number
    }
  >
}

/** One request for a token, and from which tab. */
export interface TokenRequested {
  at: number
  provider: ProviderName
  tab: number
  /** The number of the token the tab has. */
  replaces?: number | undefined
  /** The number of the token it got: each provider's are counted. */
  number?: number | undefined
}

export interface Backend {
  readonly url: string
  /** Every request for a token so far. */
  readonly requested: readonly TokenRequested[]
  /** Every message so far, and to whom. */
  readonly sent: readonly (Message & { at: number; user: string })[]
  close(): Promise<void>
}

export interface BackendOptions {
  world: World
  /** The built page by path. */
  files: ReadonlyMap<string, { type: string; body: string | Uint8Array<ArrayBuffer> }>
  /** Default: a free one. */
  port?: number | undefined
  /** Seconds that a token lives. Default 60. */
  life?: number | undefined
}

export const users = [
  { id: 'ada', name: 'Ada', email: 'ada@example.com' },
  { id: 'grace', name: 'Grace', email: 'grace@example.com' },
  { id: 'mary', name: 'Mary', email: 'mary@example.com' },
] as const

const slowness = 6_000
const cookie = 'demo_login'

const counter = (seen: readonly Seen[]) => {
  let read = 0
  const sum = { accepted: 0, refused: 0 }
  return () => {
    for (; read < seen.length; read++) sum[seen[read]!.status < 400 ? 'accepted' : 'refused']++
    return sum
  }
}

/** The app's own backend: a login with a cookie, a token endpoint that mints for real, and switches to make it fail. */
export async function createBackend({ world, files, port = 0, life = 60 }: BackendOptions): Promise<Backend> {
  const { providers } = world
  const logins = new Map<string, string>()
  const counts = Object.fromEntries(providerNames.map((name) => [name, counter(providers[name].standIn.seen)]))
  const sent: (Message & { at: number; user: string })[] = []
  const requested: TokenRequested[] = []
  const minted = Object.fromEntries(providerNames.map((name) => [name, 0])) as Record<ProviderName, number>
  const replaced = new Set<string>()
  let requests = 0
  let tabs = 0
  let fault: Fault = 'none'

  const userOf = (c: Context): string | undefined => logins.get(getCookie(c, cookie) ?? '')
  const login = (c: Context, user: string) => {
    const id = randomUUID()
    logins.delete(getCookie(c, cookie) ?? '')
    logins.set(id, user)
    setCookie(c, cookie, id, { httpOnly: true, sameSite: 'Strict', path: '/' })
  }
  const answer = (c: Context, user = userOf(c)) => {
    const state: DemoState = {
      user,
      users,
      fault,
      life,
      refreshes: replaced.size,
      requests,
      providers: Object.fromEntries(
        providerNames.map((name) => {
          const { settings, standIn } = providers[name]
          return [name, { settings, sockets: user ? standIn.sockets(user) : 0, ...counts[name]!() }]
        }),
      ) as DemoState['providers'],
    }
    c.header('cache-control', 'no-store')
    return c.json(state)
  }
  const send = (user: string) => {
    const message = nextMessage()
    sent.push({ ...message, at: Date.now(), user })
    for (const name of providerNames) providers[name].standIn.send(user, message)
  }
  const field = async (c: Context, name: string): Promise<unknown> =>
    ((await c.req.json().catch(() => ({}))) as Record<string, unknown>)[name]

  const app = new Hono()

  app.get('/api/token/:provider', async (c) => {
    const name = c.req.param('provider') as ProviderName
    const provider = providers[name]
    if (!provider) return c.notFound()
    const told = (header: string) => Number(c.req.header(header)) || undefined
    const request: TokenRequested = {
      at: Date.now(),
      provider: name,
      tab: told('x-demo-tab') ?? 0,
      replaces: told('x-demo-replaces'),
    }
    requested.push(request)
    c.header('cache-control', 'no-store')
    if (fault === 'slow') await new Promise((resolve) => setTimeout(resolve, slowness))
    if (fault === 'down') return c.json({ error: 'down for the demo' }, 503)
    if (fault === 'garbage')
      return c.html('<!doctype html><title>Welcome</title><p>Please log in to the hotel network.</p>')
    const user = userOf(c)
    if (!user || fault === '401') return c.json({ error: 'nobody is signed in' }, 401)
    const token = await provider.mint(user, life)
    const { tab, replaces } = request
    const number = (request.number = ++minted[name])
    if (replaces !== undefined) {
      requests++
      replaced.add(`${name} ${replaces}`)
    }
    // What comes beside a token goes with it to the other tabs: each of them knows which request brought it.
    return c.json({ token, extra: { number, tab } })
  })

  app.get('/api/state', (c) => answer(c))
  app.post('/api/tab', (c) => c.json({ number: ++tabs }))
  app.post('/api/login', async (c) => {
    const wanted = await field(c, 'user')
    const found = users.find(({ id }) => id === wanted)
    if (!found) return c.json({ error: 'no such user' }, 400)
    login(c, found.id)
    return answer(c, found.id)
  })
  app.post('/api/logout', (c) => {
    logins.delete(getCookie(c, cookie) ?? '')
    deleteCookie(c, cookie, { path: '/' })
    return answer(c)
  })
  app.post('/api/messages', (c) => {
    const user = userOf(c)
    if (!user) return c.json({ error: 'nobody is signed in' }, 401)
    send(user)
    return answer(c)
  })
  app.post('/api/fault', async (c) => {
    const wanted = (await field(c, 'fault')) as Fault
    if (!faults.includes(wanted)) return c.json({ error: 'no such fault' }, 400)
    fault = wanted
    return answer(c)
  })
  app.post('/api/life', async (c) => {
    const seconds = Number(await field(c, 'seconds'))
    if (!(seconds >= 5 && seconds <= 86_400)) return c.json({ error: 'a life is 5 to 86400 seconds' }, 400)
    life = Math.round(seconds)
    return answer(c)
  })
  app.post('/api/revoke', async (c) => {
    const only = await field(c, 'provider')
    for (const name of providerNames) if (only === undefined || only === name) providers[name].standIn.revoke()
    return answer(c)
  })
  app.get('*', (c) => {
    const path = c.req.path === '/' ? '/index.html' : c.req.path
    const file = files.get(path)
    if (!file) return c.notFound()
    // Whoever opens the page is signed in as the first user: a demo needs no password.
    if (path === '/index.html' && !userOf(c)) login(c, users[0].id)
    return c.body(file.body, 200, { 'content-type': file.type, 'cache-control': 'no-store' })
  })

  for (const { id } of users) for (let count = 0; count < 3; count++) send(id)

  const server = createAdaptorServer({ fetch: app.fetch }) as Server
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    requested,
    sent,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
