import type { Environment } from './environment/environment.js'
import { type SessionError, toSessionError } from './errors.js'
import type { TokenStorage } from './storage.js'
import { type Token, type User, isSameUser } from './token.js'
import { within } from './within.js'

/** What is written down of a token: an answer like a source's. The lifetime was measured at receipt and is kept, not measured again. */
export interface TokenRecord extends Pick<Token, 'user' | 'receivedAt' | 'extra'> {
  readonly version: 1
  readonly token: string
  /** Seconds from receipt. */
  readonly expiresIn?: number | undefined
}

/** A session's place in a storage. Nothing here rejects: a storage that fails is reported and done without. */
export interface Shelf {
  read(user: User, signal: AbortSignal): Promise<TokenRecord | undefined>
  save(token: Token): void
  forget(user: User): void
  /** Resolves when everything is done, or has used up its time. */
  settled(): Promise<unknown>
}

const limit = 2_000

const parse = (text: string | null | undefined, user: User): TokenRecord | undefined => {
  try {
    const record = JSON.parse(text!) as TokenRecord
    const { version, receivedAt, expiresIn = 0 } = record
    const sound = version === 1 && isSameUser(record.user, user) && Number.isFinite(receivedAt + expiresIn)
    return sound ? record : undefined
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
  const keyOf = ({ id, tenant }: User): string => 'inbox-session:' + JSON.stringify([name, id, tenant])
  // One after another, but none waits for ever: what a late write left behind is removed once it has ended.
  let queue: Promise<unknown> = Promise.resolve()
  let kept: User | undefined
  const inTurn = <T>(signal: AbortSignal | undefined, work: () => T | Promise<T>): Promise<T | undefined> => {
    const turn = within(
      environment,
      limit,
      queue.then(work).catch((error: unknown) => {
        fail(toSessionError(error, 'storage_failed', 'The storage failed'))
        return undefined
      }),
      signal,
      () => undefined,
    )
    queue = turn.catch(() => {})
    return turn
  }
  return {
    async read(user, signal) {
      return parse(await inTurn(signal, () => storage.getItem(keyOf(user))), user)
    },
    save({ value: token, user, receivedAt, expiresAt, extra }) {
      const expiresIn = expiresAt && (expiresAt - receivedAt) / 1e3
      const record: TokenRecord = { version: 1, user, token, receivedAt, expiresIn, extra }
      kept = user
      void inTurn(undefined, async () => {
        await storage.setItem(keyOf(user), JSON.stringify(record))
        if (kept !== user) await storage.removeItem(keyOf(user))
      })
    },
    forget(user) {
      if (kept === user) kept = undefined
      void inTurn(undefined, () => storage.removeItem(keyOf(user)))
    },
    settled: () => queue,
  }
}
