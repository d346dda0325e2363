import { createSession } from 'inbox-session'
import { createTestBrowser, createTestToken } from 'inbox-session/testing'
import { describe, expect, test } from 'vitest'
import { type OpenOptions, type Window, createScene } from './scene.js'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

const nothingOpen = { timers: 0, listeners: 0, channels: 0, locks: 0 }

describe('the way back from the back/forward cache', () => {
  /** A page with a token and one beside it; the first leaves. */
  const away = async (options?: Parameters<typeof createScene>[0], count = 2) => {
    const scene = createScene(options)
    const windows = scene.openAll(count) as [Window, Window]
    await scene.advance(second)
    expect(await windows[0].tab.leave()).toBe(true)
    return { scene, windows }
  }

  test('F86 two hours later: one call within a second, and the ended token is not handed out before', async () => {
    const { scene, windows } = await away({}, 1)
    const [{ tab, ask, token }] = windows
    const old = token()!.value
    expect(scene.browser).toMatchObject({ locks: { held: [], pending: [] }, channels: [] })
    await scene.advance(2 * hour)
    const { length } = scene.calls
    tab.comeBack()
    const asked = ask()
    await scene.advance(second)
    expect(scene.calls).toHaveLength(length + 1)
    expect(asked.value).toBe(scene.browser.backend.tokens.at(-1))
    expect(asked.value).not.toBe(old)
  })

  test('F86 beside a tab that has a newer token: that is taken over without a call', async () => {
    const { scene, windows } = await away()
    await scene.advance(2 * hour)
    const { length } = scene.calls
    windows[0].tab.comeBack()
    const asked = windows[0].ask()
    await scene.advance(second)
    expect(asked.value).toBe(windows[1].token()!.value)
    expect(scene.calls).toHaveLength(length)
  })

  test('F86 after a token came and was refused meanwhile: a backend that answers it again does not bring it back', async () => {
    const { scene, windows } = await away()
    const { backend } = scene.browser
    void windows[1].session.refresh()
    await scene.advance(20 * second)
    const bad = windows[1].token()!.value
    backend.fail({ status: 503 })
    windows[1].session.invalidate(bad)
    await scene.advance(second)
    windows[0].tab.comeBack()
    await scene.advance(second)
    windows[1].tab.crash()
    backend.mend()
    backend.reply(() => ({ token: bad }))
    for (let passed = 0; passed < 60; passed++) {
      await scene.advance(second)
      expect(windows[0].token()?.value === bad).toBe(false)
    }
    backend.mend()
    await scene.advance(2 * minute)
    expect(windows[0].token()!.value).toBe(backend.tokens.at(-1))
  })

  test('F86 with nobody there who could tell: a newer token that was saved meanwhile is taken over without a call', async () => {
    const { scene, windows } = await away({ keep: true })
    void windows[1].session.refresh()
    await scene.advance(2 * second)
    const newer = windows[1].token()!.value
    void windows[1].session.close()
    await scene.advance(second)
    const { length } = scene.calls
    windows[0].tab.comeBack()
    await scene.advance(second)
    expect(windows[0].token()!.value).toBe(newer)
    expect(scene.calls).toHaveLength(length)
  })

  test.each([
    ['nobody', () => {}],
    ['another user', ({ session }: Window) => session.signIn('bob')],
  ])('F86 after the other tab signed out, with %s there now: the page is signed out as well', async (_, next) => {
    const { scene, windows } = await away({ keep: true })
    void windows[1].session.signOut()
    await scene.advance(second)
    next(windows[1])
    await scene.advance(2 * hour)
    windows[0].tab.comeBack()
    const asked = windows[0].ask()
    await scene.advance(second)
    expect(asked.error).toMatchObject({ code: 'signed_out' })
    expect(windows[0].of('signed-out')).toMatchObject([{ user: { id: 'ann' }, reason: 'other-tab' }])
    expect(windows[0].applied.at(-1)!.token).toBeUndefined()
  })

  test.each([30 * second, 30 * minute, 2 * hour])(
    'F86 with a request under way, %i ms later: it is given up or replaced, and one answer counts',
    async (ms) => {
      const scene = createScene({ latency: 2 * second })
      const { tab, session, of, applied } = scene.open()
      await scene.advance(second)
      expect(scene.calls).toHaveLength(1)
      expect(await tab.leave()).toBe(true)
      await scene.advance(ms)
      tab.comeBack()
      await scene.advance(15 * second)
      expect(session.state.status).toBe('fresh')
      expect([of('token').length, applied.length]).toEqual([1, 1])
      expect(scene.calls.length).toBeLessThanOrEqual(2)
      expect(scene.calls.filter(({ endedAt, signal }) => endedAt === undefined && !signal.aborted)).toEqual([])
    },
  )

  test.each<[string, number, OpenOptions['faults']]>([
    ['while it starts', 0, {}],
    ['in the middle of a call', 30, {}],
    ['in the middle of a call, without Web Locks', 80, { locks: 'absent' }],
    ['with a token', second, {}],
    ['between two tries', 2 * second, {}],
  ])('F86 is open to a page %s: it listens to no unload and lets locks and channels go', async (what, ms, faults) => {
    const scene = createScene()
    if (what.includes('tries')) scene.browser.backend.fail()
    const { tab } = scene.open({ faults })
    await scene.advance(ms)
    // The simulated browser keeps no page that listens to unload or beforeunload, or holds a lock.
    expect(await tab.leave()).toBe(true)
    expect(tab.leftovers).toMatchObject({ channels: 0, locks: 0 })
    expect(scene.browser.locks.held).toEqual([])
  })
})

