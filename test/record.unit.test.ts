import { describe, expect, it, vi } from 'vitest'
import type { SessionError } from '../src/errors.js'
import { createShelf, readRecord, writeRecord } from '../src/record.js'
import { type TokenStorage, memoryStorage } from '../src/storage.js'
import type { User } from '../src/token.js'
import { ada, bob, hour, makeToken, minute } from './support/states.js'
import { jwt, piecesOf, shownPieces } from './support/tokens.js'
import { createWorld, start } from './support/world.js'

const never = new Promise<never>(() => {})
const { signal } = new AbortController()
const value = jwt({ sub: 'ada', secret: 'of the user' })
const token = makeToken(value, { extra: { hash: 'h' } })

/** A shelf in a storage that is memory, save where `more` says otherwise. */
function createScene(more: Partial<TokenStorage> = {}, name = 'default') {
  const world = createWorld()
  const memory = memoryStorage()
  const items = new Map<string, string>()
  const storage: TokenStorage = {
    getItem: (key) => memory.getItem(key),
    setItem(key, text) {
      items.set(key, text)
      return memory.setItem(key, text)
    },
    removeItem(key) {
      items.delete(key)
      return memory.removeItem(key)
    },
    ...more,
  }
  const errors: SessionError[] = []
  const shelf = createShelf(storage, name, world.environment, (error) => errors.push(error))
  return { world, storage, items, errors, shelf, read: (user: User = ada) => shelf.read(user, signal) }
}

describe('a record', () => {
  it('brings back the token with its companions and the lifetime that was measured', async () => {
    const { world, shelf, read } = createScene()
    shelf.save(token)
    await world.flush()
    expect(await read()).toEqual({
      ...{ version: 1, user: ada, token: value, extra: { hash: 'h' } },
      ...{ receivedAt: start, expiresIn: hour / 1e3 },
    })
    shelf.save(makeToken(value, { expiresAt: undefined }))
    await world.flush()
    expect((await read())?.expiresIn).toBeUndefined()
  })

  it('keeps the drawn instant of the refresh, counted from receipt', async () => {
    const { world, shelf, read } = createScene()
    shelf.save(token, start + 40 * minute)
    await world.flush()
    expect((await read())?.dueIn).toBe(40 * minute)
    shelf.save(makeToken(value, { expiresAt: undefined }), Infinity)
    await world.flush()
    expect((await read())?.dueIn).toBeUndefined()
  })

  it('says of its user no more than is needed to tell users apart', () => {
    const user = { id: 'ada', tenant: 'acme', email: 'ada@example.com' }
    const text = writeRecord(makeToken(value, { user }))
    expect(text).not.toContain(user.email)
    expect(readRecord(text, user)?.user).toBe(user)
  })

  it('is gone when it was forgotten, and was the user’s alone (F77)', async () => {
    const { world, items, shelf, read } = createScene()
    shelf.save(token)
    shelf.save(makeToken('of bob', { user: bob }))
    shelf.forget(ada)
    await shelf.settled()
    await world.flush()
    expect(await read()).toBeUndefined()
    expect((await read(bob))?.token).toBe('of bob')
    expect(items.size).toBe(1)
    expect(world.timers).toBe(0)
  })

  it('lies under a key of its own for every name, user and tenant', async () => {
    const keys = new Set<string>()
    const getItem = (key: string) => (keys.add(key), null)
    const users = [
      { id: 'a:b', tenant: 'c' },
      { id: 'a', tenant: 'b:c' },
      { id: 'a:b:c' },
      { id: 'a","b' },
      { id: '["a"]' },
    ]
    const names = ['default', 'a', 'default"', 'default","a']
    for (const name of names) for (const user of users) await createScene({ getItem }, name).shelf.read(user, signal)
    expect(keys.size).toBe(names.length * users.length)
    for (const key of keys) expect(key).toMatch(/^inbox-session:/)
  })

  it('has no secret in its key (G4)', async () => {
    const { world, items, shelf } = createScene()
    shelf.save(token)
    await world.flush()
    expect(shownPieces([...items.keys()].join(), piecesOf([value]))).toEqual([])
  })
})

