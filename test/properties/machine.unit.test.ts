import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SessionError } from '../../src/errors.js'
import { transition, wakeAt } from '../../src/machine.js'
import { type Adoption, type Happening, type MachineState, initialState } from '../../src/state.js'
import { type Token, type User, createToken } from '../../src/token.js'
import { viewOf } from '../../src/view.js'
import { ada, bob, deepFreeze, eventOf, hour, minute } from '../support/states.js'
import { start } from '../support/world.js'
import { ensure, holds } from './arbitraries.js'

// Somebody who signs in again is another one: answers for the first are not the second's.
const users: User[] = [ada, bob, { ...ada }, { id: 'ada', tenant: 'acme' }]
const down = new SessionError('source_failed', 'The backend is down.')
const over = new SessionError('unauthorized')

interface Step {
  kind: string
  /** Milliseconds that pass before; or until the next look, or short of it. */
  pause: number | 'wake' | 'early'
  pick: number
  span: number
  online: boolean
  eager: boolean
}

/** A machine with a clock, tokens that were around before, and a count of what it called for nothing. */
interface Run {
  now: number
  state: MachineState
  tokens: Token[]
  page: { online: boolean; eager: boolean }
  /** Starts of calls for nothing that this machine knows of, its own and those it was told. */
  wasted: Set<number>
}

const values = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine']
const tokenOf = (run: Run, user: User, receivedAt: number, { pick, span }: Step): Token => {
  const token = createToken({
    value: values[pick % values.length]! + (pick % 3 ? run.tokens.length : ''),
    ...{ user, receivedAt, generation: run.tokens.length },
    // Checked a moment ago: it has some time left.
    expiresAt: pick % 7 ? receivedAt + Math.ceil((run.now - receivedAt) / 0.9) + 2 + span : undefined,
    claims: pick % 2 ? { iat: Math.floor(receivedAt / 1_000) } : undefined,
  })
  run.tokens.push(token)
  return token
}
const adoptionOf = (token: Token, { pick }: Step): Adoption => {
  const { receivedAt, expiresAt = Infinity } = token
  const lifetime = expiresAt - receivedAt
  const spentAt = receivedAt + 0.9 * lifetime
  return { token, spentAt, dueAt: receivedAt + (lifetime < Infinity ? (pick % 91) / 100 : 1) * lifetime }
}
/** One that was there before and has not ended. */
const oldOf = ({ tokens, now }: Run, step: Step): Token | undefined => {
  const token = tokens[step.pick % (tokens.length || 1)]
  return token && adoptionOf(token, step).spentAt > now ? token : undefined
}
/** The user who is signed in; now and then somebody else. */
const userOf = ({ state }: Run, pick: number): User =>
  (pick % 5 ? state.user : undefined) ?? users[pick % users.length]!
const retryAtOf = ({ now }: Run, { span }: Step): number => now + 1 + (span % 700_000)
const failureOf = (run: Run, step: Step, final: boolean): Happening & { type: 'failure' } => {
  const asked = step.pick % 4 ? undefined : step.span % 600_000
  const error = final ? over : new SessionError('source_failed', 'busy', { retryAfter: asked })
  return { type: 'failure', error: step.pick % 3 ? (final ? over : down) : error, retryAt: retryAtOf(run, step) }
}

