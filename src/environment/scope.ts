type Listen = (type: string, listener: (event: Event) => void, capture?: boolean) => void

interface Target {
  addEventListener?: Listen
  removeEventListener?: Listen
}

/** What an environment is made of: a window's globals, as far as they are there. A worker has fewer, a server fewer still. */
export interface Scope extends Target {
  readonly Date: { now(): number }
  readonly Math: { random(): number }
  readonly performance: { now(): number }
  setTimeout(run: () => void, delay: number): unknown
  clearTimeout(timer: unknown): void
  readonly document?: (Target & { readonly visibilityState: string }) | undefined
  readonly navigator?: {
    readonly onLine?: boolean
    readonly locks?: {
      request(name: string, run: () => Promise<unknown>): Promise<unknown>
      request(name: string, options: { signal?: AbortSignal }, run: () => Promise<unknown>): Promise<unknown>
      query(): Promise<{ readonly held?: readonly { readonly name?: string }[] }>
    }
  }
  readonly BroadcastChannel?: new (name: string) => {
    onmessage: ((event: MessageEvent) => void) | null
    postMessage(message: unknown): void
    close(): void
  }
  /** The getter throws where it is blocked. */
  readonly localStorage?: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> | null
  readonly isSecureContext?: boolean
}
