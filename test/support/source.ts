import type { TokenAnswer, TokenRequest, TokenSource } from 'inbox-session'
import { tokenFor } from './tokens.js'
import type { World } from './world.js'

type Answer = TokenAnswer | null

export interface Call extends TokenRequest {
  /** When it was made. */
  readonly at: number
  settled: boolean
}

/** An answer that is given later. Without a value: a token for whoever asked, issued when it is given. */
export interface Held {
  resolve(answer?: unknown): Promise<void>
  reject(error: unknown): Promise<void>
}

export interface Backend {
  readonly source: TokenSource
  readonly calls: Call[]
  /** Raw tokens it gave out. */
  readonly minted: string[]
  /** Calls under way whose answer is still wanted. */
  readonly inFlight: number
  /** The most of them at one time. */
  readonly mostInFlight: number
  /** What it answers from now on; throwing is a failure. Default: a new token for the user. */
  answer: (request: TokenRequest) => unknown
  /** Answers new tokens again. */
  mend(): void
  /** Fails from now on. */
  fail(error?: unknown): void
  /** Keeps the next calls waiting; those after the answer are answered as before. */
  hold(): Held
}

/** A backend that mints a new token for whoever asks, good for `seconds`. */
export function createBackend(world: World, seconds = 3_600): Backend {
  const { now } = world.environment
  const calls: Call[] = []
  const minted: string[] = []
  let mostInFlight = 0
  const mint = ({ user }: TokenRequest): string => tokenFor(user.id, now(), seconds)
  const note = (answer: unknown): unknown => {
    const token = typeof answer === 'string' ? answer : (answer as { token?: unknown } | null | undefined)?.token
    if (typeof token === 'string') minted.push(token)
    return answer
  }
  const backend: Backend = {
    calls,
    minted,
    get inFlight() {
      return calls.filter(({ settled, signal }) => !settled && !signal.aborted).length
    },
    get mostInFlight() {
      return mostInFlight
    },
    answer: mint,
    source(request) {
      const call: Call = { ...request, at: now(), settled: true }
      calls.push(call)
      const answer = backend.answer(request)
      if (!(answer instanceof Promise)) return note(answer) as Answer
      call.settled = false
      mostInFlight = Math.max(mostInFlight, backend.inFlight)
      const end = (): unknown => (call.settled = true)
      answer.then(end, end)
      return answer.then(note) as Promise<Answer>
    },
    mend: () => void (backend.answer = mint),
    fail: (error = new Error('the backend is down')) =>
      void (backend.answer = () => {
        throw error
      }),
    hold() {
      const before = backend.answer
      let give!: (answer: (request: TokenRequest) => unknown) => void
      const given = new Promise<(request: TokenRequest) => unknown>((resolve) => (give = resolve))
      const end = async (answer: (request: TokenRequest) => unknown): Promise<void> => {
        backend.answer = before
        give(answer)
        await world.flush()
      }
      backend.answer = (request) => given.then((answer) => answer(request))
      return {
        resolve: (answer) => end((request) => (answer === undefined ? mint(request) : answer)),
        reject: (error) =>
          end(() => {
            throw error
          }),
      }
    },
  }
  return backend
}
