import type { Environment } from './environment/environment.js'
import { SessionError, UnauthorizedError, toSessionError } from './errors.js'
import type { Peers } from './peers.js'
import { type Policy, refreshDelay, usableTime } from './policy.js'
import type { Shelf, TokenRecord } from './record.js'
import type { TokenSource } from './source.js'
import type { Adoption, Happening, Reason, Setback } from './state.js'
import {
  type SubjectReader,
  type Token,
  type User,
  createToken,
  isSubject,
  issuedAt,
  readAnswer,
  shortestLifetime,
} from './token.js'
import { within } from './within.js'

/** What an answer is compared with. */
export interface Expectation {
  readonly user: User
  /** The token to be replaced. */
  readonly last?: Token | undefined
  readonly refused: readonly string[]
  readonly reason: Reason
}

/** One call that is wanted. */
export interface Order {
  readonly expected: Expectation
  readonly attempt: number
  /** Aborted when nobody wants the answer any more, and at the time limit. */
  readonly controller: AbortController
  readonly peers: Peers
  /** What follows from a failure; `calledAt`: when the source was called, if it was. */
  judge(error: SessionError, calledAt?: number): Required<Setback>
}

/** What came of it. */
export type Outcome = Extract<Happening, { type: 'token' | 'failure' }>

/** How a session's answers come in. */
export interface Flights {
  /** Whether the source is running right now: what it asks of its own session would wait for itself. */
  calling(): boolean
  /** Whether an answer of the source is waited for. */
  waiting(): boolean
  /** An answer that came without a call: checked and saved like any other. Throws the SessionError that says what is wrong with it. */
  take(answer: unknown, expected: Expectation, arrived?: number): Adoption
  /** A token that was written down, here or in another tab, if it is good, new and that user's. */
  restore(record: TokenRecord | undefined, expected: Expectation, from: Adoption['from']): Adoption | undefined
  /** The saved token, if it is still good for that user. */
  look(expected: Expectation, signal: AbortSignal): Promise<Adoption | undefined>
  /** One request over all tabs. Look → alone: look again → source → check → save → announce. Never rejects. */
  fly(order: Order): Promise<Outcome>
}

// How far a clock that never runs backwards may be ahead of another one.
const clockTolerance = 1_000

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
  let waiting = 0

  /** Checks an answer of a call that began at `since`: its token with a schedule, or throws the SessionError that says why not. */
  const examine = (
    answer: unknown,
    since: number,
    { user, last, refused, reason }: Expectation,
    arrived: number = now(),
  ): Adoption => {
    if (answer === null) throw new UnauthorizedError()
    const { lifetime = policy.fallbackLifetime, value, claims, extra, basis, odd } = readAnswer(answer, since, arrived)
    if (!isSubject(user, claims, subject))
      throw new SessionError('subject_mismatch', 'The token is for another user; see the option "subject".')
    const stated = basis !== 'none'
    const same = value === last?.value
    // A token that has ended or was refused blocks no other: its iat may have been wrong.
    const blocks = last && !(last.expiresAt! <= now()) && !refused.includes(last.value)
    const older = blocks && issuedAt({ claims, receivedAt: since }) < issuedAt(last)
    if (refused.includes(value) || older || (same && stated))
      throw new SessionError('stale_token', 'The source answered an old token.', { retryable: stated })
    const spentAt = since + usableTime(policy, lifetime)
    const dueAt = since + refreshDelay(policy, lifetime, reason === 'initial' && !last, environment.random())
    if (lifetime < shortestLifetime || spentAt <= now())
      throw new SessionError('expired_on_arrival', `The token has ended (by ${basis}).`)
    const expiresAt = lifetime < Infinity ? since + lifetime : undefined
    const token =
      same && !(expiresAt || last.expiresAt)
        ? last
        : createToken({ value, user, claims, extra, receivedAt: since, expiresAt, generation: ++generation })
    return { token, spentAt, dueAt: Math.min(dueAt, spentAt), basis, odd }
  }

  const restore: Flights['restore'] = (record, expected, from) => {
    if (!record || record.receivedAt > now() + clockTolerance) return
    const { receivedAt, dueIn } = record
    try {
      const adoption = examine(record, receivedAt, { ...expected, reason: 'refresh' })
      if (adoption.token === expected.last) return
      const dueAt = dueIn === undefined ? adoption.dueAt : Math.min(receivedAt + Math.max(dueIn, 0), adoption.spentAt)
      return { ...adoption, dueAt, from }
    } catch {
      // Somebody else's, refused or ended: as good as absent.
    }
  }

  const look: Flights['look'] = async (expected, signal) => {
    const record = await shelf?.read(expected.user, signal)
    return record && record.receivedAt <= (expected.last?.receivedAt ?? 0)
      ? undefined
      : restore(record, expected, 'storage')
  }

  const take = (answer: unknown, expected: Expectation, arrived?: number, since: number = now()): Adoption => {
    const adoption = examine(answer, since, expected, arrived)
    shelf?.save(adoption.token, adoption.dueAt)
    return adoption
  }

  return {
    calling: () => calling,
    waiting: () => waiting > 0,
    take,
    restore,
    look,
    async fly({ expected, attempt, controller, peers, judge }) {
      const { signal } = controller
      const { user, reason, last } = expected
      let calledAt: number | undefined
      // What was saved before somebody asked for a new one is not new.
      const glance = async (): Promise<Adoption | undefined> =>
        reason === 'forced' ? undefined : look(expected, signal)
      const call = async (): Promise<Adoption> => {
        signal.throwIfAborted()
        const since = (calledAt = now())
        const asked = new Promise<unknown>((resolve) => {
          calling = true
          try {
            resolve(source({ user, reason, attempt, previous: last?.value, signal }))
          } finally {
            calling = false
          }
        })
        waiting++
        const answer = await within(environment, policy.timeout, asked, signal, () => {
          controller.abort()
          throw new SessionError('timeout', 'The source did not answer in time.')
        }).finally(() => waiting--)
        // A frozen page gets its answer when others have a newer one.
        const better = now() - since > policy.timeout && (await glance())
        signal.throwIfAborted()
        const adoption = better || take(answer, expected, now(), since)
        // Saved before it is announced, where the storage does that at once.
        await Promise.resolve()
        signal.throwIfAborted()
        peers.tellToken(adoption.token, adoption.dueAt)
        return adoption
      }
      const fail = (error: unknown): Outcome & Required<Setback> => {
        const setback = judge(toSessionError(error, 'source_failed', 'The source failed'), calledAt)
        return { type: 'failure', ...setback }
      }
      const run = async (): Promise<Outcome> => {
        try {
          signal.throwIfAborted()
          return { type: 'token', adoption: (await glance()) ?? (await call()) }
        } catch (error) {
          const failure = fail(error)
          // The others hear of it before they have their turn.
          if (!signal.aborted || failure.error.code === 'timeout') peers.tellFailure(failure, last)
          return failure
        }
      }
      try {
        const adoption = await glance()
        if (adoption) return { type: 'token', adoption }
        await peers.greeted()
        return await peers.alone(run, signal)
      } catch (error) {
        return fail(error)
      }
    },
  }
}
