import { createHash, randomUUID } from 'node:crypto'
import type { Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { Hono, type Context } from 'hono'
import { cors } from 'hono/cors'
import { errors, jwtVerify, SignJWT, type CryptoKey, type KeyObject } from 'jose'
import { Server as SocketServer } from 'socket.io'
import type { Message, ProviderStandIn, Seen, Verdict } from './provider.js'

type Key = CryptoKey | KeyObject

export interface EngagespotStandInOptions {
  port?: number
  apiKey: string
  /** The RS256 public key the app left with the provider. */
  verifyKey: Key
  /** Cuts a live socket the moment its token ends. Default true; what the real server does is not known. */
  cutSocketsAtExpiry?: boolean
  /** How long a handshake takes, in ms. Default 0. */
  handshakeDelay?: number
}

export interface EngagespotTokenOptions {
  privateKey: Key
  apiKey: string
  userId: string
  /** Seconds. Without it the token never ends, as with the vendor's Node package. */
  expiresIn?: number
}

/** What the app's backend does: signs a user's token with the app's own key. */
export function signEngagespotToken({
  privateKey,
  apiKey,
  userId,
  expiresIn,
}: EngagespotTokenOptions): Promise<string> {
  const token = new SignJWT({ apiKey }).setProtectedHeader({ alg: 'RS256' }).setSubject(`user:${userId}`)
  token.setIssuedAt().setJti(randomUUID())
  if (expiresIn !== undefined) token.setExpirationTime(Math.floor(Date.now() / 1000) + expiresIn)
  return token.sign(privateKey)
}

interface Notification {
  id: string
  title: string
  message: string
  createdAt: string
  state: 'unread' | 'seen' | 'clicked'
}

const sdkHeaders = ['Authorization', 'Content-Type', 'Cache-Control', 'Pragma', 'Expires', 'X-ENGAGESPOT-DEVICE-ID']
const longestTimer = 2 ** 31 - 1

/** Engagespot's API as @engagespot/core 3.0.1 speaks to it: `/v3/…` and socket.io on one port. Bodies are what the SDK accepts. */
export async function createEngagespotStandIn(options: EngagespotStandInOptions): Promise<ProviderStandIn> {
  const { apiKey, verifyKey, cutSocketsAtExpiry = true, handshakeDelay = 0 } = options
  const seen: Seen[] = []
  const inboxes = new Map<string, Notification[]>()
  const presented = new Set<string>()
  const revoked = new Set<string>()

  const inbox = (userId: string): Notification[] => {
    const list = inboxes.get(userId) ?? []
    inboxes.set(userId, list)
    return list
  }
  const unread = (userId: string) => inbox(userId).filter(({ state }) => state === 'unread').length

  const judge = async (token: unknown, claimedUser?: string, claimedKey = apiKey): Promise<Verdict> => {
    if (typeof token !== 'string' || !token) return { ok: false, reason: 'missing' }
    try {
      const { payload } = await jwtVerify(token, verifyKey, { algorithms: ['RS256'] })
      const tokenId = payload.jti ?? createHash('sha256').update(token).digest('hex').slice(0, 8)
      presented.add(tokenId)
      if (revoked.has(tokenId)) return { ok: false, reason: 'revoked', tokenId }
      if (payload.apiKey !== apiKey || claimedKey !== apiKey) return { ok: false, reason: 'scope', tokenId }
      const userId = payload.sub?.startsWith('user:') ? payload.sub.slice(5) : ''
      if (!userId || (claimedUser ?? userId) !== userId) return { ok: false, reason: 'user', tokenId }
      return { ok: true, userId, tokenId, expiresAt: payload.exp && payload.exp * 1000 }
    } catch (error) {
      if (!(error instanceof errors.JWTExpired)) return { ok: false, reason: 'signature' }
      return { ok: false, reason: 'expired', tokenId: error.payload.jti }
    }
  }

  const check = async (kind: Seen['kind'], what: string, token: unknown, claimedUser?: string, claimedKey?: string) => {
    const verdict = await judge(token, claimedUser, claimedKey)
    const outcome = verdict.ok
      ? { tokenUser: verdict.userId, status: kind === 'http' ? 200 : 101 }
      : { reason: verdict.reason, status: 401 }
    seen.push({ at: Date.now(), kind, what, claimedUser, tokenId: verdict.tokenId, ...outcome })
    return verdict
  }

  const app = new Hono<{ Variables: { userId: string } }>()
  app.use(cors({ origin: '*', allowHeaders: sdkHeaders, allowMethods: ['GET', 'POST', 'PUT', 'DELETE'] }))
  app.use('/v3/*', async (c, next) => {
    const what = c.req.path.split('/').slice(-1).join()
    const verdict = await check('http', what, c.req.header('authorization')?.replace(/^Bearer */, ''))
    if (!verdict.ok) return c.json({ message: `unauthorized: ${verdict.reason}` }, 401)
    c.set('userId', verdict.userId)
    return next()
  })

  const mark =
    (state: Notification['state'] | 'gone', event: string) => (c: Context<{ Variables: { userId: string } }>) => {
      const userId = c.get('userId')
      const id = c.req.param('id')
      const list = inbox(userId)
      const chosen = list.filter((item) => id === undefined || item.id === id)
      if (state === 'gone')
        inboxes.set(
          userId,
          list.filter((item) => !chosen.includes(item)),
        )
      else for (const item of chosen) item.state = state
      sockets.to(userId).emit(event, { id, unreadNotificationCount: unread(userId) })
      return c.json({ id })
    }
  app.post('/v3/sdk/connect', (c) =>
    c.json({
      app: { name: 'Engagespot stand-in', enableWebPush: false, publicKey: '' },
      inapp: {},
      settings: {},
      unreadCount: unread(c.get('userId')),
    }),
  )
  app.get('/v3/notifications', (c) => {
    const [page, limit] = [Number(c.req.query('pageNo') ?? 1), Number(c.req.query('limit') ?? 15)]
    const list = inbox(c.get('userId'))
    return c.json({
      data: list.slice((page - 1) * limit, page * limit),
      unreadCount: unread(c.get('userId')),
      pagination: { totalCount: list.length, totalPages: Math.ceil(list.length / limit), currentPage: page },
    })
  })
  // What the React panel asks for beside the list: this app has no categories.
  app.get('/v3/preferences', (c) => c.json([]))
  app.get('/v3/categories', (c) => c.json([]))
  app.post('/v3/notifications/markAllNotificationsAsRead', mark('clicked', 'ALL_NOTIFICATION_READ'))
  app.post('/v3/notifications/markAllNotificationsAsSeen', mark('seen', 'NOTIFICATION_SEEN'))
  app.post('/v3/notifications/:id/click', mark('clicked', 'NOTIFICATION_READ'))
  app.delete('/v3/notifications/:id', mark('gone', 'NOTIFICATION_DELETED'))

  const server = createAdaptorServer({ fetch: app.fetch }) as HttpServer
  const sockets = new SocketServer(server, { cors: { origin: '*' }, serveClient: false })

  sockets.use(async (socket, next) => {
    const { auth, query } = socket.handshake
    if (handshakeDelay) await new Promise((resolve) => setTimeout(resolve, handshakeDelay))
    const verdict = await check('socket', 'handshake', auth.token, String(query.userId), String(query.apiKey))
    if (!verdict.ok) return next(new Error('unauthorized'))
    socket.data = verdict
    next()
  })
  sockets.on('connection', (socket) => {
    const { userId, tokenId, expiresAt } = socket.data as Extract<Verdict, { ok: true }>
    void socket.join(userId)
    if (revoked.has(tokenId)) return socket.disconnect(true)
    const left = expiresAt === undefined ? Infinity : Math.max(0, expiresAt - Date.now())
    if (!cutSocketsAtExpiry || left > longestTimer) return
    const end = setTimeout(() => socket.disconnect(true), left)
    socket.on('disconnect', () => clearTimeout(end))
  })

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port ?? 0, '127.0.0.1', resolve)
  })

  return {
    name: 'engagespot',
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    seen,
    send(userId, { id, title, body }: Message) {
      const notification: Notification = {
        id,
        title,
        message: body,
        createdAt: new Date().toISOString(),
        state: 'unread',
      }
      inbox(userId).unshift(notification)
      sockets.to(userId).emit('NEW_NOTIFICATION', { notification })
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
