import type { TokenRequest, TokenSource } from '../source.js'
import type { TokenAnswer } from '../token.js'

/** A source whose answers the test gives. */
export interface TestSource {
  /** For `createSession`. */
  readonly source: TokenSource
  /** Every call there was, oldest first: what the session asked with, its `signal` included. */
  readonly calls: readonly TokenRequest[]
  /** Those of them that wait for an answer, oldest first. A call that was aborted waits no longer. */
  readonly open: readonly TokenRequest[]
  /**
   * Answers the oldest open call; with none open, the next one. A raw token, an answer with what the backend knows about it, or
   * null: nobody is signed in there.
   */
  resolve(answer: TokenAnswer | null): void
  /** Fails the oldest open call; with none open, the next one. */
  reject(error: unknown): void
  /** Speaks first, as a native host does, to every session that is signed in. null: signed out over there. */
  push(answer: TokenAnswer | null): void
}

type Answer = () => TokenAnswer | null

/**
 * A source that waits until the test answers: `source` goes into the session, `calls` is what the session asked,
 * `resolve` and `reject` are what it gets. Answers are used once each, in order. An aborted call rejects with its signal's reason,
 * as a `fetch` does, and takes no answer.
 */
export function createTestSource(): TestSource {
  const calls: TokenRequest[] = []
  const open = new Map<TokenRequest, (answer: Answer) => void>()
  const ahead: Answer[] = []
  const listeners = new Set<(answer: TokenAnswer | null) => void>()

  const settle = (answer: Answer): void => {
    const [oldest] = open
    if (oldest) oldest[1](answer)
    else ahead.push(answer)
  }

  const source: TokenSource = (request) => {
    const { signal } = request
    calls.push(request)
    return new Promise<TokenAnswer | null>((resolve, reject) => {
      const end = (answer: Answer): void => {
        open.delete(request)
        signal.removeEventListener('abort', abort)
        try {
          resolve(answer())
        } catch (error) {
          reject(error)
        }
      }
      const abort = (): void =>
        end(() => {
          throw signal.reason
        })
      open.set(request, end)
      if (signal.aborted) return abort()
      signal.addEventListener('abort', abort)
      const answer = ahead.shift()
      if (answer) end(answer)
    })
  }
  source.subscribe = (push) => {
    // Its own function for each: one session may subscribe twice.
    const listener = (answer: TokenAnswer | null): void => push(answer)
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }

  return {
    source,
    calls,
    get open() {
      return [...open.keys()]
    },
    resolve: (answer) => settle(() => answer),
    reject: (error) =>
      settle(() => {
        throw error
      }),
    push: (answer) => [...listeners].forEach((listener) => listener(answer)),
  }
}
