import type { Environment } from './environment/environment.js'
import { SessionError, UnauthorizedError, toSessionError } from './errors.js'
import type { Adoption, Reason } from './machine.js'
import { type Policy, refreshDelay, usableTime } from './policy.js'
import type { Shelf } from './record.js'
import type { TokenSource } from './source.js'
import { type SubjectReader, type Token, type User, createToken, isSubject, readAnswer } from './token.js'
import { within } from './within.js'

/** What all requests of a session have in common. */
export interface Supply {
  readonly environment: Environment
  readonly policy: Policy
  readonly source: TokenSource
  readonly subject?: SubjectReader | false | undefined
  readonly shelf?: Shelf | undefined
  nextGeneration(): number
}

/** One request for one user. */
export interface Flight {
  readonly user: User
  readonly reason: Reason
  readonly attempt: number
  /** The token to be replaced. */
  readonly last?: Token | undefined
  readonly refused: readonly string[]
  readonly controller: AbortController
}

const shortestLifetime = 1_000

const plan = ({ policy, environment }: Supply, token: Token, cold: boolean): Adoption => {
  const { receivedAt, expiresAt = Infinity } = token
  const lifetime = expiresAt - receivedAt
  const spentAt = receivedAt + usableTime(policy, lifetime)
  const dueAt = receivedAt + refreshDelay(policy, lifetime, cold, environment.random())
  return { token, spentAt, dueAt: Math.min(dueAt, spentAt) }
}

/** Checks an answer of a call that began at `since`: its token with a schedule, or throws the SessionError that says why not. */
export function examine(
  supply: Supply,
  answer: unknown,
  since: number,
  { user, last, refused, reason }: Pick<Flight, 'user' | 'last' | 'refused'> & { reason?: Reason },
): Adoption {
  if (answer === null) throw new UnauthorizedError()
  const { lifetime = supply.policy.fallbackLifetime, value, claims, extra, basis } = readAnswer(answer, since)
  let named = false
  try {
    named = isSubject(user, claims, supply.subject)
  } catch {
    // A reader that trips over the claims has not found the user in them.
  }
  if (!named)
    throw new SessionError('subject_mismatch', 'The token names another user or tenant; see the option "subject".')
  const same = value === last?.value
  const older = (claims?.iat as number) < (last?.claims?.iat as number)
  if (refused.includes(value) || older || (same && basis !== 'none'))
    throw new SessionError('stale_token', 'The source answered a token that was to be replaced.', {
      retryable: basis !== 'none',
    })
  const expiresAt = lifetime < Infinity ? since + lifetime : undefined
  const token =
    same && !expiresAt
      ? last
      : createToken({ value, user, claims, extra, receivedAt: since, expiresAt, generation: supply.nextGeneration() })
  const adoption = plan(supply, token, reason === 'initial')
  if (lifetime < shortestLifetime || adoption.spentAt <= supply.environment.now())
    throw new SessionError('expired_on_arrival', `The source answered a token that has ended (by ${basis}).`)
  return adoption
}

const look = async (supply: Supply, flight: Flight): Promise<Adoption | undefined> => {
  const record = await supply.shelf?.read(flight.user, flight.controller.signal)
  if (!record) return
  const { value, extra, receivedAt, expiresAt } = record
  if (receivedAt > supply.environment.now() || receivedAt <= (flight.last?.receivedAt ?? 0)) return
  const answer = { token: value, extra, expiresIn: expiresAt && (expiresAt - receivedAt) / 1e3 }
  try {
    return examine(supply, answer, receivedAt, { ...flight, reason: 'refresh' })
  } catch {
    // Somebody else's, refused or ended: as good as absent.
  }
}

const mint = async (supply: Supply, flight: Flight): Promise<Adoption> => {
  const { environment, policy, source, shelf } = supply
  const { user, reason, attempt, last, controller } = flight
  const { signal } = controller
  const since = environment.now()
  try {
    const call = async (): Promise<unknown> => source({ user, reason, attempt, previous: last?.value, signal })
    const late = (): never => {
      const error = new SessionError('timeout', 'The source did not answer in time.')
      controller.abort(error)
      throw error
    }
    const answer = await within(environment, policy.timeout, call(), late, signal)
    if (signal.aborted) throw signal.reason
    const adoption = examine(supply, answer, since, flight)
    shelf?.save(adoption.token)
    return adoption
  } catch (error) {
    throw toSessionError(error, 'source_failed', 'The source failed')
  }
}

/** Alone → look again → source → check → save: the token that becomes the session's, or a SessionError. */
export async function fly(supply: Supply, flight: Flight): Promise<Adoption> {
  return (await look(supply, flight)) ?? mint(supply, flight)
}
