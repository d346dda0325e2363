import type { TokenStorage } from '../storage.js'
import type { Device, Line } from './device.js'

/** What is wrong with a storage: its calls throw, reject, or never come back; or nothing more can be written. */
export type StorageFault = 'throws' | 'rejects' | 'hangs' | 'full'

/** A TokenStorage for tests, shared by all tabs. Turn the knobs at any time. */
export interface TestStorage extends TokenStorage {
  /** What is in it. May be changed: that is how a record gets corrupt. */
  readonly items: Map<string, string>
  /** Default: none. */
  fault: StorageFault | undefined
  /** Milliseconds an answer takes. Default 0: it comes at once, without a promise. */
  latency: number
}

const broken = (name: string): DOMException => new DOMException('The storage is out of order.', name)

/** `storageFor(line)` gives the same storage to a page: answers reach it only while it runs, and none once it is gone. */
export interface Store {
  readonly storage: TestStorage
  storageFor(line: Line): TokenStorage
}

export function createStore(device: Device): Store {
  const items = new Map<string, string>()
  const storageFor = (line: Line): TokenStorage => {
    const answer = <T>(work: () => T): T | Promise<T> => {
      const { fault, latency } = storage
      if (fault === 'throws') throw broken('SecurityError')
      if (fault === 'hangs' || !device.has(line)) return new Promise(() => {})
      if (fault === 'rejects') return Promise.reject(broken('UnknownError'))
      if (!latency) return work()
      return new Promise((resolve, reject) => {
        device.plan(line, latency, () => {
          try {
            resolve(work())
          } catch (error) {
            reject(error)
          }
        })
      })
    }
    return {
      getItem: (key) => answer(() => items.get(key) ?? null),
      setItem: (key, value) =>
        answer(() => {
          if (storage.fault === 'full') throw broken('QuotaExceededError')
          items.set(key, value)
        }),
      removeItem: (key) => answer(() => void items.delete(key)),
    }
  }
  const storage: TestStorage = { ...storageFor(device.line()), items, fault: undefined, latency: 0 }
  return { storage, storageFor }
}
