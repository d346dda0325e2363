import type { SessionError } from './errors.js'
import type { Token, User } from './token.js'

export type Status = 'signed-out' | 'fetching' | 'fresh' | 'waiting' | 'failed' | 'closed'

/** Why the source is called. */
export type Reason = 'initial' | 'refresh' | 'rejected' | 'forced'

/**
 * signed-out → fetching → fresh → fetching (a background refresh, the token still held) → fresh …
 * A failed call leads to waiting, a final one to failed; a good token survives both. Times are epoch ms, Infinity: never.
 */
export interface MachineState {
  readonly status: Status
  readonly user?: User | undefined
  /** Held, and good until `spentAt`. */
  readonly token?: Token | undefined
  readonly dueAt: number
  readonly spentAt: number
  /** The last token of this user, held or not: an answer has to be newer. */
  readonly last?: Token | undefined
  readonly error?: SessionError | undefined
  readonly retryAt: number
  /** Failed calls since the last success. */
  readonly attempt: number
  /** Number, reason and start of the latest call. */
  readonly flight: number
  readonly reason: Reason
  readonly calledAt: number
  /** Starts of the calls that brought nothing newer, whoever was signed in. */
  readonly calls: readonly number[]
  /** Somebody asked, and gets a call then whatever else holds: a refresh, or a look whether "offline" is true. */
  readonly askedAt: number
  /** When the app last asked for a refresh: only a call that began later answers it. */
  readonly refreshAskedAt: number
  /** Tokens the provider refused, newest last. */
  readonly refused: readonly string[]
  /** Calls in a row because of a refusal. */
  readonly mints: number
  readonly online: boolean
  /** The browser said offline, and a call went through. */
  readonly onlineAnyway: boolean
  /** May call without being asked: the page is visible, or refreshes while hidden. */
  readonly eager: boolean
}

/** A token that passed all checks, with its schedule. */
export interface Adoption {
  readonly token: Token
  readonly dueAt: number
  readonly spentAt: number
  /** Not from a call of this tab's. */
  readonly from?: 'tab' | 'storage' | undefined
  /** For the trace: what the lifetime was taken from, and whether the token stated it in an odd way. */
  readonly basis?: string
  readonly odd?: boolean | undefined
}

/** A call that failed, and what follows from it. */
export interface Setback {
  readonly error: SessionError
  readonly retryAt: number
  /** Failed calls since the last success, this one included. Default: one more than before. */
  readonly attempt?: number
  /** Starts of the calls that brought nothing newer, this one included. */
  readonly calls?: readonly number[]
}

/** What happened. */
export type Happening =
  | { type: 'sign-in'; user: User; adoption?: Adoption | undefined }
  | { type: 'demand'; unsatisfied?: boolean | undefined }
  | { type: 'tick' }
  /** The page was away: what was under way may be lost. */
  | { type: 'return' }
  /** Without `flight`: it came unasked. */
  | { type: 'token'; flight?: number | undefined; adoption: Adoption }
  /** Without `flight`: a call of another tab. `calling`: this one has a call under way itself, whose answer decides, or a newer token. */
  | ({ type: 'failure'; flight?: number | undefined; calling?: boolean } & Setback)
  | { type: 'rejected'; value: string; retryAt: number; elsewhere?: boolean }
  | { type: 'accepted' }
  | { type: 'refresh' }
  | { type: 'sign-out'; user?: User; elsewhere?: boolean }
  | { type: 'close' }

/** What happened, when, and how the network and the page were. */
export type MachineEvent = Happening & { now: number; online: boolean; eager: boolean }

export const never: number = Infinity

type Part<Key extends keyof MachineState> = Pick<MachineState, Key>

export const noToken: Part<'token' | 'dueAt' | 'spentAt'> = { token: undefined, dueAt: never, spentAt: never }
export const nothingPlanned: Part<'retryAt' | 'askedAt'> = { retryAt: never, askedAt: never }
/** What is forgotten with a user. */
export const nobody: Omit<
  MachineState,
  'status' | 'flight' | 'calledAt' | 'calls' | 'refused' | 'online' | 'onlineAnyway' | 'eager'
> = {
  ...noToken,
  ...nothingPlanned,
  user: undefined,
  last: undefined,
  error: undefined,
  reason: 'initial',
  refreshAskedAt: -never,
  attempt: 0,
  mints: 0,
}

/** Signed out, in a new session. */
export const initialState: MachineState = {
  ...nobody,
  status: 'signed-out',
  flight: 0,
  calledAt: -never,
  calls: [],
  refused: [],
  online: true,
  onlineAnyway: false,
  eager: true,
}
