// @vitest-environment happy-dom
import '@angular/compiler'
import { createEnvironmentInjector, runInInjectionContext } from '@angular/core'
import { createSession } from 'inbox-session'
import type { SessionState } from 'inbox-session'
import { createTestBrowser } from 'inbox-session/testing'
import { createEffect, createRoot } from 'solid-js'
import { get } from 'svelte/store'
import { expect, onTestFinished, test, vi } from 'vitest'
import { sessionSignal as angularSignal } from './angular.js'
import { sessionSignal as solidSignal } from './solid.js'
import { sessionStore } from './svelte.js'

// Node gets the build for servers, which reacts to nothing.
vi.mock('solid-js', () => vi.importActual('solid-js/dist/solid.js'))

function createScene() {
  const browser = createTestBrowser()
  const tab = browser.tab()
  const session = createSession({ source: tab.source, environment: tab })
  let listeners = 0
  const { subscribe } = session
  const counted = Object.create(session, {
    subscribe: {
      value: (listener: () => void) => {
        const stop = subscribe(listener)
        listeners++
        return () => (listeners--, stop())
      },
    },
  }) as typeof session
  onTestFinished(async () => {
    const closed = session.close()
    await browser.advance(1_000)
    await closed
    expect(tab.leftovers).toEqual({ timers: 0, listeners: 0, channels: 0, locks: 0 })
  })
  return {
    session: counted,
    listeners: () => listeners,
    calls: () => browser.backend.calls.length,
    async signIn() {
      session.signIn('ann')
      await browser.advance(1_000)
    },
    async flip() {
      for (let time = 0; time < 100; time++) {
        tab.hide()
        tab.show()
        await browser.advance(10)
      }
    },
  }
}

const whole = ['signed-out', 'fetching', 'fresh']

test('Svelte: the store follows while somebody listens, whenever that begins', async () => {
  const { session, listeners, signIn, flip, calls } = createScene()
  const store = sessionStore(session)
  expect(listeners()).toBe(0)
  const seen: string[] = []
  const stop = store.subscribe(({ status }) => void seen.push(status))
  const other = store.subscribe(() => {})
  await signIn()
  await flip()
  expect(seen).toEqual(whole)
  expect([listeners(), calls()]).toEqual([1, 1])
  stop()
  other()
  expect(listeners()).toBe(0)
  session.signIn('bob')
  expect(get(store)).toBe(session.state)
  expect(listeners()).toBe(0)
})

test('Angular: the signal follows until its injector is destroyed', async () => {
  const { session, listeners, signIn, flip } = createScene()
  const injector = createEnvironmentInjector([], null as never)
  const state = runInInjectionContext(injector, () => angularSignal(session))
  expect(state()).toBe(session.state)
  await signIn()
  const before = state()
  expect(before).toBe(session.state)
  expect(before.status).toBe('fresh')
  await flip()
  expect(state()).toBe(before)
  expect(listeners()).toBe(1)
  injector.destroy()
  expect(listeners()).toBe(0)
})

test('Solid: effects run once for each state, until the root is disposed', async () => {
  const { session, listeners, signIn, flip } = createScene()
  const seen: SessionState['status'][] = []
  const dispose = createRoot((end) => {
    const state = solidSignal(session)
    createEffect(() => void seen.push(state().status))
    return end
  })
  await signIn()
  await flip()
  expect(seen).toEqual(whole)
  expect(listeners()).toBe(1)
  dispose()
  expect(listeners()).toBe(0)
})
