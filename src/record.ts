import type { Environment } from './environment/environment.js'
import { SessionError, toSessionError } from './errors.js'
import type { TokenStorage } from './storage.js'
import { type Token, type User, isSameUser } from './token.js'
import { within } from './within.js'

/** What is written down of a token: an answer like a source's. The lifetime was measured at receipt and is kept, not measured again. */
export interface TokenRecord extends Pick<Token, 'user' | 'receivedAt' | 'extra'> {
  readonly version: 1
  readonly token: string
  /** Seconds from receipt. */
  readonly expiresIn?: number | undefined
  /** Milliseconds from receipt to the drawn instant of refresh. */
  readonly dueIn?: number | undefined
}

/** A session's place in a storage. Nothing here rejects: a storage that fails or hangs is reported and done without. */
export interface Shelf {
  read(user: User, signal: AbortSignal): Promise<TokenRecord | undefined>
  save(token: Token, dueAt?: number): void
  forget(user: User): void
  /** Resolves when everything is done, or has used up its time. */
  settled(): Promise<unknown>
}

const limit = 2_000
const quiet = 60_000
const longest = 65_536

/** What a session shares under, with a storage and with other tabs. No two of name, user and tenant meet. */
export const keyOf = (name: string, { id, tenant }: User): string =>
  'inbox-session:' + JSON.stringify([name, id, tenant])

/** The token as text for a storage or another tab. Throws for companions that JSON cannot hold. */
export function writeRecord(
  { value: token, user: { id, tenant }, receivedAt, expiresAt, extra }: Token,
  dueAt: number = Infinity,
): string {
  const expiresIn = expiresAt && (expiresAt - receivedAt) / 1e3
  const record: TokenRecord = {
    version: 1,
    user: { id, tenant },
    token,
    receivedAt,
    expiresIn,
    dueIn: dueAt - receivedAt,
    extra,
  }
  return JSON.stringify(record)
}

/** What such a text says of a token of that user. Anything else, and more than 64 kB, is undefined; never throws. */
export function readRecord(text: unknown, user: User): TokenRecord | undefined {
  try {
    if (typeof text !== 'string' || text.length > longest) return
    const {
      version,
      user: owner,
      token,
      receivedAt,
      expiresIn,
      dueIn,
      extra,
    } = JSON.parse(text, (key, part: unknown) => {
      if (key === '__proto__') throw part
      return part
    }) as TokenRecord
    const sound = typeof token === 'string' && [receivedAt, expiresIn ?? 0].every(Number.isFinite)
    if (version === 1 && sound && isSameUser(owner, user))
      return { version, user, token, receivedAt, expiresIn, dueIn: Number.isFinite(dueIn) ? dueIn : undefined, extra }
  } catch {
    // Not ours, or cut off: as good as absent. The parser's message quotes its input and is never passed on.
  }
}

/** The records of one session in `storage`, one key for each user. */
export function createShelf(
  storage: TokenStorage,
  name: string,
  environment: Environment,
  fail: (error: SessionError) => void,
): Shelf {
  // One after another, but none waits for ever: what a late write left behind is removed once it has ended.
  let queue: Promise<unknown> = Promise.resolve()
  let kept: User | undefined
  let stuck = false
  let told: string | undefined
  let quietUntil = -Infinity
  // A place that is blocked or full stays so: said once until a write succeeds.
  const report = (error: SessionError): undefined => {
    const { message } = error
    const now = environment.now()
    if (message === told || now < quietUntil) return
    told = message
    quietUntil = now + quiet
    fail(error)
  }
  const inTurn = <T>(work: () => T | Promise<T>, signal?: AbortSignal, late?: () => void): Promise<T | undefined> => {
    const turn = within(
      environment,
      limit,
      queue.then(work).catch((error: unknown) => report(toSessionError(error, 'storage_failed', 'The storage failed'))),
      signal,
      () => {
        late?.()
        return report(new SessionError('storage_failed', 'The storage did not answer in time.'))
      },
    )
    queue = turn.catch(() => {})
    return turn
  }
  return {
    async read(user, signal) {
      // Waited for once: a later look may be made while other tabs wait for this one.
      if (stuck) return
      const look = async (): Promise<string | null> => {
        try {
          return await storage.getItem(keyOf(name, user))
        } finally {
          stuck = false
        }
      }
      return readRecord(await inTurn(look, signal, () => (stuck = true)), user)
    },
    save(token, dueAt) {
      const { user } = token
      kept = user
      void inTurn(async () => {
        await storage.setItem(keyOf(name, user), writeRecord(token, dueAt))
        told = undefined
        if (kept !== user) await storage.removeItem(keyOf(name, user))
      })
    },
    forget(user) {
      if (kept === user) kept = undefined
      void inTurn(() => storage.removeItem(keyOf(name, user)))
    },
    settled: () => queue,
  }
}
