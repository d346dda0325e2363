import type { SessionState } from './api.js'
import type { MachineState } from './state.js'

/** The public view of a machine's state: `previous` itself where nothing in it changed. */
export function viewOf(state: MachineState, previous?: SessionState): SessionState {
  const { status, user, token, error, online, eager } = state
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
