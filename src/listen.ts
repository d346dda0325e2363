import type { Environment } from './environment/environment.js'
import { type SessionError, toSessionError } from './errors.js'
import type { Expectation, Flights } from './flight.js'
import { type News, type Peers, createPeers } from './peers.js'
import type { TokenSource } from './source.js'
import type { Adoption, Happening, MachineState, Reason } from './state.js'
import type { TokenAnswer, User } from './token.js'

/** What a session lends to its ears. */
export interface Desk extends Pick<Flights, 'restore' | 'look' | 'waiting'> {
  readonly environment: Environment
  readonly source: TokenSource
  readonly name: string
  /** Limit of one call, ms. */
  readonly timeout: number
  state(): MachineState
  dispatch(event: Happening): void
  wake(): void
  expected(user: User, reason: Reason): Expectation
  /** A token that came without a call, if it is good and new. Nobody knows how long it was kept or has been under way. */
  accept(user: User, answer: unknown): Adoption | undefined
  /** When to try again after `attempt` failures in a row. */
  delay(attempt: number): number
  fail(error: SessionError): void
  lacks(what: string): void
}

/** A session's ears while somebody is signed in. */
export interface Listening {
  readonly peers: Peers
  /** Settles when the saved token has been looked at; undefined where a call does that anyway. */
  readonly restoring: Promise<unknown> | undefined
  /** Tells the other tabs what happened in this one. */
  share(before: MachineState, event: Happening): void
  stop(): void
}

// Longer than any call: whoever makes it has to be able to say that it timed out.
const grace = 1_000

/** Hears for `user`: that the page woke, what the source says unasked, what other tabs tell. */
export function listen(user: User, desk: Desk): Listening {
  const { environment, source, state, dispatch, fail, delay } = desk
  const gone = new AbortController()
  let shared = false
  // This user's: the machine keeps those of earlier ones too.
  let refusal: string | undefined

  const adopt = (adoption: Adoption | undefined): unknown => adoption && dispatch({ type: 'token', adoption })
  const look = (reason: Reason): Promise<unknown> =>
    desk.look(desk.expected(user, reason), gone.signal).then(adopt, () => {})
  const guarded = <T>(work: () => T): T | undefined => {
    const report = (error: unknown): void => fail(toSessionError(error, 'source_failed', 'The source failed'))
    try {
      const result = work()
      Promise.resolve(result).catch(report)
      return result
    } catch (error) {
      report(error)
    }
  }

  const push = (answer: TokenAnswer | null): void => {
    if (user !== state().user) return
    if (answer === null) return dispatch({ type: 'sign-out', user })
    const adoption = desk.accept(user, answer)
    adopt(adoption)
    if (adoption) peers.tellToken(adoption.token, adoption.dueAt)
  }

  const answer = (asked: number): void => {
    const { status, token, last, dueAt, spentAt, error, retryAt, attempt, calls } = state()
    const failed = status === 'failed'
    // Whoever waited in vain for a busy tab has taken its mark away.
    if (shared) peers.mark(true)
    if (refusal) peers.tellRefusal(refusal, true)
    // Whoever is told of a token that is due must not call before the time of the next try.
    const callAt = status === 'waiting' ? Math.max(dueAt, retryAt) : dueAt
    if (token && environment.now() < spentAt && token.receivedAt > asked) peers.tellToken(token, callAt)
    // A final verdict is for those who were there before: who signs in anew tries anew.
    if (failed ? asked : status === 'waiting' && attempt)
      peers.tellFailure({ error: error!, retryAt: failed ? 0 : retryAt, attempt, calls }, last)
  }

  const hear = (news: News): void => {
    const { token, last, dueAt } = state()
    if (user !== state().user) return
    switch (news.type) {
      case 'ask':
        if (news.receivedAt > (last?.receivedAt ?? 0)) peers.ask(last, true)
        return answer(news.receivedAt)
      case 'token':
        return void adopt(desk.restore(news.record, desk.expected(user, 'refresh'), 'tab'))
      case 'failure': {
        const { receivedAt, setback } = news
        // Who failed to replace an older token than ours, or before ours came, has not heard yet: then only the calls count.
        // Unless ours is due as well.
        const held = environment.now() < dueAt ? token : undefined
        const old = receivedAt < (held?.receivedAt ?? 0) || Math.max(...setback.calls) < (last?.receivedAt ?? 0)
        return dispatch({ type: 'failure', ...setback, calling: old || desk.waiting() })
      }
      case 'refused': {
        const value = news.value ?? token?.value
        return value ? dispatch({ type: 'rejected', value, retryAt: delay(1), elsewhere: true }) : undefined
      }
      case 'signed-out':
        return dispatch({ type: 'sign-out', user, elsewhere: true })
      case 'return':
        peers.ask(last, Boolean(token && environment.now() < dueAt))
        // A token that another tab took from the storage was announced when this page could not hear it.
        void look('refresh')
        return dispatch({ type: 'return' })
    }
  }

  const { token, last, dueAt, status } = state()
  const peers = createPeers(environment, desk.name, user, desk.timeout + grace, hear, desk.lacks)
  if (token) {
    peers.tellToken(token, dueAt)
    peers.mark((shared = true))
  } else peers.ask(last, false)
  const stopWakes = environment.onWake(desk.wake)
  const stopPushes = guarded(() => source.subscribe?.(push, user))

  return {
    peers,
    // Every request begins with this look. Offline there is none, and the saved token may be good all the same.
    restoring: status === 'waiting' ? look('initial') : undefined,
    share(before, event) {
      const { token, refused, status, attempt } = state()
      const sharing = Boolean(token) || (status === 'waiting' && attempt > 0)
      if (sharing !== shared) peers.mark((shared = sharing))
      const told = 'elsewhere' in event && event.elsewhere
      if (event.type === 'rejected' && refused !== before.refused) {
        refusal = event.value
        if (!told) peers.tellRefusal(refusal)
      }
      if (told) return
      if (event.type === 'sign-out' && before.user && !state().user) peers.tellSignOut()
    },
    stop() {
      stopWakes()
      guarded(() => stopPushes?.())
      gone.abort()
      peers.close()
    },
  }
}
