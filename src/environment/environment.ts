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
  /** What the tabs of this origin share under `key`; absent: alone. */
  tabs?(key: string): Tabs
}

/** What crosses tabs of one origin. */
export interface Tabs {
  /** Runs alone over all tabs; never waits longer than `patience` milliseconds, then runs anyway. */
  exclusive<T>(run: () => Promise<T>, patience: number): Promise<T>
  post(message: unknown): void
  onMessage(run: (message: unknown) => void): Unsubscribe
  close(): void
}
