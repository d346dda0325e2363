// @vitest-environment happy-dom
import { useAdapter, useSession, useToken } from 'inbox-session/react'
import { createElement, useEffect } from 'react'
import { flushSync } from 'react-dom'
import { expect, test } from 'vitest'
import { createSdk } from './sdk.js'
import { createStage, mount, watchConsole } from './stage.js'

watchConsole()

/** All three hooks in one component, with what is mounted counted. */
function createInbox() {
  const stage = createStage()
  const { session, label } = stage
  const sdk = createSdk(stage)
  const Inbox = () => {
    useEffect(() => session.signIn('ann'), [])
    useAdapter(session, () => sdk.adapter(), [])
    return `${useSession(session).status} ${label(useToken(session))}`
  }
  return { ...stage, sdk, inbox: createElement(Inbox) }
}

test('StrictMode costs one request, one attach at the SDK, and as many listeners as without it (F89)', async () => {
  const loose = createInbox()
  await mount(loose.inbox)
  await loose.advance(1_000)
  const { sdk, session, inbox, advance, browser, listeners } = createInbox()
  const { text, unmount } = await mount(inbox, { strict: true })
  await advance(1_000)
  expect(browser.backend.calls).toHaveLength(1)
  expect(sdk.log).toEqual(['attach token 0'])
  expect(text()).toBe('fresh token 0')
  expect(listeners()).toBe(loose.listeners())
  await unmount()
  await advance(0)
  expect(sdk.log).toEqual(['attach token 0', 'detach'])
  expect(listeners()).toBe(0)
  expect(session.state.status).toBe('fresh')
})

test('a session with a good token attaches a component under StrictMode once', async () => {
  const { sdk, session, run, inbox, advance } = createInbox()
  await run(() => session.signIn('ann'))
  await advance(1_000)
  await mount(inbox, { strict: true })
  await advance(1_000)
  expect(sdk.log).toEqual(['attach token 0'])
  expect(sdk.user()).toBe('ann')
})

test('what is mounted and unmounted in one tick was never attached', async () => {
  const { sdk, session, run, inbox, advance, listeners } = createInbox()
  await run(() => session.signIn('ann'))
  await advance(1_000)
  const { root } = await mount(null)
  await run(() => {
    flushSync(() => root.render(inbox))
    expect(listeners()).toBe(2)
    flushSync(() => root.unmount())
  })
  await advance(1_000)
  expect(sdk.log).toEqual([])
  expect(listeners()).toBe(0)
})
