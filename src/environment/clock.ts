import type { Unsubscribe } from './environment.js'

/** What a clock is made of. */
export interface ClockPlatform {
  /** Epoch ms; people and time services set it forward and back. */
  wall(): number
  /** Milliseconds since some start; never set, but may stand still while the device sleeps. */
  monotonic(): number
  setTimer(run: () => void, delay: number): unknown
  clearTimer(timer: unknown): void
}

/** Epoch ms that never run backwards, and timers that keep to them. */
export interface Clock {
  now(): number
  schedule(at: number, run: () => void): Unsubscribe
}

// Timers do not count the time a device sleeps, and some say nothing when it wakes. So the clock is looked at once a minute.
const longestNap = 60_000

export function createClock(platform: ClockPlatform): Clock {
  let wall: number
  let wallOffset = 0
  let monotonicOffset = -Infinity
  let current = -Infinity

  const now = (): number => {
    const seen = platform.wall()
    if (seen !== wall) {
      wall = seen
      const monotonic = platform.monotonic()
      const byWall = seen + wallOffset
      const byMonotonic = Math.floor(monotonic + monotonicOffset)
      current = Math.max(current, byWall, byMonotonic)
      // One of them was set or slept: from here on both count on from the time given out.
      if (Math.abs(byWall - byMonotonic) > 1_000) {
        wallOffset = current - seen
        monotonicOffset = current - monotonic
      }
    }
    return current
  }

  return {
    now,
    schedule(at, run) {
      let timer: unknown
      const arm = () => {
        const check = () => (at > now() ? arm() : run())
        if (at < Infinity) timer = platform.setTimer(check, Math.min(Math.max(at - now(), 1), longestNap))
      }
      arm()
      return () => platform.clearTimer(timer)
    },
  }
}
