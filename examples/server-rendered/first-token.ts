import { take } from './embed.js'

/** A token as the server puts it into the page. */
export interface FirstToken {
  token: string
  /** Seconds that the token lives. */
  expiresIn: number
  extra?: Record<string, unknown>
}

/**
 * The token that came with the page, with what is left of its life: it was minted after the browser asked for the page, so it
 * is no older than that. A page that was kept somewhere for longer is the session's business, which checks the token's end.
 */
export function takeFirstToken(): FirstToken | undefined {
  const first = take<FirstToken>('first-token')
  return first && { ...first, expiresIn: first.expiresIn - performance.now() / 1_000 }
}
