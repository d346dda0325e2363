// @vitest-environment happy-dom
import { type Session, createSession } from 'inbox-session'
import { useAdapter, useSession } from 'inbox-session/react'
import { createTestBrowser } from 'inbox-session/testing'
import type { TabFaults } from 'inbox-session/testing'
import { act, createElement, useEffect, useState } from 'react'
import { expect, test } from 'vitest'
import { mount, watchConsole } from './stage.js'

watchConsole()

/** The pattern of the README: made in an effect, kept in a state, closed in the cleanup. */
function createApp(faults: Partial<TabFaults> = {}) {
  const browser = createTestBrowser()
  const tab = browser.tab(faults)
  const sessions: Session[] = []
  const sdk: string[] = []
  const shown: string[] = []

  function useOwnSession(user: string): Session | undefined {
    const [session, setSession] = useState<Session>()
    useEffect(() => {
      const own = createSession({ source: tab.source, environment: tab })
      sessions.push(own)
      own.signIn(user)
      setSession(own)
      return () => void own.close()
    }, [user])
    return session
  }

  const Inbox = ({ session }: { session: Session }) => {
    const state = useSession(session)
    const text = 'user' in state ? `${state.user.id} ${state.status}` : state.status
    useAdapter(
      session,
      () => ({
        name: 'sdk',
        attach: ({ token }) => void sdk.push(`${token.user.id} in`),
        detach: (_, __, last) => void sdk.push(`${last.user.id} out`),
      }),
      [],
    )
    shown.push(text)
    return text
  }
  const Page = ({ user }: { user: string }) => {
    const session = useOwnSession(user)
    return session ? createElement(Inbox, { session }) : 'loading'
  }

  const advance = async (ms: number) => {
    await act(() => browser.advance(ms))
  }
  const leftovers = () => Object.values(tab.leftovers).join('')
  const page = (user: string, key?: string) => createElement(Page, { user, key })
  return { browser, tab, sessions, sdk, shown, advance, leftovers, page }
}

const noTabs: Partial<TabFaults> = { locks: 'absent', channels: 'absent', localStorage: 'absent' }

test.each([
  ['with locks and channels', {}],
  ['without', noTabs],
])(
  'under StrictMode a session made in an effect costs one request and leaves nothing behind: %s',
  async (_, faults) => {
    const { browser, sessions, sdk, advance, leftovers, page } = createApp(faults)
    const { text, unmount } = await mount(page('ann'), { strict: true })
    await advance(1_000)
    expect(sessions.map(({ state }) => state.status)).toEqual(['closed', 'fresh'])
    expect(text()).toBe('ann fresh')
    expect(browser.backend.calls).toHaveLength(1)
    expect(sdk).toEqual(['ann in'])
    await unmount()
    await advance(1_000)
    expect(sdk).toEqual(['ann in', 'ann out'])
    expect(leftovers()).toBe('0000')
  },
)

test.each([
  ['with a key', (user: string) => user],
  ['without a key', () => 'same'],
])('another user gets a session of their own, and the SDK in the right order: %s', async (_, key) => {
  const { browser, sessions, sdk, advance, leftovers, page } = createApp()
  const { text, render, unmount } = await mount(page('ann', key('ann')))
  await advance(1_000)
  await render(page('bob', key('bob')))
  await advance(1_000)
  expect(text()).toBe('bob fresh')
  expect(sessions.map(({ state }) => state.status)).toEqual(['closed', 'fresh'])
  expect(browser.backend.calls.map(({ user }) => user)).toEqual(['ann', 'bob'])
  expect(sdk).toEqual(['ann in', 'ann out', 'bob in'])
  await unmount()
  await advance(0)
  expect(leftovers()).toBe('0000')
})

test('with a key for the user nothing of one user is on the page of the next', async () => {
  const { shown, advance, page } = createApp()
  const { text, render } = await mount(page('ann', 'ann'), { strict: true })
  await advance(1_000)
  shown.length = 0
  await render(page('bob', 'bob'))
  await advance(1_000)
  expect(text()).toBe('bob fresh')
  expect(shown.filter((one) => !one.startsWith('bob'))).toEqual([])
})

test('unmounting before the answer ends the request, and the late answer does nothing', async () => {
  const { browser, tab, sdk, advance, leftovers, page } = createApp()
  browser.backend.latency = 5_000
  const { unmount } = await mount(page('ann'), { strict: true })
  await advance(1_000)
  expect(browser.backend.calls).toHaveLength(1)
  await unmount()
  await advance(0)
  expect(leftovers()).toBe('0000')
  await advance(10_000)
  expect(sdk).toEqual([])
  expect(tab.condition).toBe('running')
})

test('a module that is evaluated again closes the session it held before; the page goes on with the new one', async () => {
  const browser = createTestBrowser()
  const tab = browser.tab()
  const sessions: Session[] = []
  /** What `import.meta.hot.data` keeps: bundlers do not run the `dispose` of a module that others accept. */
  const data: { session?: Session } = {}
  const evaluate = () => {
    const session = createSession({ source: tab.source, environment: tab })
    sessions.push(session)
    void data.session?.close()
    data.session = session
    session.signIn('ann')
    return createElement(() => useSession(session).status)
  }
  const { root, text, unmount } = await mount(null)
  await act(async () => root.render(evaluate()))
  for (let reload = 0; reload < 4; reload++) {
    await act(() => browser.advance(1_000))
    await act(async () => root.render(evaluate()))
  }
  await act(() => browser.advance(3_000_000))
  expect(text()).toBe('fresh')
  expect(sessions.map(({ state }) => state.status)).toEqual(['closed', 'closed', 'closed', 'closed', 'fresh'])
  // One for each evaluation, and one refresh.
  expect(browser.backend.calls).toHaveLength(6)
  await unmount()
  await data.session!.close()
  expect(Object.values(tab.leftovers).join('')).toBe('0000')
})
