import type { Environment, Unsubscribe } from './environment/environment.js'
import { type SessionError, toSessionError } from './errors.js'
import type { TokenSource } from './source.js'
import type { TokenAnswer } from './token.js'

/** What a session hears while somebody is signed in: that the page woke, and what the source says unasked. Returns what ends it. */
export function listen(
  environment: Environment,
  source: TokenSource,
  wake: () => void,
  push: (answer: TokenAnswer | null) => void,
  fail: (error: SessionError) => void,
): Unsubscribe {
  const guarded = <T>(work: () => T): T | undefined => {
    try {
      return work()
    } catch (error) {
      fail(toSessionError(error, 'source_failed', 'The subscription to the source failed'))
    }
  }
  const stopWakes = environment.onWake(wake)
  const stopPushes = guarded(() => source.subscribe?.(push))
  return () => {
    stopWakes()
    guarded(() => stopPushes?.())
  }
}
