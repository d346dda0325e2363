import { type Session, type SessionState, createSession, fromEndpoint } from 'inbox-session'
import { frameEndpoint, serveBridge } from 'inbox-session/bridge'
import { findTraces } from '../tabs/bridge/traces.js'
import type { Command, Inside } from './embedded.js'

/** A user of this page, and the frame that is shown to them. */
interface Scene {
  readonly session: Session
  readonly frame: HTMLIFrameElement
  /** The last report of the page in the frame. */
  inside: Partial<Inside>
  /** The origins of the texts that came from it. */
  readonly origins: string[]
  /** Texts for the frame while it still held its first, empty page. */
  early: number
}

export interface Look {
  status: SessionState['status']
  number: number
  inside: Partial<Inside>
  origins: string[]
  early: number
}

interface Embedding {
  readonly scenes: Map<string, Scene>
  /** Signs a user in, whose tokens live so many seconds, and makes a frame that is not shown yet. */
  enter(user: string, life: number, address: string, sandbox?: string): void
  /** With `origin` it is served at once, while the frame still holds its first, empty page. */
  show(user: string, origin?: string): void
  /** Serves the page in the frame; `origin` is the one it has to have. */
  serve(user: string, origin: string): void
  look(user: string): Look
  tell(user: string, command: Command): void
  traces(): Promise<string>
}

declare global {
  interface Window {
    embedding: Embedding
  }
}

const scenes = new Map<string, Scene>()
const scene = (user: string) => scenes.get(user)!

addEventListener('message', ({ source, data, origin }) => {
  const from = [...scenes.values()].find(({ frame }) => source && frame.contentWindow === source)
  if (!from) return
  if (typeof data === 'string') from.origins.push(origin)
  else from.inside = data
})

window.embedding = {
  scenes,
  enter(user, life, address, sandbox = '') {
    const query = `user=${encodeURIComponent(user)}`
    const session = createSession({ source: fromEndpoint(`/token?life=${life}&${query}`) })
    const frame = document.createElement('iframe')
    if (sandbox) frame.sandbox.add(sandbox)
    frame.src = `${address}${address.includes('?') ? '&' : '?'}${query}`
    scenes.set(user, { session, frame, inside: {}, origins: [], early: 0 })
    session.signIn(user)
  },
  show(user, origin) {
    const { frame } = scene(user)
    document.body.append(frame)
    try {
      // Such a text is lost, and browsers complain of its address.
      const empty = frame.contentWindow!
      const { postMessage } = empty
      empty.postMessage = (...given: unknown[]) => {
        scene(user).early++
        Reflect.apply(postMessage, empty, given)
      }
    } catch {
      // A sandbox has no such page that could be reached.
    }
    if (origin) window.embedding.serve(user, origin)
  },
  serve(user, origin) {
    const { session, frame } = scene(user)
    serveBridge(session, frameEndpoint(frame, origin), { allowedOrigins: [origin] })
  },
  look(user) {
    const { session, inside, origins, early } = scene(user)
    const { state } = session
    const number = Number(('token' in state && state.token?.claims?.jti) || 0)
    return { status: state.status, number, inside, origins, early }
  },
  tell: (user, command) => scene(user).frame.contentWindow!.postMessage({ command }, '*'),
  traces: findTraces,
}
