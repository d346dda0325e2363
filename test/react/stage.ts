import nodeConsole from 'node:console'
import { format } from 'node:util'
import { type Session, type SessionOptions, createSession } from 'inbox-session'
import { type TestBrowser, type TestTab, createTestBrowser } from 'inbox-session/testing'
import { StrictMode, act, createElement } from 'react'
import type { ReactNode } from 'react'
import { type Root, type RootOptions, createRoot } from 'react-dom/client'
import { beforeEach, expect, onTestFinished, vi } from 'vitest'

/** What React, or anybody, wrote to the console; a test that expects something takes it out, and fails on anything else. */
export const printed: string[] = []

const setAct = (on: boolean) => {
  ;(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = on
}

/** Every test of the file fails on a line that was printed and not expected. */
export function watchConsole(): void {
  beforeEach((context) => {
    setAct('document' in globalThis)
    for (const method of ['error', 'warn'] as const)
      vi.spyOn(console, method).mockImplementation((...input: unknown[]) => void printed.push(format(...input)))
    // The last thing of a test: unmounting is silent as well.
    context.onTestFinished(() => {
      vi.restoreAllMocks()
      expect(printed.splice(0)).toEqual([])
    })
  })
}

export interface Stage {
  readonly browser: TestBrowser
  readonly tab: TestTab
  readonly session: Session
  /** How many listen to the session at this moment, and how many ever did. */
  listeners(): number
  subscriptions(): number
  /** What is done to the session, with what React makes of it. */
  run(action: () => unknown): Promise<void>
  /** Virtual time, likewise. */
  advance(ms: number): Promise<void>
  /** 'token 0' for the first token the backend gave out, '?' for one it did not: tokens themselves are shown nowhere. */
  label(token: string | undefined): string
}

const nothingLeft = { timers: 0, listeners: 0, channels: 0, locks: 0 }

/** A session whose listeners are counted, under the same identity for as long as it lives. */
export function countListeners(session: Session): Pick<Stage, 'session' | 'listeners' | 'subscriptions'> {
  let count = 0
  let total = 0
  const subscribe: Session['subscribe'] = (listener) => {
    const stop = session.subscribe(listener)
    count++
    total++
    return () => {
      count--
      stop()
    }
  }
  return {
    session: Object.create(session, { subscribe: { value: subscribe } }) as Session,
    listeners: () => count,
    subscriptions: () => total,
  }
}

/** A signed-out session in a simulated tab; after the test nothing of it may be left. */
export function createStage(options: Partial<SessionOptions> = {}): Stage {
  const browser = createTestBrowser()
  const tab = browser.tab()
  const counted = countListeners(createSession({ source: tab.source, environment: tab, ...options }))
  onTestFinished(async () => {
    void counted.session.close()
    // As long as an SDK may take to let go.
    await browser.advance(20_000)
    expect(tab.leftovers).toEqual(nothingLeft)
  })
  return {
    ...counted,
    browser,
    tab,
    run: (action) => act(async () => void (await action())),
    async advance(ms) {
      // Inside act React 18 renders once, at its end; a page renders in between.
      setAct(false)
      await browser.advance(ms)
      setAct(true)
      await act(async () => {})
    },
    label(token) {
      const index = browser.backend.tokens.indexOf(token ?? '')
      return token === undefined ? 'none' : index < 0 ? '?' : `token ${index}`
    },
  }
}

/** Lets what a component throws reach the window and React, as in a browser; vitest takes it out of happy-dom's hands. */
export function throwLikeABrowser(): void {
  const { settings } = (globalThis as unknown as { happyDOM: { settings: { disableErrorCapturing: boolean } } })
    .happyDOM
  const quiet = (event: Event) => event.preventDefault()
  settings.disableErrorCapturing = false
  vi.spyOn(nodeConsole, 'error').mockImplementation(() => {})
  addEventListener('error', quiet)
  onTestFinished(() => {
    settings.disableErrorCapturing = true
    removeEventListener('error', quiet)
  })
}

export interface Mounted {
  readonly root: Root
  readonly element: HTMLElement
  text(): string | null
  render(node: ReactNode): Promise<void>
  unmount(): Promise<void>
}

/** Renders into an element of its own; unmounted after the test. */
export async function mount(
  node: ReactNode,
  { strict = false, ...options }: RootOptions & { strict?: boolean } = {},
): Promise<Mounted> {
  const element = document.createElement('div')
  const root = createRoot(element, options)
  const whole = (inner: ReactNode) => (strict ? createElement(StrictMode, null, inner) : inner)
  const mounted: Mounted = {
    root,
    element,
    text: () => element.textContent,
    render: (next) => act(async () => root.render(whole(next))),
    unmount: () => act(async () => root.unmount()),
  }
  onTestFinished(() => mounted.unmount())
  await mounted.render(node)
  return mounted
}
