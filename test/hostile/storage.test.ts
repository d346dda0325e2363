import type { TokenStorage } from 'inbox-session'
import { createTestBrowser, createTestToken } from 'inbox-session/testing'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import {
  type Made,
  damage,
  damaged,
  data,
  edges,
  holds,
  hostile,
  jsonText,
  made,
  megabytes,
  patience,
  places,
  replaced,
  secrets,
  texts,
} from './input.js'
import { createStage, expectAlive, expectBudget, expectLawful, expectQuiet, watch } from './stage.js'

vi.setConfig(patience)

const start = 1_790_000_000_000
const now = start / 1_000

/** A browser whose storage holds a good record of Ann's, written by a session that has gone. */
const visited = async (extra?: object) => {
  const browser = createTestBrowser({ now: start })
  const { storage } = browser
  const answer = () => ({ token: createTestToken({ sub: 'ann', issuedAt: now }), extra })
  const before = createStage({ browser, storage, answer })
  before.session.signIn('ann')
  await before.advance(100)
  const { value } = before.token()!
  await before.session.close()
  const [[key, text] = ['', '']] = storage.items
  expect(text).toContain(value)
  return { browser, storage, key, text, value, record: JSON.parse(text) as Record<string, unknown> }
}

/** Ann comes again, and finds that in the storage. */
const comesAgain = async (text: string, { browser, storage, key, value }: Awaited<ReturnType<typeof visited>>) => {
  storage.items.set(key, text)
  const stage = createStage({ browser, storage })
  stage.session.signIn('ann')
  await stage.advance(1_000)
  expect(stage.session.state.status).toBe('fresh')
  expectLawful(stage, [value])
  expect(stage.told.filter(({ event }) => event === 'error')).toEqual([])
  return stage
}
/** It counted as absent: one call, and the new token is written over it. */
const expectAbsent = async (text: string, given: Awaited<ReturnType<typeof visited>>) => {
  const stage = await comesAgain(text, given)
  expect(stage.calls.map(({ reason }) => reason)).toEqual(['initial'])
  expect(stage.minted).toContain(stage.token()!.value)
  expect(given.storage.items.get(given.key)).toContain(stage.token()!.value)
  await expectAlive(stage)
  expect(given.storage.items.has(given.key), 'a record after the sign-out').toBe(false)
}

const large = fc.constantFrom(
  ...[made('5 MB', () => megabytes), made('5 MB of brackets', () => '['.repeat(5_000_000))],
  ...[made('deep brackets', () => '['.repeat(30_000) + ']'.repeat(30_000))],
  ...[made('deep braces', () => '{"a":'.repeat(10_000) + '1' + '}'.repeat(10_000))],
)

