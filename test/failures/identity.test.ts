import { type Token, type TokenSource, type TokenStorage, type User, fromEndpoint } from 'inbox-session'
import type { TestTab } from 'inbox-session/testing'
import { describe, expect, test } from 'vitest'
import { type Scene, type Window, createScene } from './scene.js'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

/** The app's endpoint, asked by somebody who does not care about the signal: the answer comes in any case. */
const stubborn = ({ fetch }: TestTab): TokenSource =>
  fromEndpoint(({ user: { id } }) => `/token?user=${id}`, {
    fetch: (input, init) => fetch(input, { ...init, signal: null }),
  })

/** Two tabs that start together, with a storage that takes its time; then so many milliseconds pass. */
const startTwo = async (ms: number) => {
  const scene = createScene({ keep: true, seed: ms })
  scene.browser.storage.latency = 20
  const windows = [1, 2].map(() => {
    const tab = scene.browser.tab()
    return scene.open({ tab, source: stubborn(tab) })
  }) as [Window, Window]
  const asked = windows.map(({ ask }) => ask())
  await scene.advance(ms)
  return { scene, windows, asked, pending: asked.map(({ ended }) => !ended) }
}

// Reading, asking the other tab, the lock, reading again, the call, saving: each instant of that, and some beyond.
const instants = Array.from({ length: 48 }, (_, index) => index * 10)

/** The tokens a window was told of, or its SDK was given, after so many events and calls. */
const noteTokens = ({ happened, applied }: Window): (() => Token[]) => {
  const [events, calls] = [happened.length, applied.length]
  return () => [
    ...happened.slice(events).flatMap(({ event, payload }) => (event === 'token' ? [payload as Token] : [])),
    ...applied.slice(calls).flatMap(({ token }) => token ?? []),
  ]
}

describe('an answer that comes after the sign-out', () => {
  test('F74 brings nobody a token, at whatever instant: no memory, storage, adapter, tab or waiting caller', async () => {
    let aborted = 0
    let waiting = 0
    for (const ms of instants) {
      const { scene, windows, asked, pending } = await startTwo(ms)
      const tokens = noteTokens(windows[0])
      const flying = scene.calls.filter(({ endedAt }) => endedAt === undefined)
      void windows[0].session.signOut()
      await scene.advance(0)
      if (pending[0]) expect(asked[0]!.error, `after ${ms} ms`).toMatchObject({ code: 'signed_out' })
      for (const { signal, window } of flying) if (window === windows[0]) expect(signal.aborted).toBe(true)
      await scene.advance(minute)
      for (const { signal } of flying) expect(signal.aborted).toBe(true)
      for (const window of windows) {
        expect(window.session.state).toEqual({ status: 'signed-out' })
        expect(window.applied.at(-1)?.token).toBeUndefined()
        await expect(window.session.getToken()).rejects.toMatchObject({ code: 'signed_out' })
      }
      expect(tokens(), `after ${ms} ms`).toEqual([])
      expect(windows.map(({ of }) => of('signed-out').map(({ reason }) => reason))).toEqual([['here'], ['other-tab']])
      if (pending[1]) expect(asked[1]!.error).toMatchObject({ code: 'signed_out' })
      expect([...scene.browser.storage.items.values()]).toEqual([])
      expect(scene.calls.length).toBeLessThanOrEqual(1)
      aborted += flying.length
      waiting += pending.filter(Boolean).length
      await scene.finish()
    }
    // The instants hit what they were meant to hit.
    expect(aborted).toBeGreaterThanOrEqual(3)
    expect(waiting).toBeGreaterThanOrEqual(10)
    expect(waiting).toBeLessThan(2 * instants.length - 10)
  }, 30_000)

  test.each(['while it is saved', 'once it is saved', 'when it is told', 'when an adapter has it'])(
    'F74 nor does one that lands in that very moment, %s',
    async (moment) => {
      const items = new Map<string, string>()
      const out = (when: string): unknown => when === moment && window.session.signOut()
      const storage: TokenStorage = {
        getItem: (key) => items.get(key) ?? null,
        setItem(key, value) {
          out('while it is saved')
          items.set(key, value)
          out('once it is saved')
        },
        removeItem: (key) => void items.delete(key),
      }
      const scene = createScene()
      const window: Window = scene.open({ storage, signIn: false })
      const { session, ask, applied } = window
      session.on('change', ({ status }) => void (status === 'fresh' && out('when it is told')))
      session.attach({ name: 'sdk', attach: () => void out('when an adapter has it') })
      session.signIn('ann')
      ask()
      await scene.advance(30)
      const other = scene.open()
      await scene.advance(minute)
      for (const { session } of [window, other]) expect(session.state).toEqual({ status: 'signed-out' })
      expect([items.size, scene.calls.length]).toEqual([0, 1])
      for (const calls of [applied, other.applied]) expect(calls.at(-1)?.token).toBeUndefined()
      await expect(session.getToken()).rejects.toMatchObject({ code: 'signed_out' })
    },
  )
})

