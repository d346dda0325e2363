import { type TestBackend, createBackend } from './backend.js'
import { type TestMessage, createChannels } from './channels.js'
import { createDevice } from './device.js'
import { createLocalStorage } from './local-storage.js'
import { createLocks } from './locks.js'
import { type TestStorage, createStore } from './store.js'
import { type TabControl, type TestTab, createTab } from './tab.js'
import type { TabFaults } from './window.js'

/**
 * A browser with one origin: tabs that share storage, locks and channels, a wall clock and a monotonic clock that can be moved
 * apart, a network and a backend. Nothing in it takes real time. Times are milliseconds.
 */
export interface TestBrowser {
  /** Opens a tab, visible and awake; `faults` are there from the start. */
  tab(faults?: Partial<TabFaults>): TestTab
  /** Tabs in the order they were opened, those that are gone included. */
  readonly tabs: readonly TestTab[]
  /** The true time, epoch ms, whatever the wall clock was set to. */
  readonly now: number
  /**
   * Runs timers, answers, messages and promises up to then. Rejects with the first error that a timer or a listener threw, and
   * with a TypeError where `ms` is no length of time.
   */
  advance(ms: number): Promise<void>
  /**
   * The device sleeps: on waking the wall clock has moved on, and what was armed fires late by `ms`.
   * `monotonic: false`: the monotonic clock did not count the time, as in some browsers. Default true.
   * No event tells the pages: where one is wanted, `hide` or `freeze` the tab before, `show` or `resume` it after.
   */
  sleep(ms: number, options?: { monotonic?: boolean }): Promise<void>
  /** Sets the wall clock to an epoch time in ms; the monotonic clock goes on. */
  setWallClock(ms: number): void
  /** What `navigator.onLine` says in all tabs, with its events. `network`: whether calls get through; default: as `online`. */
  setOnline(online: boolean, network?: boolean): void
  /** For sessions that keep their token; all tabs share it. */
  readonly storage: TestStorage
  readonly backend: TestBackend
  /** Names of the locks that are held and waited for, and of open channels. */
  readonly locks: { readonly held: readonly string[]; readonly pending: readonly string[] }
  readonly channels: readonly string[]
  /** Everything that was posted to a channel. */
  readonly messages: readonly TestMessage[]
  /** Somebody else takes every lock of the origin, until the returned function is called. */
  holdLocks(): () => void
}

/**
 * A simulated browser without tabs. `now`: epoch ms it starts at, default 1 790 000 000 000. `seed`: what is due at one time
 * happens in an order drawn by it, and so are the random numbers of the tabs; the same seed gives the same run.
 */
export function createTestBrowser({ now, seed }: { now?: number; seed?: number } = {}): TestBrowser {
  const device = createDevice(now, seed)
  const locks = createLocks(device)
  const channels = createChannels(device)
  const localStorage = createLocalStorage(device)
  const backend = createBackend(device)
  const { storage, storageFor } = createStore(device)
  const controls: TabControl[] = []
  let online = true
  let network = true
  const origin = {
    device,
    locks,
    channels,
    localStorage,
    backend,
    storageFor,
    isOnline: () => online,
    hasNetwork: () => network,
  }

  return {
    tab(faults = {}) {
      const control = createTab(origin, `tab ${controls.length + 1}`, faults)
      controls.push(control)
      return control.tab
    },
    get tabs() {
      return controls.map(({ tab }) => tab)
    },
    get now() {
      return device.truth()
    },
    advance: device.advance,
    sleep: (ms, { monotonic = true } = {}) => device.sleep(ms, monotonic),
    setWallClock: device.setWallClock,
    setOnline(given, through = given) {
      network = through
      if (online === given) return
      online = given
      for (const { tab, fire } of controls) if (tab.condition !== 'gone') fire(given ? 'online' : 'offline')
    },
    storage,
    backend,
    get locks() {
      return { held: locks.held(), pending: locks.pending() }
    },
    get channels() {
      return channels.names()
    },
    messages: channels.messages,
    holdLocks: locks.occupy,
  }
}
