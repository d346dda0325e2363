import type { Session } from 'inbox-session'
import { frameEndpoint, serveBridge, type Endpoint, type GuestMessage, type HostMessage } from 'inbox-session/bridge'
import { html } from '../../demo/page/dom.js'

/** Hears what goes over the bridge. */
export type Tell = (message: GuestMessage | HostMessage) => void

export interface Embedding {
  session: Session
  /** The one origin that the page inside may have. */
  origin: string
  user?: string | undefined
  place: HTMLElement
  tell: Tell
}

/** The same endpoint, overheard: only for the timeline. */
function overhear(endpoint: Endpoint, tell: Tell): Endpoint {
  const read = (text: string) => {
    try {
      tell(JSON.parse(text) as GuestMessage | HostMessage)
    } catch {
      // No message of the bridge.
    }
  }
  return {
    ...endpoint,
    post(text) {
      read(text)
      return endpoint.post(text)
    },
    listen: (run) =>
      endpoint.listen((text, origin) => {
        if (origin === endpoint.origin) read(text)
        run(text, origin)
      }),
  }
}

/** Puts the inbox into the page and serves it this session's tokens. Returns what takes it off again. */
export function embed({ session, origin, user, place, tell }: Embedding): () => void {
  const frame = html('iframe', {
    title: 'Inbox',
    src: user ? `${origin}/?user=${encodeURIComponent(user)}` : `${origin}/`,
    // Its own origin stays its own: without that its messages would come from the origin 'null', and nobody serves that one.
    sandbox: 'allow-scripts allow-same-origin',
    allow: '',
    referrerpolicy: 'no-referrer',
  })
  const stop = serveBridge(session, overhear(frameEndpoint(frame, origin), tell), { allowedOrigins: [origin] })
  place.replaceChildren(frame)
  return () => {
    stop()
    frame.remove()
  }
}
