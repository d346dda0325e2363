import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import { cors } from 'hono/cors'
import { WebSocketServer, type WebSocket } from 'ws'
import type { Message, ProviderStandIn, Seen, Verdict } from './provider.js'

/** How a backend token is made of a user's id and the app's secret. */
export type NotifizzHash = (userId: string, secret: string) => string

/**
 * The documentation asks for HMAC-SHA256; the vendor's PHP package computes a plain SHA-256 of id and secret instead.
 * A real backend lets the vendor's package do it. The only place that decides is the option `hash`.
 */
export const hmacSha256: NotifizzHash = (userId, secret) => createHmac('sha256', secret).update(userId).digest('hex')

export interface NotifizzStandInOptions {
  port?: number
  apiKey: string
  /** The secret shared by the provider and the app's backend. Default: a random one. */
  secret?: string
  /** Default `hmacSha256`. */
  hash?: NotifizzHash
}

export interface NotifizzStandIn extends ProviderStandIn {
  /** What the app's backend does: the user's token, made with the secret of this moment. The same until `revoke()`. */
  hashNotifizzToken(userId: string): string
}

interface Claim {
  apiKey?: unknown
  token?: unknown
  userId?: unknown
}

const digest = (text: string) => createHash('sha256').update(text).digest()
const idOf = (token: string) => digest(token).toString('hex').slice(0, 8)

/**
 * A stand-in of an API that is published nowhere: `GET /v1/notifications` and a WebSocket at `/v1/live`, both invented here.
 * Real is only the rule of `backendToken`: a hash without an end that is good as long as the secret is.
 */
export async function createNotifizzStandIn(options: NotifizzStandInOptions): Promise<NotifizzStandIn> {
  const { apiKey, hash = hmacSha256 } = options
  let secret = options.secret ?? randomBytes(32).toString('hex')
  const seen: Seen[] = []
  const inboxes = new Map<string, Message[]>()
  const live = new Map<WebSocket, string>()
  const issued = new Map<string, { userId: string; secret: string }>()

  const inbox = (userId: string): Message[] => {
    const list = inboxes.get(userId) ?? []
    inboxes.set(userId, list)
    return list
  }

  const judge = ({ apiKey: key, token, userId }: Claim): Verdict => {
    if (typeof token !== 'string' || !token || typeof userId !== 'string') return { ok: false, reason: 'missing' }
    const tokenId = idOf(token)
    const past = issued.get(tokenId)
    if (key !== apiKey) return { ok: false, reason: 'scope', tokenId }
    if (timingSafeEqual(digest(token), digest(hash(userId, secret)))) return { ok: true, userId, tokenId }
    if (past && past.userId !== userId) return { ok: false, reason: 'user', tokenId }
    return { ok: false, reason: past && past.secret !== secret ? 'revoked' : 'signature', tokenId }
  }

  const check = (kind: Seen['kind'], what: string, claim: Claim): Verdict => {
    const verdict = judge(claim)
    const { tokenId } = verdict
    const outcome = verdict.ok ? { status: kind === 'http' ? 200 : 101 } : { reason: verdict.reason, status: 401 }
    const claimedUser = typeof claim.userId === 'string' ? claim.userId : undefined
    const tokenUser = verdict.ok ? verdict.userId : tokenId && issued.get(tokenId)?.userId
    seen.push({ at: Date.now(), kind, what, claimedUser, tokenUser, tokenId, ...outcome })
    return verdict
  }

  const app = new Hono()
  const allowHeaders = ['Authorization', 'X-Notifizz-Api-Key', 'X-Notifizz-User']
  app.use(cors({ origin: '*', allowHeaders, allowMethods: ['GET'] }))
  app.get('/v1/notifications', (c) => {
    const verdict = check('http', 'notifications', {
      apiKey: c.req.header('x-notifizz-api-key'),
      token: c.req.header('authorization')?.replace(/^Bearer */, ''),
      userId: decodeURIComponent(c.req.header('x-notifizz-user') ?? ''),
    })
    return verdict.ok ? c.json({ messages: inbox(verdict.userId) }) : c.json({ message: verdict.reason }, 401)
  })

  const server = createAdaptorServer({ fetch: app.fetch }) as HttpServer
  const sockets = new WebSocketServer({ server, path: '/v1/live', maxPayload: 64 * 1024 })

  // The token comes in the first frame, not in the address, where logs would keep it.
  const greet = (socket: WebSocket, frame: string) => {
    let claim: Claim = {}
    try {
      claim = (JSON.parse(frame) as Claim | null) ?? {}
    } catch {
      // Stays empty and is refused.
    }
    const verdict = check('socket', 'handshake', claim)
    if (!verdict.ok) return socket.close(4401, 'unauthorized')
    live.set(socket, verdict.userId)
    socket.send(JSON.stringify({ type: 'ready' }))
  }
  sockets.on('connection', (socket) => {
    const patience = setTimeout(() => socket.close(4401, 'unauthorized'), 5_000)
    socket.once('message', (data) => {
      clearTimeout(patience)
      greet(socket, String(data))
    })
    socket.on('close', () => {
      clearTimeout(patience)
      live.delete(socket)
    })
    socket.on('error', () => socket.terminate())
  })

  await new Promise<void>((resolve, reject) => {
    sockets.on('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })

  return {
    name: 'notifizz',
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    seen,
    hashNotifizzToken(userId) {
      const token = hash(userId, secret)
      issued.set(idOf(token), { userId, secret })
      return token
    },
    send(userId, message) {
      inbox(userId).unshift(message)
      for (const [socket, owner] of live) {
        if (owner === userId) socket.send(JSON.stringify({ type: 'message', message }))
      }
    },
    revoke() {
      secret = randomBytes(32).toString('hex')
      for (const socket of live.keys()) socket.close(4401, 'unauthorized')
      live.clear()
    },
    sockets: (userId) => [...live.values()].filter((owner) => owner === userId).length,
    async close() {
      for (const socket of sockets.clients) socket.terminate()
      sockets.close()
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    },
  }
}
