import { useEffect, useState } from 'react'
import type { Session, SessionState } from 'inbox-session'
import { useSession } from 'inbox-session/react'
import { numberOf } from './journal.js'

function describe(state: SessionState): string {
  switch (state.status) {
    case 'fresh':
      return 'Fresh'
    case 'fetching':
      return state.token ? 'Fetching the next one' : 'Fetching'
    case 'waiting':
      return state.token ? 'Trying again, this one still serves' : 'Trying again'
    case 'failed':
      return 'Stopped: log in again'
    default:
      return 'None'
  }
}

function useNow(every: number): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), every)
    return () => clearInterval(timer)
  }, [every])
  return now
}

interface Props {
  session: Session
  /** How a new token reaches the inbox. */
  way: string
  onRefuse: () => void
}

/** How the session is and how long its token will live. */
export function TokenCard({ session, way, onRefuse }: Props) {
  const state = useSession(session)
  const now = useNow(500)
  const token = 'token' in state ? state.token : undefined
  const life = token?.expiresAt === undefined ? undefined : token.expiresAt - token.receivedAt
  const left = life === undefined ? undefined : Math.min(life, Math.max(0, token!.expiresAt! - now))

  return (
    <section className="card token" aria-labelledby="token-title">
      <h2 id="token-title">{token ? `Token ${numberOf(token)}` : 'Token'}</h2>
      <p className="state" data-status={state.status} role={'error' in state ? 'alert' : undefined}>
        {describe(state)}
      </p>
      <div
        className="life"
        role="meter"
        aria-label="Remaining life of the token"
        aria-valuemin={0}
        aria-valuemax={Math.round((life ?? 0) / 1_000)}
        aria-valuenow={Math.round((left ?? 0) / 1_000)}
      >
        <div style={{ transform: `scaleX(${life ? left! / life : 0})` }} />
      </div>
      <p className="left">
        {left === undefined ? '–' : `${Math.round(left / 1_000)} s left of ${Math.round(life! / 1_000)} s`}
      </p>
      <p className="way">{way}</p>
      <div className="actions">
        <button onClick={() => void session.refresh().catch(() => {})}>Refresh now</button>
        <button onClick={onRefuse}>Let the provider refuse it</button>
      </div>
    </section>
  )
}
