import { SessionError } from './errors.js'
import type { MachineState } from './machine.js'
import type { GetTokenOptions } from './policy.js'
import type { Token, User } from './token.js'
import { signedIn } from './view.js'

/** Somebody who asked for a token. */
export interface Caller {
  readonly user: User | undefined
  readonly options: GetTokenOptions
  /** For a refresh: only a call with a higher number answers it. */
  readonly after?: number | undefined
  resolve(token: Token): void
  reject(error: unknown): void
}

/** Whether a token is all that was asked for. */
export const satisfies = (
  token: Token,
  { minValidity = 0, maxAge = Infinity }: GetTokenOptions,
  now: number,
): boolean => (token.expiresAt ?? Infinity) - now >= minValidity && now - token.receivedAt <= maxAge

/** What a caller gets in this state: a token, an error, or undefined: there is something to wait for. */
export function answerFor(state: MachineState, caller: Caller, now: number): Token | SessionError | undefined {
  const { user, options, after } = caller
  const { status, token, error } = state
  if (status === 'closed') return new SessionError('closed', 'The session was closed.')
  if (!user || !signedIn(state)) return new SessionError('signed_out', 'Nobody is signed in.')
  if (user !== state.user) return new SessionError('user_changed', 'Somebody else has signed in.')
  const good = token && now < state.spentAt && token.value !== options.rejected ? token : undefined
  const busy = status === 'fetching'
  if (after === undefined) return good && (!busy || satisfies(good, options, now)) ? good : busy ? undefined : error
  if (busy || (state.flight <= after && state.forcedAt < Infinity)) return undefined
  return status === 'fresh' ? good : error
}
