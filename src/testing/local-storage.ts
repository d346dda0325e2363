import type { Device, Line } from './device.js'

/** One page's view of the origin's localStorage. */
export interface StorageClient {
  readonly localStorage: Storage
  drop(): void
}

/** The localStorage of one origin. */
export interface LocalStorage {
  /**
   * `delay`: milliseconds until this page sees what another one wrote; `full`: whether nothing more can be written here;
   * `tell`: fires the storage event.
   */
  client(line: Line, options: { delay(): number; full(): boolean; tell(change: StorageChange): void }): StorageClient
}

/** What a storage event says. */
export interface StorageChange {
  readonly key: string
  readonly newValue: string | null
}

interface View {
  readonly items: Map<string, string>
  readonly versions: Map<string, number>
  hear(key: string, value: string | null, version: number): void
}

const quotaError = (): DOMException => new DOMException('There is no room left.', 'QuotaExceededError')

export function createLocalStorage(device: Device): LocalStorage {
  const written = new Map<string, string>()
  const views = new Set<View>()
  const processes = device.line()
  let version = 0

  return {
    client(line, { delay, full, tell }) {
      const view: View = {
        items: new Map(written),
        versions: new Map(),
        hear(key, value, at) {
          const apply = (): void => {
            // What this page wrote later stays.
            if ((view.versions.get(key) ?? 0) > at) return
            view.versions.set(key, at)
            if (value === null) view.items.delete(key)
            else view.items.set(key, value)
            device.plan(line, 0, () => tell({ key, newValue: value }))
          }
          const wait = delay()
          if (wait > 0) device.plan(processes, wait, apply)
          else apply()
        },
      }
      views.add(view)
      const write = (key: string, value: string | null): void => {
        if (!device.has(line) || (view.items.get(key) ?? null) === value) return
        version++
        view.versions.set(key, version)
        for (const items of [written, view.items])
          if (value === null) items.delete(key)
          else items.set(key, value)
        for (const other of views) if (other !== view) other.hear(key, value, version)
      }
      const methods: Storage = {
        get length() {
          return view.items.size
        },
        key: (index) => [...view.items.keys()][index] ?? null,
        getItem: (key) => view.items.get(key) ?? null,
        setItem(key: unknown, value: unknown) {
          if (full()) throw quotaError()
          write(String(key), String(value))
        },
        removeItem: (key) => write(key, null),
        clear: () => [...view.items.keys()].forEach((key) => write(key, null)),
      }
      return {
        // Its keys can be listed like those of the real one.
        localStorage: new Proxy(methods, {
          ownKeys: () => [...view.items.keys()],
          getOwnPropertyDescriptor: (_, key) =>
            typeof key === 'string' && view.items.has(key)
              ? { value: view.items.get(key), enumerable: true, configurable: true, writable: true }
              : undefined,
        }),
        drop: () => void views.delete(view),
      }
    },
  }
}
