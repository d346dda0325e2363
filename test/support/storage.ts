import type { TokenStorage } from 'inbox-session'
import { type Scene, type SceneOptions, createScene } from './scene.js'

/** A storage that shows what is in it. */
export const openStorage = () => {
  const items = new Map<string, string>()
  const reads: string[] = []
  const storage: TokenStorage = {
    getItem: (key) => (reads.push(key), items.get(key) ?? null),
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  }
  return { storage, items, reads, text: () => [...items.values()].join('\n') }
}
export const flushed = async (scene: Scene) => {
  for (let turn = 0; turn < 4; turn++) await scene.world.flush()
  return scene
}
export const signedIn = async (options: SceneOptions, user: string | { id: string; tenant?: string } = 'ann') => {
  const scene = createScene(options)
  scene.session.signIn(user)
  return flushed(scene)
}

/** An IndexedDB that does nothing by itself: the test says when a database opens, a request succeeds, a transaction ends. */
export const slowDatabase = () => {
  const request = { result: undefined as unknown, onsuccess() {}, onerror() {} }
  const transaction = { error: null as unknown, oncomplete() {}, onabort() {}, objectStore: () => items }
  const items = { get: () => request, put: () => request, delete: () => request }
  const database = { open: true, transaction: () => transaction, close: () => void (database.open = false) }
  const opening = { ...request, error: null as unknown, result: database }
  return { factory: { open: () => opening }, opening, request, transaction, database }
}