describe('what is found counts as absent', () => {
  const sound = { version: 1, user: ada, token: value, receivedAt: start, expiresIn: hour / 1e3 }
  const text = JSON.stringify(sound)
  it('otherwise it would be found', async () => {
    expect((await createScene({ getItem: () => text }).read())?.token).toBe(value)
  })

  it.each([
    ...['undefined', '{', 'null', '[]', '""', '7', '', text.slice(0, -9), text + '}', 'x'.repeat(1_000_000)],
    ...[{ version: 2 }, { version: '1' }, { version: undefined }, { expiresIn: 'soon' }],
    ...[{ receivedAt: '2026' }, { receivedAt: undefined }, { expiresIn: {} }],
    ...[{ token: 7 }, { token: undefined }, { token: { toString: 'x' } }],
    ...[{ user: bob }, { user: undefined }, { user: null }, { user: { id: 'ada', tenant: 'acme' } }],
  ])('when it is no record of this user and version (F83): %#', async (odd) => {
    const found = typeof odd === 'string' ? odd : JSON.stringify({ ...sound, ...odd })
    const { read, errors } = createScene({ getItem: () => found })
    expect(await read()).toBeUndefined()
    expect(errors).toEqual([])
  })
})

describe('a record’s text', () => {
  const text = writeRecord(token, start + minute)
  const spliced = (more: string) => `${text.slice(0, -1)},${more}}`

  it('may hold 64 kB, and no more', () => {
    const padded = (length: number) => text + ' '.repeat(length - text.length)
    expect(readRecord(padded(65_536), ada)?.token).toBe(value)
    expect(readRecord(padded(65_537), ada)).toBeUndefined()
  })

  it.each(['"__proto__":{"token":"x"}', '"extra":{"a":[{"__proto__":1}]}', '"extra":{"\\u005f_proto__":{}}'])(
    'with a key that could reach a prototype is refused (F49): %s',
    (more) => expect(readRecord(spliced(more), ada)).toBeUndefined(),
  )

  it.each(['"soon"', 'null', '{}', '1e999'])('with a refresh at %s is read without one', (odd) => {
    expect(readRecord(spliced(`"dueIn":${odd}`), ada)).toMatchObject({ token: value, dueIn: undefined })
  })

  it('brings nothing but what a record holds: the clock is not measured anew', () => {
    const found = readRecord(spliced('"expiresAt":9,"serverTime":9,"user":{"id":"ada","admin":true}'), ada)
    expect(found && 'serverTime' in found).toBe(false)
    expect(found && 'expiresAt' in found).toBe(false)
    expect(found?.user).toBe(ada)
  })

  it.each([[undefined], [null], [7], [true], [{}], [[]], [Symbol('x')], [{ length: 1 }], [[text]], [() => text]])(
    'that is no text is no record: %#',
    (odd) => expect(readRecord(odd, ada)).toBeUndefined(),
  )
})