const kinds: Record<string, (run: Run, step: Step) => Happening> = {
  'sign-in': (_, { pick }) => ({ type: 'sign-in', user: users[pick % users.length]! }),
  'sign-in with a token': (run, step) => {
    const user = users[step.pick % users.length]!
    const token = tokenOf(run, step.pick % 6 ? user : users[(step.pick + 1) % users.length]!, run.now, step)
    return { type: 'sign-in', user, adoption: adoptionOf(token, step) }
  },
  'sign-out': () => ({ type: 'sign-out' }),
  'sign-out of somebody': (run, { pick }) => ({ type: 'sign-out', user: userOf(run, pick), elsewhere: pick % 2 > 0 }),
  demand: () => ({ type: 'demand' }),
  'unsatisfied demand': () => ({ type: 'demand', unsatisfied: true }),
  tick: () => ({ type: 'tick' }),
  return: () => ({ type: 'return' }),
  accepted: () => ({ type: 'accepted' }),
  refresh: () => ({ type: 'refresh' }),
  answer(run, step) {
    const { calledAt, flight } = run.state
    const since = Math.max(calledAt, run.now - (step.span % 9_000))
    return { type: 'token', flight, adoption: adoptionOf(tokenOf(run, userOf(run, step.pick), since, step), step) }
  },
  'old answer': (run, step) => {
    const flight = run.state.flight - 1 - (step.pick % 3)
    return { type: 'token', flight, adoption: adoptionOf(tokenOf(run, userOf(run, step.pick), run.now, step), step) }
  },
  'saved answer': (run, step) => {
    const token = oldOf(run, step) ?? tokenOf(run, userOf(run, step.pick), run.now, step)
    return { type: 'token', flight: run.state.flight, adoption: { ...adoptionOf(token, step), from: 'storage' } }
  },
  'answer that ended meanwhile': (run, step) => {
    const { calledAt, flight } = run.state
    const adoption = adoptionOf(tokenOf(run, userOf(run, step.pick), Math.max(calledAt, run.now - 900), step), step)
    return { type: 'token', flight, adoption: { ...adoption, spentAt: run.now - (step.pick % 2) } }
  },
  'saved token': (run, step) => {
    const token = oldOf(run, step) ?? tokenOf(run, userOf(run, step.pick), run.now - (step.span % 10_000), step)
    return { type: 'token', adoption: { ...adoptionOf(token, step), from: 'storage' } }
  },
  push: (run, step) => ({
    type: 'token',
    adoption: adoptionOf(tokenOf(run, userOf(run, step.pick), run.now, step), step),
  }),
  'told token': (run, step) => {
    const receivedAt = run.now - (step.span % 10_000) + (step.pick % 2) * 1_000
    const told = step.pick % 4 ? tokenOf(run, userOf(run, step.pick), receivedAt, step) : oldOf(run, step)
    const adoption = adoptionOf(told ?? tokenOf(run, ada, receivedAt, step), step)
    return { type: 'token', adoption: { ...adoption, from: 'tab' } }
  },
  failure: (run, step) => ({ ...failureOf(run, step, false), flight: run.state.flight }),
  'final failure': (run, step) => ({ ...failureOf(run, step, true), flight: run.state.flight }),
  'old failure': (run, step) => ({ ...failureOf(run, step, step.pick % 2 > 0), flight: run.state.flight - 1 }),
  'told failure': (run, step) => {
    const calls = Array.from({ length: 1 + (step.pick % 4) }, (_, index) => run.now - index * (step.span % 5_000))
    const known = { attempt: step.pick % 9, calls: calls.reverse(), calling: step.pick % 3 === 0 }
    return { ...failureOf(run, step, step.pick % 5 === 0), ...known }
  },
  rejected: (run, step) => ({ type: 'rejected', value: run.state.token?.value ?? '', retryAt: retryAtOf(run, step) }),
  'rejected something': (run, step) => {
    const value = run.tokens[step.pick % (run.tokens.length || 1)]?.value ?? 'nothing'
    return { type: 'rejected', value, retryAt: retryAtOf(run, step), elsewhere: step.pick % 2 > 0 }
  },
  close: () => ({ type: 'close' }),
}
const all = Object.keys(kinds)
const lively = all.filter((kind) => kind !== 'close')

const mostly = (share: number) =>
  fc.oneof({ weight: share, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) })
const pauses = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Step['pause']>(0) },
  { weight: 2, arbitrary: fc.constant<Step['pause']>('wake') },
  { weight: 2, arbitrary: fc.constant<Step['pause']>('early') },
  ...[3, 300, 1_500, 20_000, minute, 2 * hour].map((most) => ({ weight: 1, arbitrary: fc.nat(most) })),
)
const spans = fc.oneof(fc.nat(3_000), fc.nat(minute), fc.nat(2 * hour))
interface Shape {
  online?: fc.Arbitrary<boolean>
  pause?: fc.Arbitrary<Step['pause']>
  span?: fc.Arbitrary<number>
  maxLength?: number
}
const stepsOf = (
  names: readonly string[],
  { online = mostly(5), pause = pauses, span = spans, maxLength = 70 }: Shape = {},
) =>
  fc.array(
    fc.record({
      ...{ kind: fc.constantFrom(...names), pause, pick: fc.nat(2_000), span },
      ...{ online, eager: mostly(6) },
    }),
    { minLength: 1, maxLength, size: 'max' },
  )

const startRun = (): Run => ({
  ...{ now: start, state: deepFreeze(initialState), tokens: [], page: { online: true, eager: true } },
  wasted: new Set(),
})

