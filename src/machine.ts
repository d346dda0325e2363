import { SessionError } from './errors.js'
import { budgetFreeAt } from './policy.js'
import {
  type Adoption,
  type MachineEvent,
  type MachineState,
  type Reason,
  initialState,
  never,
  noToken,
  nobody,
  nothingPlanned,
} from './state.js'
import { isNewer, isSameUser } from './token.js'

const refusalsKept = 20
const mintsAllowed = 2
const quietTime = 60_000
const provenAfter = 10_000
const forcedGap = 1_000
const probeDelay = 25_000
const sameCall = 250
const endlessCountsAs = 3_600_000

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

const latest = (...calls: number[]): readonly number[] => calls.sort((one, other) => one - other).slice(-30)

/** With what other tabs tell of. Their clock may be another: the same call comes back with a time of its own. */
const merge = (some: readonly number[], others: readonly number[]): readonly number[] =>
  latest(...some, ...others.filter((other) => !some.some((one) => Math.abs(one - other) < sameCall)))

/** The calls that brought nothing newer, with the one under way if it failed or is given up. */
export const callsOf = ({ status, calls, calledAt }: MachineState): readonly number[] =>
  status === 'fetching' ? latest(...calls.filter((call) => call !== calledAt), calledAt) : calls

const adopt = (state: MachineState, { token, dueAt, spentAt }: Adoption): MachineState => ({
  ...state,
  status: 'fresh',
  token,
  dueAt,
  spentAt,
  last: token,
  error: undefined,
  retryAt: never,
  // A probe has done its work; a refresh that was asked for after the call began is still to come.
  askedAt: token.receivedAt >= state.refreshAskedAt ? never : state.askedAt,
  attempt: 0,
  mints: state.reason === 'rejected' ? state.mints : 0,
})

const reject = (
  state: MachineState,
  { value, retryAt, elsewhere, now }: MachineEvent & { type: 'rejected' },
): MachineState => {
  const { token } = state
  const refused = state.refused.includes(value) ? state.refused : [...state.refused, value].slice(-refusalsKept)
  // What another tab's provider refused may still come to this one.
  if (!token || token.value !== value) return elsewhere ? { ...state, refused } : state
  const mints = now - token.receivedAt < quietTime ? state.mints + 1 : 1
  const next: MachineState = {
    ...state,
    ...noToken,
    mints,
    reason: 'rejected',
    refused,
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
    return adoption?.token.user === next.user && !next.refused.includes(adoption!.token.value)
      ? adopt(next, adoption!)
      : callUnasked(next, now, true, 'initial')
  }
  if (status === 'signed-out') return state
  switch (event.type) {
    case 'sign-out':
      if (event.user && event.user !== state.user) return state
      return { ...state, ...nobody, status: 'signed-out', calls: callsOf(state) }
    case 'token': {
      const { adoption, flight } = event
      const { token, from } = adoption
      const { user, value, receivedAt } = token
      const called = flight !== undefined
      const late = called
        ? flight !== state.flight || status !== 'fetching'
        : from
          ? !isNewer(token, state.last)
          : receivedAt < (state.token?.receivedAt ?? 0)
      if (late || user !== state.user) return state
      // Refused since it was checked.
      if (state.refused.includes(value))
        return called ? call({ ...state, calls: callsOf(state) }, now, 'rejected') : state
      const adopted = adopt(state, adoption)
      // Not a call's: a host said it unasked.
      if (!called && !from) return adopted
      const next = { ...adopted, calledAt: Math.max(state.calledAt, receivedAt) }
      // Began that call before a refresh was asked for here, another one has to follow.
      const planned = next.askedAt < never ? next.askedAt : now
      // An endless token that comes again is as old as it was.
      const began = from ? receivedAt : next.calledAt
      const askedAt = began < state.refreshAskedAt ? Math.max(planned, began + forcedGap) : next.askedAt
      return { ...next, askedAt, ...(!from && { online: true, onlineAnyway: !event.online }) }
    }
    case 'failure': {
      const { error, flight, retryAt, attempt = state.attempt + 1, calls = callsOf(state) } = event
      const called = flight !== undefined
      const all = called ? calls : merge(state.calls, calls)
      // Told again by another tab, or by one that has not heard of the latest yet.
      // Nor is a final verdict of long ago one for somebody who has just begun anew.
      const old = !error.retryable && status === 'fetching' && Math.max(...calls) < state.calledAt - forcedGap
      const known =
        !called && (event.calling || old || !(Math.max(...calls) > (state.calls.at(-1) ?? -never) + sameCall))
      if (known) return { ...state, calls: all }
      if (called ? flight !== state.flight || status !== 'fetching' : status === 'failed') return state
      const next = { ...state, error, attempt, calls: all, refreshAskedAt: -never }
      if (!error.retryable) return { ...next, ...nothingPlanned, status: 'failed' }
      // One ladder for all: a newcomer's first step takes nobody back.
      const calledAt = Math.max(state.calledAt, ...calls)
      const climbed = { ...next, attempt: Math.max(state.attempt, attempt), calledAt }
      return wait(climbed, error, status === 'waiting' ? Math.max(state.retryAt, retryAt) : retryAt)
    }
    case 'rejected':
      return reject(state, event)
    case 'accepted':
      // An SDK that accepts and refuses in turns must not go on for ever.
      return state.token && now - state.token.receivedAt >= provenAfter ? { ...state, mints: 0 } : state
    case 'refresh':
      // A call that begins in this very moment is as good.
      if (status === 'fetching' && state.calledAt === now) return { ...state, refreshAskedAt: now }
      return {
        ...state,
        refreshAskedAt: now,
        askedAt: Math.min(state.askedAt, Math.max(now, state.calledAt + forcedGap)),
      }
    case 'return':
      return status === 'fetching' && state.calledAt < now ? call({ ...state, calls: callsOf(state) }, now) : state
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
