import { createSession, fromEndpoint, type Session } from 'inbox-session'
import { record } from './timeline.js'

export type Provider = 'courier' | 'suprsend'

function open(provider: Provider): Session {
  const session = createSession({ name: provider, source: fromEndpoint(`/api/token/${provider}`) })
  record(provider, session)
  return session
}

/** One for each provider, made once: components come and go, the sessions stay. */
export const sessions: Record<Provider, Session> = { courier: open('courier'), suprsend: open('suprsend') }