/** A call is for nothing if it failed, was given up for another user or after the page was away, or brought a refused token. */
const count = (run: Run, before: MachineState, event: Happening): void => {
  const { state, wasted } = run
  const ended = before.status === 'fetching' && (state.status !== 'fetching' || state.flight !== before.flight)
  const own = !('flight' in event) || event.flight === before.flight
  const told = event.type === 'failure' && event.flight === undefined
  const refused = event.type === 'token' && before.refused.includes(event.adoption.token.value)
  if (ended && own && !told && (/^(failure|return|sign-.*)$/.test(event.type) || refused)) wasted.add(before.calledAt)
  if (told) for (const at of state.calls) if (event.calls?.includes(at)) wasted.add(at)
}

type Check = (before: MachineState, run: Run, event: Happening, step: Step) => void

const happen = (run: Run, happening: Happening): MachineState => {
  const before = run.state
  // Whoever writes to what is given away here trips.
  run.state = deepFreeze(transition(before, deepFreeze(eventOf(happening, run.now, run.page))))
  count(run, before, happening)
  return before
}
const walk = (steps: readonly Step[], check: Check): Run => {
  const run = startRun()
  for (const step of steps) {
    const next = wakeAt(run.state)
    const { pause } = step
    if (typeof pause === 'number') run.now += pause
    else if (next < Infinity) run.now = Math.max(run.now, pause === 'wake' ? next : next - 1 - (step.pick % 50))
    run.page = { online: step.online, eager: step.eager }
    const event = kinds[step.kind]!(run, step)
    check(happen(run, event), run, event, step)
  }
  return run
}
const always = (check: Check, names: readonly string[] = all, numRuns = 400, more?: Shape) =>
  holds(
    fc.property(stepsOf(names, more), (steps) => void walk(steps, check)),
    numRuns,
  )
const fields = Object.keys(initialState) as (keyof MachineState)[]
const alike = (one: unknown, other: unknown): boolean =>
  Object.is(one, other) ||
  // Times of calls.
  (Array.isArray(one) && String(one) === String(other)) ||
  (one instanceof SessionError &&
    other instanceof SessionError &&
    one.code === other.code &&
    one.message === other.message)
const differences = (one: MachineState, other: MachineState): string[] =>
  fields.filter((key) => !alike(one[key], other[key]))

const same = (one: MachineState, other: MachineState): void => {
  const changed = differences(one, other)
  if (changed.length) expect(changed).toEqual([])
}

