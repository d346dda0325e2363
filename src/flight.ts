import type { Environment } from './environment/environment.js'
import { SessionError, UnauthorizedError, toSessionError } from './errors.js'
import type { Adoption, Reason } from './machine.js'
import { type Policy, refreshDelay, usableTime } from './policy.js'
import type { Shelf } from './record.js'
import type { TokenSource } from './source.js'
import { type SubjectReader, type Token, type User, createToken, isSubject, readAnswer } from './token.js'
import { within } from './within.js'

/** What an answer is compared with. */
export interface Expectation {
  readonly user: User
  /** The token to be replaced. */
  readonly last?: Token | undefined
  readonly refused: readonly string[]
  readonly reason: Reason
}

/** How a session's answers come in. */
export interface Flights {
  /** Whether the source is running right now: what it asks of its own session would wait for itself. */
  calling(): boolean
  /** An answer that came without a call: checked and saved like any other. Throws the SessionError that says what is wrong with it. */
  take(answer: unknown, expected: Expectation): Adoption
  /** The saved token, if it is still good for that user. */
  look(expected: Expectation, signal: AbortSignal): Promise<Adoption | undefined>
  /** One request. Alone → look again → source → check → save: the token that becomes the session's, or a SessionError. */
  fly(expected: Expectation, attempt: number, controller: AbortController): Promise<Adoption>
}

const shortestLifetime = 1_000

export function createFlights(
  environment: Environment,
  policy: Policy,
  source: TokenSource,
  subject: SubjectReader | false | undefined,
  shelf: Shelf | undefined,
): Flights {
  const { now } = environment
  let generation = 0
  let calling = false

  /** Checks an answer of a call that began at `since`: its token with a schedule, or throws the SessionError that says why not. */
  const examine = (answer: unknown, since: number, { user, last, refused, reason }: Expectation): Adoption => {
    if (answer === null) throw new UnauthorizedError()
    const { lifetime = policy.fallbackLifetime, value, claims, extra, basis, odd } = readAnswer(answer, since)
    if (!isSubject(user, claims, subject))
      throw new SessionError('subject_mismatch', 'The token is for another user; see the option "subject".')
    const stated = basis !== 'none'
    const same = value === last?.value
    const older = (claims?.iat as number) < (last?.claims?.iat as number)
    if (refused.includes(value) || older || (same && stated))
      throw new SessionError('stale_token', 'The source answered an old token.', { retryable: stated })
    const spentAt = since + usableTime(policy, lifetime)
    const dueAt = since + refreshDelay(policy, lifetime, reason === 'initial', environment.random())
    if (lifetime < shortestLifetime || spentAt <= now())
      throw new SessionError('expired_on_arrival', `The token has ended (by ${basis}).`)
    const expiresAt = lifetime < Infinity ? since + lifetime : undefined
    const token =
      same && !(expiresAt || last.expiresAt)
        ? last
        : createToken({ value, user, claims, extra, receivedAt: since, expiresAt, generation: ++generation })
    return { token, spentAt, dueAt: Math.min(dueAt, spentAt), basis, odd }
  }

  const look = async (expected: Expectation, signal: AbortSignal): Promise<Adoption | undefined> => {
    const record = await shelf?.read(expected.user, signal)
    if (!record) return
    const { receivedAt } = record
    if (receivedAt > now() || receivedAt <= (expected.last?.receivedAt ?? 0)) return
    try {
      return examine(record, receivedAt, { ...expected, reason: 'refresh' })
    } catch {
      // Somebody else's, refused or ended: as good as absent.
    }
  }

  const take = (answer: unknown, expected: Expectation, since: number = now()): Adoption => {
    const adoption = examine(answer, since, expected)
    shelf?.save(adoption.token)
    return adoption
  }

  return {
    calling: () => calling,
    take,
    look,
    async fly(expected, attempt, controller) {
      const { signal } = controller
      const { user, reason, last } = expected
      try {
        // What was saved before somebody asked for a new one is not new.
        const found = await (reason === 'forced' ? undefined : look(expected, signal))
        if (found) return found
        signal.throwIfAborted()
        const since = now()
        const call = new Promise<unknown>((resolve) => {
          calling = true
          try {
            resolve(source({ user, reason, attempt, previous: last?.value, signal }))
          } finally {
            calling = false
          }
        })
        const answer = await within(environment, policy.timeout, call, signal, () => {
          controller.abort()
          throw new SessionError('timeout', 'The source did not answer in time.')
        })
        signal.throwIfAborted()
        return take(answer, expected, since)
      } catch (error) {
        throw toSessionError(error, 'source_failed', 'The source failed')
      }
    },
  }
}
