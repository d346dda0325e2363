// @vitest-environment happy-dom
import { useSession, useToken } from 'inbox-session/react'
import { Suspense, createElement, startTransition, useDeferredValue, useLayoutEffect, useState } from 'react'
import { expect, test } from 'vitest'
import { createStage, mount, watchConsole } from './stage.js'

watchConsole()

async function signedIn() {
  const stage = createStage()
  const { session, run, advance, label } = stage
  await run(() => session.signIn('ann'))
  await advance(1_000)
  const Reads = () => `${useSession(session).status} ${label(useToken(session))};`
  return { ...stage, Reads }
}

test('two roots on one session show the same, and one goes on when the other is gone', async () => {
  const { session, run, advance, listeners, Reads } = await signedIn()
  const [one, other] = [await mount(createElement(Reads)), await mount(createElement(Reads))]
  expect([one.text(), other.text()]).toEqual(['fresh token 0;', 'fresh token 0;'])
  await one.unmount()
  expect(listeners()).toBe(2)
  await run(() => session.signIn('bob'))
  await advance(1_000)
  expect(other.text()).toBe('fresh token 1;')
})

test('what changes in the middle of a transition is shown by all or by none (no tearing)', async () => {
  const { session, run, advance, Reads } = await signedIn()
  let change: (() => void) | undefined = () => session.signIn('bob')
  // Renders between two readers, when nobody listens yet.
  const Changes = () => {
    change?.()
    change = undefined
    return null
  }
  let show!: (shown: boolean) => void
  const commits: (string | null)[] = []
  const Page = () => {
    const [shown, setShown] = useState(false)
    show = setShown
    useLayoutEffect(() => void (shown && commits.push(page.text())))
    return (
      shown && [createElement(Reads, { key: 1 }), createElement(Changes, { key: 2 }), createElement(Reads, { key: 3 })]
    )
  }
  const page = await mount(createElement(Page))
  const { text } = page
  await run(() => startTransition(() => show(true)))
  await advance(1_000)
  expect(text()).toBe('fresh token 1;fresh token 1;')
  expect(commits).toEqual(['fetching none;fetching none;'])
})

test('a deferred reader may be late and ends at the newest token', async () => {
  const { session, run, advance, label } = await signedIn()
  const pairs: string[] = []
  const Deferred = () => {
    const now = label(useToken(session))
    const later = useDeferredValue(now)
    pairs.push(`${now} / ${later}`)
    return later
  }
  const { text } = await mount(createElement(Deferred))
  await run(() => session.signIn('bob'))
  await advance(1_000)
  expect(text()).toBe('token 1')
  expect(pairs).toContain('token 1 / none')
})

test('a component that suspends reads the session of the moment when it goes on, and is told of changes once', async () => {
  const { session, run, advance, listeners, Reads } = await signedIn()
  let ready = false
  let go!: () => void
  const waiting = new Promise<void>((resolve) => (go = resolve))
  const Suspends = () => {
    if (!ready) throw waiting
    return createElement(Reads)
  }
  const { text } = await mount(createElement(Suspense, { fallback: 'loading' }, createElement(Suspends)), {
    strict: true,
  })
  expect([text(), listeners()]).toEqual(['loading', 0])
  await run(() => session.signIn('bob'))
  await advance(1_000)
  await run(() => {
    ready = true
    go()
  })
  expect([text(), listeners()]).toEqual(['fresh token 1;', 2])
  await advance(3_000_000)
  expect(text()).toBe('fresh token 2;')
})