describe('after any events at any times', () => {
  it('the next look is in the future, and each look at its time leads on: none is repeated for ever (F14)', () => {
    always((_, { now, state, page }) => {
      ensure(wakeAt(state) > now, 'the next look is over')
      let looked = now
      let current = state
      for (let looks = 0; looks < 5 && wakeAt(current) < Infinity; looks++) {
        const at = wakeAt(current)
        ensure(at > looked, 'two looks at one time')
        current = transition(current, eventOf({ type: 'tick' }, (looked = at), page))
      }
    })
  })

  it('a look before its time changes nothing and forgets nothing', () => {
    always((_, { now, state, page }) => {
      const at = wakeAt(state)
      for (const early of [now, (now + Math.min(at, now + hour)) / 2, at - 1]) {
        if (!(early >= now && early < at)) continue
        const after = transition(state, eventOf({ type: 'tick' }, early, page))
        same(state, after)
        ensure(wakeAt(after) === at, 'the look was forgotten')
      }
    })
  })

  it('a token that is held is good, and is of the very user who is signed in (G3, G9)', () => {
    always((_, { now, state }) => {
      const { token, spentAt, user, status } = state
      ensure(status !== 'fresh' || token !== undefined, 'fresh without a token')
      ensure(user !== undefined || !(token || state.last || state.error), 'nobody has something')
      if (!token) return ensure(spentAt === Infinity, 'nothing ends')
      ensure(spentAt > now, 'it has ended')
      ensure(token.user === user, 'it is another one’s')
    })
  })

  it('a token that was refused and is still remembered is not held again, whoever brings it, users changing or not', () => {
    const names = ['answer', 'push', 'told token', 'saved answer', 'sign-in with a token', 'sign-out', 'rejected']
    always(
      (_, { state: { token, refused } }) => ensure(!token || !refused.includes(token.value), 'it was refused'),
      names,
    )
  })

  it('a call is numbered one higher, begins now and is what fetching means', () => {
    always((before, { now, state }) => {
      if (state.flight === before.flight)
        ensure(state.status !== 'fetching' || before.status === 'fetching', 'fetching without a call')
      else {
        ensure(state.flight === before.flight + 1 && state.calledAt === now, 'a call without a number')
        ensure(state.status === 'fetching', 'a call without fetching')
      }
    })
  })

  it('an answer of another call or for another user changes nothing but what the time does', () => {
    always((before, { now, state, page }, event) => {
      if (!('flight' in event) || event.flight === undefined) return
      const mine = event.flight === before.flight && before.status === 'fetching'
      const stranger = event.type === 'token' && event.adoption.token.user !== before.user
      if (mine && !stranger) return
      same(state, transition(before, eventOf({ type: 'tick' }, now, page)))
    })
  })

  it('what is told twice is told once', () => {
    const told = ['told token', 'told failure', 'rejected something', 'sign-out of somebody', 'accepted']
    const names = [...told, 'tick', 'return', 'answer', 'failure', 'sign-in', 'refresh']
    always((_, { now, state, page }, event) => {
      same(state, transition(state, eventOf(event, now, page)))
    }, names)
  })

  it('closed is the end, the state itself', () => {
    const lists = fc.tuple(stepsOf(lively), stepsOf(all))
    holds(
      fc.property(lists, ([first, then]) => {
        const closed = walk([...first, { ...first[0]!, kind: 'close' }], () => {}).state
        expect(closed).toEqual({ ...initialState, status: 'closed', flight: closed.flight })
        const run: Run = { ...startRun(), state: closed }
        for (const step of then) {
          run.now += 1_000
          happen(run, kinds[step.kind]!(run, step))
          ensure(run.state === closed, 'it has moved')
        }
        expect(wakeAt(closed)).toBe(Infinity)
      }),
      150,
    )
  })

  it('after a final failure nothing is called for until somebody signs in or asks for a refresh, or a token comes (G10)', () => {
    let asked = false
    always((before, { state }, { type }) => {
      const called = state.flight > before.flight
      const quiet = before.status === 'failed' && !asked && !/^(sign-in|refresh|token|close)$/.test(type)
      // A refresh that was asked for is made within a second, whatever comes first.
      if (type === 'refresh') asked = true
      if (called || !state.user || (state.status === 'failed' && before.status !== 'failed')) asked = false
      if (!quiet) return
      const left = type === 'sign-out' && state.status === 'signed-out'
      ensure(!called, 'a call')
      ensure(left || state.status === 'failed', 'no longer failed: ' + state.status)
      ensure(wakeAt(state) === state.spentAt, 'a look without need')
    })
  })

  it('nobody is called for while nobody is signed in', () => {
    always((before, { state }, { type }) => {
      ensure(before.user !== undefined || type === 'sign-in' || state.flight === before.flight, 'a call for nobody')
      ensure((state.user === undefined) === /^(signed-out|closed)$/.test(state.status), 'no user, or one too many')
    })
  })

  it('the times are times: numbers, and never nobody’s', () => {
    always((_, { state }) => {
      for (const key of ['dueAt', 'spentAt', 'retryAt', 'askedAt', 'calledAt', 'refreshAskedAt', 'attempt'] as const)
        ensure(!Number.isNaN(state[key]), `${key} is no number`)
      for (const key of ['dueAt', 'spentAt', 'retryAt', 'askedAt'] as const)
        ensure(state.user !== undefined || state[key] === Infinity, `${key} of nobody`)
      ensure(state.refused.length <= 20, 'more than twenty refused')
    })
  })

  it('the calls that were for nothing are kept in their order, thirty of them', () => {
    always((_, { state: { calls } }) => {
      ensure(calls.length <= 30, 'more than thirty')
      ensure(
        calls.every((at, index) => !(at < calls[index - 1]!)),
        `not in order: ${calls.join()}`,
      )
    })
  })

  it('who looks at the session sees the same object, unless something in it has changed (G8)', () => {
    let view = viewOf(initialState)
    always((before, { state }) => {
      view = viewOf(before)
      const next = viewOf(state, view)
      const keys = ['status', 'user', 'token', 'error', 'retryAt'] as const
      const seen = (shown: object, key: (typeof keys)[number]): unknown => (shown as Record<string, unknown>)[key]
      ensure((next === view) === keys.every((key) => seen(next, key) === seen(view, key)), 'another object, or not')
    })
  })
})

