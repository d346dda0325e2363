import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Policy,
  type PolicyOptions,
  budgetFreeAt,
  createPolicy,
  longestRetryAfter,
  refreshDelay,
  retryDelay,
  usableTime,
} from '../../src/policy.js'
import { hour, minute } from '../support/states.js'
import { start } from '../support/world.js'
import { data, holds, strangeNumber, thrownBy } from './arbitraries.js'

const share = fc.double({ min: 1e-9, max: 1, minExcluded: true, maxExcluded: true, noNaN: true })
const span = fc.oneof(fc.integer({ min: 0, max: 1e8 }), fc.double({ min: 0, max: 1e9, noNaN: true }))
const delays = fc.tuple(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 0, max: 1e7 }))
const policies: fc.Arbitrary<Policy> = fc
  .record(
    {
      refreshAt: fc.tuple(share, share).map(([one, other]) => [Math.min(one, other), Math.max(one, other)] as const),
      minValidity: span,
      retry: delays.map(([minDelay, more]) => ({ minDelay, maxDelay: minDelay + more })),
    },
    { requiredKeys: [] },
  )
  .map(createPolicy)
const lifetimes = fc.oneof(
  fc.integer({ min: 1, max: 1e9 }),
  fc.double({ min: 1, max: 1e15, noNaN: true }),
  fc.constantFrom(1_000, 15_000, hour, 24 * hour, 2 ** 31, 253_402_300_799_000),
)
const draws = fc.oneof(
  fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  fc.constantFrom(0, 0.5, 1 - 2 ** -53),
)
const attempts = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(1, 2, 1_000, 1e9, 1e308))
/** Larger than, but for the last digit of a number. */
const nearly = (value: number): number => value * (1 + 1e-12)

describe('the options', () => {
  const wild = fc.record(
    {
      refreshAt: fc.oneof(strangeNumber, fc.array(strangeNumber, { maxLength: 3 })),
      minValidity: strangeNumber,
      fallbackLifetime: strangeNumber,
      timeout: strangeNumber,
      retry: fc.oneof(
        strangeNumber,
        fc.record({ minDelay: strangeNumber, maxDelay: strangeNumber }, { requiredKeys: [] }),
      ),
    },
    { requiredKeys: [] },
  )

  it('are refused by name, or lead to times that can be kept', () => {
    holds(
      fc.property(wild, lifetimes, draws, attempts, (options, lifetime, draw, attempt) => {
        let policy: Policy
        try {
          policy = createPolicy(options as PolicyOptions)
        } catch (error) {
          expect(error).toBeInstanceOf(TypeError)
          expect((error as Error).message).toMatch(
            /the option "(refreshAt|minValidity|fallbackLifetime|timeout|retry)"/,
          )
          return
        }
        for (const life of [lifetime, policy.fallbackLifetime]) {
          expect(usableTime(policy, life)).toBeGreaterThan(0)
          expect(refreshDelay(policy, life, true, draw)).toBeGreaterThanOrEqual(0)
        }
        const delay = retryDelay(policy, attempt, draw)
        expect(delay >= 0 && delay < Infinity).toBe(true)
        expect(policy.timeout).toBeGreaterThan(0)
      }),
      3_000,
    )
  })

  it('of any kind are refused by name or taken, and never trip over the value', () => {
    const names = fc.constantFrom('refreshAt', 'minValidity', 'fallbackLifetime', 'timeout', 'retry')
    holds(
      fc.property(names, data, (name, make) => {
        const value = make()
        const error = thrownBy(() => createPolicy({ [name]: value }))
        if (error) expect((error as Error).message).toContain(`the option "${name}"`)
      }),
      400,
    )
  })
})

describe('a refresh', () => {
  it('is drawn inside its window for every lifetime and every option (F01, F02)', () => {
    holds(
      fc.property(policies, lifetimes, fc.boolean(), draws, (policy, lifetime, cold, draw) => {
        const [earliest, latest] = policy.refreshAt
        const from = cold ? Math.min(0.1, latest) : earliest
        const delay = refreshDelay(policy, lifetime, cold, draw)
        expect(nearly(delay)).toBeGreaterThanOrEqual(from * lifetime)
        expect(delay).toBeLessThanOrEqual(nearly(latest * lifetime))
        expect(delay).toBeGreaterThan(0)
      }),
      1_000,
    )
  })

  it('comes later for a later draw and for a longer life, and never earlier than after a cold start', () => {
    holds(
      fc.property(policies, lifetimes, lifetimes, draws, draws, (policy, life, longer, draw, later) => {
        const delay = (lifetime: number, random: number, cold = false) => refreshDelay(policy, lifetime, cold, random)
        const [low, high] = [Math.min(draw, later), Math.max(draw, later)]
        expect(delay(life, low)).toBeLessThanOrEqual(delay(life, high))
        expect(delay(Math.min(life, longer), draw)).toBeLessThanOrEqual(delay(Math.max(life, longer), draw))
        if (policy.refreshAt[0] >= 0.1) expect(delay(life, draw, true)).toBeLessThanOrEqual(nearly(delay(life, draw)))
      }),
      1_000,
    )
  })

  it('is due while the token still serves, whatever its lifetime and minValidity', () => {
    holds(
      fc.property(span, lifetimes, fc.boolean(), draws, (minValidity, lifetime, cold, draw) => {
        const policy = createPolicy({ minValidity })
        expect(refreshDelay(policy, lifetime, cold, draw)).toBeLessThan(usableTime(policy, lifetime))
      }),
      600,
    )
  })
})

