import { vi } from 'vitest'
import { type Clock, createClock } from '../../src/environment/clock.js'

export const start = 1_790_000_000_000

interface LockRequest {
  readonly name: string
  readonly grant: () => void
}

/** What the pages of one origin share, on fake timers, in place of the platform's globals. */
export interface FakeOrigin {
  readonly clock: Clock
  /** Names of locks. */
  readonly held: string[]
  readonly pending: string[]
  /** Names of channels that are open. */
  readonly channels: string[]
  /** All that was ever posted. */
  readonly posted: { channel: string; data: unknown }[]
  readonly storage: Storage
  /** Milliseconds a message takes to the page that was opened so manieth; Infinity: it never arrives. */
  latency: (page: number) => number
  /** A lock that is asked for is granted although it was given up meanwhile. */
  deaf: boolean
  /** Milliseconds until whoever got a lock hears of it. */
  grantedAfter: number
  /** Milliseconds until a question for a lock is put. */
  requestedAfter: number
  /** Takes a lock, until what is returned is called. */
  occupy(name: string): () => void
  /** Runs `work` where the window and the document are this page's. */
  page(): FakePage
}

export interface FakePage {
  within<T>(work: () => T): T
  /** What its document says. */
  visibility: 'visible' | 'hidden'
  fire(type: string): void
  /** Listeners there are, by type. */
  readonly listeners: string[]
}

/** A target that knows its listeners. */
function createTarget(): EventTarget & { types: string[] } {
  const target = new EventTarget()
  const types: string[] = []
  const keys = new Map<unknown, string>()
  const keyOf = (type: string, listener: unknown) => {
    if (!keys.has(listener)) keys.set(listener, `${keys.size}`)
    return `${type} ${keys.get(listener)}`
  }
  return {
    types,
    addEventListener(type: string, listener: EventListener, options?: boolean) {
      if (!types.includes(keyOf(type, listener))) types.push(keyOf(type, listener))
      target.addEventListener(type, listener, { capture: Boolean(options) })
    },
    removeEventListener(type: string, listener: EventListener, options?: boolean) {
      const index = types.indexOf(keyOf(type, listener))
      if (index >= 0) types.splice(index, 1)
      target.removeEventListener(type, listener, { capture: Boolean(options) })
    },
    dispatchEvent: (event: Event) => target.dispatchEvent(event),
  }
}

/** Call it under fake timers; `vi.unstubAllGlobals` takes it away. */
export function createFakeOrigin(): FakeOrigin {
  const heldLocks: LockRequest[] = []
  const queue: LockRequest[] = []
  const open = new Set<FakeChannel>()
  const posted: { channel: string; data: unknown }[] = []
  const pages = new Set<ReturnType<typeof createPage>>()
  let current = -1

  const grantNext = (name: string): void => {
    const request = queue.find((one) => one.name === name)
    if (!request || heldLocks.some((one) => one.name === name)) return
    queue.splice(queue.indexOf(request), 1)
    heldLocks.push(request)
    request.grant()
  }
  const locks = {
    request(name: string, ...rest: [{ signal?: AbortSignal }, () => unknown] | [() => unknown]): Promise<unknown> {
      const run = rest.at(-1) as () => unknown
      const { signal } = (rest.length > 1 ? rest[0] : {}) as { signal?: AbortSignal }
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason as Error)
        const request: LockRequest = {
          name,
          async grant() {
            if (origin.grantedAfter) await new Promise((go) => setTimeout(go, origin.grantedAfter))
            else await Promise.resolve()
            try {
              resolve(await run())
            } catch (error) {
              reject(error as Error)
            }
            heldLocks.splice(heldLocks.indexOf(request), 1)
            grantNext(name)
          },
        }
        const put = (): void => {
          queue.push(request)
          grantNext(name)
        }
        if (origin.requestedAfter) setTimeout(put, origin.requestedAfter)
        else put()
        signal?.addEventListener('abort', () => {
          if (!queue.includes(request) || origin.deaf) return
          queue.splice(queue.indexOf(request), 1)
          reject(signal.reason as Error)
        })
      })
    },
    query: async () => ({
      held: heldLocks.map(({ name }) => ({ name })),
      pending: queue.map(({ name }) => ({ name })),
    }),
  }

  class FakeChannel {
    onmessage: ((event: { data: unknown }) => void) | null = null
    readonly name: string
    readonly page = current
    constructor(name: string) {
      this.name = name
      open.add(this)
    }
    postMessage(message: unknown): void {
      if (!open.has(this)) throw new DOMException('closed', 'InvalidStateError')
      const data: unknown = structuredClone(message)
      posted.push({ channel: this.name, data })
      for (const other of open) {
        if (other === this || other.name !== this.name) continue
        const latency = origin.latency(other.page)
        if (latency < Infinity) setTimeout(() => open.has(other) && other.onmessage?.({ data }), latency)
      }
    }
    close(): void {
      open.delete(this)
    }
  }

  const items: Record<string, string> = {}
  const tell = (key: string): void => pages.forEach((page) => page.fire('storage', { key }))
  const methods = {
    getItem: (key: string) => (Object.hasOwn(items, key) ? items[key]! : null),
    setItem(key: string, value: string) {
      items[key] = String(value)
      tell(key)
    },
    removeItem(key: string) {
      delete items[key]
      tell(key)
    },
  }
  for (const [name, value] of Object.entries(methods)) Object.defineProperty(items, name, { value })

  const createPage = () => {
    const page = createTarget()
    const document = Object.assign(createTarget(), { visibilityState: 'visible' })
    const made = {
      within<T>(work: () => T): T {
        const { addEventListener, removeEventListener, document: before } = globalThis
        Object.assign(globalThis, { addEventListener: page.addEventListener, document })
        Object.assign(globalThis, { removeEventListener: page.removeEventListener })
        const outer = current
        current = [...pages].indexOf(made)
        try {
          return work()
        } finally {
          current = outer
          Object.assign(globalThis, { addEventListener, removeEventListener, document: before })
        }
      },
      get visibility() {
        return document.visibilityState as 'visible'
      },
      set visibility(state: 'visible' | 'hidden') {
        document.visibilityState = state
      },
      fire(type: string, more: object = {}) {
        const target = /freeze|resume|visibility/.test(type) ? document : page
        made.within(() => target.dispatchEvent(Object.assign(new Event(type), more)))
      },
      get listeners() {
        return [...page.types, ...document.types]
      },
    }
    pages.add(made)
    return made
  }

  const origin: FakeOrigin = {
    clock: createClock({
      wall: () => Date.now(),
      monotonic: () => performance.now(),
      setTimer: (run, delay) => setTimeout(run, delay),
      clearTimer: (timer) => clearTimeout(timer as never),
    }),
    get held() {
      return heldLocks.map(({ name }) => name)
    },
    get pending() {
      return queue.map(({ name }) => name)
    },
    get channels() {
      return [...open].map(({ name }) => name)
    },
    posted,
    storage: items as unknown as Storage,
    latency: () => 0,
    deaf: false,
    grantedAfter: 0,
    requestedAfter: 0,
    occupy(name) {
      let free = (): void => {}
      void locks.request(name, () => new Promise<void>((end) => (free = end)))
      return () => free()
    },
    page: createPage,
  }
  vi.stubGlobal('navigator', { locks })
  vi.stubGlobal('BroadcastChannel', FakeChannel)
  vi.stubGlobal('localStorage', items)
  for (const name of ['addEventListener', 'removeEventListener', 'document']) vi.stubGlobal(name, undefined)
  return origin
}
