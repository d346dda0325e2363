import { createClock } from './clock.js'
import type { Environment } from './environment.js'
import { createPage } from './page.js'
import type { Scope } from './scope.js'
import { createTabs } from './tabs.js'

// Globals are looked up at each call: what replaces them after the import (fake timers, an instrumented fetch) is used.

/** The global `fetch` of the moment. */
export const globalFetch: typeof fetch = (input, init) => fetch(input, init)

/** The device's clock in epoch ms; it may run backwards. */
export const wallClock = (): number => Date.now()

/** What this page, worker or server has. */
export const globalScope = (): Scope => globalThis

/** A text that hardly ever comes twice; no secret. */
export const randomText = (): string => String(Math.random())

/** The browser's clock, timers and page; on a server the same without a page, and no timer keeps a process alive. */
export function browserEnvironment(scope: Scope = globalThis): Environment {
  const server = !('document' in scope || 'WorkerGlobalScope' in scope)
  const clock = createClock({
    wall: () => scope.Date.now(),
    monotonic: () => scope.performance.now(),
    setTimer(run, delay) {
      const timer = scope.setTimeout(run, delay)
      ;(timer as { unref?(): void }).unref?.()
      return timer
    },
    clearTimer: (timer) => scope.clearTimeout(timer),
  })
  return Object.assign(createPage(scope), clock, {
    random: () => scope.Math.random(),
    server,
    ...(!server && {
      tabs: (key: string, lacks: (what: string) => void = () => {}) => createTabs(key, clock, scope, lacks),
    }),
  })
}