describe('a storage', () => {
  it('may answer later', async () => {
    const { world, storage, read } = createScene()
    const slow = createScene({ getItem: async (key) => storage.getItem(key) })
    createShelf(storage, 'default', world.environment, () => {}).save(token)
    await world.flush()
    expect((await slow.read())?.token).toBe((await read())?.token)
  })

  it('that never answers is done without after two seconds (F84)', async () => {
    const { world, read } = createScene({ getItem: () => never })
    const ended = vi.fn()
    void read().then(ended)
    await world.advance(1_999)
    expect(ended).not.toHaveBeenCalled()
    await world.advance(1)
    expect(ended).toHaveBeenCalledWith(undefined)
    expect(world.timers).toBe(0)
  })

  it('is not waited for by whoever gives up', async () => {
    const { world, shelf } = createScene({ getItem: () => never })
    await expect(shelf.read(ada, AbortSignal.abort('given up'))).rejects.toBe('given up')
    expect(world.timers).toBe(0)
  })

  it('that never answered is not waited for again until it does (F84)', async () => {
    let answer!: (text: string | null) => void
    const getItem = vi.fn(() => new Promise<string | null>((resolve) => (answer = resolve)))
    const { world, read, errors } = createScene({ getItem })
    const first = read()
    await world.advance(2_000)
    expect(await first).toBeUndefined()
    expect(await read()).toBeUndefined()
    expect(getItem).toHaveBeenCalledTimes(1)
    expect(errors.map(({ code }) => code)).toEqual(['storage_failed'])
    answer(null)
    await world.flush()
    const second = read()
    await world.flush()
    answer(writeRecord(token))
    expect((await second)?.token).toBe(value)
  })

  const failing = () => {
    throw new Error(`no room for ${value}`)
  }
  it.each<[string, Partial<TokenStorage>]>([
    ['throws', { getItem: failing, setItem: failing, removeItem: failing }],
    ['rejects', { getItem: async () => failing(), setItem: async () => failing(), removeItem: async () => failing() }],
  ])('that always %s is reported once, without the secret, and nothing is thrown (F81, F82, F84)', async (_, more) => {
    const { world, shelf, read, errors } = createScene(more)
    for (let refresh = 0; refresh < 3; refresh++) {
      expect(await read()).toBeUndefined()
      shelf.save(token)
      await world.advance(2 * minute)
      shelf.forget(ada)
      await shelf.settled()
    }
    expect(errors.map(({ code }) => code)).toEqual(['storage_failed'])
    for (const { message, stack } of errors) expect(shownPieces(message + stack, piecesOf([value]))).toEqual([])
    expect(world.timers).toBe(0)
  })

  it('that fails, however differently, is reported at most once a minute (F82)', async () => {
    let count = 0
    const { world, shelf, errors } = createScene({ setItem: () => Promise.reject(new Error(`reason ${count++}`)) })
    for (let second = 0; second < 180; second++) {
      shelf.save(token)
      await world.advance(1_000)
    }
    expect(count).toBe(180)
    expect(errors).toHaveLength(3)
  })

  it('that fails again after it had room is reported again', async () => {
    let full = true
    const setItem = () => {
      if (full) throw new Error('full')
    }
    const { world, shelf, errors } = createScene({ setItem })
    for (const now of [true, true, false, true, true]) {
      full = now
      shelf.save(token)
      await world.advance(2 * minute)
    }
    expect(errors).toHaveLength(2)
  })
})

describe('writes', () => {
  it('are made one after another: a removal never overtakes what was written before it', async () => {
    const log: string[] = []
    let finish!: () => void
    const { world, shelf } = createScene({
      setItem: async () => {
        log.push('write')
        await new Promise<void>((resolve) => (finish = resolve))
        log.push('written')
      },
      removeItem: () => void log.push('removed'),
    })
    shelf.save(token)
    shelf.forget(ada)
    const gone = shelf.settled()
    await world.flush()
    expect(log).toEqual(['write'])
    finish()
    await gone
    expect(log.slice(0, 2)).toEqual(['write', 'written'])
    expect(log.at(-1)).toBe('removed')
  })

  it('keep the order they were made in', async () => {
    const { world, shelf, read } = createScene()
    for (let index = 0; index < 5; index++) shelf.save(makeToken(`token-${index}`))
    await world.flush()
    expect((await read())?.token).toBe('token-4')
  })

  it('that fail do not stop the next', async () => {
    const setItem = vi.fn(() => Promise.reject(new Error('full')))
    const { world, shelf } = createScene({ setItem })
    shelf.save(token)
    shelf.save(token)
    await world.flush()
    expect(setItem).toHaveBeenCalledTimes(2)
  })

  it('that hang keep nobody waiting longer than two seconds', async () => {
    const { world, shelf } = createScene({ removeItem: () => never })
    const ended = vi.fn()
    shelf.forget(ada)
    void shelf.settled().then(ended)
    await world.advance(2_000)
    expect(ended).toHaveBeenCalled()
    expect(world.timers).toBe(0)
  })

  it('that hang do not keep the next from being made', async () => {
    const removeItem = vi.fn()
    const { world, shelf } = createScene({ setItem: () => never, removeItem })
    shelf.save(token)
    shelf.forget(ada)
    await world.advance(60_000)
    expect(removeItem).toHaveBeenCalled()
  })

  it('that end long after they were given up leave nothing of a user who has left (F74)', async () => {
    let finish!: () => void
    const items = new Set<string>()
    const { world, shelf } = createScene({
      setItem: async (key) => {
        await new Promise<void>((resolve) => (finish = resolve))
        items.add(key)
      },
      removeItem: (key) => void items.delete(key),
    })
    shelf.save(token)
    shelf.forget(ada)
    await world.advance(10_000)
    finish()
    await world.flush()
    expect(items.size).toBe(0)
  })
})
