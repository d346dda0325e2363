import { memoryStorage } from 'inbox-session'
import type { TokenStorage } from 'inbox-session'
import { describe, expect, it } from 'vitest'
import { type Scene, createScene, failureOf } from '../support/scene.js'
import { flushed, openStorage, signedIn } from '../support/storage.js'
import { piecesOf, shownPieces, tokenFor } from '../support/tokens.js'
import { createWorld, start } from '../support/world.js'

const minute = 60_000
const hour = 60 * minute

/** A page of the same browser, so much later. */
const later = async (ms: number, online = true) => {
  const world = createWorld()
  await world.advance(ms)
  world.environment.online = online
  return world
}

describe('a stored token', () => {
  it('serves the next page without a call, and is refreshed when it would have been', async () => {
    const { storage } = openStorage()
    // A quarter of the way from 10 % to 83 % of the hour: 17 minutes.
    const before = await signedIn({ storage, world: createWorld(() => 0.25) })
    const kept = await before.session.getToken()
    await before.session.close()
    const world = await later(10 * minute)
    const { backend, session, of } = await signedIn({ storage, world })
    expect(await session.getToken()).toBe(kept)
    expect(of('token')).toMatchObject([{ receivedAt: start, expiresAt: start + hour }])
    await world.advance(6.9 * minute)
    expect(backend.calls).toEqual([])
    await world.advance(0.1 * minute)
    expect(backend.calls).toHaveLength(1)
  })

  it('keeps the lifetime it was measured to have, through five reloads (F19)', async () => {
    const { storage } = openStorage()
    const ends = new Set<number | undefined>()
    const first = createScene({ storage })
    first.backend.answer = () => tokenFor('ann', start - 40 * minute)
    first.session.signIn('ann')
    await flushed(first)
    for (let reload = 0; reload < 5; reload++) {
      const { session, token, backend } = await signedIn({ storage, world: await later(reload * minute) })
      ends.add(token()!.expiresAt)
      expect(backend.calls).toEqual([])
      await session.close()
    }
    expect(ends).toEqual(new Set([start + 20 * minute]))
  })

  it.each([
    ['that has ended', 2 * hour],
    ['that is spent', hour - 4_000],
  ])('%s is as good as none', async (_, ms) => {
    const { storage } = openStorage()
    await (await signedIn({ storage })).session.close()
    const { backend, session } = await signedIn({ storage, world: await later(ms) })
    expect(backend.calls).toHaveLength(1)
    expect(await session.getToken()).toBe(backend.minted[0])
  })

  it('brings its companions back', async () => {
    const { storage } = openStorage()
    const before = createScene({ storage })
    before.backend.answer = () => ({ token: 'opaque', extra: { hash: 'h' } })
    before.session.signIn('ann')
    await flushed(before)
    expect((await signedIn({ storage })).token()).toMatchObject({ extra: { hash: 'h' } })
  })

  it.each(Array.from({ length: 16 }, (_, ticks) => ticks))(
    'is gone after signOut, also %i turns after the answer came (F74)',
    async (ticks) => {
      const { storage, items } = openStorage()
      const { session, backend, world } = createScene({ storage })
      const answer = backend.hold()
      session.signIn('ann')
      await world.flush()
      void answer.resolve()
      for (let tick = 0; tick < ticks; tick++) await Promise.resolve()
      await session.signOut()
      for (let turn = 0; turn < 4; turn++) await world.flush()
      expect(items.size).toBe(0)
    },
  )

  it('is gone after signOut though it was still being written (F74)', async () => {
    const { storage, items } = openStorage()
    const setItem = storage.setItem
    const world = createWorld()
    storage.setItem = async (...given) => {
      await new Promise<void>((resolve) => void world.environment.schedule(world.environment.now() + 100, resolve))
      await setItem(...given)
    }
    const { session } = await signedIn({ storage, world })
    const out = session.signOut()
    await world.advance(1_000)
    await out
    expect(items.size).toBe(0)
  })

  it('is not taken back by a signIn right after signOut (F74)', async () => {
    const { storage } = openStorage()
    const { session, backend } = await signedIn({ storage })
    const old = await session.getToken()
    void session.signOut()
    session.signIn('ann')
    expect(await session.getToken()).not.toBe(old)
    expect(backend.calls).toHaveLength(2)
  })

  it('that was refused is removed, and not handed out to the next page', async () => {
    const { storage, text } = openStorage()
    const { session, backend } = await signedIn({ storage })
    const refused = await session.getToken()
    backend.fail()
    session.invalidate(refused)
    await failureOf(session.getToken())
    expect(text()).not.toContain(refused)
  })

  it('that was refused after a final failure is removed too', async () => {
    const { storage, text } = openStorage()
    const { session, backend, world } = await signedIn({ storage })
    const refused = await session.getToken()
    backend.answer = () => null
    await Promise.all([failureOf(session.refresh()), world.advance(1_000)])
    session.invalidate(refused)
    await world.flush()
    expect(text()).not.toContain(refused)
  })

  it('of another user is never taken, whatever the storage answers (F77)', async () => {
    const { storage, items } = openStorage()
    const before = createScene({ storage })
    before.backend.answer = () => 'opaque'
    before.session.signIn('ann')
    const anns = await before.session.getToken()
    await flushed(before)
    const careless: TokenStorage = { ...storage, getItem: () => [...items.values()][0] ?? null }
    const { session, of } = await signedIn({ storage: careless }, 'bob')
    expect(await session.getToken()).not.toBe(anns)
    expect(of('token').map(({ user }) => user.id)).toEqual(['bob'])
  })

  it('has a key for each name, user and tenant that never meets another’s, and holds no secret', async () => {
    const { storage, items, reads } = openStorage()
    const minted: string[] = []
    for (const [name, user] of [
      ['a:b', 'c'],
      ['a', 'b:c'],
      ['a', { id: 'b', tenant: 'c' }],
      ['a', { id: 'b","c' }],
      ['a', { id: 'b' }],
      ['a', { id: 'b', tenant: '' }],
      ['', 'a'],
      [undefined, 'a'],
    ] as const) {
      const scene = await signedIn({ storage, subject: false, ...(name !== undefined && { name }) }, user as never)
      minted.push(...scene.backend.minted)
    }
    expect(minted).toHaveLength(8)
    expect(items.size).toBe(8)
    expect(shownPieces([...items.keys(), ...reads].join('\n'), piecesOf(minted))).toEqual([])
  })

  it('is shared by sessions that share the storage: five of one name and user make one call when due (F90)', async () => {
    const storage = memoryStorage()
    const world = createWorld(() => 0.5)
    const scenes: Scene[] = []
    for (let copy = 0; copy < 5; copy++) {
      scenes.push(await signedIn({ storage, world }))
      await world.advance(1_000)
    }
    const calls = () => scenes.reduce((sum, { backend }) => sum + backend.calls.length, 0)
    expect(calls()).toBe(1)
    await world.advance(hour)
    const values = await Promise.all(scenes.map(({ session }) => session.getToken()))
    expect(new Set(values).size).toBe(1)
    expect(calls()).toBe(2)
    await Promise.all(scenes.map(({ session }) => session.close()))
  })

  it('is not written anywhere by default', async () => {
    const { session } = await signedIn({})
    const other = await signedIn({})
    expect(await session.getToken()).not.toBe(await other.session.getToken())
    expect(other.backend.calls).toHaveLength(1)
  })
})
