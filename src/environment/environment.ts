/** Takes back what the call that returned it started. Calling it again does nothing. */
export type Unsubscribe = () => void

/** Everything a session takes from outside. Times are epoch milliseconds. */
export interface Environment {
  /** Epoch ms; never runs backwards. */
  now(): number
  /** Uniform in [0, 1). */
  random(): number
  /** One timer: safe beyond 2³¹−1 ms, may fire late, never early. Infinity never fires. Returns what cancels it. */
  schedule(at: number, run: () => void): Unsubscribe
  /** Called when the page came back (visible, shown from the back/forward cache, resumed) or the network came or went. */
  onWake(run: () => void): Unsubscribe
  readonly online: boolean
  readonly visible: boolean
  /** True where no page can come back (a server): then nothing is refreshed or retried unless somebody asks. */
  readonly server?: boolean
  /**
   * What the tabs of this origin share under `key`; absent: alone.
   * `lacks` is called with the name of each part of the platform that is missing and stood in for.
   */
  tabs?(key: string, lacks?: (what: string) => void): Tabs
}

/** What crosses tabs of one origin. */
export interface Tabs {
  /**
   * Runs alone over all tabs, and not before everything that earlier runs posted has arrived here. Waits no longer than
   * `patience` milliseconds for a tab that gives no sign of life, then runs anyway. Aborting `signal` ends the wait: rejects
   * with its reason.
   */
  exclusive<T>(run: () => Promise<T>, patience: number, signal?: AbortSignal): Promise<T>
  /** To all other tabs. */
  post(message: unknown): void
  /**
   * `age`: milliseconds since the message was posted. A string is a note. Without a message: this page was away (in the
   * back/forward cache, frozen) and may have missed some.
   */
  onMessage(run: (message?: unknown, age?: number) => void): Unsubscribe
  /** Leaves a word for tabs that cannot hear now. They get it when they return. No secrets: it may be written to disk. */
  note?(text: string): void
  /** Tells tabs to come whether this one has something to share. */
  mark?(sharing: boolean): void
  /** Undefined: no other tab has marked itself. Else what takes the marks back, for when none of them answered. */
  others?(): (() => void) | undefined
  close(): void
}
