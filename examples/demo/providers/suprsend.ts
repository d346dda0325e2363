import { createHash, randomUUID } from 'node:crypto'
import type { Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { Hono, type Context } from 'hono'
import { cors } from 'hono/cors'
import { errors, jwtVerify, SignJWT, type CryptoKey, type JWTPayload, type KeyObject } from 'jose'
import { Server as SocketServer, type Socket } from 'socket.io'
import type { Message, ProviderStandIn, Seen, Verdict } from './provider.js'

type Key = CryptoKey | KeyObject
type Refusal = Extract<Verdict, { ok: false }>['reason']

export interface SuprSendStandInOptions {
  /** Default 0: any free port. */
  port?: number | undefined
  /** The workspace's public api key: what `new SuprSend(publicKey)` gets. */
  publicKey: string
  /** The ES256 public key the app left with the provider. */
  verifyKey: Key
  /** Disconnects a live socket the moment its token ends. Default true; what the real server does is not known. */
  cutSocketsAtExpiry?: boolean | undefined
}

export interface SuprSendTokenOptions {
  privateKey: Key
  userId: string
  tenant?: string | undefined
  /** Seconds. Without it the token never ends. */
  expiresIn?: number | undefined
}

/** What the app's backend does: signs a user's token with the app's own key. */
export function signSuprSendToken({ privateKey, userId, tenant, expiresIn }: SuprSendTokenOptions): Promise<string> {
  const scope = tenant === undefined ? {} : { scope: { tenant_id: tenant } }
  const token = new SignJWT({ entity_type: 'subscriber', entity_id: userId, ...scope })
  token.setProtectedHeader({ alg: 'ES256' }).setIssuedAt().setJti(randomUUID())
  if (expiresIn !== undefined) token.setExpirationTime(Math.floor(Date.now() / 1000) + expiresIn)
  return token.sign(privateKey)
}

interface Notification {
  n_id: string
  n_category: string
  created_on: number
  seen_on?: number
  read_on?: number | null
  interacted_on?: number
  archived?: boolean
  is_pinned: boolean
  is_expiry_visible: boolean
  message: { schema: '1'; header: string; text: string }
}
type Environment = { Variables: { userId: string; room: string } }

const LONGEST_TIMER = 2 ** 31 - 1
const DEFAULT_TENANT = 'default'
const changes: Record<string, (now: number) => Partial<Notification>> = {
  seen: (now) => ({ seen_on: now }),
  read: (now) => ({ seen_on: now, read_on: now }),
  unread: () => ({ read_on: null }),
  interacted: (now) => ({ read_on: now, interacted_on: now }),
  archive: () => ({ archived: true }),
}
const tokenIdOf = (payload: JWTPayload, token: string) =>
  payload.jti ?? createHash('sha256').update(token).digest('hex').slice(0, 8)
// Whose inbox and which tenant are permissions, so they get 403; everything else is the token's fault.
const statusOf = (reason: Refusal) => (reason === 'user' || reason === 'scope' ? 403 : 401)

/** SuprSend's API as @suprsend/web-sdk 4.1.2 speaks to it: events, feed and socket.io on one port. */
export async function createSuprSendStandIn(options: SuprSendStandInOptions): Promise<ProviderStandIn> {
  const { publicKey, verifyKey, cutSocketsAtExpiry = true } = options
  const seen: Seen[] = []
  const inboxes = new Map<string, Notification[]>()
  const presented = new Set<string>()
  const revoked = new Set<string>()
  let newest = 0

  const inbox = (userId: string): Notification[] => {
    const list = inboxes.get(userId) ?? []
    inboxes.set(userId, list)
    return list
  }

  const judge = async (
    workspace: unknown,
    token: unknown,
    user?: string,
    tenant = DEFAULT_TENANT,
  ): Promise<Verdict> => {
    if (typeof token !== 'string' || !token || workspace !== publicKey) return { ok: false, reason: 'missing' }
    try {
      const { payload } = await jwtVerify(token, verifyKey, { algorithms: ['ES256'], clockTolerance: 0 })
      const tokenId = tokenIdOf(payload, token)
      presented.add(tokenId)
      if (revoked.has(tokenId)) return { ok: false, reason: 'revoked', tokenId }
      const { entity_type: type, entity_id: userId, scope } = payload as { [claim: string]: unknown } & JWTPayload
      if (type !== 'subscriber' || typeof userId !== 'string') return { ok: false, reason: 'scope', tokenId }
      const allowed = (scope as { tenant_id?: unknown } | undefined)?.tenant_id ?? tenant
      if (allowed !== tenant) return { ok: false, reason: 'scope', tokenId }
      if ((user ?? userId) !== userId) return { ok: false, reason: 'user', tokenId }
      return { ok: true, userId, tokenId, expiresAt: payload.exp && payload.exp * 1000 }
    } catch (error) {
      if (!(error instanceof errors.JWTExpired)) return { ok: false, reason: 'signature' }
      return { ok: false, reason: 'expired', tokenId: tokenIdOf(error.payload, token) }
    }
  }

  const check = async (kind: Seen['kind'], what: string, ...request: Parameters<typeof judge>): Promise<Verdict> => {
    const verdict = await judge(...request)
    const outcome = verdict.ok
      ? { tokenUser: verdict.userId, status: kind === 'http' ? 200 : 101 }
      : { reason: verdict.reason, status: statusOf(verdict.reason) }
    seen.push({ at: Date.now(), kind, what, claimedUser: request[2], tokenId: verdict.tokenId, ...outcome })
    return verdict
  }

  const admit = async (c: Context<Environment>, what: string, user?: string, tenant?: string) => {
    const verdict = await check(
      'http',
      what,
      c.req.header('authorization'),
      c.req.header('x-ss-signature'),
      user,
      tenant,
    )
    if (verdict.ok) {
      c.set('userId', verdict.userId)
      c.set('room', JSON.stringify([verdict.userId, tenant ?? DEFAULT_TENANT]))
      return
    }
    const status = statusOf(verdict.reason)
    const type = status === 401 ? 'AuthenticationError' : 'PermissionDenied'
    return c.json({ status: 'error', error: { type, message: `refused: ${verdict.reason}` } }, status)
  }

  const app = new Hono<Environment>()
  app.use(cors({ origin: '*', allowHeaders: ['Authorization', 'Content-Type', 'x-ss-signature'] }))
  app.post('/v2/event', async (c) => {
    const event = (await c.req.json()) as { event?: string; distinct_id?: string; properties?: Record<string, string> }
    const what = event.event?.replace('$', '') ?? 'event'
    const refused = await admit(c, what, event.properties?.$identified_id ?? event.distinct_id)
    return refused ?? c.json({ status: 'success' }, 202)
  })
  app.use('/v1/feed/*', async (c, next) => {
    const what = c.req.path.split('/').slice(3).join('/')
    return (await admit(c, what, c.req.query('distinct_id'), c.req.query('tenant_id'))) ?? next()
  })
  app.get('/v1/feed/notifications', (c) => {
    const size = Number(c.req.query('page_size') ?? 20)
    const before = Number(JSON.parse(c.req.query('search_after') ?? '[]')[1] ?? Infinity)
    const { query } = JSON.parse(c.req.query('store') ?? '{}') as { query?: { read?: boolean; archived?: boolean } }
    const all = inbox(c.get('userId')).filter(
      ({ archived = false, read_on }) =>
        archived === (query?.archived ?? false) && Boolean(read_on) === (query?.read ?? Boolean(read_on)),
    )
    const rest = all.filter(({ created_on }) => created_on < before)
    return c.json({
      results: rest.slice(0, size),
      meta: { total_count: all.length, has_more: rest.length > size },
    })
  })
  app.get('/v1/feed/notifications_count', (c) =>
    c.json({ badge: inbox(c.get('userId')).filter(({ seen_on, archived }) => !seen_on && !archived).length }),
  )
  app.get('/v1/feed/notifications/:id', (c) => {
    const found = inbox(c.get('userId')).find(({ n_id }) => n_id === c.req.param('id'))
    return found
      ? c.json(found)
      : c.json({ status: 'error', error: { type: 'NOT_FOUND', message: 'no such notification' } }, 404)
  })
  app.patch('/v1/feed/notifications/:id/:action', (c) => {
    const { id, action } = c.req.param()
    const found = inbox(c.get('userId')).find(({ n_id }) => n_id === id)
    if (found) Object.assign(found, changes[action]?.(Date.now()))
    sockets.to(c.get('room')).emit('notification_update', { n_id: id, action })
    return c.json({ status: 'success' }, 202)
  })
  app.post('/v1/feed/bulk/notifications/seen', async (c) => {
    const { notification_ids } = (await c.req.json()) as { notification_ids: string[] }
    for (const item of inbox(c.get('userId'))) if (notification_ids.includes(item.n_id)) item.seen_on = Date.now()
    sockets.to(c.get('room')).emit('bulk_notification_update', { notification_ids, action: 'seen' })
    return c.json({ status: 'success' }, 202)
  })
  app.patch('/v1/feed/mark_all_read', (c) => {
    for (const item of inbox(c.get('userId'))) Object.assign(item, changes.read?.(Date.now()))
    sockets.to(c.get('room')).emit('bulk_notification_update', { notification_ids: 'all', action: 'read' })
    return c.json({ status: 'success' }, 202)
  })
  app.patch('/v1/feed/reset_bell_count', (c) => {
    for (const item of inbox(c.get('userId'))) item.seen_on ??= Date.now()
    sockets.to(c.get('room')).emit('reset_badge')
    return c.json({ status: 'success' }, 202)
  })

  const server = createAdaptorServer({ fetch: app.fetch }) as HttpServer
  const sockets = new SocketServer(server, { cors: { origin: '*' }, transports: ['websocket'], serveClient: false })
  const verdictOf = ({ data }: Pick<Socket, 'data'>) => data as Extract<Verdict, { ok: true }>

  sockets.use(async (socket, next) => {
    const { authorization, distinct_id: user, tenant_id: tenant, 'x-ss-signature': token } = socket.handshake.auth
    const verdict = await check('socket', 'handshake', authorization, token, user, tenant)
    if (!verdict.ok) {
      const fault = statusOf(verdict.reason) === 401 ? 'Authentication Error: wrong auth token' : 'Permission Denied'
      return next(new Error(fault))
    }
    socket.data = verdict
    next()
  })
  sockets.on('connection', (socket) => {
    const { userId, tokenId, expiresAt } = verdictOf(socket)
    if (revoked.has(tokenId)) return socket.disconnect(true)
    void socket.join([userId, JSON.stringify([userId, socket.handshake.auth.tenant_id ?? DEFAULT_TENANT])])
    const left = expiresAt === undefined ? Infinity : Math.max(0, expiresAt - Date.now())
    if (!cutSocketsAtExpiry || left > LONGEST_TIMER) return
    const end = setTimeout(() => socket.disconnect(true), left)
    socket.on('disconnect', () => clearTimeout(end))
  })

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port ?? 0, '127.0.0.1', resolve)
  })

  return {
    name: 'suprsend',
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    seen,
    send(userId, { id, title, body }: Message) {
      newest = Math.max(Date.now(), newest + 1)
      inbox(userId).unshift({
        n_id: id,
        n_category: 'transactional',
        created_on: newest,
        is_pinned: false,
        is_expiry_visible: false,
        message: { schema: '1', header: title, text: body },
      })
      sockets.to(userId).emit('new_notification', { n_id: id })
    },
    revoke() {
      for (const tokenId of presented) revoked.add(tokenId)
      presented.clear()
      sockets.disconnectSockets(true)
    },
    sockets: (userId) => sockets.sockets.adapter.rooms.get(userId)?.size ?? 0,
    async close() {
      await sockets.close()
      server.closeAllConnections()
    },
  }
}
