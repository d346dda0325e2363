import { type TokenAnswer, UnauthorizedError } from 'inbox-session'
import type { BackendFault } from 'inbox-session/testing'
import { describe, expect, test } from 'vitest'
import { type OpenOptions, type Scene, type Window, createScene } from './scene.js'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

/** A page that kept a token of an hour and closed, so many milliseconds ago. */
const afterwards = async (ms: number) => {
  const scene = createScene({ keep: true })
  const { session, ask } = scene.open()
  const kept = await scene.result(ask() && session.getToken())
  await session.close()
  await scene.advance(ms - (scene.browser.now - scene.calls[0]!.at))
  scene.calls.length = 0
  return { scene, kept }
}

/** Lets time pass until the next refresh is due, and a little longer. */
const due = async ({ browser }: Scene, { of }: Window, longer = 100) => {
  const { dueAt } = of('trace')
    .filter(({ type }) => type === 'token')
    .at(-1) as unknown as { dueAt: number }
  await browser.advance(Math.ceil(dueAt) - browser.now + longer)
}

describe('without network', () => {
  test('F54 a page that starts with a kept token good for 10 min hands it out and calls nobody', async () => {
    const { scene, kept } = await afterwards(50 * minute)
    scene.browser.setOnline(false)
    const { session } = scene.open()
    expect(await scene.result(session.getToken())).toBe(kept)
    expect(scene.calls).toEqual([])
  })

  test.each(['kept a spent one', 'kept none'])(
    'F54 a page that starts and %s waits without an end, and makes one call within 2 s of the network',
    async (kept) => {
      const { scene } = await afterwards(kept === 'kept none' ? 3 * hour : hour - 4 * second)
      if (kept === 'kept none') scene.browser.storage.items.clear()
      scene.browser.setOnline(false)
      const { session, ask, of } = scene.open()
      const asked = ask()
      await scene.advance(20 * second)
      expect(asked.error).toMatchObject({ code: 'offline' })
      expect(session.state).toMatchObject({ status: 'waiting', retryAt: Infinity, error: { code: 'offline' } })
      expect(scene.calls).toEqual([])
      scene.browser.setOnline(true)
      await scene.advance(2 * second)
      expect(scene.calls).toHaveLength(1)
      expect(session.state.status).toBe('fresh')
      expect(of('signed-out')).toEqual([])
    },
  )

  test.each([
    ['from the start', 0],
    ['once the token is spent', hour],
  ])('F55 a network that is there and never said to be is tried within 30 s of a question, %s', async (_, spent) => {
    const scene = createScene()
    if (!spent) scene.browser.setOnline(false, true)
    const { session, ask } = scene.open()
    await scene.advance(second)
    scene.browser.setOnline(false, true)
    await scene.advance(spent)
    const { length } = scene.calls
    expect(session.state).not.toHaveProperty('token')
    ask()
    await scene.advance(30 * second)
    expect(scene.calls.length).toBeGreaterThan(length)
    expect(await scene.result(session.getToken())).toBe(scene.browser.backend.tokens.at(-1))
  })
})

/** A session that holds a token of an hour; its source fails by itself while `source.fail` is there. */
const open = (options: OpenOptions = {}) => {
  const scene = createScene()
  const tab = scene.browser.tab()
  const source: { fail?: (() => TokenAnswer | null) | undefined } = {}
  const window = scene.open({ tab, source: (request) => (source.fail ?? tab.source)(request), ...options })
  const mend = (): void => {
    source.fail = undefined
    scene.browser.backend.mend()
  }
  return { scene, source, mend, ...window }
}

type Failing = (scene: Scene) => (() => TokenAnswer | null) | undefined

/** The endpoint's own failures need no other source. */
const endpoint =
  (fault: BackendFault): Failing =>
  ({ browser }) =>
    void browser.backend.fail(fault) as undefined

const failures: [string, Failing][] = [
  ['no network', endpoint('network')],
  ...[408, 425, 429, 500, 502, 503, 504, 520].map((status): [string, Failing] => [
    `status ${status}`,
    endpoint({ status }),
  ]),
  ['no answer in time', endpoint('hangs')],
  [
    'the source throws',
    () => () => {
      throw new Error('no luck')
    },
  ],
  ['the source answers undefined', () => () => undefined as never],
]

test.each(failures)('F57 a failed refresh leaves a good token serving, and is tried again: %s', async (what, fail) => {
  const window = open()
  const { scene, source, session, of, token, mend } = window
  const held = await scene.result(session.getToken())
  source.fail = fail(scene)
  await due(scene, window, what === 'no answer in time' ? 10_100 : 100)
  expect(session.state).toMatchObject({ status: 'waiting', token: { generation: 1 } })
  expect(token()!.expiresAt! - scene.browser.now).toBeGreaterThan(10 * minute - 10_100)
  expect(await session.getToken()).toBe(held)
  const { retryAt } = session.state as { retryAt: number }
  expect(retryAt - scene.browser.now).toBeGreaterThan(0)
  expect(retryAt - scene.browser.now).toBeLessThanOrEqual(second)
  mend()
  await scene.advance(second + 100)
  expect(scene.calls).toHaveLength(3)
  expect(session.state).toMatchObject({ status: 'fresh', token: { generation: 2 } })
  expect(of('signed-out')).toEqual([])
})

