import { inspect } from 'node:util'
import { createSession } from 'inbox-session'
import type { Adapter, Session, SessionOptions } from 'inbox-session'
import { createTestBrowser } from 'inbox-session/testing'
import type { TestBrowser, TestTab } from 'inbox-session/testing'
import { type App, type Component, createApp, nextTick } from 'vue'
import { expect, onTestFinished } from 'vitest'

export interface Scene {
  readonly browser: TestBrowser
  readonly tab: TestTab
  readonly session: Session
  /** How many listen to the session now. */
  readonly listeners: () => number
  /** How many calls the backend got. */
  readonly calls: () => number
  /** Signs in and waits for the token. */
  signIn(user?: string): Promise<void>
  /** Lets time pass, and Vue render. */
  advance(ms: number): Promise<void>
}

export interface Mounted {
  readonly app: App
  readonly element: HTMLElement
  readonly text: () => string | null
}

const methods = ['debug', 'error', 'info', 'log', 'warn'] as const

// Vue says so once, whoever uses it.
const experimental = /^<Suspense> is an experimental feature/

/** Whatever Vue or the library says on the console fails the test, unless that takes it off. */
export function listenToConsole(): string[] {
  const printed: string[] = []
  const undo = methods.map((method) => {
    const original = console[method]
    console[method] = (...input: unknown[]) => {
      const line = input.map((part) => (typeof part === 'string' ? part : inspect(part))).join(' ')
      if (!experimental.test(line)) printed.push(line)
    }
    return () => (console[method] = original)
  })
  onTestFinished(() => {
    undo.forEach((restore) => restore())
    expect(printed).toEqual([])
  })
  return printed
}

/** A session in a simulated tab, signed out. After the test nothing may listen to it, and it leaves nothing behind. */
export function createScene(options: Partial<SessionOptions> = {}): Scene {
  listenToConsole()
  const browser = createTestBrowser()
  const tab = browser.tab()
  const own = createSession({ source: tab.source, environment: tab, ...options })
  let listeners = 0
  const session = Object.create(own, {
    subscribe: {
      value: (listener: () => void) => {
        const stop = own.subscribe(listener)
        let stopped = false
        listeners++
        return () => {
          if (!stopped) listeners--
          stopped = true
          stop()
        }
      },
    },
  }) as Session

  const advance = async (ms: number): Promise<void> => {
    await browser.advance(ms)
    await nextTick()
  }
  onTestFinished(async () => {
    expect(listeners, 'still listening').toBe(0)
    const closed = own.close()
    await browser.advance(10_000)
    await closed
    expect(tab.leftovers).toEqual({ timers: 0, listeners: 0, channels: 0, locks: 0 })
  })
  return {
    browser,
    tab,
    session,
    listeners: () => listeners,
    calls: () => browser.backend.calls.length,
    async signIn(user = 'ann') {
      session.signIn(user)
      await advance(1_000)
    },
    advance,
  }
}

/** An app in the page. Unmounted after the test, before its scene is looked at. */
export function mount(root: Component, prepare: (app: App) => void = () => {}): Mounted {
  const element = document.createElement('div')
  document.body.append(element)
  const app = createApp(root)
  prepare(app)
  app.mount(element)
  onTestFinished(() => app.unmount())
  return { app, element, text: () => element.textContent }
}

export interface Sdk {
  /** Each call it got, in order. */
  readonly calls: string[]
  create(): Adapter
}

/** An SDK and the adapter for it. */
export function createSdk(name = 'sdk'): Sdk {
  const calls: string[] = []
  return {
    calls,
    create: () => ({
      name,
      attach: ({ token }) => void calls.push(`attach ${token.user.id}`),
      update: (_, { token }) => void calls.push(`update ${token.user.id}`),
      detach: (_, reason) => void calls.push(reason),
    }),
  }
}
