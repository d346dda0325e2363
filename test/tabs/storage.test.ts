import type { TokenStorage } from 'inbox-session'
import { describe, expect, it } from 'vitest'
import { openStorage } from '../support/storage.js'
import { createTabs, oneToken, watch } from '../support/tabs-scene.js'
import { seeded } from '../support/world.js'

describe('with a storage that all tabs share', () => {
  it('a browser that restores twelve tabs makes one call for a token with half a minute left (F29)', async () => {
    const { storage } = openStorage()
    const scene = createTabs({ storage })
    const last = scene.open()
    await scene.advance(2_950_000)
    // The refresh of a cold start is drawn early: what counts is what the tab left behind.
    const { expiresAt } = last.token()!
    await Promise.all([last.session.close(), scene.advance(10)])
    await scene.advance(expiresAt! - scene.origin.now - 30_000)
    const { length } = scene.calls
    const windows = []
    for (let index = 0; index < 12; index++) {
      windows.push(scene.open())
      await scene.advance(16)
    }
    await scene.advance(2_000)
    expect(scene.calls.length - length).toBe(1)
    oneToken(windows)
  })

  it('a stored token that is good makes no call at all', async () => {
    const { storage } = openStorage()
    const scene = createTabs({ storage })
    const last = scene.open()
    await scene.advance(1_000)
    const token = last.token()!.value
    await Promise.all([last.session.close(), scene.advance(10)])
    const windows = scene.openAll(12)
    await scene.advance(2_000)
    expect(oneToken(windows)).toBe(token)
    expect(scene.calls).toHaveLength(1)
  })

  it('one that hangs holds up no other tab', async () => {
    const never = () => new Promise<never>(() => {})
    const scene = createTabs({ seconds: 100 })
    const slow = scene.open({ storage: { getItem: never, setItem: never, removeItem: never } })
    const windows = [slow, ...scene.openAll(3)]
    await scene.advance(3_000)
    oneToken(windows)
    for (let second = 0; second < 200; second++) {
      await scene.advance(1_000)
      expect(windows.every(({ token }) => token())).toBe(true)
    }
    expect(scene.calls.length).toBeLessThanOrEqual(4)
  })
})

/** Some tabs at a refresh, with answers, messages and storage as slow as drawn. Returns what went wrong. */
const interleave = async (seed: number, scene: ReturnType<typeof createTabs>): Promise<string[]> => {
  const random = seeded(seed)
  const wrong: string[] = []
  const slow = () => scene.origin.wait(Math.floor(random() * 20))
  const items = new Map<string, string>()
  const storage: TokenStorage = {
    getItem: (key) => slow().then(() => items.get(key) ?? null),
    setItem: (key, value) => slow().then(() => void items.set(key, value)),
    removeItem: (key) => slow().then(() => void items.delete(key)),
  }
  const options = random() < 0.5 ? { storage } : {}
  const join = () => {
    const window = scene.open({ ...options, signIn: false })
    const { tab, session } = window
    tab.latency = () => Math.floor(random() * 30)
    session.on('token', ({ value }) => {
      const newest = scene.backend.minted.at(-1)
      if (value !== newest) return
      const asked = watch(session.getToken())
      void scene.flush
      void scene.origin.flush().then(() => asked.value === newest || wrong.push('an old token after "done"'))
    })
    session.signIn('ann')
    return window
  }
  const windows = Array.from({ length: 2 + Math.floor(random() * 3) }, join)
  await scene.advance(20_000)
  const { length } = scene.calls
  const asked = watch(windows[Math.floor(random() * windows.length)]!.session.refresh())
  await scene.advance(Math.floor(random() * 120))
  windows.push(join())
  await scene.advance(Math.floor(random() * 40))
  for (const { session } of windows) void watch(session.getToken())
  await scene.advance(12_000)
  if (!asked.value) wrong.push('a refresh that did not end')
  if (scene.calls.length !== length + 1) wrong.push(`${scene.calls.length - length} calls`)
  if (new Set(windows.map(({ token }) => token()?.value)).size !== 1) wrong.push('different tokens')
  for (const { of } of windows) {
    const order = of('token').map(({ value }) => scene.backend.minted.indexOf(value))
    if (order.some((place, index) => place <= (order[index - 1] ?? -1))) wrong.push('back to an older token')
  }
  await Promise.all([...windows.map(({ session }) => session.close()), scene.advance(5_000)])
  return wrong
}

describe('who is told of a new token has it (F30)', () => {
  it.each(Array.from({ length: 10 }, (_, index) => index * 100))('interleavings from %i on', async (from) => {
    for (let seed = from; seed < from + 100; seed++) {
      const scene = createTabs({ seed, shuffle: true, latency: 30 })
      expect(await interleave(seed, scene), `seed ${seed}`).toEqual([])
    }
  })
})
