import type { SessionState } from './api.js'
import { type MachineState, initialState, noToken } from './state.js'

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

/** What readers see of a session. */
export interface Views {
  /** Shows the next state; gives what is new to see, if anything is. */
  show(next: MachineState): SessionState | false
  /** The same object until something changes. */
  read(): SessionState
}

// Reading is a look at the clock; who reads so often without a pause goes on with the last one.
const most = 10_000

/** Shows states, and no token that ended while timers stood still and nobody told of the wake. */
export function createViews(now: () => number): Views {
  let state = initialState
  let told = viewOf(state)
  let shown = told
  let looks = most
  return {
    show(next) {
      const before = told
      state = next
      told = shown = viewOf(state, shown)
      return told !== before && told
    },
    read() {
      if (looks) {
        // A microtask for each read would keep those busy who look again after every microtask, as Angular does with zone.js.
        if (!--looks) void Promise.resolve().then(() => (looks = most))
        if (now() >= state.spentAt)
          shown = viewOf({ ...state, ...noToken, status: state.status === 'fresh' ? 'fetching' : state.status }, shown)
      }
      return shown
    },
  }
}
