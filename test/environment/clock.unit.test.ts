import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { createClock } from '../../src/environment/clock.js'

const hour = 3_600_000
const start = 1_790_000_000_000

/** A device whose two clocks can be moved apart and whose timers can be made to fire early. */
function createDevice() {
  let wall = start
  let monotonic = 500.25
  let identity = 0
  const timers = new Map<number, { at: number; run: () => void }>()
  const delays: number[] = []
  const monotonicReads = vi.fn()

  const platform = {
    wall: () => Math.floor(wall),
    monotonic() {
      monotonicReads()
      return monotonic
    },
    setTimer(run: () => void, delay: number) {
      delays.push(delay)
      timers.set(++identity, { at: monotonic + delay, run })
      return identity
    },
    clearTimer: (timer: unknown) => void timers.delete(timer as number),
  }
  const pass = (ms: number) => {
    wall += ms
    monotonic += ms
  }
  return {
    clock: createClock(platform),
    delays,
    timers,
    monotonicReads,
    pass,
    setWall: (ms: number) => void (wall += ms),
    sleep(ms: number, counted: boolean) {
      wall += ms
      if (counted) monotonic += ms
    },
    /** Fires the next timer `early` ms before its time. */
    fire(early = 0) {
      const [id, timer] = [...timers].sort(([, a], [, b]) => a.at - b.at)[0]!
      pass(Math.max(timer.at - early - monotonic, 0))
      timers.delete(id)
      timer.run()
    },
  }
}

describe('the time', () => {
  it('is the wall clock at first and goes on with it', () => {
    const { clock, pass } = createDevice()
    expect(clock.now()).toBe(start)
    pass(1_234)
    expect(clock.now()).toBe(start + 1_234)
  })

  it('is a whole number of milliseconds', () => {
    const { clock, pass, setWall } = createDevice()
    clock.now()
    pass(10.6)
    setWall(-hour)
    expect(Number.isInteger(clock.now())).toBe(true)
  })

  it('goes on when the wall clock is set back (F21)', () => {
    const { clock, pass, setWall } = createDevice()
    clock.now()
    pass(10_000)
    setWall(-hour)
    expect(clock.now()).toBe(start + 10_000)
    pass(600_000)
    expect(clock.now()).toBe(start + 610_000)
  })

  it('jumps once when the wall clock is set forward (F22)', () => {
    const { clock, pass, setWall } = createDevice()
    clock.now()
    setWall(hour)
    expect(clock.now()).toBe(start + hour)
    pass(5_000)
    expect(clock.now()).toBe(start + hour + 5_000)
  })

  it('does not stand still after the wall clock was set forward and back again', () => {
    const { clock, pass, setWall } = createDevice()
    clock.now()
    setWall(hour)
    clock.now()
    setWall(-hour)
    pass(1_000)
    expect(clock.now()).toBe(start + hour + 1_000)
    pass(60_000)
    expect(clock.now()).toBe(start + hour + 61_000)
  })

  it.each([true, false])('counts sleep, whether the monotonic clock counted it or not (F10): %s', (counted) => {
    const { clock, pass, sleep } = createDevice()
    clock.now()
    pass(600_000)
    sleep(8 * hour, counted)
    expect(clock.now()).toBe(start + 600_000 + 8 * hour)
    pass(1_000)
    expect(clock.now()).toBe(start + 601_000 + 8 * hour)
  })

  it('counts sleep in full after the wall clock was set back (F10, F21)', () => {
    const { clock, setWall, sleep } = createDevice()
    clock.now()
    setWall(-hour)
    clock.now()
    sleep(8 * hour, false)
    expect(clock.now()).toBe(start + 8 * hour)
  })

  it('is read from the monotonic clock only when the millisecond has changed', () => {
    const { clock, pass, monotonicReads } = createDevice()
    clock.now()
    monotonicReads.mockClear()
    for (let call = 0; call < 100; call++) clock.now()
    expect(monotonicReads).not.toHaveBeenCalled()
    pass(1)
    clock.now()
    expect(monotonicReads).toHaveBeenCalledTimes(1)
  })

  it('never runs backwards and never falls behind what has passed, whatever is done to the wall clock', () => {
    const steps = fc.array(fc.tuple(fc.nat(5_000), fc.integer({ min: -10_000, max: 10_000 })), { maxLength: 40 })
    fc.assert(
      fc.property(steps, (moves) => {
        const { clock, pass, setWall } = createDevice()
        const first = clock.now()
        let last = first
        let passed = 0
        for (const [elapsed, set] of moves) {
          pass(elapsed)
          passed += elapsed
          setWall(set)
          const now = clock.now()
          expect(now).toBeGreaterThanOrEqual(last)
          // A wall clock set by under a second is within what the two clocks may drift apart.
          expect(now - first).toBeGreaterThanOrEqual(passed - 1_001)
          last = now
        }
      }),
    )
  })
})

