import {
  createSession,
  fromEndpoint,
  indexedDBStorage,
  webStorage,
  withToken,
  type Session,
  type SessionOptions,
} from 'inbox-session'

const library = { createSession, fromEndpoint, indexedDBStorage, webStorage, withToken }

declare global {
  interface Window {
    library: typeof library
    session: Session
    /** Signs `user` in; their tokens come from `/token`. */
    enter(user: string, options?: Partial<SessionOptions>): void
  }
}

window.library = library
window.enter = (user, options) => {
  window.session = createSession({ source: fromEndpoint(`/token?user=${user}`), ...options })
  window.session.signIn(user)
}
