import { createSession, fromEndpoint, type Session } from 'inbox-session'

export interface InboxSession {
  session: Session
  /** How often it has asked the endpoint. */
  asked(): number
}

/** One for each request on the server, where it stays signed out and asks for nothing; one for the page in the browser. */
export function createInboxSession(): InboxSession {
  const endpoint = fromEndpoint('/api/inbox-token')
  let asked = 0
  const session = createSession({
    name: 'engagespot',
    source(request) {
      asked++
      return endpoint(request)
    },
  })
  return { session, asked: () => asked }
}
