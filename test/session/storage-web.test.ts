// @vitest-environment happy-dom
import { indexedDBStorage, webStorage } from 'inbox-session'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { signedIn } from '../support/storage.js'
import { createWorld } from '../support/world.js'

const areas = ['localStorage', 'sessionStorage'] as const

afterEach(() => {
  vi.unstubAllGlobals()
  for (const area of areas) window[area].clear()
})

describe.each(areas)('a session with %s', (area) => {
  it('hands the next page its token, and leaves nothing behind when its user signs out', async () => {
    const before = await signedIn({ storage: webStorage(area) })
    const kept = await before.session.getToken()
    await before.session.close()
    const { session, backend } = await signedIn({ storage: webStorage(area) })
    expect(await session.getToken()).toBe(kept)
    expect(backend.calls).toEqual([])
    await session.signOut()
    expect(window[area].length).toBe(0)
  })

  it('that is blocked works as one without, and says so once (F81)', async () => {
    vi.stubGlobal('window', {
      get [area]() {
        throw new DOMException('denied', 'SecurityError')
      },
    })
    const { session, backend, world, errors } = await signedIn({ storage: webStorage(area) })
    expect(await session.getToken()).toBe(backend.minted[0])
    await world.advance(5 * 3_600_000)
    expect(backend.calls.length).toBeGreaterThan(5)
    await session.signOut()
    expect(errors()).toEqual(['storage_failed'])
  })
})

describe('where there is no storage', () => {
  it.each([
    ['webStorage', () => webStorage('localStorage')],
    ['indexedDBStorage', () => indexedDBStorage()],
  ])('%s is silent, and two sessions share no token (F92)', async (_, create) => {
    vi.stubGlobal('window', undefined)
    const storage = create()
    const world = createWorld()
    const one = await signedIn({ storage, world })
    const other = await signedIn({ storage, world })
    expect(await one.session.getToken()).not.toBe(await other.session.getToken())
    await Promise.all([one.session.close(), other.session.close()])
    expect([...one.errors(), ...other.errors()]).toEqual([])
  })
})