describe('a token serves', () => {
  it('for at least nine tenths of its life, and ends minValidity before it or later', () => {
    holds(
      fc.property(policies, lifetimes, (policy, lifetime) => {
        const usable = usableTime(policy, lifetime)
        expect(nearly(usable)).toBeGreaterThanOrEqual(0.9 * lifetime)
        expect(usable).toBeLessThanOrEqual(lifetime)
        expect(nearly(usable)).toBeGreaterThanOrEqual(lifetime - policy.minValidity)
      }),
      600,
    )
  })

  it('longer if it lives longer, and shorter for a larger minValidity', () => {
    holds(
      fc.property(span, span, lifetimes, lifetimes, (one, other, life, longer) => {
        const usable = (minValidity: number, lifetime: number) => usableTime(createPolicy({ minValidity }), lifetime)
        const [low, high] = [Math.min(one, other), Math.max(one, other)]
        expect(usable(one, Math.min(life, longer))).toBeLessThanOrEqual(nearly(usable(one, Math.max(life, longer))))
        expect(usable(high, life)).toBeLessThanOrEqual(usable(low, life))
      }),
      600,
    )
  })

  it('for ever if it has no end, whatever minValidity is', () => {
    holds(
      fc.property(fc.oneof(span, fc.constant(Infinity)), (minValidity) => {
        let policy: Policy | undefined
        // An option that cannot be kept may be refused.
        expect(thrownBy(() => (policy = createPolicy({ minValidity }))) ?? new TypeError()).toBeInstanceOf(TypeError)
        if (policy) expect(usableTime(policy, Infinity)).toBe(Infinity)
      }),
    )
  })
})

describe('the next try', () => {
  const asked = fc.oneof(fc.constant(undefined), fc.integer({ min: 0, max: 2e6 }), fc.constantFrom(0, 1e308, Infinity))

  it('is after half a step of the ladder to a whole one, if the server asks for nothing', () => {
    holds(
      fc.property(policies, attempts, draws, (policy, attempt, draw) => {
        let step = policy.minDelay
        for (let rung = 1; rung < attempt && step < policy.maxDelay; rung++) step *= 2
        step = Math.min(step, policy.maxDelay)
        const delay = retryDelay(policy, attempt, draw)
        expect(delay).toBeGreaterThanOrEqual(step / 2)
        expect(delay).toBeLessThanOrEqual(nearly(step))
      }),
      600,
    )
  })

  it('is never before the time the server asked for, as far as that is within ten minutes, nor much later', () => {
    holds(
      fc.property(policies, attempts, draws, asked, (policy, attempt, draw, retryAfter) => {
        const delay = retryDelay(policy, attempt, draw, retryAfter)
        const wanted = Math.min(retryAfter ?? 0, longestRetryAfter)
        expect(delay).toBeGreaterThanOrEqual(wanted)
        expect(delay).toBeGreaterThanOrEqual(retryDelay(policy, attempt, draw))
        expect(delay).toBeLessThanOrEqual(Math.max(1.25 * wanted, policy.maxDelay))
      }),
      600,
    )
  })

  it('comes no earlier after more failures, a later draw or a longer wait that was asked for', () => {
    holds(
      fc.property(policies, attempts, attempts, draws, draws, asked, (policy, one, other, draw, later, retryAfter) => {
        const [fewer, more] = [Math.min(one, other), Math.max(one, other)]
        const delay = (attempt: number, random: number, wait?: number) => retryDelay(policy, attempt, random, wait)
        expect(delay(fewer, draw)).toBeLessThanOrEqual(delay(more, draw))
        expect(delay(one, Math.min(draw, later))).toBeLessThanOrEqual(delay(one, Math.max(draw, later)))
        expect(delay(one, draw, retryAfter)).toBeGreaterThanOrEqual(delay(one, draw, 0))
      }),
      600,
    )
  })
})

describe('the budget (G1)', () => {
  /** The most starts in any span of that length, its end not included. */
  const most = (starts: readonly number[], length: number): number => {
    let first = 0
    return starts.reduce((record, at, index) => {
      while (at - starts[first]! >= length) first++
      return Math.max(record, index - first + 1)
    }, 0)
  }
  const pauses = fc.oneof(
    fc.constant(0),
    fc.nat(10),
    fc.nat(7_000),
    fc.nat(70_000),
    fc.nat(700_000),
    fc.double({ min: 0, max: 1e5, noNaN: true }),
  )

  it('holds for every caller that calls when it is free and keeps the last thirty calls', () => {
    holds(
      fc.property(fc.array(pauses, { maxLength: 150, size: 'max' }), (list) => {
        const starts: number[] = []
        let now = start
        for (const pause of list) {
          now = Math.max(now + pause, budgetFreeAt(starts.slice(-30)))
          starts.push(now)
        }
        expect(most(starts, minute)).toBeLessThanOrEqual(10)
        expect(most(starts, 10 * minute)).toBeLessThanOrEqual(30)
      }),
      600,
    )
  })

  it('keeps nobody waiting longer than it must: a call before that time would be one too many', () => {
    holds(
      fc.property(fc.array(pauses, { maxLength: 80, size: 'max' }), (list) => {
        const starts: number[] = []
        let now = start
        for (const pause of list) {
          now += pause
          const freeAt = budgetFreeAt(starts)
          if (freeAt > now) {
            const early = [...starts, (now + freeAt) / 2]
            expect(most(early, minute) > 10 || most(early, 10 * minute) > 30).toBe(true)
          }
          starts.push((now = Math.max(now, freeAt)))
        }
      }),
      300,
    )
  })

  it('is free at some time, and at once for who has called less than ten times, whatever the times are', () => {
    const times = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { maxLength: 40 })
    holds(
      fc.property(times, (calls) => {
        const freeAt = budgetFreeAt(calls)
        expect(freeAt < Infinity).toBe(true)
        if (calls.length < 10) expect(freeAt).toBe(-Infinity)
      }),
    )
  })
})
