import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type PolicyOptions,
  budgetFreeAt,
  createPolicy,
  longestRetryAfter,
  refreshDelay,
  retryDelay,
  usableTime,
} from '../src/policy.js'
import { type Crowd, outage, randomPeak, refreshes, storm } from './support/crowd.js'
import { hour, minute } from './support/states.js'
import { seeded } from './support/world.js'

const policy = createPolicy({})
/** Draws in [0, 1), both ends often. */
const draw = fc.oneof(
  fc.constant(0),
  fc.constant(1 - 2 ** -53),
  fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
)
const lifetime = fc.double({ min: 1_000, max: 1e12, noNaN: true })
const holds = (property: fc.IPropertyWithHooks<any>) => fc.assert(property, { seed: 5, numRuns: 1_000 })

describe('the options', () => {
  it('have the documented defaults', () => {
    expect(policy).toEqual({
      ...{ refreshAt: [0.8, 0.83], minValidity: 5_000, fallbackLifetime: Infinity },
      ...{ timeout: 10_000, minDelay: 1_000, maxDelay: 60_000 },
    })
  })

  it('may be given in part', () => {
    expect(createPolicy({ retry: { minDelay: 5 } })).toMatchObject({ minDelay: 5, maxDelay: 60_000 })
    expect(createPolicy({ retry: { maxDelay: 2_000 }, timeout: 1 })).toMatchObject({ minDelay: 1_000, timeout: 1 })
    expect(createPolicy({ minValidity: 0, fallbackLifetime: 9 })).toMatchObject({ minValidity: 0, fallbackLifetime: 9 })
    expect(createPolicy({ refreshAt: [0.5, 0.5] }).refreshAt).toEqual([0.5, 0.5])
    expect(createPolicy({ timeout: Infinity, minValidity: Infinity })).toMatchObject({ timeout: Infinity })
  })

  const wrong: Record<keyof PolicyOptions, unknown[]> = {
    refreshAt: [
      0.8,
      null,
      'often',
      [],
      [0.8],
      [0, 0.5],
      [0.9, 0.8],
      [0.8, 1],
      [-0.1, 0.5],
      [NaN, NaN],
      [0.5, 0.6, NaN],
    ],
    minValidity: [-1, NaN, '5000', null, {}],
    fallbackLifetime: [0, -1, NaN, '1', null],
    timeout: [0, -1, NaN, '10', null, () => 1],
    retry: [null, { minDelay: 0 }, { minDelay: -1 }, { minDelay: '1' }, { maxDelay: Infinity }, { minDelay: 61_000 }],
  }
  it.each(Object.entries(wrong).flatMap(([name, values]) => values.map((value) => [name, value] as const)))(
    'of a wrong kind are a TypeError that names the option: %s = %j',
    (name, value) => {
      const making = () => createPolicy({ [name]: value })
      expect(making).toThrow(TypeError)
      expect(making).toThrow(`"${name}"`)
    },
  )
})

