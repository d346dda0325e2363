// @vitest-environment happy-dom
import { useSession, useToken } from 'inbox-session/react'
import { createElement } from 'react'
import { expect, test } from 'vitest'
import { createStage, mount, watchConsole } from './stage.js'

watchConsole()

/** A component for each hook, with what each of them was told in turn. */
async function show() {
  const stage = createStage()
  const { session, label } = stage
  const seen = { session: [] as string[], token: [] as string[] }
  const ShowsState = () => {
    const state = useSession(session)
    seen.session.push('token' in state && state.token ? `${state.status} ${label(state.token.value)}` : state.status)
    return null
  }
  const ShowsToken = () => {
    seen.token.push(label(useToken(session)))
    return null
  }
  await mount([createElement(ShowsState, { key: 1 }), createElement(ShowsToken, { key: 2 })])
  return { ...stage, seen }
}

test('a first sign-in costs useSession a render for each state and useToken one for the token', async () => {
  const { session, run, advance, seen } = await show()
  await run(() => session.signIn('ann'))
  await advance(1_000)
  expect(seen).toEqual({ session: ['signed-out', 'fetching', 'fresh token 0'], token: ['none', 'token 0'] })
})

test('a refresh in the background costs useSession two renders and useToken one', async () => {
  const { session, run, advance, browser, seen } = await show()
  await run(() => session.signIn('ann'))
  await advance(1_000)
  seen.session.length = seen.token.length = 0
  await advance(3_000_000)
  expect(browser.backend.calls).toHaveLength(2)
  expect(seen).toEqual({ session: ['fetching token 0', 'fresh token 1'], token: ['token 1'] })
})

test('an outage costs useToken no render while the token is good, and one when it ends', async () => {
  const { session, run, advance, browser, seen } = await show()
  await run(() => session.signIn('ann'))
  await advance(1_000)
  seen.token.length = 0
  browser.backend.fail()
  await advance(3_000_000)
  expect(browser.backend.calls.length).toBeGreaterThan(3)
  expect(session.state.status).toBe('waiting')
  expect(seen.token).toEqual([])
  await advance(600_000)
  expect(seen.token).toEqual(['none'])
})

test('100 flips of the focus with a good token cost no render and no request (F94)', async () => {
  const { session, run, advance, browser, tab, seen } = await show()
  await run(() => session.signIn('ann'))
  await advance(1_000)
  seen.session.length = seen.token.length = 0
  for (let flip = 0; flip < 100; flip++) {
    tab.hide()
    await advance(100)
    tab.show()
    await advance(100)
  }
  expect(seen).toEqual({ session: [], token: [] })
  expect(browser.backend.calls).toHaveLength(1)
})

test('a switch of the user shows nobody the other one’s token', async () => {
  const { session, run, advance, seen } = await show()
  await run(() => session.signIn('ann'))
  await advance(1_000)
  seen.session.length = seen.token.length = 0
  await run(() => session.signIn('bob'))
  await advance(1_000)
  expect(seen).toEqual({ session: ['fetching', 'fresh token 1'], token: ['none', 'token 1'] })
  await run(() => session.signOut())
  expect(seen).toEqual({
    session: ['fetching', 'fresh token 1', 'signed-out'],
    token: ['none', 'token 1', 'none'],
  })
})

test('changes of one tick are one render', async () => {
  const { session, run, advance, seen } = await show()
  seen.session.length = 0
  await run(() => {
    session.signIn('ann')
    session.signIn('bob')
    void session.signOut()
    session.signIn('cyd')
  })
  expect(seen.session).toEqual(['fetching'])
  await advance(1_000)
})

test('a component that renders again for reasons of its own subscribes once', async () => {
  const { session, listeners, subscriptions } = createStage()
  const Shows = () => `${useSession(session).status} ${String(useToken(session))}`
  const { render } = await mount(createElement(Shows))
  for (let times = 0; times < 10; times++) await render(createElement(Shows))
  expect([listeners(), subscriptions()]).toEqual([2, 2])
})
