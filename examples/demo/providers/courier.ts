import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { cors } from 'hono/cors'
import { errors, jwtVerify, SignJWT, type JWTPayload } from 'jose'
import { WebSocketServer, type WebSocket } from 'ws'
import type { Message, ProviderStandIn, Seen, Verdict } from './provider.js'

export interface CourierStandInOptions {
  /** Default 0: any free port. */
  port?: number | undefined
  /** What the app's backend proves itself with at `POST /auth/issue-token`. */
  apiKey: string
  /** Closes a live socket when the token of its handshake ends. Default true. */
  cutSocketsAtExpiry?: boolean | undefined
}

/** The two rights an inbox needs; the user stands in the scope as well. */
const READ = 'inbox:read:messages'
const WRITE = 'inbox:write:events'
const LONGEST_TIMER = 2 ** 31 - 1

/** The app's backend asks Courier for a token that lets one user read and mark the messages of the inbox. */
export async function issueCourierToken(order: {
  url: string
  apiKey: string
  userId: string
  /** Seconds. */
  expiresIn: number
}): Promise<string> {
  const answer = await fetch(new URL('auth/issue-token', order.url), {
    method: 'POST',
    headers: { authorization: `Bearer ${order.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      scope: `user_id:${order.userId} ${READ} ${WRITE}`,
      expires_in: `${order.expiresIn} seconds`,
    }),
  })
  if (!answer.ok) throw new Error(`Courier refused to issue a token (${answer.status}).`)
  return ((await answer.json()) as { token: string }).token
}

const unitSeconds: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800, y: 31_557_600 }
const units =
  /^\s*(\d+(?:\.\d+)?)\s*(?:(s)(?:ec(?:ond)?s?)?|(m)(?:in(?:ute)?s?)?|(h)(?:(?:ou)?rs?)?|(d)(?:ays?)?|(w)(?:eeks?)?|(y)(?:(?:ea)?rs?)?)\s*$/i

/** Seconds in "10 seconds", "1m", "2.5 hrs", "3 days", "1y"; undefined for anything else. */
export function parseExpiresIn(text: unknown): number | undefined {
  const match = typeof text === 'string' ? units.exec(text) : null
  const unit = match?.slice(2).find(Boolean)
  return match && unit ? Number(match[1]) * unitSeconds[unit.toLowerCase()]! : undefined
}

interface Entry extends Message {
  created: string
  read?: string | undefined
  opened?: string | undefined
  archived?: string | undefined
}

interface Connection {
  socket: WebSocket
  userId: string
  connectionId: string
  tokenId: string
  subscribed: boolean
}

const filterIn = (query: string, name: string) =>
  new RegExp(`\\$${name}: FilterParamsInput = \\{([^}]*)\\}`).exec(query)?.[1] ?? ''

/** Does this message belong in a list with that filter? Courier shows the archive only where it is asked for. */
const passes = (entry: Entry, filter: string) =>
  Boolean(entry.archived) === /archived: true/.test(filter) &&
  (!filter.includes('"unread"') || !entry.read) &&
  (!filter.includes('"read"') || Boolean(entry.read)) &&
  !/tags:/.test(filter)

/**
 * Courier on this machine: `POST auth/issue-token`, `POST q` (the inbox's GraphQL) and a WebSocket at the root.
 * For the SDK: `apiUrls: { courier: { rest, graphql: url + 'client/q' }, inbox: { graphql: url + 'q', webSocket: 'ws:…' } }`.
 */
export async function createCourierStandIn(options: CourierStandInOptions): Promise<ProviderStandIn> {
  const { apiKey, cutSocketsAtExpiry = true } = options
  const secret = randomBytes(32)
  const seen: Seen[] = []
  const presented = new Set<string>()
  const revoked = new Set<string>()
  const connections = new Set<Connection>()
  const inboxes = new Map<string, Entry[]>()

  const inbox = (userId: string) => {
    const entries = inboxes.get(userId) ?? []
    inboxes.set(userId, entries)
    return entries
  }

  async function judge(
    token: string | undefined,
    claimedUser: string | undefined,
    right: string,
  ): Promise<Verdict & { tokenUser?: string }> {
    if (!token) return { ok: false, reason: 'missing' }
    let claims: JWTPayload
    let reason: 'expired' | undefined
    try {
      claims = (await jwtVerify(token, secret, { algorithms: ['HS256'] })).payload
    } catch (error) {
      if (!(error instanceof errors.JWTExpired)) {
        return {
          ok: false,
          reason: 'signature',
          tokenId: createHash('sha256').update(token).digest('hex').slice(0, 10),
        }
      }
      claims = error.payload
      reason = 'expired'
    }
    const tokenId = claims.jti ?? 'none'
    const rights = String(claims.scope).split(' ')
    const userId = rights.find((part) => part.startsWith('user_id:'))?.slice('user_id:'.length) ?? ''
    const refuse = (because: 'expired' | 'revoked' | 'user' | 'scope') => ({
      ok: false as const,
      reason: because,
      tokenId,
      tokenUser: userId,
    })
    presented.add(tokenId)
    if (reason) return refuse(reason)
    if (revoked.has(tokenId)) return refuse('revoked')
    if (!userId || userId !== claimedUser) return refuse('user')
    if (!rights.includes(right)) return refuse('scope')
    return {
      ok: true,
      userId,
      tokenUser: userId,
      tokenId,
      expiresAt: claims.exp === undefined ? undefined : claims.exp * 1_000,
    }
  }

  function note(
    kind: Seen['kind'],
    what: string,
    claimedUser: string | undefined,
    verdict: Verdict & { tokenUser?: string },
  ) {
    seen.push({
      at: Date.now(),
      kind,
      what,
      claimedUser,
      tokenUser: verdict.tokenUser,
      tokenId: verdict.tokenId,
      status: verdict.ok ? (kind === 'socket' ? 101 : 200) : 401,
      reason: verdict.ok ? undefined : verdict.reason,
    })
  }

  function push(userId: string, event: object, from?: string) {
    for (const connection of connections) {
      if (connection.userId === userId && connection.subscribed && connection.connectionId !== from) {
        connection.socket.send(JSON.stringify(event))
      }
    }
  }

  function list(userId: string, query: string) {
    const filter = filterIn(query, 'params')
    const entries = inbox(userId).filter((entry) => passes(entry, filter))
    const limit = Number(/\$limit: Int = (\d+)/.exec(query)?.[1] ?? 24)
    const start = Number(/\$after: String = "(\d+)"/.exec(query)?.[1] ?? 0)
    const nodes = entries.slice(start, start + limit).map(({ id, title, body, ...rest }) => ({
      messageId: id,
      title,
      preview: body,
      actions: [],
      trackingIds: {},
      ...rest,
    }))
    return {
      count: entries.length,
      unreadCount: inbox(userId).filter((entry) => passes(entry, filterIn(query, 'unreadCountParams'))).length,
      messages: {
        totalCount: entries.length,
        pageInfo: { startCursor: String(start + limit), hasNextPage: start + limit < entries.length },
        nodes,
      },
    }
  }

  function count(userId: string, query: string) {
    const counts: Record<string, number> = {}
    for (const [, name] of query.matchAll(/\$(id_\w+): FilterParamsInput/g)) {
      counts[name!] = inbox(userId).filter((entry) => passes(entry, filterIn(query, name!))).length
    }
    return counts
  }

  const now = () => new Date().toISOString()
  const marks: Record<string, (entry: Entry) => void> = {
    read: (entry) => (entry.read = now()),
    unread: (entry) => (entry.read = undefined),
    opened: (entry) => (entry.opened ??= now()),
    archive: (entry) => (entry.archived = now()),
    unarchive: (entry) => (entry.archived = undefined),
  }
  const sweeps: Record<string, [event: string, change: (entry: Entry) => void]> = {
    markAllRead: ['mark-all-read', (entry) => (entry.read ??= now())],
    archiveRead: ['archive-read', (entry) => entry.read && (entry.archived ??= now())],
    archiveAll: ['archive-all', (entry) => (entry.archived ??= now())],
  }

  function mutate(userId: string, query: string, from: string | undefined) {
    for (const [, verb, messageId] of query.matchAll(/(\w+)\(messageId: "([^"]*)"/g)) {
      const entry = inbox(userId).find(({ id }) => id === messageId)
      const mark = marks[verb!]
      if (!entry || !mark) continue
      mark(entry)
      push(userId, { event: verb, messageId }, from)
    }
    for (const [verb, [event, change]] of Object.entries(sweeps)) {
      if (!new RegExp(`\\b${verb}\\b`).test(query)) continue
      inbox(userId).forEach(change)
      push(userId, { event }, from)
    }
  }

  const app = new Hono()
  app.use(
    '/q',
    cors({
      origin: '*',
      allowHeaders: [
        'authorization',
        'content-type',
        'x-courier-ua',
        'x-courier-user-id',
        'x-courier-client-source-id',
      ],
      maxAge: 600,
    }),
  )

  app.post('/auth/issue-token', async (context) => {
    if (context.req.header('authorization') !== `Bearer ${apiKey}`) {
      return context.json({ message: 'Unauthorized', type: 'authentication_error' }, 401)
    }
    const order = (await context.req.json().catch(() => ({}))) as { scope?: unknown; expires_in?: unknown }
    const life = parseExpiresIn(order.expires_in)
    if (typeof order.scope !== 'string' || (order.expires_in !== undefined && life === undefined)) {
      return context.json({ message: 'scope and expires_in are needed', type: 'invalid_request_error' }, 400)
    }
    const issuedAt = Math.floor(Date.now() / 1_000)
    const token = new SignJWT({ scope: order.scope, tenant_scope: 'published/production', jti: randomUUID() })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setIssuedAt(issuedAt)
    if (life !== undefined) token.setExpirationTime(issuedAt + Math.round(life))
    return context.json({ token: await token.sign(secret) })
  })

  app.post('/q', async (context) => {
    const { query } = (await context.req.json().catch(() => ({ query: '' }))) as { query: string }
    const [, kind = 'query', what = 'unknown'] = /^\s*(query|mutation)\s+(\w+)/.exec(query) ?? []
    const token = /^Bearer (.+)$/.exec(context.req.header('authorization') ?? '')?.[1]
    const claimedUser = context.req.header('x-courier-user-id')
    const verdict = await judge(token, claimedUser, kind === 'mutation' ? WRITE : READ)
    note('http', what, claimedUser, verdict)
    if (!verdict.ok) return context.json({ message: 'Unauthorized', type: 'authentication_error' }, 401)
    const { userId } = verdict
    if (kind === 'mutation') {
      mutate(userId, query, context.req.header('x-courier-client-source-id'))
      return context.json({ data: {} })
    }
    if (what === 'GetInboxMessages') return context.json({ data: list(userId, query) })
    if (what === 'GetUnreadCounts') return context.json({ data: count(userId, query) })
    return context.json({ data: { count: inbox(userId).filter((entry) => !entry.archived && !entry.read).length } })
  })

  const server = serve({ fetch: app.fetch, port: options.port ?? 0, hostname: '127.0.0.1' }) as Server
  if (!server.listening) await new Promise<void>((resolve) => server.once('listening', () => resolve()))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`

  const sockets = new WebSocketServer({ noServer: true })
  server.on('upgrade', (request: IncomingMessage, raw, head) => {
    const parameters = new URL(request.url ?? '/', url).searchParams
    const claimedUser = parameters.get('userId') ?? undefined
    void judge(parameters.get('auth') ?? undefined, claimedUser, READ).then((verdict) => {
      note('socket', 'handshake', claimedUser, verdict)
      if (!verdict.ok)
        return void raw.end('HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
      sockets.handleUpgrade(request, raw, head, (socket) => welcome(socket, verdict, parameters.get('cid') ?? ''))
    })
  })

  function welcome(socket: WebSocket, verdict: Verdict & { ok: true }, connectionId: string) {
    const { userId, tokenId, expiresAt = Infinity } = verdict
    const connection: Connection = { socket, userId, connectionId, tokenId, subscribed: false }
    connections.add(connection)
    const left = expiresAt - Date.now()
    const end =
      cutSocketsAtExpiry && left < LONGEST_TIMER
        ? setTimeout(() => socket.close(4_401, 'Token expired'), left)
        : undefined
    socket.on('error', () => socket.terminate())
    socket.on('close', () => {
      clearTimeout(end)
      connections.delete(connection)
    })
    socket.on('message', (data) => {
      let envelope: { tid?: string; action?: string; data?: { channel?: string } }
      try {
        envelope = JSON.parse(String(data)) as typeof envelope
      } catch {
        return socket.close(1_003, 'Not JSON')
      }
      const { tid, action } = envelope
      if (action === 'subscribe') connection.subscribed = envelope.data?.channel === userId
      if (action === 'unsubscribe') connection.subscribed = false
      if (action === 'ping') socket.send(JSON.stringify({ tid, response: 'pong' }))
      if (action === 'get-config') {
        socket.send(JSON.stringify({ tid, response: 'config', data: { pingInterval: 60, maxOutstandingPings: 3 } }))
      }
    })
  }

  return {
    name: 'courier',
    url,
    seen,
    send(userId, message) {
      const entry: Entry = { ...message, created: now() }
      inbox(userId).unshift(entry)
      push(userId, {
        event: 'message',
        messageId: entry.id,
        data: {
          messageId: entry.id,
          title: entry.title,
          preview: entry.body,
          created: entry.created,
          actions: [],
          trackingIds: {},
        },
      })
    },
    revoke() {
      presented.forEach((tokenId) => revoked.add(tokenId))
      for (const { socket, tokenId } of connections) if (revoked.has(tokenId)) socket.close(4_403, 'Token revoked')
    },
    // One that has not subscribed yet would not hear a message.
    sockets: (userId) =>
      [...connections].filter(
        ({ socket, subscribed, userId: owner }) => subscribed && owner === userId && socket.readyState === socket.OPEN,
      ).length,
    close: () =>
      new Promise((resolve) => {
        for (const { socket } of connections) socket.terminate()
        sockets.close()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
