import { browserEnvironment } from '../environment/browser.js'
import type { Environment } from '../environment/environment.js'
import { type TokenSource, fromEndpoint } from '../source.js'
import type { TokenStorage } from '../storage.js'
import type { BackendPort } from './backend.js'
import type { Channels } from './channels.js'
import type { Device, Line } from './device.js'
import { runAll } from './events.js'
import type { LocalStorage } from './local-storage.js'
import type { Locks } from './locks.js'
import { type TabFaults, type TestWindow, createWindow, noFaults } from './window.js'

/** A tab of the simulated browser. As an Environment it is what `createSession` takes; the rest is done to the tab. */
export interface TestTab extends Environment {
  /** `frozen`: nothing runs; `away`: in the back/forward cache; `gone`: closed or crashed. */
  readonly condition: 'running' | 'frozen' | 'away' | 'gone'
  /** Behind another tab: timers fire once a second. */
  hide(): void
  show(): void
  /** Stops: timers, answers and messages wait. `silently`: the page is not told and keeps its locks, as in a stopped process. */
  freeze(options?: { silently?: boolean }): void
  resume(): void
  /** Gone without a word. Its locks are free; what it wrote stays; whatever of it still runs in the test reaches nobody. */
  crash(): void
  /** Gone in good order: the page is told before. */
  close(): void
  /**
   * Into the back/forward cache. False: the page kept a lock or an open channel, or listens to `unload`; then it is gone, as
   * in the strictest of browsers.
   */
  leave(): Promise<boolean>
  /** Back from there. */
  comeBack(): void
  /** Goes to `browser.backend`. */
  readonly fetch: typeof fetch
  /** `fromEndpoint` on that, with the user's id and tenant in the query. */
  readonly source: TokenSource
  /** `browser.storage`, whose answers arrive only while the tab runs. */
  readonly storage: TokenStorage
  readonly faults: TabFaults
  /** The globals the session runs on; what other code of the same origin can do, a test can do here. */
  readonly window: TestWindow
  /** What is open at this moment; all zero after `session.close()`. */
  readonly leftovers: {
    readonly timers: number
    readonly listeners: number
    readonly channels: number
    readonly locks: number
  }
}

/** What the tabs of one browser share. */
export interface Origin {
  readonly device: Device
  readonly locks: Locks
  readonly channels: Channels
  readonly localStorage: LocalStorage
  readonly backend: BackendPort
  storageFor(line: Line): TokenStorage
  isOnline(): boolean
  hasNetwork(): boolean
}

/** What the browser does to a tab. */
export interface TabControl {
  readonly tab: TestTab
  fire(type: 'online' | 'offline'): void
}

export function createTab(origin: Origin, name: string, given: Partial<TabFaults>): TabControl {
  const { device } = origin
  const faults = { ...noFaults(), ...given }
  let condition: TestTab['condition'] = 'running'
  let told = true

  const running = (): boolean => condition === 'running'
  const line = (): Line => {
    const made = device.line(running)
    lines.push(made)
    return made
  }
  const lines: Line[] = []
  const [timers, lockLine, messageLine, networkLine, eventLine] = [line(), line(), line(), line(), line()]
  const random = device.randomFor(name)
  const locks = origin.locks.client(lockLine, () => faults.lockDelay())
  const channels = origin.channels.client(
    messageLine,
    () => faults.messageDelay(),
    () => faults.copies(),
  )
  const area = origin.localStorage.client(messageLine, {
    delay: () => faults.storageDelay(),
    full: () => faults.localStorage === 'full',
    tell: (change) => control.page.fire('storage', change),
  })
  const control = createWindow({
    device,
    timers,
    faults,
    random,
    locks: locks.manager,
    BroadcastChannel: channels.BroadcastChannel,
    localStorage: area.localStorage,
    isOnline: origin.isOnline,
  })
  const { window, page, document } = control

  const end = (): void => {
    condition = 'gone'
    for (const line of lines) device.drop(line)
    locks.drop()
    channels.drop()
    area.drop()
  }
  const show = (visibility: 'visible' | 'hidden'): void => {
    if (control.visibility === visibility || condition === 'gone') return
    control.visibility = visibility
    device.plan(eventLine, 0, () => {
      runAll(
        () => document.fire('visibilitychange'),
        () => visibility === 'visible' && page.fire('focus'),
      )
    })
  }
  const fetchHere = origin.backend.fetchFor(networkLine, origin.hasNetwork)
  const parts: Omit<TestTab, keyof Environment> = {
    get condition() {
      return condition
    },
    hide: () => show('hidden'),
    show: () => show('visible'),
    freeze({ silently = false } = {}) {
      if (condition !== 'running') return
      told = !silently
      runAll(
        () => told && document.fire('freeze'),
        () => (condition = 'frozen'),
      )
    },
    resume() {
      if (condition !== 'frozen') return
      condition = 'running'
      if (told) document.fire('resume')
    },
    crash: end,
    close() {
      runAll(() => running() && page.fire('pagehide', { persisted: false }), end)
    },
    async leave() {
      if (condition !== 'running') return condition === 'away'
      try {
        runAll(
          () => page.fire('pagehide', { persisted: true }),
          () => (control.visibility = 'hidden'),
          () => document.fire('visibilitychange'),
        )
      } finally {
        // What was released is free a moment later.
        for (let turns = 0; turns < 20; turns++) await Promise.resolve()
        if (running()) condition = 'away'
        if (locks.count() || channels.count() || page.types().some((type) => /unload$/.test(type))) end()
      }
      return condition === 'away'
    },
    comeBack() {
      if (condition !== 'away') return
      condition = 'running'
      control.visibility = 'visible'
      runAll(
        () => page.fire('pageshow', { persisted: true }),
        () => document.fire('visibilitychange'),
      )
    },
    fetch: fetchHere,
    source: fromEndpoint(
      ({ user: { id, tenant } }) =>
        `/token?${new URLSearchParams({ user: id, ...(tenant !== undefined && { tenant }) })}`,
      { fetch: fetchHere },
    ),
    storage: origin.storageFor(networkLine),
    faults,
    window,
    get leftovers() {
      const gone = condition === 'gone'
      return {
        timers: gone ? 0 : control.timers(),
        listeners: gone ? 0 : page.types().length + document.types().length,
        channels: channels.count(),
        locks: locks.count(),
      }
    },
  }
  const tab = Object.defineProperties(browserEnvironment(window), Object.getOwnPropertyDescriptors(parts)) as TestTab
  return { tab, fire: (type) => void device.plan(eventLine, 0, () => page.fire(type)) }
}