describe('a record in the storage', () => {
  test('of any text counts as absent', () =>
    holds(
      35,
      fc.oneof(
        { weight: 4, arbitrary: texts.map((text) => made(fc.stringify(text), () => text)) },
        { weight: 4, arbitrary: jsonText.map((text) => made(text, () => text)) },
        {
          weight: 2,
          arbitrary: fc
            .constantFrom('undefined', '{', 'null', '[]', '5', '""', '{}', 'NaN')
            .map((text) => made(text, () => text)),
        },
        { weight: 1, arbitrary: large },
      ),
      async (make) => expectAbsent(make(), await visited()),
    ))

  test('damaged in one place counts as absent, or is one that a refusal ends', () =>
    holds(55, damage, async (how) => {
      const given = await visited()
      const stage = await comesAgain(damaged(given.text, how), given)
      expect(stage.calls.length).toBeLessThanOrEqual(1)
      const held = stage.token()!.value
      if (!stage.minted.includes(held)) {
        stage.session.invalidate(held)
        await stage.advance(2_000)
        expect(stage.minted).toContain(stage.token()!.value)
      }
      expectBudget(stage)
      await expectAlive(stage)
    }))

  test('cut off anywhere counts as absent', () =>
    holds(20, fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), async (part) => {
      const given = await visited()
      await expectAbsent(given.text.slice(0, Math.floor(part * given.text.length)), given)
    }))

  const needed = ['version', 'user', 'token', 'receivedAt'] as const
  const good: Record<(typeof needed)[number], (value: any) => boolean> = {
    version: (value) => value === 1,
    user: (value) => value?.id === 'ann' && value.tenant === undefined,
    token: (value) => typeof value === 'string' && value !== '',
    receivedAt: Number.isFinite,
  }
  test('with a part that is missing or of another kind counts as absent', () =>
    holds(
      45,
      fc.tuple(
        fc.constantFrom(...needed),
        fc.oneof(
          data,
          edges.map((value) => made(fc.stringify(value), () => value)),
        ),
      ),
      async ([part, make]) => {
        const given = await visited()
        let text: string
        try {
          text = JSON.stringify({ ...given.record, [part]: make() }, (_, value: unknown) =>
            typeof value === 'bigint' ? String(value) : value,
          )
        } catch {
          return
        }
        if (!good[part]((JSON.parse(text) as Record<string, unknown>)[part])) await expectAbsent(text, given)
      },
    ))

  test.each<[string, object]>([
    ['another user', { user: { id: 'bob' } }],
    ['another tenant', { user: { id: 'ann', tenant: 'acme' } }],
    ['another version', { version: 2 }],
    ['a version in words', { version: '1' }],
    ['the future', { receivedAt: start + 3_600_000 }],
    ['a far future', { receivedAt: 1e308 }],
    ['long ago', { receivedAt: start - 3_600_000 }],
    ['the beginning of time', { receivedAt: -1e308 }],
    ['a token of another user', { token: createTestToken({ sub: 'bob', issuedAt: now }) }],
    ['a token of another tenant’s user', { token: createTestToken({ sub: 'eve', tenant: 'acme', issuedAt: now }) }],
    [
      'a token that has ended',
      { expiresIn: undefined, token: createTestToken({ sub: 'ann', issuedAt: now - 7_200, iat: undefined }) },
    ],
    ['a token of 5 MB', { token: megabytes }],
    ['a token with a line break', { token: 'abc\ndef' }],
    ['a lifetime below zero', { expiresIn: -1 }],
    ['a lifetime in words', { expiresIn: '3600' }],
    ['a lifetime of a list', { expiresIn: [3_600] }],
    ['a user in a list', { user: [{ id: 'ann' }] }],
    ['companions of 5 MB', { extra: { text: megabytes } }],
  ])('of %s counts as absent', async (_, more) => {
    const given = await visited()
    await expectAbsent(JSON.stringify({ ...given.record, ...more }), given)
  })

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    'with a key “%s” anywhere changes no prototype',
    (key) =>
      holds(10, fc.nat(), async (place) => {
        const given = await visited({ inner: { deep: 1 } })
        const paths = places(given.record).filter(
          (path) =>
            Object(path.reduce<any>((value, name) => value[name], given.record)) ===
            path.reduce<any>((value, name) => value[name], given.record),
        )
        const path = paths[place % paths.length]!
        const text = JSON.stringify(
          replaced(given.record, path, (old) => ({ ...(old as object), PLACE: { polluted: 1 } })),
        ).replace('PLACE', key)
        const stage = await comesAgain(text, given)
        expect(stage.calls.length).toBeLessThanOrEqual(1)
        expect(({} as any).polluted).toBeUndefined()
        expect((stage.token()!.extra as any)?.polluted).toBeUndefined()
        await expectAlive(stage)
      }),
  )

  test('that says its token lives a thousand years is believed no longer than the token itself says', async () => {
    const given = await visited()
    const years = 1_000 * 365 * 86_400
    const stage = await comesAgain(JSON.stringify({ ...given.record, expiresIn: years, dueIn: years * 1_000 }), given)
    await stage.advance(3_600_000)
    expect(stage.token()!.value, 'an ended token').not.toBe(given.value)
    await expectAlive(stage)
  })

  test('with a time for the refresh of any kind is refreshed in time', () =>
    holds(15, edges, async (dueIn) => {
      const given = await visited()
      if (typeof dueIn === 'bigint') return
      const stage = await comesAgain(JSON.stringify({ ...given.record, dueIn }), given)
      await stage.advance(3_600_000)
      expect(stage.session.state.status).toBe('fresh')
      expect(stage.token()!.value).not.toBe(given.value)
      expectBudget(stage)
      await expectAlive(stage)
    }))
})

describe('a storage that', () => {
  const methods = ['getItem', 'setItem', 'removeItem'] as const
  const ways = {
    answers: (value: unknown) => value,
    throws: (value: unknown) => {
      throw value
    },
    resolves: async (value: unknown) => value,
    rejects: (value: unknown) => Promise.reject(value as Error),
    'never answers': () => new Promise(() => {}),
    'has a then that throws': (value: unknown) => ({
      then() {
        throw value
      },
    }),
  }
  const way = fc.constantFrom(...(Object.keys(ways) as (keyof typeof ways)[]))

  test('answers, throws or rejects with anything costs a report and at most 2 s, never a token', () =>
    holds(
      55,
      fc.tuple(fc.subarray([...methods], { minLength: 1 }), way, fc.oneof(hostile, large)),
      async ([broken, how, make]) => {
        const browser = createTestBrowser()
        const items = new Map<string, string>()
        const storage: TokenStorage = {
          getItem: (key) => items.get(key) ?? null,
          setItem: (key, value) => void items.set(key, value),
          removeItem: (key) => void items.delete(key),
        }
        for (const name of broken) storage[name] = () => ways[how]((make as Made)()) as never
        const stage = createStage({ browser, storage })
        stage.session.signIn('ann')
        const asked = watch(stage.session.getToken())
        await stage.advance(2_100)
        expect(stage.minted).toContain(asked.value)
        expect(stage.calls).toHaveLength(1)
        expectLawful(stage)
        for (const { event, payload } of stage.told)
          if (event === 'error') expect((payload as { code: string }).code).toMatch(/^[a-z_]+$/)
        await expectAlive(stage)
      },
    ))

  test('is written to by others at any time: what is held stays, and a sign-out removes it all', () =>
    holds(
      15,
      fc.array(fc.oneof(texts, jsonText, fc.constantFrom(...secrets)), { minLength: 1, maxLength: 5 }),
      async (list) => {
        const given = await visited()
        const { storage, key } = given
        const stage = await comesAgain(given.text, given)
        const { state } = stage.session
        const before = stage.told.length
        for (const text of list) {
          storage.items.set(key, text)
          await stage.advance(100)
        }
        expect(stage.session.state).toBe(state)
        expect(stage.told).toHaveLength(before)
        await expectAlive(stage)
        expect(storage.items.size).toBe(0)
        expectQuiet()
      },
    ))
})
