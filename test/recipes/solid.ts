import type { Session, SessionState } from 'inbox-session'
import { type Accessor, from } from 'solid-js'

/** Follows until the component or root that called it is disposed. */
export const sessionSignal = (session: Session): Accessor<SessionState> =>
  from<SessionState>((set) => session.subscribe(() => set(session.state)), session.state)
