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
