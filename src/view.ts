import type { SessionState } from './api.js'
import type { MachineState } from './machine.js'
import type { User } from './token.js'

/** Whose session it is, if anybody's. */
export const signedIn = ({ status, user }: MachineState): User | undefined =>
  status === 'signed-out' || status === 'closed' ? undefined : user

/** The public view of a machine's state: `previous` itself where nothing in it changed. */
export function viewOf(state: MachineState, previous?: SessionState): SessionState {
  const { status, token, error, online, eager } = state
  const user = signedIn(state)
  const wrong = status === 'waiting' || status === 'failed'
  const view: Record<string, unknown> = {
    status,
    ...(user && { user }),
    ...(token && { token }),
    ...(wrong && { error }),
    ...(status === 'waiting' && { retryAt: online && eager ? state.retryAt : Infinity }),
  }
  const old = previous as Record<string, unknown> | undefined
  const changed = (key: string): boolean => view[key] !== old?.[key]
  return Object.keys({ ...old, ...view }).some(changed) ? (Object.freeze(view) as unknown as SessionState) : previous!
}
