import type { TraceEntry } from './api.js'
import type { Happening, MachineState } from './machine.js'
import type { Token } from './token.js'

/** The trace of one change: an entry, still without its time, for each thing that happened. Secrets stay out. */
export function explain(before: MachineState, after: MachineState, event: Happening): Omit<TraceEntry, 'at'>[] {
  const { type } = event
  const { status, user, token, error, flight, reason, dueAt, retryAt } = after
  const entries: Omit<TraceEntry, 'at'>[] = []
  const was = before.user
  if (was !== user)
    entries.push({ type: status === 'closed' ? 'close' : !user ? 'sign-out' : was ? 'switch' : 'sign-in' })
  else if (before.token && !token)
    entries.push({ type: 'expired', reason: lossOf(before.token, event), generation: before.token.generation })
  if (type === 'refresh') entries.push({ type })
  if (error && (error !== before.error || (status === 'waiting' && retryAt !== before.retryAt))) {
    const { code, status: answered } = error
    const what = type === 'failure' ? type : 'wait'
    entries.push({ type: what, code, status: answered, retryAt, attempt: after.attempt })
  }
  if (token && token !== before.token) {
    const { generation, receivedAt, expiresAt } = token
    const { basis, odd } = ('adoption' in event && event.adoption) || {}
    entries.push({ type: 'token', generation, receivedAt, expiresAt, dueAt, basis, odd })
  }
  if (status === 'fetching' && flight !== before.flight)
    entries.push({ type: 'fetch', reason, attempt: after.attempt + 1 })
  return entries
}

/** Why a held token was dropped. */
export const lossOf = ({ value }: Token, event: Happening): 'rejected' | 'expired' =>
  event.type === 'rejected' && event.value === value ? 'rejected' : 'expired'
