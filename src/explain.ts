import type { SessionState } from './api.js'
import type { Events } from './events.js'
import type { Happening, MachineState } from './state.js'

/** Tells what changed: the events and, for each thing that happened, an entry of the trace. Secrets stay out of that. */
export function explain(
  { tell, trace }: Pick<Events, 'tell' | 'trace'>,
  before: MachineState,
  { status, user, token, error, attempt, dueAt, retryAt, refused }: MachineState,
  event: Happening,
  change: SessionState | false,
): void {
  const { type } = event
  const elsewhere = 'elsewhere' in event && event.elsewhere
  const was = before.user
  const lost = before.token
  if (was !== user) {
    trace({ type: was && user ? 'switch' : type })
    if (was && type !== 'close')
      tell('signed-out', { user: was, reason: user ? 'switched' : elsewhere ? 'other-tab' : 'here' })
  } else if (lost && !token) {
    const why = refused === before.refused ? 'expired' : 'rejected'
    trace({ type: 'expired', reason: why, generation: lost.generation })
    tell('expired', { token: lost, reason: why })
  }
  if (type === 'refresh') trace({ type })
  if (change) tell('change', change)
  if (token && token !== lost) {
    const { generation, receivedAt, expiresAt } = token
    const { basis, odd, from } = ('adoption' in event && event.adoption) || {}
    trace({ type: 'token', generation, receivedAt, expiresAt, dueAt, basis, odd, from })
    tell('token', token)
  }
  const wrong = error && error !== before.error
  if (wrong || (status === 'waiting' && retryAt !== before.retryAt)) {
    const { code, status: answered } = error!
    const failed = type === 'failure'
    const from = failed && event.flight === undefined ? 'tab' : undefined
    trace({ type: failed ? type : 'wait', code, status: answered, retryAt, attempt, from })
  }
  if (wrong) tell('error', error)
}