const verdicts: [string, Failing][] = [
  [
    'the source throws UnauthorizedError',
    () => () => {
      throw new UnauthorizedError()
    },
  ],
  ['the source answers null', () => () => null],
  ['the endpoint says 401', endpoint({ status: 401 })],
  ['the endpoint says 403', endpoint({ status: 403 })],
]

describe('a final verdict', () => {
  /** Asks once a minute for an hour, while the page is hidden and shown and the network comes and goes. */
  const pester = async ({ scene, ask, tab }: ReturnType<typeof open>) => {
    const codes = new Set<string | undefined>()
    for (let time = 0; time < 60; time++) {
      const asked = ask()
      if (time % 2) tab.hide()
      else tab.show()
      if (time % 7 === 0) scene.browser.setOnline(time % 14 === 0)
      await scene.advance(minute)
      codes.add(asked.error?.code)
    }
    scene.browser.setOnline(true)
    return [...codes]
  }

  test.each(verdicts)('F58 is not asked for again within an hour, and signIn makes one call: %s', async (_, fail) => {
    const window = open({ signIn: false })
    const { scene, session, source, mend } = window
    source.fail = fail(scene)
    session.signIn('ann')
    await scene.advance(second)
    expect(session.state).toMatchObject({ status: 'failed', error: { code: 'unauthorized', retryable: false } })
    expect(await pester(window)).toEqual(['unauthorized'])
    expect(scene.calls).toHaveLength(1)
    mend()
    session.signIn('ann')
    await scene.advance(second)
    expect(scene.calls).toHaveLength(2)
    expect(session.state.status).toBe('fresh')
  })

  test.each(verdicts)('F58 leaves a good token serving until it is spent: %s', async (_, fail) => {
    const window = open()
    const { scene, session, source, status, token } = window
    const held = await scene.result(session.getToken())
    source.fail = fail(scene)
    await due(scene, window)
    expect(status()).toBe('failed')
    await scene.advance(token()!.expiresAt! - 5_100 - scene.browser.now)
    expect(await session.getToken()).toBe(held)
    await scene.advance(200)
    expect(await pester(window)).toEqual(['unauthorized'])
    expect(scene.calls).toHaveLength(2)
  })
})

describe('after a burst of failures', () => {
  /** So many minutes without a backend, which is there again now. */
  const recovering = async (minutes: number, fault: BackendFault = { status: 503 }) => {
    const scene = createScene()
    scene.browser.backend.fail(fault)
    const window = scene.open()
    await scene.advance(minutes * minute)
    expect(window.session.state).toMatchObject({ status: 'waiting' })
    scene.browser.backend.mend()
    return { scene, ...window }
  }

  test.each([1, 5, 10, 30])(
    'F79 of %i min the session is fresh within a step of the ladder, unasked',
    async (minutes) => {
      const { scene, status } = await recovering(minutes)
      await scene.advance(minute + 100)
      expect(status()).toBe('fresh')
    },
  )

  const waysBack: [string, (scene: Scene, window: Window) => Promise<unknown> | void][] = [
    ['somebody asks once its time has come', ({ advance }, { ask }) => advance(minute).then(() => ask())],
    ['the network is back', ({ browser }) => browser.setOnline(true)],
    ['the device wakes', ({ browser }, { tab }) => browser.sleep(8 * hour).then(() => (tab.hide(), tab.show()))],
    [
      'the device wakes with a clock that stood still',
      ({ browser }, { tab }) => browser.sleep(8 * hour, { monotonic: false }).then(() => (tab.hide(), tab.show())),
    ],
    ['the tab is shown again', ({ advance }, { tab }) => advance(minute).then(tab.show)],
    ['the tab runs again', ({ advance }, { tab }) => advance(hour).then(tab.resume)],
    ['the page is back from the cache', ({ advance }, { tab }) => advance(hour).then(tab.comeBack)],
  ]
  test.each(waysBack)('F79 of 10 min the session is fresh 2 s after %s', async (what, back) => {
    const { scene, ...window } = await recovering(10)
    if (what.includes('network')) {
      scene.browser.setOnline(false)
      await scene.advance(second)
    }
    if (what.includes('shown')) window.tab.hide()
    if (what.includes('runs')) window.tab.freeze()
    if (what.includes('cache')) await window.tab.leave()
    await back(scene, window)
    await scene.advance(2 * second)
    expect(window.status()).toBe('fresh')
  })
})
