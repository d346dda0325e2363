import { SessionError } from './errors.js'
import { budgetFreeAt } from './policy.js'
import { isSameUser, type Token, type User } from './token.js'

export type Status = 'signed-out' | 'fetching' | 'fresh' | 'waiting' | 'failed' | 'closed'

/** Why the source is called. */
export type Reason = 'initial' | 'refresh' | 'rejected' | 'forced'

/**
 * signed-out → fetching → fresh → fetching (a background refresh, the token still held) → fresh …
 * A failed call leads to waiting, a final one to failed; a good token survives both. Times are epoch ms, Infinity: never.
 */
export interface MachineState {
  readonly status: Status
  readonly user?: User | undefined
  /** Held, and good until `spentAt`. */
  readonly token?: Token | undefined
  readonly dueAt: number
  readonly spentAt: number
  /** The last token of this user, held or not: an answer has to be newer. */
  readonly last?: Token | undefined
  readonly error?: SessionError | undefined
  readonly retryAt: number
  /** Failed calls since the last success. */
  readonly attempt: number
  /** Number, reason and start of the latest call. */
  readonly flight: number
  readonly reason: Reason
  readonly calledAt: number
  /** Starts of the calls that brought nothing newer, whoever was signed in. */
  readonly calls: readonly number[]
  /** Somebody asked, and gets a call then whatever else holds: a refresh, or a look whether "offline" is true. */
  readonly askedAt: number
  /** Tokens the provider refused, newest last. */
  readonly refused: readonly string[]
  /** Calls in a row because of a refusal. */
  readonly mints: number
  readonly online: boolean
  /** The browser said offline, and a call went through. */
  readonly onlineAnyway: boolean
  /** May call without being asked: the page is visible, or refreshes while hidden. */
  readonly eager: boolean
}

/** A token that passed all checks, with its schedule. */
export interface Adoption {
  readonly token: Token
  readonly dueAt: number
  readonly spentAt: number
  /** For the trace: what the lifetime was taken from, and whether the token stated it in an odd way. */
  readonly basis?: string
  readonly odd?: boolean | undefined
}

/** What happened. */
export type Happening =
  | { type: 'sign-in'; user: User; adoption?: Adoption | undefined }
  | { type: 'demand'; unsatisfied?: boolean | undefined }
  | { type: 'tick' }
  /** Without `flight`: it came unasked. */
  | { type: 'token'; flight?: number | undefined; adoption: Adoption }
  | { type: 'failure'; flight: number; error: SessionError; retryAt: number }
  | { type: 'rejected'; value: string; retryAt: number }
  | { type: 'accepted' }
  | { type: 'refresh' }
  | { type: 'sign-out' }
  | { type: 'close' }

/** What happened, when, and how the network and the page were. */
export type MachineEvent = Happening & { now: number; online: boolean; eager: boolean }

const never = Infinity
const refusalsKept = 20
const mintsAllowed = 2
const quietTime = 60_000
const provenAfter = 10_000
const forcedGap = 1_000
const probeDelay = 25_000
const endlessCountsAs = 3_600_000

const noToken = { token: undefined, dueAt: never, spentAt: never }
const nothingPlanned = { retryAt: never, askedAt: never }
const nothingKnown = { user: undefined, last: undefined, error: undefined }
const nobody = { ...nothingKnown, ...noToken, ...nothingPlanned, attempt: 0, mints: 0, reason: 'initial' } as const

export const initialState: MachineState = {
  ...nobody,
  status: 'signed-out',
  flight: 0,
  calledAt: -never,
  calls: [],
  refused: [],
  online: true,
  onlineAnyway: false,
  eager: true,
}

const wait = (state: MachineState, error: SessionError, retryAt: number): MachineState => ({
  ...state,
  status: 'waiting',
  error,
  retryAt,
})

/** Calls the source, if the budget of calls that brought nothing allows it. */
const call = (state: MachineState, now: number, reason: Reason = state.reason): MachineState => {
  const freeAt = budgetFreeAt(state.calls)
  const next = { ...state, ...nothingPlanned, reason }
  return freeAt > now
    ? wait(next, state.error ?? new SessionError('source_failed', 'Too many calls brought nothing new.'), freeAt)
    : { ...next, status: 'fetching', flight: state.flight + 1, calledAt: now }
}

const callUnasked = (state: MachineState, now: number, eager: boolean, reason?: Reason): MachineState =>
  eager && state.online
    ? call(state, now, reason)
    : wait(state, new SessionError('offline', eager ? undefined : 'The page is hidden.'), now)

/** With the call under way, which brought nothing or is given up. */
const callsOf = ({ status, calls, calledAt }: MachineState): readonly number[] =>
  status === 'fetching' ? [...calls, calledAt].slice(-30) : calls

const adopt = (state: MachineState, { token, dueAt, spentAt }: Adoption): MachineState => ({
  ...state,
  status: 'fresh',
  token,
  dueAt,
  spentAt,
  last: token,
  error: undefined,
  retryAt: never,
  // A probe has done its work; a refresh that was asked for meanwhile is still to come.
  askedAt: state.status === 'waiting' ? never : state.askedAt,
  attempt: 0,
  mints: state.reason === 'rejected' ? state.mints : 0,
})

