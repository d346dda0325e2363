import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAdaptorServer, type HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import { SignJWT, generateKeyPair } from 'jose'
import { bundleScript, emptyPage } from '../../support/serve.js'

/** One call of the token endpoint. */
export interface Call {
  /** Epoch ms of its arrival. */
  readonly at: number
  /** Which tab made it, and why. */
  readonly tab: string
  readonly reason: string
  /** 0: not answered, or not yet. */
  status: number
  /** The token that was answered. */
  number?: number
}

/** A call that waits for `release`. */
export interface HeldCall {
  readonly tab: string
  release(): void
}

/** One user at the backend, and how the endpoint behaves towards them. */
export interface Account {
  readonly id: string
  readonly calls: readonly Call[]
  /** Seconds that the next tokens live. */
  life: number
  /** Milliseconds until an answer, drawn between the two. */
  latency: readonly [least: number, most: number]
  /** down: 503. hang: no answer. cut: the connection breaks. */
  mode: 'ok' | 'down' | 'hang' | 'cut'
  /** Resolves with the next call, which is not answered before it is released. */
  hold(): Promise<HeldCall>
}

export interface Backend {
  /** The page whose script opens a session; `elsewhere` is another page of the same origin without one. */
  readonly url: string
  readonly elsewhere: string
  account(id: string, settings?: Partial<Pick<Account, 'life' | 'latency' | 'mode'>>): Account
  close(): Promise<void>
}

interface Desk extends Account {
  calls: Call[]
  tokens: number
  waiting: ((held: HeldCall) => void)[]
}

const elsewhere = '<!doctype html><meta charset="utf-8"><title>elsewhere</title><p>Another page.</p>'

/** Pages and token endpoint on one origin of 127.0.0.1: signed tokens of a few seconds, answered as slowly as over a network. */
export async function createBackend(script = 'test/e2e/pages/tab.ts'): Promise<Backend> {
  const [code, { privateKey }] = await Promise.all([bundleScript(script), generateKeyPair('RS256')])
  const desks = new Map<string, Desk>()

  const deskOf = (id: string): Desk => {
    const desk = desks.get(id) ?? open(id)
    desks.set(id, desk)
    return desk
  }
  const open = (id: string): Desk => ({
    id,
    calls: [],
    tokens: 0,
    waiting: [],
    life: 8,
    latency: [75, 225],
    mode: 'ok',
    hold() {
      return new Promise((resolve) => this.waiting.push(resolve))
    },
  })
  const mint = (desk: Desk): Promise<string> => {
    const now = Math.floor(Date.now() / 1_000)
    return new SignJWT({ sub: desk.id, jti: String(++desk.tokens) })
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT' })
      .setIssuedAt(now)
      .setExpirationTime(now + desk.life)
      .sign(privateKey)
  }

  const app = new Hono<{ Bindings: HttpBindings }>()
  app.get('/token/:user', async (c) => {
    const desk = deskOf(c.req.param('user'))
    const { mode, latency } = desk
    const call: Call = {
      at: Date.now(),
      tab: c.req.header('x-tab') ?? '',
      reason: c.req.header('x-reason') ?? '',
      status: 0,
    }
    desk.calls.push(call)
    c.header('cache-control', 'no-store')
    // Minted before the wait: a late answer is an old one.
    const token = mode === 'ok' ? await mint(desk) : undefined
    const number = desk.tokens
    const held = desk.waiting.shift()
    if (held) await new Promise<void>((release) => held({ tab: call.tab, release }))
    await sleep(latency[0] + (latency[1] - latency[0]) * Math.random())
    if (mode === 'cut') c.env.incoming.socket.destroy()
    if (mode === 'hang' || mode === 'cut')
      await new Promise((resolve) => c.req.raw.signal.addEventListener('abort', resolve))
    if (mode === 'down') {
      call.status = 503
      return c.json({ error: 'down for the test' }, 503)
    }
    Object.assign(call, { status: 200, number })
    return c.json({ token })
  })
  // A page that says no-store would stay out of the back/forward cache.
  app.get('/page.js', (c) =>
    c.body(code, 200, { 'content-type': 'text/javascript; charset=utf-8', 'cache-control': 'max-age=600' }),
  )
  app.get('/', (c) => c.html(emptyPage))
  app.get('/elsewhere', (c) => c.html(elsewhere))

  const server = createAdaptorServer({ fetch: app.fetch }) as Server
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve)
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return {
    url,
    elsewhere: `${url}elsewhere`,
    account: (id, settings = {}) => Object.assign(deskOf(id), settings),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
