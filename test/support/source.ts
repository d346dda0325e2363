import type { TokenAnswer, TokenRequest, TokenSource } from 'inbox-session'
import { tokenFor } from './tokens.js'
import type { World } from './world.js'

export interface Backend {
  readonly source: TokenSource
  /** Every call, with the time it was made. */
  readonly calls: (TokenRequest & { at: number })[]
  /** What it answers from now on; throwing is a failure. Default: a token for the user with `seconds` to live. */
  answer: (request: TokenRequest) => TokenAnswer | null | Promise<TokenAnswer | null>
}

/** A backend that mints a new token for whoever asks. */
export function createBackend(world: World, seconds = 3_600): Backend {
  const calls: Backend['calls'] = []
  const backend: Backend = {
    calls,
    answer: ({ user }) => tokenFor(user.id, world.environment.now(), seconds),
    source: (request) => {
      calls.push({ ...request, at: world.environment.now() })
      return backend.answer(request)
    },
  }
  return backend
}