describe('a timer', () => {
  it('runs once, at its time', () => {
    const { clock, fire, timers, delays } = createDevice()
    const run = vi.fn()
    clock.schedule(start + 60_000, run)
    expect(delays).toEqual([60_000])
    expect(run).not.toHaveBeenCalled()
    fire()
    expect(run).toHaveBeenCalledTimes(1)
    expect(timers.size).toBe(0)
  })

  it('is never run by the call that sets it, though its time has passed', () => {
    const { clock, fire, delays } = createDevice()
    const run = vi.fn()
    clock.schedule(start - hour, run)
    expect(run).not.toHaveBeenCalled()
    expect(delays).toEqual([1])
    fire()
    expect(run).toHaveBeenCalledTimes(1)
  })

  it.each([Infinity, NaN])('at %s is not armed at all', (at) => {
    const { clock, timers } = createDevice()
    const cancel = clock.schedule(at, () => expect.unreachable())
    expect(timers.size).toBe(0)
    cancel()
  })

  it('far away, also further than 2³¹−1 ms, is armed in steps of a minute and runs at its time (F01)', () => {
    const { clock, fire, delays } = createDevice()
    const run = vi.fn()
    clock.schedule(start + 30 * 24 * hour, run)
    while (!run.mock.calls.length) fire()
    expect(new Set(delays)).toEqual(new Set([60_000]))
    expect(delays).toHaveLength(30 * 24 * 60)
    expect(clock.now()).toBe(start + 30 * 24 * hour)
  })

  it('that fires 5 ms early is armed again for the rest and does not run before its time (F14)', () => {
    const { clock, fire, delays } = createDevice()
    const run = vi.fn()
    clock.schedule(start + 10_000, run)
    fire(5)
    expect(run).not.toHaveBeenCalled()
    expect(delays).toEqual([10_000, 5])
    fire()
    expect(run).toHaveBeenCalledTimes(1)
  })

  it('that fires a fraction of a millisecond early waits at least 1 ms more (F14)', () => {
    const { clock, fire, delays } = createDevice()
    clock.schedule(start + 1_000.4, () => {})
    fire(0.4)
    expect(delays[1]).toBe(1)
  })

  it('is not late when the wall clock is set back while it waits (F21)', () => {
    const { clock, fire, setWall } = createDevice()
    const run = vi.fn()
    clock.schedule(start + 50_000, run)
    setWall(-hour)
    fire()
    expect(run).toHaveBeenCalledTimes(1)
  })

  it('is cancelled for good, also after it was armed again, and a second cancel does nothing', () => {
    const { clock, fire, timers } = createDevice()
    const cancel = clock.schedule(start + 1_000, () => expect.unreachable())
    fire(500)
    expect(timers.size).toBe(1)
    cancel()
    cancel()
    expect(timers.size).toBe(0)
  })

  it('may cancel itself and set the next one while it runs', () => {
    const { clock, fire, timers } = createDevice()
    const next = vi.fn()
    const cancel = clock.schedule(start + 1_000, () => {
      cancel()
      clock.schedule(start + 2_000, next)
      cancel()
    })
    fire()
    expect(timers.size).toBe(1)
    fire()
    expect(next).toHaveBeenCalledTimes(1)
  })
})
