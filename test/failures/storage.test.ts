import { webStorage } from 'inbox-session'
import type { StorageFault } from 'inbox-session/testing'
import { afterEach, expect, test, vi } from 'vitest'
import { type OpenOptions, createScene, watch } from './scene.js'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

afterEach(() => void vi.unstubAllGlobals())

test.each([1, 3])(
  'F81 in %i tabs whose localStorage is blocked everything works, with one warning each',
  async (count) => {
    // What webStorage looks at, and what the tabs use of their own.
    vi.stubGlobal('window', {
      get localStorage(): never {
        throw new DOMException('The operation is insecure.', 'SecurityError')
      },
    })
    const scene = createScene({ storage: webStorage('localStorage') })
    const windows = scene.openAll(count, { faults: { localStorage: 'blocked' } })
    for (const { session } of windows) expect(await scene.result(session.getToken())).toBeTypeOf('string')
    await scene.advance(5 * hour)
    for (const { session, token, errors } of windows) {
      expect(await session.getToken()).toBe(token()!.value)
      expect(errors().length).toBeLessThanOrEqual(1)
    }
    expect(scene.calls.length).toBeGreaterThanOrEqual(5)
    expect(scene.printed).toEqual([])
    await windows[0]!.session.signOut()
  },
)

test('F81 where it is blocked memory stands in: a session keeps its token as long as its page', async () => {
  const scene = createScene()
  const { session } = scene.open({ faults: { localStorage: 'blocked' } })
  const token = await scene.result(session.getToken())
  await scene.advance(minute)
  expect(await session.getToken()).toBe(token)
  expect(scene.calls).toHaveLength(1)
})

test.each<[string, OpenOptions['faults']]>([
  ['with Web Locks', { localStorage: 'full' }],
  ['with a lock in localStorage, which is full too', { localStorage: 'full', locks: 'absent' }],
])(
  'F82 a storage that is full costs a warning a minute at most: tokens come and are refreshed, %s',
  async (_, faults) => {
    const scene = createScene({ seconds: 60, keep: true })
    scene.browser.storage.fault = 'full'
    const { session, happened, errors } = scene.open({ faults })
    const tokens = new Set<string>()
    for (let time = 0; time < 20; time++) {
      tokens.add(await scene.result(session.getToken()))
      await scene.advance(30 * second)
    }
    expect(tokens.size).toBeGreaterThanOrEqual(10)
    expect(await scene.result(session.refresh())).not.toBe([...tokens].at(-1))
    const warnings = happened.filter(({ event }) => event === 'error').map(({ at }) => at)
    expect(new Set(errors())).toEqual(new Set(['storage_failed']))
    for (const [index, at] of warnings.entries())
      expect((warnings[index + 1] ?? Infinity) - at).toBeGreaterThanOrEqual(minute)
    expect(scene.printed).toEqual([])
  },
)

const corrupt: [string, (record: string) => string][] = [
  ['"undefined"', () => 'undefined'],
  ['"{"', () => '{'],
  ['"null"', () => 'null'],
  ['"[]"', () => '[]'],
  ['nothing', () => ''],
  ['half a record', (record) => record.slice(0, record.length / 2)],
  ['all but the last character', (record) => record.slice(0, -1)],
  ['a record of another version', (record) => record.replace('"version":1', '"version":2')],
  ['a record without a version', (record) => record.replace('"version":1,', '')],
  ['1 MB of junk', () => 'junk {[":'.repeat(120_000)],
  ['a record with 1 MB of junk in it', (record) => record.replace('{', `{"junk":"${'x'.repeat(1_000_000)}",`)],
  ['the token without its record', (record) => (JSON.parse(record) as { token: string }).token],
]

test.each(corrupt)(
  'F83 %s in the storage counts as nothing there: one call, and a good record in its place',
  async (_, spoil) => {
    const scene = createScene({ keep: true })
    const { items } = scene.browser.storage
    const before = scene.open()
    const old = await scene.result(before.session.getToken())
    await before.session.close()
    const [[key, record]] = [...items] as [[string, string]]
    expect(record).toContain(old)
    items.set(key, spoil(record))
    const { session, errors } = scene.open()
    const token = await scene.result(session.getToken())
    await scene.advance(100)
    expect(token).not.toBe(old)
    expect(scene.calls).toHaveLength(2)
    expect([...items]).toEqual([[key, expect.stringContaining(token)]])
    expect(errors()).toEqual([])
    await session.close()
    // And that is one to start from.
    expect(await scene.result(scene.open().session.getToken())).toBe(token)
    expect(scene.calls).toHaveLength(2)
  },
)

test.each<[string, StorageFault | undefined, number, number]>([
  ['never answers', 'hangs', 0, 2],
  ['takes 1.5 s for everything', undefined, 1_500, 3],
  ['takes 5 s for everything', undefined, 5_000, 2],
  ['rejects everything', 'rejects', 0, 0.4],
  ['throws', 'throws', 0, 0.4],
])('F84 a storage that %s holds up nobody for long', async (_, fault, latency, longest) => {
  const scene = createScene({ keep: true })
  Object.assign(scene.browser.storage, { fault, latency })
  const { session, errors, of, ask } = scene.open()
  const start = scene.browser.now
  const asked = ask()
  await scene.advance(longest * second + 100)
  expect(asked.value).toBe(scene.browser.backend.tokens[0])
  // Each time it is looked into, before and within the lock, has its bound.
  expect(scene.calls[0]!.at - start).toBeLessThanOrEqual(longest * second)
  await scene.advance(5 * second)
  const refreshed = watch(session.refresh(), () => scene.browser.now)
  await scene.advance(5 * second)
  expect(refreshed.value).toBe(scene.browser.backend.tokens[1])
  await scene.advance(2 * hour)
  expect(await session.getToken()).toBe(scene.browser.backend.tokens.at(-1))
  expect(new Set(errors())).toEqual(new Set(latency === 1_500 ? [] : ['storage_failed']))
  for (const { message } of of('error')) expect(message).toMatch(/storage/)
  const left = watch(session.signOut())
  await scene.advance(20 * second)
  expect(left.ended).toBe(true)
})

test('F84 a token that cannot be saved is handed out all the same, with one error storage_failed', async () => {
  const items = new Map<string, string>()
  const storage = {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: async (): Promise<void> => {
      throw new Error('The disk is gone.')
    },
    removeItem: (key: string) => void items.delete(key),
  }
  const scene = createScene({ storage })
  const { session, errors, status } = scene.open()
  expect(await scene.result(session.getToken())).toBe(scene.browser.backend.tokens[0])
  await scene.advance(100)
  expect(status()).toBe('fresh')
  expect(errors()).toEqual(['storage_failed'])
})
