/** What a caller may ask of a token. */
export interface GetTokenOptions {
  /** Rejects this caller alone, with the signal's reason. */
  signal?: AbortSignal | undefined
  /** The token the SDK was refused with: a newer one is returned, or one is minted. */
  rejected?: string | undefined
  /** Milliseconds the token must be good for. Best effort where the backend's tokens live shorter. Default: the session's. */
  minValidity?: number | undefined
  /** Milliseconds since it was received. Best effort: a token younger than a tenth of its lifetime (of an hour, where it has no end) is not replaced for it. */
  maxAge?: number | undefined
}

/** The numbers of a session: when to refresh, how long to wait. Milliseconds. */
export interface PolicyOptions {
  /**
   * Part of a token's lifetime after which it is refreshed, drawn at random between the two. Default [0.8, 0.83].
   * The first refresh after a token was minted for a cold start is drawn from [0.1, latest]: that spreads a crowd once.
   */
  refreshAt?: readonly [earliest: number, latest: number]
  /** A token with less left than this is not handed out. Default 5 000, and never more than a tenth of the lifetime. */
  minValidity?: number
  /** Lifetime of a token that states none (HMAC, opaque, JWT without exp). Default Infinity: kept until rejected. */
  fallbackLifetime?: number
  /** Limit of one call of the source. Default 10 000. */
  timeout?: number
  /** Backoff between failed calls: exponential with equal jitter. Default { minDelay: 1 000, maxDelay: 60 000 }. */
  retry?: { minDelay?: number; maxDelay?: number }
}

/** PolicyOptions with every default filled in. */
export interface Policy {
  readonly refreshAt: readonly [number, number]
  readonly minValidity: number
  readonly fallbackLifetime: number
  readonly timeout: number
  readonly minDelay: number
  readonly maxDelay: number
}

/** The longest wait a backend may ask for by Retry-After: 10 minutes. */
export const longestRetryAfter = 600_000

/** Throws a TypeError that names the option. */
export function check(ok: unknown, option: string): asserts ok {
  if (!ok) throw new TypeError(`inbox-session: the option "${option}" is missing or of the wrong kind`)
}

/** Checks the numbers and fills in the defaults. Throws a TypeError that names the option. */
export function createPolicy({
  refreshAt = [0.8, 0.83],
  minValidity = 5_000,
  fallbackLifetime = Infinity,
  timeout = 10_000,
  retry = {},
}: PolicyOptions): Policy {
  const times: readonly number[] = [refreshAt].flat()
  const [earliest, latest] = times
  check(times.every(Number.isFinite) && earliest! > 0 && latest! >= earliest! && latest! < 1, 'refreshAt')
  check(typeof minValidity === 'number' && minValidity >= 0, 'minValidity')
  check(typeof fallbackLifetime === 'number' && fallbackLifetime > 0, 'fallbackLifetime')
  check(typeof timeout === 'number' && timeout > 0, 'timeout')
  const { minDelay = 1_000, maxDelay = 60_000 } = retry ?? {}
  check(
    Object(retry) === retry &&
      !Array.isArray(retry) &&
      [minDelay, maxDelay].every(Number.isFinite) &&
      minDelay > 0 &&
      maxDelay >= minDelay,
    'retry',
  )
  return { refreshAt, minValidity, fallbackLifetime, timeout, minDelay, maxDelay }
}

/** When a token of that lifetime is refreshed, ms after receipt; `cold`: it was minted for a cold start. */
export function refreshDelay(
  { refreshAt: [earliest, latest] }: Policy,
  lifetime: number,
  cold: boolean,
  random: number,
): number {
  const from = cold ? Math.min(0.1, latest) : earliest
  return lifetime * (from + random * (latest - from))
}

/** When a token of that lifetime stops being handed out, ms after receipt. */
export const usableTime = (policy: Policy, lifetime: number): number =>
  lifetime < Infinity ? lifetime - Math.min(policy.minValidity, lifetime / 10) : lifetime

/** Delay before the next call after `attempt` failures in a row, ms. */
export function retryDelay({ minDelay, maxDelay }: Policy, attempt: number, random: number, retryAfter = 0): number {
  const delay = (Math.min(maxDelay, minDelay * 2 ** (attempt - 1)) * (1 + random)) / 2
  return Math.max(delay, Math.min(retryAfter, longestRetryAfter) * (1 + random / 4))
}

/** The earliest time for another call, given when earlier calls that brought nothing newer were made: 10 a minute, 30 in ten. */
export const budgetFreeAt = (calls: readonly number[]): number =>
  Math.max((calls.at(-10) ?? -Infinity) + 60_000, (calls.at(-30) ?? -Infinity) + 600_000)
