import type { Session, SessionOptions, TokenAnswer } from 'inbox-session'
import {
  type BridgeOptions,
  type Endpoint,
  type GuestMessage,
  type HostMessage,
  fromBridge,
  serveBridge,
} from 'inbox-session/bridge'
import { onTestFinished, vi } from 'vitest'
import { type OpenOptions, type Scene, type SceneOptions, type Window, createScene } from '../failures/scene.js'

export type Ask = Extract<GuestMessage, { type: 'ask' }>
export type Said = HostMessage & { readonly inboxSession: number }

/** One end of a bridge, the test being on the other one. */
export interface Wire extends Endpoint {
  /** What was posted, read, oldest first. */
  readonly posted: any[]
  /** Who listens at this moment. */
  readonly listeners: number
  /** What `post` throws, if anything. */
  broken: unknown
  /** Lets it hear this. An object travels as JSON text of version 1; a text as it is. */
  say(message: object | string, origin?: string): void
  /** Lets it hear whatever this is, unwritten. */
  hand(data: unknown, origin?: string): void
}

export function createWire(origin?: string): Wire {
  const runs = new Set<(message: string, origin: string) => void>()
  const wire: Wire = {
    origin,
    posted: [],
    get listeners() {
      return runs.size
    },
    broken: undefined,
    post(message) {
      if (wire.broken !== undefined) throw wire.broken
      wire.posted.push(JSON.parse(message))
    },
    listen(given) {
      const run = (message: string, from: string): void => given(message, from)
      runs.add(run)
      return () => void runs.delete(run)
    },
    say: (message, from) =>
      wire.hand(typeof message === 'string' ? message : JSON.stringify({ inboxSession: 1, ...message }), from),
    hand: (data, from = '') => [...runs].forEach((run) => run(data as string, from)),
  }
  return wire
}

/** A native host that a test plays by hand. */
export interface Native extends Wire {
  readonly asks: Ask[]
  /** Answers the last question, or the given one, with a token. */
  answer(fields: object, ask?: Ask): void
  deny(fields?: object, ask?: Ask): void
}

export function createNative(): Native {
  const wire = createWire()
  const native = Object.defineProperties({} as Native, Object.getOwnPropertyDescriptors(wire))
  // What `post` looks at is the wire's.
  Object.defineProperty(native, 'broken', { set: (value: unknown) => void (wire.broken = value) })
  Object.defineProperty(native, 'asks', { get: () => wire.posted.filter(({ type }) => type === 'ask') })
  return Object.assign(native, {
    answer: (fields: object, { id, user }: Ask = native.asks.at(-1)!) =>
      wire.say({ type: 'token', id, user, ...fields }),
    deny: (fields: object = {}, { id }: Ask = native.asks.at(-1)!) => wire.say({ type: 'denied', id, ...fields }),
  })
}

/** A simulated browser whose clock is also the one on the wall. */
export function createBridgeScene(options?: SceneOptions): Scene {
  const scene = createScene(options)
  const { window } = scene.browser.tab()
  const clock = vi.spyOn(Date, 'now').mockImplementation(() => window.Date.now())
  onTestFinished(() => clock.mockRestore())
  return scene
}

export interface Page extends Window {
  readonly native: Native
}

/** A page in a webview of `native`, with a session that is signed in. */
export function openPage(scene: Scene, options: OpenOptions & { native?: Native; bridge?: BridgeOptions } = {}): Page {
  const { native = createNative(), tab = scene.browser.tab(), bridge, ...more } = options
  const source = fromBridge(native, { environment: tab, ...bridge })
  return Object.assign(scene.open({ tab, source, ...more }), { native })
}

/** Both ends of a bridge in memory: what one posts the other hears a moment later. */
export function createPair(origins = { inner: 'https://inbox.example', outer: 'https://app.example' }): {
  inner: Wire
  outer: Wire
} {
  const [inner, outer] = [createWire(origins.outer), createWire(origins.inner)]
  const connect = (from: Wire, to: Wire, origin: string): void => {
    const { post } = from
    from.post = (message) => {
      void post(message)
      queueMicrotask(() => to.hand(message, origin))
    }
  }
  connect(inner, outer, origins.inner)
  connect(outer, inner, origins.outer)
  return { inner, outer }
}

export const stateOf = ({
  state,
}: Session): { status: string; token: string | undefined; error: string | undefined } => ({
  status: state.status,
  token: 'token' in state ? state.token?.value : undefined,
  error: 'error' in state ? state.error.code : undefined,
})

export const allowedOrigins = ['https://inbox.example']

export interface Both {
  scene: Scene
  /** The page outside, which has the session, and the page inside. */
  host: Window
  guest: Window
  outer: Wire
  inner: Wire
  /** Raw tokens the backend minted, which are opaque. */
  minted: string[]
  /** What the backend answers. */
  backend: { answer: (mint: () => TokenAnswer) => TokenAnswer | null | Promise<TokenAnswer | null> }
  /** Tokens that went inside. */
  given(): string[]
  undo(): void
}

/** Both pages, of two origins: another name shares nothing. */
export function openBoth({ signIn = true, guest: inside = {} as Partial<SessionOptions>, seconds = 3_600 } = {}): Both {
  const scene = createBridgeScene()
  const minted: string[] = []
  const backend: Both['backend'] = { answer: (mint) => mint() }
  const outside = scene.browser.tab()
  const host = scene.open({
    tab: outside,
    signIn,
    source: async ({ user: { id } }) =>
      backend.answer(() => {
        minted.push(`opaque-${id}-${minted.length + 1}`)
        return { token: minted.at(-1)!, expiresIn: seconds, extra: { hash: `companion-of-${minted.length}` } }
      }),
  })
  const { outer, inner } = createPair()
  const undo = serveBridge(host.session, outer, { allowedOrigins, environment: outside })
  const tab = scene.browser.tab()
  const guest = scene.open({ tab, name: 'inside', source: fromBridge(inner, { environment: tab }), ...inside })
  const given = (): string[] => outer.posted.flatMap(({ type, token }) => (type === 'token' ? [token] : []))
  return { scene, host, guest, outer, inner, minted, backend, given, undo }
}

export const settled = async (both: Both): Promise<Both> => {
  await both.scene.advance(1_000)
  return both
}
