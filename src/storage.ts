import { inDatabase, webArea } from './environment/disk.js'
import { check } from './policy.js'

/** Where a token may outlive the page. Values hold tokens: choose the place with care. Anything may reject or hang: a session goes on. */
export interface TokenStorage {
  getItem(key: string): string | null | Promise<string | null>
  setItem(key: string, value: string): void | Promise<void>
  removeItem(key: string): void | Promise<void>
}

/** A storage that ends with the page: nothing is written to disk. Sessions that are given the same one share its records. */
export function memoryStorage(): TokenStorage {
  const items = new Map<string, string>()
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  }
}

/**
 * Storage in localStorage (all tabs, for good) or sessionStorage (this tab, until it closes). A token lies there readable, with its
 * user and times, until signOut, a refusal or the next token; any script of the origin can read it, an injected one too.
 * Made and used on a server, or where the area is missing, it keeps nothing. Throws a TypeError for another area.
 */
export function webStorage(area: 'localStorage' | 'sessionStorage'): TokenStorage {
  check(area === 'localStorage' || area === 'sessionStorage', 'area')
  return {
    getItem: (key) => webArea(area)?.getItem(key) ?? null,
    setItem: (key, value) => webArea(area)?.setItem(key, value),
    removeItem: (key) => webArea(area)?.removeItem(key),
  }
}

/**
 * Storage in an IndexedDB database of its own, 'inbox-session' by default: for all tabs, and workers, for good. A token lies there
 * readable, with its user and times, until signOut, a refusal or the next token; any script of the origin can read it, an injected one too.
 * Opened for each use and closed after it. Where there is no IndexedDB it keeps nothing. Throws a TypeError for an empty name.
 */
export function indexedDBStorage(database = 'inbox-session'): TokenStorage {
  check(database && typeof database === 'string', 'database')
  return {
    getItem: async (key) =>
      ((await inDatabase<unknown>(database, 'readonly', (items) => items.get(key))) as string) ?? null,
    setItem: async (key, value) => void (await inDatabase(database, 'readwrite', (items) => items.put(value, key))),
    removeItem: async (key) => void (await inDatabase(database, 'readwrite', (items) => items.delete(key))),
  }
}
