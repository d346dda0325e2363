// @vitest-environment happy-dom
import { type Session, createSession } from 'inbox-session'
import { useAdapter, useSession, useToken } from 'inbox-session/react'
import { createElement } from 'react'
import { expect, test } from 'vitest'
import { createSdk } from './sdk.js'
import { createStage, mount, watchConsole } from './stage.js'

watchConsole()

function createInbox() {
  const stage = createStage()
  const { session, label } = stage
  const sdk = createSdk(stage)
  const Inbox = () => {
    useAdapter(session, () => sdk.adapter(), [])
    return `${useSession(session).status} ${label(useToken(session))}`
  }
  return { ...stage, sdk, inbox: (key?: number) => createElement(Inbox, { key }) }
}

test('unmounting during a fetch ends nothing: the session belongs to others', async () => {
  const { session, run, advance, browser, listeners, sdk, inbox } = createInbox()
  browser.backend.latency = 5_000
  const { unmount } = await mount(inbox())
  await run(() => session.signIn('ann'))
  await advance(1_000)
  await unmount()
  expect(listeners()).toBe(0)
  await advance(10_000)
  expect(session.state.status).toBe('fresh')
  expect(browser.backend.calls).toHaveLength(1)
  expect(sdk.log).toEqual([])
})

test('1 000 mounts leave no listener and no adapter, and cost no request', async () => {
  const { session, run, advance, browser, tab, listeners, sdk, inbox } = createInbox()
  await run(() => session.signIn('ann'))
  await advance(1_000)
  const before = tab.leftovers
  const { render } = await mount(inbox(0), { strict: true })
  for (let key = 1; key < 1_000; key++) await render(inbox(key))
  await render(null)
  await advance(0)
  expect(listeners()).toBe(0)
  expect(tab.leftovers).toEqual(before)
  expect(browser.backend.calls).toHaveLength(1)
  const ins = sdk.log.filter((entry) => entry === 'attach token 0').length
  expect(ins).toBeGreaterThan(0)
  expect(sdk.log.length).toBe(2 * ins)
  expect(sdk.user()).toBeUndefined()
  sdk.log.length = 0
  await advance(3_000_000)
  expect(sdk.log).toEqual([])
})

test('closing a session that is on the page shows closed, and unmounting afterwards fails nowhere', async () => {
  const { session, run, advance, sdk, inbox } = createInbox()
  const { text, unmount } = await mount(inbox())
  await run(() => session.signIn('ann'))
  await advance(1_000)
  await run(() => session.close())
  expect(text()).toBe('closed none')
  await unmount()
  expect(sdk.log).toEqual(['attach token 0', 'detach'])
})

test('a session that was closed before can be shown', async () => {
  const { session, run, inbox } = createInbox()
  await run(() => session.close())
  const { text } = await mount(inbox(), { strict: true })
  expect(text()).toBe('closed none')
})

test('the hooks work for whatever looks like a session', async () => {
  const session: Session = { ...createSession({ source: () => null }), subscribe: () => () => {} }
  const { text } = await mount(createElement(() => useSession(session).status))
  expect(text()).toBe('signed-out')
})
