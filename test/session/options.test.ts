import { createSession, memoryStorage } from 'inbox-session'
import type { SessionOptions } from 'inbox-session'
import { describe, expect, it, test } from 'vitest'
import { createScene } from '../support/scene.js'
import { createWorld, start } from '../support/world.js'

const source = () => 'opaque'
const { environment } = createWorld()

describe('a TypeError names the option', () => {
  it.each<[string, unknown[]]>([
    ['source', [undefined, null, '/token', {}, Promise.resolve('opaque')]],
    ['name', [null, 7, {}]],
    ['storage', ['localStorage', 7, {}, { getItem() {} }, { ...memoryStorage(), removeItem: 1 }]],
    [
      'refreshAt',
      [
        null,
        0.8,
        [],
        [0.8],
        ['0.8', '0.9'],
        [0.9, 0.8],
        [0, 0.8],
        [-1, 0.8],
        [0.8, 1],
        [0.8, 1.2],
        [NaN, 0.8],
        [0.5, NaN],
      ],
    ],
    ['minValidity', [null, '5000', -1, NaN]],
    ['fallbackLifetime', [null, '60', 0, -1, NaN]],
    ['timeout', [null, '10', 0, -1, NaN]],
    ['retry', [null, { minDelay: 0 }, { minDelay: '1' }, { minDelay: NaN }, { maxDelay: 10 }, { maxDelay: Infinity }]],
    ['subject', [true, 'sub', {}, 7]],
    ['refreshWhenHidden', [null, 'yes', 0]],
    ['environment', [{}, 7, 'browser', { ...environment, now: 5 }, { ...environment, schedule: undefined }]],
  ])('%s', (option, values) => {
    for (const value of values) {
      const create = () => createSession({ source, environment, [option]: value })
      expect(create, `${option}: ${String(value)}`).toThrow(TypeError)
      expect(create, `${option}: ${String(value)}`).toThrow(new RegExp(`\\b${option}\\b`))
    }
  })

  it.each([7, 'often', [1, 2]])('retry, also of a kind that holds no fields: %j', (retry) => {
    expect(() => createSession({ source, environment, retry } as never)).toThrow(/retry/)
  })

  it('also the listener of subscribe', () => {
    const { session } = createScene()
    expect(() => session.subscribe('render' as never)).toThrow(TypeError)
  })

  it.each([undefined, null, {}])('also where there are no options: %j', (options) => {
    expect(() => createSession(options as unknown as SessionOptions)).toThrow(TypeError)
    expect(() => createSession(options as unknown as SessionOptions)).toThrow(/source/)
  })

  it.each([undefined, null, '', 7, {}, { id: '' }, { id: 7 }, []])('also the user of signIn: %j', (user) => {
    const { session } = createScene()
    expect(() => session.signIn(user as string)).toThrow(TypeError)
    expect(() => session.signIn(user as string)).toThrow(/user/)
    expect(session.state.status).toBe('signed-out')
  })

  it('also a tenant that is none, a listener and an adapter', () => {
    const { session } = createScene()
    expect(() => session.signIn({ id: 'ann', tenant: 7 as never })).toThrow(/tenant/)
    expect(() => session.on('token', undefined as never)).toThrow(/listener/)
    expect(() => session.attach({ name: 'none' } as never)).toThrow(/adapter/)
    expect(() => session.attach(undefined as never)).toThrow(/adapter/)
  })
})

test('options left undefined have their defaults', async () => {
  const none = { name: undefined, storage: undefined, refreshAt: undefined, minValidity: undefined, retry: undefined }
  const { backend, session, world } = createScene({ ...none, timeout: undefined, subject: undefined } as never)
  session.signIn('ann')
  await world.advance(0.83 * 3_600_000)
  expect(backend.calls).toHaveLength(2)
})

test('name and values at the edges of what is allowed are taken', () => {
  for (const options of [
    { name: '' },
    { minValidity: 0 },
    { fallbackLifetime: Infinity },
    { timeout: 1 },
    { subject: false } as const,
  ])
    expect(createSession({ source, environment, ...options }).state.status).toBe('signed-out')
})

test('refreshAt says when a token is refreshed', async () => {
  const { backend, session, world, ...scene } = createScene({ refreshAt: [0.5, 0.5] })
  session.signIn('ann')
  await world.advance(3_600_000 * 3)
  const times = backend.calls.map(({ at }) => at - start)
  expect(scene.of('token')).toHaveLength(times.length)
  expect(times[1]).toBeGreaterThanOrEqual(360_000)
  expect(times[1]).toBeLessThanOrEqual(1_800_000)
  expect(times[3]! - times[2]!).toBe(1_800_000)
})

test('minValidity is how long a token that is handed out is good for at least', async () => {
  const { backend, session, world } = createScene({ minValidity: 300_000 })
  session.signIn('ann')
  await session.getToken()
  backend.fail()
  await world.advance(3_299_000)
  expect(await session.getToken()).toBeTypeOf('string')
  await world.advance(1_000)
  await expect(session.getToken()).rejects.toMatchObject({ code: 'source_failed' })
})

test('minValidity is 5 s by default', async () => {
  const { backend, session, world } = createScene()
  session.signIn('ann')
  await session.getToken()
  backend.fail()
  await world.advance(3_594_999)
  expect(await session.getToken()).toBeTypeOf('string')
  await world.advance(1)
  await expect(session.getToken()).rejects.toMatchObject({ code: 'source_failed' })
})

test('minValidity is never more than a tenth of the lifetime (F02)', async () => {
  const { backend, session, world } = createScene({ minValidity: 3_600_000, seconds: 20 })
  session.signIn('ann')
  await session.getToken()
  backend.fail()
  await world.advance(17_999)
  expect(await session.getToken()).toBeTypeOf('string')
  await world.advance(1)
  await expect(session.getToken()).rejects.toMatchObject({ code: 'source_failed' })
})

test.each([
  [undefined, 10_000],
  [3_000, 3_000],
])('timeout %s ends a call after %i ms', async (timeout, limit) => {
  const { backend, session, world } = createScene({ ...(timeout && { timeout }) })
  backend.hold()
  session.signIn('ann')
  await world.advance(limit - 1)
  expect(session.state.status).toBe('fetching')
  await world.advance(1)
  expect(session.state).toMatchObject({ status: 'waiting', error: { code: 'timeout' } })
})

test('retry sets the first and the longest wait', async () => {
  const {
    gaps: _,
    backend,
    session,
    world,
  } = createScene({ retry: { minDelay: 4_000, maxDelay: 8_000 }, random: () => 0.999 })
  backend.fail()
  session.signIn('ann')
  await world.advance(30_000)
  const times = backend.calls.map(({ at }) => Math.round((at - start) / 100) / 10)
  expect(times).toEqual([0, 4, 12, 20, 28])
})

test('refreshWhenHidden false: a hidden page calls only when it is asked, and at once when it is seen again', async () => {
  const { backend, session, world } = createScene({ refreshWhenHidden: false })
  session.signIn('ann')
  await session.getToken()
  await world.setVisible(false)
  await world.advance(20 * 3_600_000)
  expect(backend.calls).toHaveLength(1)
  expect(await session.getToken()).toBe(backend.minted[1])
  await world.advance(20 * 3_600_000)
  expect(backend.calls).toHaveLength(2)
  await world.setVisible(true)
  await world.advance(1_000)
  expect(backend.calls).toHaveLength(3)
})