describe('another user in the middle of a call', () => {
  test('F75 has a call of their own, and nobody gets a token that was meant for the one before', async () => {
    for (const ms of instants) {
      const { scene, windows, asked, pending } = await startTwo(ms)
      const [{ session, ask }] = windows
      const tokens = noteTokens(windows[0])
      session.signIn('bob')
      const next = ask()
      await scene.advance(minute)
      if (pending[0]) expect(asked[0]!.error, `after ${ms} ms`).toMatchObject({ code: 'user_changed' })
      expect(next.value, `after ${ms} ms`).toBe(scene.calls.filter(({ user }) => user.id === 'bob').at(-1)!.token)
      expect(session.state).toMatchObject({ status: 'fresh', user: { id: 'bob' }, token: { user: { id: 'bob' } } })
      expect(new Set(tokens().map(({ user }) => user.id))).toEqual(new Set(['bob']))
      expect(scene.calls.filter(({ user }) => user.id === 'bob')).toHaveLength(1)
      // The other tab is still ann's.
      expect(windows[1].session.state).toMatchObject({ status: 'fresh', user: { id: 'ann' } })
      expect(scene.calls.length).toBeLessThanOrEqual(3)
      await scene.finish()
    }
  }, 30_000)

  test('F75 and the first one again makes three calls at most, and no answer from before counts', async () => {
    for (const ms of instants)
      for (const gap of [0, 30]) {
        const scene = createScene({ keep: true })
        scene.browser.storage.latency = 20
        const tab = scene.browser.tab()
        const { session, ask } = scene.open({ tab, source: stubborn(tab) })
        const asked = [ask()]
        await scene.advance(ms)
        session.signIn('bob')
        asked.push(ask())
        await scene.advance(gap)
        session.signIn('ann')
        const since = scene.browser.now
        const tokens = noteTokens(scene.windows[0]!)
        const last = ask()
        const done = asked.map(({ ended }) => ended)
        await scene.advance(minute)
        for (const [index, { error }] of asked.entries())
          if (!done[index]) expect(error, `${ms} ms`).toMatchObject({ code: 'user_changed' })
        expect(scene.calls.length).toBeLessThanOrEqual(3)
        const call = scene.calls.at(-1)!
        expect(call.at).toBeGreaterThanOrEqual(since)
        expect(last.value).toBe(call.token)
        expect(new Set(tokens().map(({ value }) => value))).toEqual(new Set([call.token]))
        await scene.finish()
      }
  }, 30_000)
})

const strangers: [string, string | User, Record<string, unknown>, typeof required?][] = [
  ['another sub', 'ann', { sub: 'bob' }],
  ['another entity_id', 'ann', { entity_id: 'bob' }],
  ['another user_id', 'ann', { user_id: 'bob' }],
  ['a scope for another user', 'ann', { scope: 'user_id:bob inbox:read:messages' }],
  ['another tenant', { id: 'ann', tenant: 't1' }, { tenant: 't2' }],
  ['another tenant_id', { id: 'ann', tenant: 't1' }, { tenant_id: 't2' }],
  ['a scope of another tenant', { id: 'ann', tenant: 't1' }, { scope: { tenant_id: 't2' } }],
  ['no subject where one is asked for', 'ann', { sub: undefined }, required],
  ['no tenant where one is asked for', { id: 'ann', tenant: 't1' }, { tenant: undefined }, required],
]
function required(claims: Readonly<Record<string, unknown>>): { id?: string; tenant?: string } {
  return { id: claims.sub as string, tenant: claims.tenant as string }
}

