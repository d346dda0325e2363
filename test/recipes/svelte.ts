import type { Session, SessionState } from 'inbox-session'
import { type Readable, readable } from 'svelte/store'

/** Made outside components as `inbox` it is `$inbox` in them; it listens while somebody does. */
export const sessionStore = (session: Session): Readable<SessionState> =>
  readable(session.state, (set) => {
    set(session.state)
    return session.subscribe(() => set(session.state))
  })