const reject = (state: MachineState, value: string, now: number, retryAt: number): MachineState => {
  const { token } = state
  if (!token || token.value !== value) return state
  const mints = now - token.receivedAt < quietTime ? state.mints + 1 : 1
  const next: MachineState = {
    ...state,
    ...noToken,
    mints,
    reason: 'rejected',
    refused: [...state.refused, value].slice(-refusalsKept),
  }
  if (state.status !== 'fresh') return next
  const final = mints > mintsAllowed
  const error = new SessionError('rejected', 'The provider refuses the tokens.', { retryable: !final })
  if (final) return { ...next, ...nothingPlanned, status: 'failed', error }
  return mints > 1 ? wait(next, error, retryAt) : callUnasked(next, now, true)
}

/** What the event itself changes; `settle` adds what follows from the time. */
const apply = (state: MachineState, event: MachineEvent): MachineState => {
  const { status } = state
  const { now } = event
  if (event.type === 'close') return { ...initialState, status: 'closed', flight: state.flight }
  if (event.type === 'sign-in') {
    const { user, adoption } = event
    const same = isSameUser(state.user, user)
    if (same && status !== 'failed') return state
    const next = { ...state, ...(same ? { attempt: 0, mints: 0 } : { ...nobody, user, calls: callsOf(state) }) }
    return adoption?.token.user === next.user ? adopt(next, adoption!) : callUnasked(next, now, true, 'initial')
  }
  if (status === 'signed-out') return state
  switch (event.type) {
    case 'sign-out':
      return { ...state, ...nobody, status: 'signed-out', calls: callsOf(state) }
    case 'token': {
      const { adoption, flight } = event
      const { user, value, receivedAt } = adoption.token
      const called = flight !== undefined
      const late = called
        ? flight !== state.flight || status !== 'fetching'
        : receivedAt < (state.token?.receivedAt ?? 0)
      if (late || user !== state.user) return state
      // Refused since it was checked.
      if (state.refused.includes(value))
        return called ? call({ ...state, calls: callsOf(state) }, now, 'rejected') : state
      const proven = called && { online: true, onlineAnyway: !event.online }
      return { ...adopt(state, adoption), ...proven }
    }
    case 'failure': {
      const { error, flight, retryAt } = event
      if (flight !== state.flight || status !== 'fetching') return state
      const next = { ...state, error, attempt: state.attempt + 1, calls: callsOf(state) }
      return error.retryable ? wait(next, error, retryAt) : { ...next, ...nothingPlanned, status: 'failed' }
    }
    case 'rejected':
      return reject(state, event.value, now, event.retryAt)
    case 'accepted':
      // An SDK that accepts and refuses in turns must not go on for ever.
      return state.token && now - state.token.receivedAt >= provenAfter ? { ...state, mints: 0 } : state
    case 'refresh':
      // A call that begins in this very moment is as good.
      if (status === 'fetching' && state.calledAt === now) return state
      return { ...state, askedAt: Math.min(state.askedAt, Math.max(now, state.calledAt + forcedGap)) }
    case 'demand': {
      const { token } = state
      if (status === 'waiting' && !state.online) return { ...state, askedAt: Math.min(state.askedAt, now + probeDelay) }
      if (!event.unsatisfied || status !== 'fresh' || !token || !state.online) return state
      const { receivedAt, expiresAt = receivedAt + endlessCountsAs } = token
      const age = now - receivedAt
      return age >= forcedGap && age >= (expiresAt - receivedAt) / 10 ? call(state, now, 'forced') : state
    }
    default:
      return state
  }
}

/** What has to happen at this time, whatever the event was. */
const settle = (before: MachineState, now: number, eager: boolean): MachineState => {
  const state = now >= before.spentAt ? { ...before, ...noToken } : before
  const { status, online } = state
  if (status === 'fetching') return state
  if (now >= state.askedAt) return call(state, now, status === 'waiting' ? state.reason : 'forced')
  if (status === 'fresh') {
    if (!state.token) return callUnasked(state, now, eager, 'refresh')
    return now >= state.dueAt && eager && online ? call(state, now, 'refresh') : state
  }
  return status === 'waiting' && now >= state.retryAt && eager && online ? call(state, now) : state
}

/** Pure: the state after an event, which says what time it is and whether the network and the page are there. */
export function transition(before: MachineState, event: MachineEvent): MachineState {
  if (before.status === 'closed') return before
  const { now, eager } = event
  const onlineAnyway = before.onlineAnyway && !event.online
  const online = event.online || onlineAnyway
  const back = online && !before.online && before.status === 'waiting' && !before.error?.retryAfter
  const state = { ...before, online, onlineAnyway, eager, retryAt: back ? now : before.retryAt }
  return settle(apply(state, event), now, eager || event.type === 'demand')
}

/** When the machine wants to look again if nothing else happens; Infinity: not at all. */
export function wakeAt(state: MachineState): number {
  const unasked = state.online && state.eager
  const { status } = state
  return Math.min(
    state.spentAt,
    status === 'fresh' && unasked ? state.dueAt : never,
    status === 'waiting' && unasked ? state.retryAt : never,
    status === 'fetching' ? never : state.askedAt,
  )
}