describe('the budget (G1)', () => {
  const failing = [
    ...Array<string>(14).fill('failure'),
    ...['tick', 'tick', 'tick', 'refresh', 'refresh', 'return', 'return', 'demand', 'unsatisfied demand', 'sign-in'],
    ...['sign-out', 'answer', 'saved answer', 'rejected', 'told failure', 'final failure', 'told token', 'push'],
  ]
  const pause = fc.oneof(fc.constant<Step['pause']>(0), fc.constant<Step['pause']>('wake'), fc.nat(900), fc.nat(9_000))

  const shape: Shape = { pause, span: fc.nat(2_000), maxLength: 150 }

  it('allows no call while ten of the last minute, or thirty of the last ten, are known to have been for nothing', () => {
    always(
      (before, { now, state, wasted }) => {
        if (state.flight === before.flight) return
        const since = (span: number) => [...wasted].filter((at) => at > now - span).length
        ensure(since(minute) < 10, 'eleven in a minute')
        ensure(since(10 * minute) < 30, 'thirty-one in ten')
      },
      failing,
      600,
      shape,
    )
  })

  it('is reached by these events, or the property above would say nothing', () => {
    let stopped = 0
    const check: Check = (before, { now, state }) => {
      if (state.status === 'waiting' && before.status !== 'waiting' && state.calls.length > 9)
        stopped += Number(state.retryAt > now && state.calls.at(-10)! > now - minute)
    }
    fc.assert(
      fc.property(stepsOf(failing, shape), (steps) => void walk(steps, check)),
      { numRuns: 100, seed: 4 },
    )
    expect(stopped).toBeGreaterThan(50)
  })

  it('lets refreshes that the app asks for begin a second apart at least, whatever comes between', () => {
    const names = ['refresh', 'refresh', 'refresh', 'tick', 'tick', 'answer', 'failure', 'sign-in', 'demand', 'push']
    const online = fc.constant(true)
    always(
      (before, { now, state }, { type }) => {
        const asked = type === 'refresh' || before.askedAt <= now
        const due = before.status === 'waiting' ? before.retryAt <= now : before.dueAt <= now
        if (state.flight > before.flight && asked && !due) expect(now - before.calledAt).toBeGreaterThanOrEqual(1_000)
      },
      names,
      600,
      { pause: fc.oneof(pause, fc.nat(200)), online },
    )
  })
})

describe('when the faults are over', () => {
  it('whoever is signed in has a good token again within the longest wait, unless the failure was final', () => {
    holds(
      fc.property(stepsOf(lively), fc.nat(2 * hour), (steps, span) => {
        const run = walk(steps, () => {})
        run.page = { online: true, eager: true }
        happen(run, { type: 'tick' })
        const { status } = run.state
        const until = run.now + 11 * minute + 700_000
        let fresh = 0
        while (run.state.user && run.state.status !== 'failed' && run.now < until && fresh < 3) {
          if (run.state.status === 'fetching') {
            const token = createToken({
              ...{ value: `good ${run.now} ${run.state.flight}`, user: run.state.user, generation: 1 },
              ...{ receivedAt: run.now, expiresAt: run.now + hour + span },
            })
            const adoption = { token, dueAt: run.now + 0.8 * hour, spentAt: run.now + 0.9 * hour }
            happen(run, { type: 'token', flight: run.state.flight, adoption })
            expect(run.state.token).toBe(token)
          }
          if (run.state.token && run.state.status === 'fresh') fresh = 3
          else if (run.state.status !== 'fetching') {
            // Never, if nothing is planned: then that is the end.
            run.now = wakeAt(run.state)
            happen(run, { type: 'tick' })
          }
        }
        if (run.state.user && status !== 'failed') expect(run.state.status).toBe('fresh')
      }),
      600,
    )
  })

  it('the same holds for a page that nobody looks at, as soon as somebody asks', () => {
    holds(
      fc.property(stepsOf(lively), (steps) => {
        const run = walk(steps, () => {})
        run.page = { online: true, eager: false }
        run.now += 700_000
        happen(run, { type: 'demand' })
        const { status, token, askedAt } = run.state
        if (run.state.user && !token && askedAt === Infinity) expect(status).toMatch(/^(fetching|failed)$/)
      }),
      300,
    )
  })
})
