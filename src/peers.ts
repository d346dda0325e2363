import type { Environment } from './environment/environment.js'
import { SessionError } from './errors.js'
import { longestRetryAfter } from './policy.js'
import { type TokenRecord, keyOf, readRecord, writeRecord } from './record.js'
import type { Setback } from './state.js'
import { type Token, type User, longestToken } from './token.js'
import { within } from './within.js'

/** What the tabs of one user tell each other. */
export type News =
  /** Who has a newer token than that? */
  | { type: 'ask'; receivedAt: number }
  | { type: 'token'; record: TokenRecord }
  /** A call failed that was to replace a token of that time. */
  | { type: 'failure'; setback: Required<Setback>; receivedAt: number }
  /** Without a value: while this page was away. */
  | { type: 'refused'; value?: string | undefined }
  | { type: 'signed-out' }
  /** This page was away. */
  | { type: 'return' }

/** One user's tabs, seen from one of them. Nothing here throws: without other tabs everything is as if alone. */
export interface Peers {
  /** Resolves when the other tabs had their chance to say what they know; at once where there are none. */
  greeted(): Promise<unknown>
  /** Runs alone over all tabs, after everything earlier runs told has been heard. */
  alone<T>(run: () => Promise<T>, signal: AbortSignal): Promise<T>
  tellToken(token: Token, dueAt: number): void
  tellFailure(setback: Required<Setback>, last: Token | undefined): void
  /** `again`: who is away has been left word of it. */
  tellRefusal(value: string, again?: boolean): void
  tellSignOut(): void
  /** `holding`: there is no need to wait for an answer. */
  ask(last: Token | undefined, holding: boolean): void
  mark(sharing: boolean): void
  close(): void
}

/** What goes over the wire; times are the sender's, `at` is its now. */
interface Message {
  readonly version: 1
  readonly type: News['type']
  readonly at: number
  readonly receivedAt?: number
  readonly record?: string
  readonly value?: string
  readonly failure?: Omit<Required<Setback>, 'error'> & { readonly error: object }
}

const answerTime = 300
// Clocks of tabs differ only where the device's clock was set between their loads.
const sameClock = 1_000
const noted = /^(refused|signed-out)$/

const isText = (value: unknown): value is string => typeof value === 'string'
// Sums of these are numbers too.
const areTimes = (...values: unknown[]): boolean =>
  values.every((value) => typeof value === 'number' && Math.abs(value) < 2 ** 53)

/** What a message says, in this tab's time; undefined for anything that is not one of ours. */
function read(message: unknown, now: number, age: number | undefined, user: User): News | undefined {
  if (message === undefined) return { type: 'return' }
  if (isText(message)) return noted.test(message) ? { type: message as 'refused' | 'signed-out' } : undefined
  const { version, type, at, receivedAt = 0, record, value, failure } = Object(message) as Message
  if (version !== 1 || !areTimes(at, receivedAt, age ?? 0)) return
  const gap = now - (age ?? NaN) - at
  const by = Math.abs(gap) >= sameClock ? gap : 0
  if (receivedAt + by > now + sameClock) return
  if (type === 'ask') return { type, receivedAt: receivedAt && receivedAt + by }
  if (type === 'signed-out') return { type }
  if (type === 'refused' && isText(value) && value.length <= longestToken) return { type, value }
  if (type === 'token') {
    const found = readRecord(record, user)
    return found && { type, record: { ...found, receivedAt: found.receivedAt + by } }
  }
  if (type === 'failure') {
    const { error, retryAt, attempt, calls } = Object(failure) as NonNullable<Message['failure']>
    const { code, message: text } = Object(error) as SessionError
    if (!isText(code) || !isText(text) || !Array.isArray(calls)) return
    const latest = calls.slice(-30) as number[]
    if (!areTimes(retryAt, attempt, ...latest) || latest.some((time) => time + by > now + sameClock)) return
    const setback = {
      error: new SessionError(code, text.slice(0, longestToken), error),
      retryAt: Math.min(retryAt + by, now + 1.25 * longestRetryAfter),
      attempt,
      calls: latest.map((time) => time + by),
    }
    return { type, receivedAt: receivedAt && receivedAt + by, setback }
  }
}

/** The tabs of `user`. `hear` is called with what they tell, times in this tab's clock. */
export function createPeers(
  environment: Environment,
  name: string,
  user: User,
  patience: number,
  hear: (news: News) => void,
  lacks: (what: string) => void,
): Peers {
  const { now } = environment
  const quietly = <T>(work: () => T): T | undefined => {
    try {
      return work()
    } catch {
      // Tabs that cannot be reached are done without.
      return undefined
    }
  }
  const tabs = quietly(() => environment.tabs?.(keyOf(name, user), lacks))
  let answered: (() => void) | undefined
  let greeting: Promise<unknown> | undefined

  const post = (type: News['type'], content?: Partial<Message>): void =>
    quietly(() => tabs?.post({ version: 1, type, at: now(), ...content } satisfies Message))
  const receivedAt = (last: Token | undefined): number => last?.receivedAt ?? 0
  const stopListening = quietly(() =>
    tabs?.onMessage((message, age) => {
      const news = quietly(() => read(message, now(), age, user))
      if (!news) return
      if (/^(tok|fail)/.test(news.type)) answered?.()
      hear(news)
    }),
  )

  return {
    greeted: async () => greeting,
    async alone(run, signal) {
      let running: ReturnType<typeof run> | undefined
      const once = (): ReturnType<typeof run> => (running ??= run())
      try {
        return await (tabs ? tabs.exclusive(once, patience, signal) : once())
      } catch (error) {
        if (signal.aborted && !running) throw error
        // The run's own end counts, whatever became of the tabs.
        return once()
      }
    },
    tellToken: (token, dueAt) => quietly(() => post('token', { record: writeRecord(token, dueAt) })),
    tellFailure({ error: { code, message, status, retryAfter, retryable }, ...rest }, last) {
      const error = { code, message, status, retryAfter, retryable }
      post('failure', { failure: { ...rest, error }, receivedAt: receivedAt(last) })
    },
    tellRefusal(value, again) {
      post('refused', { value })
      if (!again) quietly(() => tabs?.note?.('refused'))
    },
    tellSignOut() {
      post('signed-out')
      quietly(() => tabs?.note?.('signed-out'))
    },
    ask(last, holding) {
      if (!holding) answered?.()
      post('ask', { receivedAt: receivedAt(last) })
      const silent = holding ? undefined : quietly(() => tabs?.others?.())
      if (!silent) return
      const answer = new Promise<void>((resolve) => (answered = resolve))
      greeting = within(environment, answerTime, answer, undefined, () => quietly(silent))
    },
    mark: (sharing) => quietly(() => tabs?.mark?.(sharing)),
    close() {
      answered?.()
      quietly(stopListening ?? (() => {}))
      quietly(() => tabs?.close())
    },
  }
}
