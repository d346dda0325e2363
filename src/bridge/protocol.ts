import type { Unsubscribe } from '../environment/environment.js'
import type { TokenRequest } from '../source.js'
import type { User } from '../token.js'

/**
 * Something that carries texts both ways: a webview, an iframe, a MessagePort. Who listens is told the origin of each text as
 * the browser tells it; '' where there is none: a native host, a port.
 */
export interface Endpoint {
  /**
   * A promise may bring a message that answers, as text or as the object it stands for. One that is rejected, or a throw, says
   * that the other side cannot be reached: what was asked fails at once.
   */
  post(message: string): unknown
  listen(run: (message: string, origin: string) => void): Unsubscribe
  /** The other side's origin, where it has one: `fromBridge` believes it. */
  readonly origin?: string | undefined
}

/** Whose tokens are meant, as it travels: the address of a person's mail does not. */
export type Addressee = Pick<User, 'id' | 'tenant'>

/** What the page inside says. */
export type GuestMessage =
  /** This user's tokens are used here from now on: fresher ones are welcome unasked. Not to be answered. */
  | { readonly type: 'hello'; readonly id?: undefined; readonly user?: Addressee | undefined }
  /** A token is needed, and an answer with this `id`. 'rejected': the provider refused the last one; 'forced': a new one is wanted. */
  | {
      readonly type: 'ask'
      readonly id: string
      readonly user: Addressee
      readonly reason: TokenRequest['reason']
      /** 1 for the first try since the last success. */
      readonly attempt: number
    }

/** What the native side, or the embedding page, says. Times are seconds. */
export type HostMessage =
  /** Whoever serves tokens is there (only now, or again): open questions are asked once more. */
  | { readonly type: 'hello' }
  /** A token: the answer to the question with that `id`, or, without one, a fresher one unasked. */
  | {
      readonly type: 'token'
      readonly id?: string | undefined
      readonly user: Addressee
      readonly token: string
      /** Seconds the token has to live. */
      readonly expiresIn?: number | undefined
      /** Epoch seconds, by the clock of the server that made the token. */
      readonly expiresAt?: number | undefined
      /** Epoch seconds: that server's clock as it answered. With it `expiresAt` holds on a device whose clock is wrong. */
      readonly serverTime?: number | undefined
      /** Epoch seconds, by the device's clock: a page that slept meanwhile takes the time since from `expiresIn`. */
      readonly sentAt?: number | undefined
      readonly extra?: Readonly<Record<string, unknown>> | undefined
    }
  /** No token. `final`: nobody is signed in over there, no use to ask again. `retryAfter`: seconds not to ask for. */
  | {
      readonly type: 'denied'
      readonly id: string
      readonly final?: boolean | undefined
      readonly retryAfter?: number | undefined
    }
  /** This user has signed out over there: the page signs out too. */
  | { readonly type: 'signed-out'; readonly user: Addressee }

/** What came in, under the types it should have: nothing is checked yet. */
export interface Heard {
  readonly inboxSession: number
  readonly type: (GuestMessage | HostMessage)['type']
  readonly id: string | undefined
  readonly user: Addressee | undefined
  readonly reason: TokenRequest['reason']
  readonly token: string
  readonly expiresIn: number
  readonly expiresAt: number
  readonly sentAt: number
  readonly extra: Record<string, unknown>
  readonly final: boolean
  readonly retryAfter: number
}

/** The version that is spoken here. */
export const version = 1
/** Characters. */
const longestMessage = 131_072

/** A message as it travels: JSON text. */
export const write = (message: GuestMessage | HostMessage): string =>
  JSON.stringify({ inboxSession: version, ...message })

export const addressee = <U extends User | undefined>(user: U): Addressee | (U & undefined) =>
  user && { id: user.id, tenant: user.tenant }

/**
 * What came as a message of whatever version (1 and up); undefined for what is foreign, too long, or something else. Natives
 * may answer with an object in place of its text, and write null for what is absent.
 */
export const read = (given: unknown, origin: string, allowed: readonly (string | undefined)[]): Heard | undefined => {
  try {
    const known = !origin || allowed.includes(origin)
    const text = (known && typeof given === 'object' ? JSON.stringify(given) : given) as string
    const whole = known && text.length <= longestMessage
    const heard = JSON.parse(whole ? text : '0', (_, value: unknown) => value ?? undefined) as Heard
    if (heard.inboxSession > 0) return heard
  } catch {
    // Somebody else's message; the error would quote it.
  }
}

/** `origin`, or a TypeError where it is none: '*', 'null', an address with a path or capitals (no origin ever equals that). */
export const checkOrigin = (origin: string): string => {
  if (!/^[^A-Z/*?\s]+:\/\/[^A-Z/*?\s]+$/.test(origin)) throw new TypeError(`"${origin}" is no origin.`)
  return origin
}