describe('a token for somebody else', () => {
  const expectNoTrace = ({ browser, windows }: Scene, stranger: string): void => {
    const written = JSON.stringify([browser.messages, [...browser.storage.items]])
    expect(written).not.toContain(stranger)
    for (const { of } of windows)
      for (const { message, stack } of of('error')) expect(message + stack).not.toMatch(/ey[\w-]{10}|bob|t2/)
  }

  test.each(strangers)(
    'F76 with %s is not stored, told, handed on or asked for again',
    async (_, user, claims, subject) => {
      const scene = createScene({ keep: true, user, ...(subject && { subject }) })
      scene.browser.backend.claims = claims
      const windows = scene.openAll(2)
      const asked = windows.map(({ ask }) => ask())
      await scene.advance(minute)
      for (const [index, { applied, of, session }] of windows.entries()) {
        expect(asked[index]!.error).toMatchObject({ code: 'subject_mismatch', retryable: false })
        expect(session.state).toMatchObject({ status: 'failed', error: { code: 'subject_mismatch' } })
        expect([applied, of('token')]).toEqual([[], []])
      }
      expect(scene.calls.length).toBeLessThanOrEqual(3)
      expect(scene.browser.storage.items.size).toBe(0)
      for (const token of scene.browser.backend.tokens) expectNoTrace(scene, token)
    },
  )

  test.each(strangers)('F76 with %s does not take the place of a good one', async (_, user, claims, subject) => {
    const scene = createScene({ keep: true, user, ...(subject && { subject }) })
    const windows = scene.openAll(2) as [Window, Window]
    await scene.advance(second)
    const held = await windows[0].session.getToken()
    scene.browser.backend.claims = claims
    await scene.advance(5 * second)
    await expect(scene.result(windows[0].session.refresh())).rejects.toMatchObject({ code: 'subject_mismatch' })
    await scene.advance(minute)
    for (const { session, applied } of windows) {
      expect(await session.getToken()).toBe(held)
      expect(applied).toHaveLength(1)
    }
    expect(scene.calls.length).toBeLessThanOrEqual(4)
    expectNoTrace(scene, scene.browser.backend.tokens.at(-1)!)
  })
})

/** What a storage of one drawer does, and one that has another user's record where ours should be. */
const drawers: [string, (items: Map<string, string>) => TokenStorage][] = [
  [
    'in a storage with a place for each',
    (items) => ({
      getItem: (key) => items.get(key) ?? null,
      setItem: (key, value) => void items.set(key, value),
      removeItem: (key) => void items.delete(key),
    }),
  ],
  [
    'in a storage with one place for all',
    (items) => ({
      getItem: () => items.get('') ?? null,
      setItem: (_, value) => void items.set('', value),
      removeItem: () => void items.delete(''),
    }),
  ],
]

test.each(
  drawers.flatMap(([where, create]) =>
    (
      [
        ['ann', 'bob'],
        [
          { id: 'ann', tenant: 't1' },
          { id: 'ann', tenant: 't2' },
        ],
        [{ id: 'ann', tenant: 't1' }, 'ann'],
      ] as const
    ).map(([before, after]) => [where, before, after, create] as const),
  ),
)('F77 the last user’s token %s is not the next user’s: %j, then %j', async (_, before, after, create) => {
  const items = new Map<string, string>()
  const storage = create(items)
  const scene = createScene()
  const first = scene.open({ user: before, storage })
  const old = await scene.result(first.session.getToken())
  await first.session.close()
  expect(items.size).toBe(1)
  const { session, of } = scene.open({ user: after, storage })
  const token = await scene.result(session.getToken())
  expect(token).not.toBe(old)
  expect(of('token').map(({ value }) => value)).toEqual([token])
  expect(scene.calls).toHaveLength(2)
  await session.signOut()
  expect([...items.values()].join()).not.toContain(token)
  // What is left is under a key that names its owner.
  for (const key of items.keys()) expect(key).toContain(typeof before === 'string' ? '"ann"' : '"ann","t1"')
})

describe('nobody, somebody, nobody', () => {
  test('F80 is told by null, apart from a source that fails, and asked again only by signIn or refresh', async () => {
    let answer: 'null' | 'token' | 'failure' = 'null'
    const scene = createScene()
    const tab = scene.browser.tab()
    const { session, ask, errors } = scene.open({
      tab,
      source(request) {
        if (answer === 'failure') throw new Error('down')
        return answer === 'null' ? null : tab.source(request)
      },
    })
    const nobody = async (calls: number) => {
      await scene.advance(second)
      expect(session.state).toMatchObject({ status: 'failed', error: { code: 'unauthorized' } })
      const asked = ask()
      tab.hide()
      await scene.advance(hour)
      tab.show()
      scene.browser.setOnline(false)
      scene.browser.setOnline(true)
      await scene.advance(hour)
      expect(asked.error).toMatchObject({ code: 'unauthorized', retryable: false })
      expect(scene.calls).toHaveLength(calls)
    }
    await nobody(1)
    answer = 'token'
    session.signIn('ann')
    expect(await scene.result(session.getToken())).toBe(scene.browser.backend.tokens[0])
    expect(session.state.status).toBe('fresh')
    answer = 'null'
    await scene.advance(2 * hour)
    await nobody(3)
    answer = 'token'
    expect(await scene.result(session.refresh())).toBe(scene.browser.backend.tokens[1])
    expect(session.state.status).toBe('fresh')
    expect(errors()).toEqual(['unauthorized', 'unauthorized'])
    answer = 'failure'
    await scene.advance(2 * hour)
    expect(session.state).toMatchObject({ status: 'waiting', error: { code: 'source_failed', retryable: true } })
    expect(scene.calls.length).toBeGreaterThan(10)
  })
})