describe('a component', () => {
  const listenersOf = async (mount: (window: Window) => () => void, times: number) => {
    const scene = createScene({ signIn: false })
    const window = scene.open()
    let undo = () => {}
    for (let time = 0; time < times; time++) {
      undo()
      undo = mount(window)
    }
    await scene.advance(second)
    return { scene, window, listeners: window.tab.leftovers.listeners }
  }

  test('F89 that is mounted, unmounted and mounted again in one tick makes one call and leaves one set of listeners', async () => {
    let rendered = 0
    const journal: string[] = []
    const mount = ({ session }: Window): (() => void) => {
      session.signIn('ann')
      const unsubscribe = session.subscribe(() => rendered++)
      const detach = session.attach({
        name: 'inbox',
        attach: ({ token }) => void journal.push(`attach ${token.generation}`),
        update: () => void journal.push('update'),
        detach: () => void journal.push('detach'),
      })
      return () => {
        unsubscribe()
        void detach()
      }
    }
    const once = await listenersOf(mount, 1)
    const renderedOnce = rendered
    rendered = journal.length = 0
    const { scene, window, listeners } = await listenersOf(mount, 2)
    expect(scene.calls).toHaveLength(1)
    expect(listeners).toBe(once.listeners)
    expect(listeners).toBeGreaterThan(0)
    expect(rendered).toBe(renderedOnce)
    expect(journal).toEqual(['attach 1'])
    const { session } = window
    expect(session.state).toMatchObject({ status: 'fresh', token: { generation: 1 } })
    expect(session.state).toBe(session.state)
  })

  test('F89 that opens and closes a session of its own, twice in one tick, makes one call as well', async () => {
    const browser = createTestBrowser()
    const tab = browser.tab()
    const mount = () => {
      const session = createSession({ source: tab.source, environment: tab })
      session.signIn('ann')
      return session
    }
    const first = mount()
    const closed = first.close()
    const session = mount()
    await browser.advance(second)
    await closed
    expect(browser.backend.calls).toHaveLength(1)
    expect(session.state.status).toBe('fresh')
    const { listeners } = tab.leftovers
    await session.close()
    expect(tab.leftovers).toEqual(nothingOpen)
    const alone = mount()
    await browser.advance(second)
    expect(tab.leftovers.listeners).toBe(listeners)
    await alone.close()
  })
})

test('F90 five sessions of one name and user in one page, none of them closed, make one call when due', async () => {
  const scene = createScene()
  const tab = scene.browser.tab()
  const windows = Array.from({ length: 5 }, () => scene.open({ tab }))
  await scene.advance(second)
  expect(scene.calls).toHaveLength(1)
  for (let lifetime = 0; lifetime < 5; lifetime++) {
    const { length } = scene.calls
    await scene.nextCall(minute)
    await scene.advance(second)
    expect(scene.calls).toHaveLength(length + 1)
    expect(new Set(windows.map(({ token }) => token()!.value)).size).toBe(1)
  }
  expect(scene.printed.length).toBeLessThanOrEqual(1)
  expect(windows.flatMap(({ errors }) => errors())).toEqual([])
})

