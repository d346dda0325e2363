import type { Scope } from '../environment/scope.js'
import type { Device, Line } from './device.js'
import { type EventHub, createEventHub } from './events.js'

/** What is wrong with a tab. Turn the knobs at any time; a part that is taken away is missed from the next use on. */
export interface TabFaults {
  /** Web Locks: not there, or calls throw or reject with a SecurityError. */
  locks: 'absent' | 'throws' | 'rejects' | undefined
  /** BroadcastChannel: not there, or its constructor throws. */
  channels: 'absent' | 'throws' | undefined
  /** localStorage: null, access throws a SecurityError, or nothing more can be written. */
  localStorage: 'absent' | 'blocked' | 'full' | undefined
  /** Milliseconds until this tab hears of a lock it got, of a message, of what another tab wrote. Default 0. */
  lockDelay: () => number
  messageDelay: () => number
  storageDelay: () => number
  /** How often a message arrives: 0 is lost, 2 comes twice. Default 1. */
  copies: () => number
  /** Milliseconds timers fire too early, though never before 1 ms has passed, or too late. Default 0. */
  early: () => number
  late: () => number
  /** Timers fire at multiples of it, ms. Default: 1 000 while the tab is hidden, as browsers do, else 0. */
  throttle: number | undefined
}

export const noFaults = (): TabFaults => ({
  locks: undefined,
  channels: undefined,
  localStorage: undefined,
  lockDelay: () => 0,
  messageDelay: () => 0,
  storageDelay: () => 0,
  copies: () => 1,
  early: () => 0,
  late: () => 0,
  throttle: undefined,
})

/** The globals of a tab, as far as a session needs them. */
export type TestWindow = Required<Scope>

/** What a window is put together from. */
export interface WindowParts {
  readonly device: Device
  readonly timers: Line
  readonly faults: TabFaults
  readonly random: () => number
  readonly locks: NonNullable<TestWindow['navigator']>['locks']
  readonly BroadcastChannel: TestWindow['BroadcastChannel']
  readonly localStorage: Storage
  isOnline(): boolean
}

/** A window, and what its tab does with it. */
export interface WindowControl {
  readonly window: TestWindow
  readonly page: EventHub
  readonly document: EventHub
  visibility: 'visible' | 'hidden'
  /** Timers that are armed. */
  timers(): number
}

const longestTimer = 2 ** 31 - 1
const hiddenRaster = 1_000
const refused = (): DOMException => new DOMException('Not allowed here.', 'SecurityError')

export function createWindow(parts: WindowParts): WindowControl {
  const { device, faults, locks, random, timers } = parts
  const page = createEventHub()
  const document = createEventHub()
  const armed = new Map<number, () => void>()
  let count = 0

  const delayOf = (wanted: number): number => {
    // As in browsers: what does not fit into 32 bits fires at once.
    const asked = wanted >= 1 && wanted <= longestTimer ? wanted : 1
    return Math.max(asked - faults.early(), 1) + faults.late()
  }
  /** Milliseconds to the next moment at which timers may fire, by what the tab is now. */
  const untilTurn = (): number => {
    const raster = faults.throttle ?? (control.visibility === 'hidden' ? hiddenRaster : 0)
    // Sums of fractions are a little more or less than they should be.
    return raster && Math.ceil(device.awake() / raster - 1e-6) * raster - device.awake()
  }
  const lockManager = {
    request(...request: unknown[]) {
      if (faults.locks === 'throws') throw refused()
      if (faults.locks === 'rejects') return Promise.reject(refused())
      return (locks!.request as (...request: unknown[]) => Promise<unknown>)(...request)
    },
    query() {
      if (faults.locks === 'throws') throw refused()
      return faults.locks === 'rejects' ? Promise.reject(refused()) : locks!.query()
    },
  }
  const window = {
    Date: { now: device.wall },
    Math: { random },
    performance: { now: device.monotonic },
    setTimeout(run, delay) {
      const id = ++count
      const fire = (): void => {
        armed.delete(id)
        run()
      }
      const fallDue = (): void => {
        const wait = untilTurn()
        if (wait > 0) armed.set(id, device.plan(timers, wait, fire))
        else fire()
      }
      armed.set(id, device.plan(timers, delayOf(delay), fallDue))
      return id
    },
    clearTimeout(id) {
      armed.get(id as number)?.()
      armed.delete(id as number)
    },
    addEventListener: page.addEventListener,
    removeEventListener: page.removeEventListener,
    document: {
      addEventListener: document.addEventListener,
      removeEventListener: document.removeEventListener,
      get visibilityState() {
        return control.visibility
      },
    },
    navigator: {
      get onLine() {
        return parts.isOnline()
      },
      get locks() {
        return faults.locks === 'absent' ? undefined : lockManager
      },
    },
    get BroadcastChannel() {
      if (faults.channels === 'absent') return undefined
      if (faults.channels !== 'throws') return parts.BroadcastChannel
      return function () {
        throw refused()
      }
    },
    get localStorage() {
      if (faults.localStorage === 'blocked') throw refused()
      return faults.localStorage === 'absent' ? null : parts.localStorage
    },
    isSecureContext: true,
  } as TestWindow
  const control: WindowControl = {
    window,
    page,
    document,
    visibility: 'visible',
    timers: () => armed.size,
  }
  return control
}