describe('a refresh', () => {
  it('is drawn between the two shares of the lifetime, whatever that is (F01, F02)', () => {
    holds(
      fc.property(lifetime, draw, (life, random) => {
        const share = refreshDelay(policy, life, false, random) / life
        expect(share).toBeGreaterThanOrEqual(0.8 - 1e-9)
        expect(share).toBeLessThanOrEqual(0.83 + 1e-9)
      }),
    )
  })

  it('reaches both ends of its window', () => {
    expect(refreshDelay(policy, hour, false, 0)).toBeCloseTo(0.8 * hour)
    expect(refreshDelay(policy, hour, false, 1)).toBeCloseTo(0.83 * hour)
    expect(refreshDelay(policy, hour, true, 0)).toBeCloseTo(0.1 * hour)
    expect(refreshDelay(policy, hour, true, 1)).toBeCloseTo(0.83 * hour)
  })

  it('is drawn from a tenth on after a cold start, and never after the latest share', () => {
    const options = fc.tuple(
      fc.double({ min: 0.01, max: 0.99, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
    )
    holds(
      fc.property(options, lifetime, draw, ([latest, part], life, random) => {
        const own = createPolicy({ refreshAt: [latest * Math.max(part, 0.01), latest] })
        const share = refreshDelay(own, life, true, random) / life
        expect(share).toBeGreaterThanOrEqual(Math.min(0.1, latest) - 1e-9)
        expect(share).toBeLessThanOrEqual(latest + 1e-9)
      }),
    )
  })

  it('never comes for a token without end', () => {
    expect(refreshDelay(policy, Infinity, true, 0)).toBe(Infinity)
    expect(refreshDelay(policy, Infinity, false, 0.5)).toBe(Infinity)
    expect(usableTime(policy, Infinity)).toBe(Infinity)
    expect(usableTime(createPolicy({ minValidity: Infinity }), Infinity)).toBe(Infinity)
  })
})

describe('a token is handed out', () => {
  it('until minValidity before its end, or a tenth of its lifetime where that is less (F02, F15)', () => {
    expect(usableTime(policy, hour)).toBe(hour - 5_000)
    expect(usableTime(policy, 50_000)).toBe(45_000)
    expect(usableTime(policy, 10_000)).toBe(9_000)
    expect(usableTime(createPolicy({ minValidity: 0 }), hour)).toBe(hour)
    expect(usableTime(createPolicy({ minValidity: Infinity }), hour)).toBe(0.9 * hour)
  })

  it('past the time of its refresh, whatever its lifetime', () => {
    holds(
      fc.property(lifetime, fc.nat(10 * hour), draw, fc.boolean(), (life, minValidity, random, cold) => {
        const own = createPolicy({ minValidity })
        expect(refreshDelay(own, life, cold, random)).toBeLessThan(usableTime(own, life))
      }),
    )
  })
})

describe('the wait after failures', () => {
  it('climbs from 1 s to 60 s, half of it by chance', () => {
    const steps = [1, 2, 4, 8, 16, 32, 60, 60].map((seconds) => seconds * 1_000)
    for (const [index, step] of steps.entries()) {
      expect(retryDelay(policy, index + 1, 0)).toBe(step / 2)
      expect(retryDelay(policy, index + 1, 0.5)).toBe(step * 0.75)
      expect(retryDelay(policy, index + 1, 1)).toBe(step)
    }
  })

  it('stays within its bounds for any number of failures', () => {
    holds(
      fc.property(fc.integer({ min: 1, max: 1e6 }), draw, (attempt, random) => {
        const delay = retryDelay(policy, attempt, random)
        expect(delay).toBeGreaterThanOrEqual(500)
        expect(delay).toBeLessThanOrEqual(60_000)
      }),
    )
  })

  it('follows the app’s own bounds', () => {
    const own = createPolicy({ retry: { minDelay: 200, maxDelay: 700 } })
    expect([1, 2, 3, 9].map((attempt) => retryDelay(own, attempt, 1))).toEqual([200, 400, 700, 700])
  })

  it('is what the server asked for, and at most a quarter longer, so that not all come back at once (F61)', () => {
    holds(
      fc.property(fc.integer({ min: 60_000, max: longestRetryAfter }), draw, fc.nat(20), (asked, random, attempt) => {
        const delay = retryDelay(policy, attempt + 1, random, asked)
        expect(delay).toBeGreaterThanOrEqual(asked)
        expect(delay).toBeLessThanOrEqual(asked * 1.25)
      }),
    )
    expect(retryDelay(policy, 1, 0, 120_000)).toBe(120_000)
    expect(retryDelay(policy, 1, 1, 120_000)).toBe(150_000)
  })

  it('counts no more than ten minutes of what the server asked for', () => {
    expect(longestRetryAfter).toBe(10 * minute)
    expect(retryDelay(policy, 1, 0, 24 * hour)).toBe(10 * minute)
    expect(retryDelay(policy, 1, 1, Infinity)).toBe(12.5 * minute)
  })

  it('is never shorter than the ladder for a server that asks for less', () => {
    expect(retryDelay(policy, 7, 0, 1_000)).toBe(30_000)
    expect(retryDelay(policy, 1, 1, 0)).toBe(1_000)
    expect(retryDelay(policy, 1, 1, -5_000)).toBe(1_000)
  })
})

describe('the budget (G1)', () => {
  it('is free at once until ten calls for nothing were made', () => {
    expect(budgetFreeAt([])).toBe(-Infinity)
    expect(budgetFreeAt([1, 2, 3, 4, 5, 6, 7, 8, 9])).toBe(-Infinity)
  })

  it('is free a minute after the tenth last, and ten minutes after the thirtieth last', () => {
    const ten = Array.from({ length: 10 }, (_, index) => index * 1_000)
    expect(budgetFreeAt(ten)).toBe(60_000)
    expect(budgetFreeAt([...ten, 61_000])).toBe(61_000)
    const thirty = Array.from({ length: 30 }, (_, index) => index * 7_000)
    expect(budgetFreeAt(thirty)).toBe(600_000)
  })
})

describe('a crowd', () => {
  const clients = 20_000
  const crowd = (seed: number): Crowd => ({ policy, clients, life: hour, spread: minute, random: seeded(seed) })

  /*
   * In seconds of equal chance the busiest of a period is what chance alone makes of it, and the more so the fewer clients there
   * are: 1.62 times the mean for 100 000 clients and tokens of an hour, 2.5 for 20 000. The goal of 1.8 for 100 000 is 1.11 times
   * chance; the same is asked of fewer clients.
   */
  it('that starts within a minute is spread at once and stays spread (F25)', () => {
    const { period, mean, peak, extra, randomPeak: chance } = refreshes(crowd(7), 6.5)
    const large = randomPeak(100_000 / period, Math.round(period)) / (100_000 / period)
    const bound = 1.8 * (chance / mean / large)
    expect(large).toBeGreaterThan(1.6)
    expect(bound).toBeLessThan(2.8)
    for (const cycle of [1, 2, 3, 4, 5]) expect(peak(cycle) / mean, `cycle ${cycle}`).toBeLessThanOrEqual(bound)
    expect(extra).toBeLessThanOrEqual(0.3)
  })

  it('is in one heap where nothing is left to chance, which this simulation would show', () => {
    const random = () => 0.5
    const { mean, peak } = refreshes({ ...crowd(7), random, spread: minute }, 6.5)
    expect(peak(1) / mean).toBeGreaterThan(40)
  })

  it('outlives a backend that is down for ten minutes: nobody is without a good token meanwhile', () => {
    for (const lives of [2, 3.3, 4.7]) {
      const { due, during, after, longest } = outage(crowd(8), lives * hour, 10 * minute)
      expect(due).toBeGreaterThan(clients / 10)
      expect(during).toBe(0)
      // Whoever was due right at its start may wait up to a minute for the next try after its end.
      expect(after).toBeLessThan(clients / 500)
      expect(longest).toBeLessThan(minute)
    }
  })

  it('comes back from an outage without a storm (F26, F59)', () => {
    const { failed, most, peakAfter, optimum, firstSecond, last } = storm(crowd(11), 10 * minute)
    expect(failed).toBeLessThanOrEqual(19)
    expect(most).toBeLessThanOrEqual(25)
    expect(last).toBeLessThanOrEqual(61)
    // 1.3 for 100 000; here a second has a fifth of the calls, whose chance peak is higher by a few percent.
    expect(peakAfter / optimum).toBeLessThanOrEqual(1.4)
    expect(firstSecond).toBeLessThanOrEqual(clients * 0.04)
  })
})
