// @vitest-environment happy-dom
import { indexedDBStorage, memoryStorage, webStorage } from 'inbox-session'
import type { TokenStorage } from 'inbox-session'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { slowDatabase } from './support/storage.js'

const areas = ['localStorage', 'sessionStorage'] as const

const every: [string, () => TokenStorage][] = [
  ['memoryStorage', memoryStorage],
  ...areas.map((area): [string, () => TokenStorage] => [`webStorage('${area}')`, () => webStorage(area)]),
]

afterEach(() => {
  vi.unstubAllGlobals()
  for (const area of areas) window[area].clear()
})

describe.each(every)('%s', (_, create) => {
  it('gives back what was written last, and null for what was not or was removed', async () => {
    const storage = create()
    expect(await storage.getItem('a')).toBeNull()
    await storage.setItem('a', 'one')
    await storage.setItem('b', 'other')
    await storage.setItem('a', 'two')
    expect(await storage.getItem('a')).toBe('two')
    await storage.removeItem('a')
    await storage.removeItem('never there')
    expect([await storage.getItem('a'), await storage.getItem('b')]).toEqual([null, 'other'])
  })
})

describe.each(areas)('webStorage(%j)', (area) => {
  it('writes in that area under the key it is given, and reads what others wrote there', () => {
    const other = areas.find((name) => name !== area)!
    void webStorage(area).setItem('key', 'value')
    expect([window[area].getItem('key'), window[other].length]).toEqual(['value', 0])
    window[area].setItem('key', 'of another tab')
    expect(webStorage(area).getItem('key')).toBe('of another tab')
  })

  it('looks the area up at each use: nothing is touched when it is made (F81)', () => {
    const lookUp = vi.fn()
    vi.stubGlobal('window', {
      get [area]() {
        lookUp()
        throw new DOMException('denied', 'SecurityError')
      },
    })
    const storage = webStorage(area)
    expect(lookUp).not.toHaveBeenCalled()
    for (const use of [() => storage.getItem('key'), () => storage.setItem('key', ''), () => storage.removeItem('key')])
      expect(use).toThrow('denied')
    vi.unstubAllGlobals()
    expect(storage.getItem('key')).toBeNull()
  })

  it.each([
    ['on a server', undefined],
    ['in a webview without it', { [area]: null }],
  ])('keeps nothing %s, and throws nothing', async (_, scope) => {
    vi.stubGlobal('window', scope)
    const storage = webStorage(area)
    await storage.setItem('key', 'value')
    expect(await storage.getItem('key')).toBeNull()
    await storage.removeItem('key')
  })
})

describe('indexedDBStorage', () => {
  it('keeps nothing where there is no IndexedDB, and rejects nothing', async () => {
    const storage = indexedDBStorage()
    await storage.setItem('key', 'value')
    expect(await storage.getItem('key')).toBeNull()
    await storage.removeItem('key')
  })

  it('rejects, and does not throw, where it is blocked (F81)', async () => {
    const open = vi.fn((_name: string) => {
      throw new DOMException('denied', 'SecurityError')
    })
    vi.stubGlobal('indexedDB', { open })
    const storage = indexedDBStorage('a name')
    expect(open).not.toHaveBeenCalled()
    await expect(storage.getItem('key')).rejects.toThrow('denied')
    await expect(storage.setItem('key', 'value')).rejects.toThrow('denied')
    await expect(storage.removeItem('key')).rejects.toThrow('denied')
    expect(open.mock.calls).toEqual([['a name'], ['a name'], ['a name']])
  })
})

describe('a write to indexedDBStorage', () => {
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  const begin = async () => {
    const scene = slowDatabase()
    vi.stubGlobal('indexedDB', scene.factory)
    const ended = vi.fn()
    const write = Promise.resolve(indexedDBStorage().setItem('key', 'value'))
    write.then(
      () => ended('written'),
      (error: unknown) => ended(error),
    )
    return { ...scene, ended }
  }

  it('has not ended before it is on the disk, and then holds no connection', async () => {
    const { opening, request, transaction, database, ended } = await begin()
    opening.onsuccess()
    await turn()
    request.onsuccess()
    await turn()
    expect(ended).not.toHaveBeenCalled()
    transaction.oncomplete()
    await turn()
    expect(ended.mock.calls).toEqual([['written']])
    expect(database.open).toBe(false)
  })

  it('that does not fit rejects, though its request succeeded, and holds no connection', async () => {
    const { opening, request, transaction, database, ended } = await begin()
    opening.onsuccess()
    await turn()
    request.onsuccess()
    transaction.error = new DOMException('no room', 'QuotaExceededError')
    transaction.onabort()
    await turn()
    expect(ended.mock.calls).toEqual([[transaction.error]])
    expect(database.open).toBe(false)
  })

  it('rejects where the database cannot be opened', async () => {
    const { opening, ended } = await begin()
    opening.error = new DOMException('no room', 'QuotaExceededError')
    opening.onerror()
    await turn()
    expect(ended.mock.calls).toEqual([[opening.error]])
  })
})

describe('an option of the wrong kind is named', () => {
  it.each(['localstorage', '', 'indexedDB', '__proto__', undefined, null, 7, window.localStorage])(
    'area: %s',
    (area) => {
      expect(() => webStorage(area as never)).toThrow(/"area"/)
    },
  )

  it.each(['', null, 7, {}])('database: %s', (database) => {
    expect(() => indexedDBStorage(database as never)).toThrow(/"database"/)
  })
})