test('F91 a thousand sessions, closed at a thousand moments, leave nothing open, and late answers do nothing', async () => {
  const browser = createTestBrowser()
  const tab = browser.tab()
  const answers: (() => void)[] = []
  let happened = 0
  for (let time = 0; time < 1_000; time++) {
    const session = createSession({
      environment: tab,
      ...(time % 2 && { storage: tab.storage }),
      // Some come at once, some fail, some only when everything is over.
      source: () => {
        if (time % 5 === 1) throw new Error('down')
        const token = createTestToken({ sub: 'ann', issuedAt: Math.floor(browser.now / second) })
        return time % 5 ? token : new Promise((resolve) => void answers.push(() => resolve(token)))
      },
    })
    session.subscribe(() => {})
    session.attach({ name: 'sdk', attach() {}, update() {}, detach() {} })
    session.signIn('ann')
    await browser.advance([0, 10, 350, 1_500][time % 4]!)
    const closed = session.close()
    for (const event of ['change', 'token', 'error'] as const) session.on(event, () => happened++)
    await browser.advance(0)
    await closed
    expect(tab.leftovers).toEqual(nothingOpen)
  }
  expect(answers.length).toBeGreaterThanOrEqual(100)
  answers.forEach((answer) => answer())
  await browser.advance(hour)
  expect(happened).toBe(0)
  expect(tab.leftovers).toEqual(nothingOpen)
  expect(browser.locks).toEqual({ held: [], pending: [] })
}, 30_000)

test('F94 a hundred flips of focus and visibility with a fresh token: no event, no rendering, no call', async () => {
  const scene = createScene()
  const { session, happened, tab } = scene.open()
  await scene.result(session.getToken())
  await scene.advance(second)
  let rendered = 0
  session.subscribe(() => rendered++)
  const { getToken, refreshUserToken, state } = Object.getPrototypeOf(session) as typeof session
  const { length } = happened
  for (let flip = 0; flip < 50; flip++) {
    tab.hide()
    await scene.advance(10)
    tab.show()
    await scene.advance(10)
  }
  expect(happened.slice(length)).toEqual([])
  expect([rendered, scene.calls.length]).toEqual([0, 1])
  expect(session.state).toBe(state)
  await scene.advance(5 * second)
  const refreshed = await scene.result(session.refresh())
  // What was taken off the session once serves on.
  expect(await getToken()).toBe(refreshed)
  expect(await refreshUserToken()).toBe(refreshed)
  expect((Object.getPrototypeOf(session) as typeof session).getToken).toBe(getToken)
})

describe('a page that is left in the middle of a call', () => {
  const leaving: [string, OpenOptions['faults'], (window: Window) => unknown, number][] = [
    ['is closed', {}, ({ tab }) => tab.close(), 1],
    ['crashes', {}, ({ tab }) => tab.crash(), 1],
    ['goes into the back/forward cache', {}, ({ tab }) => tab.leave(), 1],
    ['is closed, without Web Locks', { locks: 'absent' }, ({ tab }) => tab.close(), 1],
    ['crashes, without Web Locks', { locks: 'absent' }, ({ tab }) => tab.crash(), 15],
    ['goes into the back/forward cache, without Web Locks', { locks: 'absent' }, ({ tab }) => tab.leave(), 1],
  ]
  test.each(leaving)(
    'F103 and %s leaves the next one a free lock: one call, and a token in time',
    async (_, faults, leave, seconds) => {
      const scene = createScene({ latency: 5 * second, keep: true })
      const first = scene.open({ faults })
      await scene.advance(second)
      expect(scene.calls).toHaveLength(1)
      await leave(first)
      scene.browser.backend.latency = 50
      await scene.advance(100)
      if (seconds < 2) expect(scene.browser.locks).toEqual({ held: [], pending: [] })
      const { ask, token } = scene.open({ faults })
      const asked = ask()
      await scene.advance(seconds * second)
      expect(asked.value).toBe(token()!.value)
      expect(scene.calls).toHaveLength(2)
      await scene.advance(minute)
      expect(scene.calls).toHaveLength(2)
    },
  )
})
