import { SessionError, isSessionError } from './errors.js'
import type { MachineState } from './state.js'
import type { GetTokenOptions } from './policy.js'
import type { Token, User } from './token.js'

/** Somebody who asked for a token. */
export interface Caller {
  readonly user: User | undefined
  readonly options: GetTokenOptions
  /** For a refresh: only a token of a call that began no earlier answers it. */
  readonly after?: number | undefined
  /** The token there was then. */
  readonly before?: Token | undefined
}

/** Whether a token is all that was asked for. */
export const satisfies = (
  token: Token,
  { minValidity = 0, maxAge = Infinity }: GetTokenOptions,
  now: number,
): boolean => (token.expiresAt ?? Infinity) - now >= minValidity && now - token.receivedAt <= maxAge

/** What a caller gets in this state: a token, an error, or undefined: there is something to wait for. */
export function answerFor(
  state: MachineState,
  { user, options, after, before }: Caller,
  now: number,
): Token | SessionError | undefined {
  const { status, token, error } = state
  if (status === 'closed') return new SessionError('closed')
  if (!user || !state.user) return new SessionError('signed_out')
  if (user !== state.user) return new SessionError('user_changed')
  const good = token && now < state.spentAt && token.value !== options.rejected ? token : undefined
  const busy = status === 'fetching'
  if (after === undefined) return good && (!busy || satisfies(good, options, now)) ? good : busy ? undefined : error
  if (good && good !== before && good.receivedAt >= after) return good
  if (busy || state.askedAt < Infinity) return undefined
  return status === 'fresh' ? good : error
}

/** Who waits. `add` and `settle` answer whoever can be answered in the present state. */
export function createCallers(answer: (caller: Caller) => Token | SessionError | undefined): {
  add(caller: Caller): Promise<Token>
  settle(): void
} {
  const waiting = new Set<() => void>()
  return {
    add: (caller) =>
      new Promise((resolve, reject) => {
        const attempt = (): void => {
          const result = answer(caller)
          if (!result) return
          waiting.delete(attempt)
          if (isSessionError(result)) reject(result)
          else resolve(result)
        }
        waiting.add(attempt)
        attempt()
      }),
    settle: () => waiting.forEach((attempt) => attempt()),
  }
}
