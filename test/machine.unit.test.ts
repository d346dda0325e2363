import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SessionError } from '../src/errors.js'
import { transition, wakeAt } from '../src/machine.js'
import { type Happening, type MachineState, initialState } from '../src/state.js'
import type { Token, User } from '../src/token.js'
import { ada, adoptionOf, bob, deepFreeze, eventOf, hour, makeToken, minute, stateOf } from './support/states.js'
import { start } from './support/world.js'

const down = new SessionError('source_failed')
const refusal = new SessionError('unauthorized')

interface Driver {
  now: number
  state: MachineState
  readonly page: { online: boolean; eager: boolean }
  /** Starts of the calls that failed or were given up. */
  readonly wasted: number[]
  on(happening: Happening): MachineState
  pass(ms: number): Driver
  tick(): MachineState
  /** Lets the time pass until the machine wants to look again. */
  wake(): MachineState
  mint(seconds?: number, user?: User, receivedAt?: number): Token
  /** Ends the call that is under way, which is when the token's time began; what ended meanwhile is a failure. */
  answer(seconds?: number): MachineState
  fail(error?: SessionError, delay?: number): MachineState
  reject(value?: string): MachineState
  signIn(user?: User): MachineState
  /** A token that another tab's call brought, which began that long ago. */
  hear(ago?: number): MachineState
  /** Another tab's call failed. */
  hearFailure(error?: SessionError, delay?: number): MachineState
}

/** A machine with a clock. */
function createDriver(state: MachineState = initialState): Driver {
  let minted = 0
  const page = { online: true, eager: true }
  const driver: Driver = {
    now: start,
    page,
    state: deepFreeze(state),
    wasted: [],
    on(happening) {
      const before = driver.state
      const after = deepFreeze(transition(before, deepFreeze(eventOf(happening, driver.now, page))))
      const ended = before.status === 'fetching' && (after.status !== 'fetching' || after.flight !== before.flight)
      if (ended && /^(failure|return|sign-.*)$/.test(happening.type)) driver.wasted.push(before.calledAt)
      return (driver.state = after)
    },
    pass(ms) {
      driver.now += ms
      return driver
    },
    tick: () => driver.on({ type: 'tick' }),
    wake() {
      if (wakeAt(driver.state) < Infinity) driver.now = Math.max(driver.now, wakeAt(driver.state))
      return driver.tick()
    },
    mint(seconds = 3_600, user = driver.state.user ?? ada, receivedAt = driver.now) {
      const value = `token-${++minted}`
      return makeToken(value, { user, receivedAt, expiresAt: receivedAt + seconds * 1_000, generation: minted })
    },
    answer(seconds) {
      const { flight, status, user, calledAt } = driver.state
      const adoption = adoptionOf(driver.mint(seconds, user, status === 'fetching' ? calledAt : driver.now))
      return adoption.spentAt > driver.now ? driver.on({ type: 'token', flight, adoption }) : driver.fail()
    },
    fail(error = down, delay = 1_000) {
      const { flight } = driver.state
      return driver.on({ type: 'failure', flight, error, retryAt: driver.now + delay })
    },
    reject: (value = driver.state.token?.value ?? '') =>
      driver.on({ type: 'rejected', value, retryAt: driver.now + 500 }),
    signIn: (user = ada) => driver.on({ type: 'sign-in', user }),
    hear(ago = 0) {
      const adoption = adoptionOf(driver.mint(3_600, driver.state.user, driver.now - ago))
      return driver.on({ type: 'token', adoption: { ...adoption, from: 'tab' } })
    },
    hearFailure(error = down, delay = 1_000) {
      const { attempt, calls } = driver.state
      const failed = { attempt: attempt + 1, calls: [...calls, driver.now].slice(-30) }
      return driver.on({ type: 'failure', error, retryAt: driver.now + delay, ...failed })
    },
  }
  return driver
}

const signedIn = (): Driver => {
  const driver = createDriver()
  driver.signIn()
  driver.answer()
  return driver
}

const steps: Record<string, (driver: Driver, size: number) => MachineState> = {
  signIn: (driver) => driver.signIn(),
  signInWithToken: (driver) => driver.on({ type: 'sign-in', user: ada, adoption: adoptionOf(driver.mint(60, ada)) }),
  signInOther: (driver) => driver.signIn(bob),
  signOut: (driver) => driver.on({ type: 'sign-out' }),
  demand: (driver) => driver.on({ type: 'demand' }),
  unsatisfied: (driver) => driver.on({ type: 'demand', unsatisfied: true }),
  tick: (driver) => driver.tick(),
  wake: (driver) => driver.wake(),
  answer: (driver, size) => driver.answer(8 + size),
  answerLate: (driver) => driver.on({ type: 'token', flight: 0, adoption: adoptionOf(driver.mint()) }),
  push: (driver, size) => driver.on({ type: 'token', adoption: adoptionOf(driver.mint(8 + size)) }),
  fail: (driver, size) => driver.fail(down, 500 + size),
  failSlowly: (driver, size) =>
    driver.fail(new SessionError('source_failed', 'busy', { retryAfter: size * 100 }), size * 100 + 1),
  failLate: (driver) => driver.on({ type: 'failure', flight: -1, error: refusal, retryAt: driver.now + 1 }),
  failForGood: (driver) => driver.fail(refusal),
  reject: (driver) => driver.reject(),
  rejectOther: (driver) => driver.reject('some other'),
  accept: (driver) => driver.on({ type: 'accepted' }),
  refresh: (driver) => driver.on({ type: 'refresh' }),
  return: (driver) => driver.on({ type: 'return' }),
  hear: (driver, size) => driver.hear(size),
  hearFailure: (driver, size) => driver.hearFailure(down, 500 + size),
  hearFinal: (driver) => driver.hearFailure(refusal),
  hearRefusal: (driver, size) =>
    driver.on({ type: 'rejected', value: `token-${1 + (size % 9)}`, retryAt: driver.now + 500, elsewhere: true }),
  hearSignOut: (driver, size) => {
    const { user } = driver.state
    return driver.on({ type: 'sign-out', user: size % 2 ? { ...ada } : (user ?? ada), elsewhere: true })
  },
}
const rare: typeof steps = { close: (driver) => driver.on({ type: 'close' }) }

interface Step {
  name: string
  dt: number
  size: number
  online: boolean
  eager: boolean
}
const mostly = fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) })
const pause = fc.oneof(fc.constant(0), fc.nat(2_000), fc.nat(minute), fc.nat(2 * hour))
const stepsOf = (names: string[], dt = pause) =>
  fc.array(fc.record({ name: fc.constantFrom(...names), dt, size: fc.nat(5_000), online: mostly, eager: mostly }), {
    minLength: 1,
    maxLength: 80,
    size: 'max',
  })

/** Runs them all; `check` sees every state before and after. */
function walk(list: Step[], check: (before: MachineState, after: MachineState, driver: Driver, step: Step) => void) {
  const driver = createDriver()
  for (const step of list) {
    const before = driver.pass(step.dt).state
    Object.assign(driver.page, { online: step.online, eager: step.eager })
    const after = { ...steps, ...rare }[step.name]!(driver, step.size)
    check(before, after, driver, step)
  }
  return driver
}
const always = (names: string[], check: Parameters<typeof walk>[1], dt = pause) =>
  fc.assert(
    fc.property(stepsOf(names, dt), (list) => void walk(list, check)),
    { numRuns: 500, seed: 2 },
  )
const all = [...Object.keys(steps), 'close']

describe('whatever happens in whatever order', () => {
  it('the next look is in the future: no timer spins (F14)', () => {
    always(all, (_, after, { now }) => expect(wakeAt(after)).toBeGreaterThan(now))
  })

  it('a call is numbered one higher and is what fetching means', () => {
    always(all, (before, after, { now }) => {
      if (after.flight !== before.flight) {
        expect(after).toMatchObject({ flight: before.flight + 1, status: 'fetching', calledAt: now })
      } else if (after.status === 'fetching') expect(before.status).toBe('fetching')
    })
  })

  it('a token that is held is good, not refused, and of the user who is signed in (G3, G9)', () => {
    always(all, (_, { token, spentAt, refused, user, status }, { now }) => {
      if (status === 'fresh') expect(token).toBeDefined()
      if (status === 'signed-out' || status === 'closed') expect(token).toBeUndefined()
      if (!token) return expect(spentAt).toBe(Infinity)
      expect(spentAt).toBeGreaterThan(now)
      expect(refused).not.toContain(token.value)
      expect(token.user).toEqual(user)
    })
  })

  it('a refresh ends with the token of a call that began no earlier, unless a call failed or the user left', () => {
    const names = ['signIn', 'refresh', 'hear', 'wake', 'answer', 'fail', 'reject', 'return', 'hearFailure', 'signOut']
    let asked = -Infinity
    const check: Parameters<typeof walk>[1] = (before, after, { now }, { name }) => {
      const { status, user, token, askedAt, flight, attempt } = after
      const failed = attempt > before.attempt || (status === 'failed' && before.status !== 'failed')
      if (flight === 0 || failed || user !== before.user || status === 'closed') asked = -Infinity
      if (name === 'refresh' && status !== 'signed-out') asked = now
      if (status === 'fresh' && askedAt === Infinity) expect(token!.receivedAt).toBeGreaterThanOrEqual(asked)
    }
    always(all, check)
    always(names, check, fc.oneof(fc.constant(0), fc.nat(1_200)))
  })

  it('a token of another tab is never replaced by an older one of another tab', () => {
    always(all, (before, { last, user }, _, { name }) => {
      if (name === 'hear' && before.last && user === before.user)
        expect(last!.receivedAt).toBeGreaterThanOrEqual(before.last.receivedAt)
    })
  })

  it('what is wrong is said exactly while something is wrong', () => {
    always(all, ({ retryAt: _ }, { status, error, retryAt }) => {
      if (status === 'waiting' || status === 'failed') expect(error).toBeDefined()
      if (status === 'fresh' || status === 'signed-out' || status === 'closed') expect(error).toBeUndefined()
      if (status !== 'waiting') expect(retryAt).toBe(Infinity)
    })
  })

  it('closed is the end', () => {
    always(all, (before, after) => {
      if (before.status === 'closed') expect(after).toBe(before)
    })
  })

  it('nobody is called for while nobody is signed in', () => {
    always(all, (before, after, _, { name }) => {
      if (before.status === 'signed-out' && !name.startsWith('signIn')) expect(after.flight).toBe(before.flight)
    })
  })

  it('an event that was ignored leaves no trace but the network and the page', () => {
    always(
      ['signIn', 'failLate', 'answerLate', 'rejectOther', 'answer', 'fail'],
      (before, after, { now }, { name }) => {
        const { online, onlineAnyway, eager } = after
        if (!/Late|Other/.test(name) || wakeAt({ ...before, online, eager }) <= now) return
        if (online && !before.online) return
        expect(after).toEqual({ ...before, online, onlineAnyway, eager })
      },
    )
  })
})

describe('the budget (G1)', () => {
  const within = (starts: number[], number: number, span: number) =>
    starts.some((at, index) => (starts[index + number] ?? Infinity) - at < span)

  it('allows ten calls for nothing in a minute and thirty in ten, whatever the backend, the SDK and the app do', () => {
    const names = [
      'signIn',
      'signInOther',
      'signOut',
      'demand',
      'tick',
      'wake',
      'refresh',
      'push',
      'reject',
      'answer',
      'unsatisfied',
      'return',
      'hear',
      'hearRefusal',
      'hearSignOut',
    ]
    const most = [...names, ...Array<string>(12).fill('fail'), ...Array<string>(4).fill('wake'), 'failForGood']
    const short = fc.oneof(fc.constant(0), fc.nat(1_500), fc.nat(20_000))
    fc.assert(
      fc.property(stepsOf(most, short), (list) => {
        const { wasted } = walk(list, () => {})
        expect(within(wasted, 10, minute), 'eleven in a minute').toBe(false)
        expect(within(wasted, 30, 10 * minute), 'thirty-one in ten').toBe(false)
      }),
      { numRuns: 1_000, seed: 3 },
    )
  })

  it('is used up to its end by an app that asks for a refresh all the time, and never more', () => {
    const driver = createDriver()
    driver.signIn()
    for (const end = start + hour; driver.now < end; driver.pass(100)) {
      driver.on({ type: 'refresh' })
      if (driver.state.status === 'fetching') driver.fail(down, 100)
    }
    expect(within(driver.wasted, 10, minute)).toBe(false)
    expect(within(driver.wasted, 30, 10 * minute)).toBe(false)
    expect(within(driver.wasted, 9, 11_000)).toBe(true)
    expect(driver.wasted.length).toBe(180)
  })

  it('makes a call that would exceed it wait until the oldest is a minute old, with the last error', () => {
    const driver = createDriver()
    driver.signIn()
    for (let call = 0; call < 10; call++) {
      driver.pass(10).fail(down, 1_000)
      driver.wake()
    }
    expect(driver.state).toMatchObject({ status: 'waiting', retryAt: start + minute, error: down, askedAt: Infinity })
    expect(driver.wake().status).toBe('fetching')
    expect(driver.now).toBe(start + minute)
  })

  it('outlives sign-outs and switches, and counts what they gave up', () => {
    const driver = createDriver()
    for (let round = 0; round < 5; round++) {
      expect(driver.signIn().status).toBe('fetching')
      expect(driver.pass(100).signIn(bob)).toMatchObject({ status: 'fetching', user: bob })
      driver.pass(100).on({ type: 'sign-out' })
    }
    expect(driver.signIn()).toMatchObject({ status: 'waiting', retryAt: start + minute })
    expect(driver.wasted).toHaveLength(10)
  })

  it('counts switches of one moment as one call: no more than that came to be made', () => {
    const driver = createDriver()
    for (let round = 0; round < 20; round++) {
      expect(driver.signIn(ada).status).toBe('fetching')
      expect(driver.signIn(bob).status).toBe('fetching')
    }
    expect(driver.state.calls).toEqual([start])
  })
})

describe('a final failure', () => {
  it('is followed by no call until somebody signs in, asks for a refresh, or a token comes (G10)', () => {
    const driver = createDriver()
    const quiet = [
      'demand',
      'unsatisfied',
      'tick',
      'wake',
      'reject',
      'rejectOther',
      'accept',
      'fail',
      'failLate',
      'answer',
    ]
    driver.signIn()
    driver.fail(refusal)
    const failed = driver.state
    fc.assert(
      fc.property(stepsOf(quiet), (list) => {
        Object.assign(driver, { state: failed, now: start })
        for (const { name, dt, size, ...page } of list) {
          Object.assign(driver.page, page)
          expect(steps[name]!(driver.pass(dt), size)).toMatchObject({ status: 'failed', flight: failed.flight })
        }
      }),
      { seed: 4 },
    )
    Object.assign(driver, { state: failed })
    driver.page.online = true
    expect(driver.signIn()).toMatchObject({ status: 'fetching', attempt: 0 })
  })

  it('that comes while a refresh is put off ends that too', () => {
    const driver = signedIn()
    driver.reject()
    driver.answer()
    driver.reject()
    driver.wake()
    driver.answer()
    driver.on({ type: 'refresh' })
    expect(driver.reject().status).toBe('failed')
    expect(driver.wake().status).toBe('failed')
  })

  it('lets a good token serve until it is spent', () => {
    const driver = signedIn()
    driver.wake()
    const failed = driver.fail(refusal)
    expect(failed).toMatchObject({ status: 'failed', error: refusal, token: { value: 'token-1' } })
    expect(wakeAt(failed)).toBe(start + hour - 5_000)
    expect(driver.wake()).toMatchObject({ status: 'failed', token: undefined })
    expect(wakeAt(driver.state)).toBe(Infinity)
  })
})

describe('a token the provider refuses', () => {
  it('is replaced at once; after two refused replacements in a row no more are made', () => {
    const driver = signedIn()
    expect(driver.pass(10).reject()).toMatchObject({ status: 'fetching', reason: 'rejected', token: undefined })
    driver.answer()
    expect(driver.pass(10).reject()).toMatchObject({ status: 'waiting', error: { code: 'rejected', retryable: true } })
    expect(driver.wake()).toMatchObject({ status: 'fetching', reason: 'rejected' })
    driver.answer()
    const failed = driver.pass(10).reject()
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'rejected', retryable: false }, flight: 3 })
    expect(failed.refused).toEqual(['token-1', 'token-2', 'token-3'])
    expect(wakeAt(failed)).toBe(Infinity)
  })

  it('does not count together with refusals of tokens that had served a minute', () => {
    const driver = signedIn()
    for (let round = 0; round < 10; round++) {
      expect(driver.pass(minute).reject().status).toBe('fetching')
      driver.answer()
    }
  })

  it('does not count together with those before one that was accepted after ten seconds or more', () => {
    const driver = signedIn()
    for (let round = 0; round < 10; round++) {
      expect(driver.reject().status).toBe('fetching')
      driver.answer()
      driver.pass(10_000).on({ type: 'accepted' })
    }
    driver.reject()
    driver.answer()
    driver.pass(9_999).on({ type: 'accepted' })
    expect(driver.reject().status).toBe('waiting')
  })

  it('does not count together with those before a sign-in', () => {
    const driver = signedIn()
    driver.reject()
    driver.answer()
    driver.reject()
    driver.wake()
    driver.answer()
    expect(driver.reject().status).toBe('failed')
    expect(driver.signIn()).toMatchObject({ status: 'fetching', mints: 0 })
  })

  it('is refused even while the next is on its way: the answer then counts as its replacement', () => {
    const driver = signedIn()
    driver.wake()
    expect(driver.reject()).toMatchObject({ status: 'fetching', flight: 2, token: undefined, mints: 1 })
    expect(driver.answer()).toMatchObject({ status: 'fresh', mints: 1 })
  })

  it('is remembered, the last twenty of them', () => {
    const driver = signedIn()
    for (let round = 0; round < 30; round++) {
      driver.pass(minute).reject()
      driver.answer()
    }
    expect(driver.state.refused).toHaveLength(20)
    expect(driver.state.refused.at(-1)).toBe('token-30')
  })
})

describe('somebody asks', () => {
  it('for a refresh: at once, and again not before a second after the last call', () => {
    const driver = signedIn()
    driver.pass(5_000).on({ type: 'refresh' })
    expect(driver.state).toMatchObject({ status: 'fetching', reason: 'forced', flight: 2, token: { value: 'token-1' } })
    driver.pass(100).answer()
    for (let ask = 0; ask < 5; ask++)
      expect(driver.pass(100).on({ type: 'refresh' })).toMatchObject({ status: 'fresh', askedAt: start + 6_000 })
    expect(driver.wake()).toMatchObject({ status: 'fetching', flight: 3, calledAt: start + 6_000, askedAt: Infinity })
  })

  it('for a refresh in the moment a call begins: that call is the refresh', () => {
    const driver = signedIn()
    driver.pass(5_000)
    for (let ask = 0; ask < 3; ask++) driver.on({ type: 'refresh' })
    expect(driver.state).toMatchObject({ status: 'fetching', flight: 2, askedAt: Infinity })
    expect(driver.answer().status).toBe('fresh')
  })

  it('for a refresh during a call: one more call follows when that has ended, however often it was asked for', () => {
    const driver = createDriver()
    driver.signIn()
    driver.pass(300).on({ type: 'refresh' })
    driver.pass(300).on({ type: 'refresh' })
    expect(driver.answer()).toMatchObject({ status: 'fresh', askedAt: start + 1_000 })
    expect(driver.wake()).toMatchObject({ status: 'fetching', flight: 2, askedAt: Infinity })
    expect(driver.answer().status).toBe('fresh')
  })

  it('for more than a young token: not before a second and a tenth of its lifetime, or of an hour', () => {
    const unsatisfied = { type: 'demand', unsatisfied: true } as const
    const driver = signedIn()
    expect(driver.pass(6 * minute - 1).on(unsatisfied).status).toBe('fresh')
    expect(driver.pass(1).on(unsatisfied)).toMatchObject({ status: 'fetching', reason: 'forced' })
    driver.on({
      type: 'token',
      flight: 2,
      adoption: adoptionOf(makeToken('endless', { receivedAt: driver.now, expiresAt: undefined })),
    })
    expect(driver.pass(6 * minute - 1).on(unsatisfied).status).toBe('fresh')
    expect(driver.pass(1).on(unsatisfied).status).toBe('fetching')
    driver.answer(4)
    expect(driver.pass(999).on(unsatisfied).status).toBe('fresh')
    expect(driver.pass(1).on(unsatisfied).status).toBe('fetching')
  })

  it('while the browser says offline: a look after 25 s whether that is true (F55)', () => {
    const driver = createDriver()
    driver.page.online = false
    expect(driver.signIn()).toMatchObject({ status: 'waiting', error: { code: 'offline' } })
    expect(wakeAt(driver.state)).toBe(Infinity)
    driver.on({ type: 'demand' })
    driver.pass(20_000).on({ type: 'demand' })
    expect(driver.wake().status).toBe('fetching')
    expect(driver.now).toBe(start + 25_000)
    expect(driver.answer()).toMatchObject({ status: 'fresh', online: true, onlineAnyway: true })
    expect(wakeAt(driver.state)).toBe(start + 25_000 + 0.8 * hour)
    expect(driver.wake()).toMatchObject({ status: 'fetching', online: true })
    driver.answer()
    driver.page.online = true
    driver.tick()
    driver.page.online = false
    expect(driver.tick()).toMatchObject({ online: false, onlineAnyway: false })
  })

  it('in a hidden page that does not refresh unasked: a due token is renewed, a failed call repeated', () => {
    const driver = signedIn()
    driver.page.eager = false
    driver.pass(0.9 * hour)
    expect(driver.tick().status).toBe('fresh')
    expect(driver.on({ type: 'demand' })).toMatchObject({ status: 'fetching', reason: 'refresh' })
    driver.fail(down, 1_000)
    expect(driver.pass(5_000).tick().status).toBe('waiting')
    expect(driver.on({ type: 'demand' }).status).toBe('fetching')
  })

  it('while offline, and a token comes by itself: no look is needed any more', () => {
    const driver = createDriver()
    driver.page.online = false
    driver.signIn()
    driver.on({ type: 'demand' })
    driver.pass(1_000).on({ type: 'token', adoption: adoptionOf(driver.mint()) })
    expect(driver.pass(30_000).tick()).toMatchObject({ status: 'fresh', flight: 0 })
  })
})

describe('another tab', () => {
  const spent = start + hour

  it('brings the token while a call is under way: that is given up, and a late answer to it changes nothing', () => {
    const driver = createDriver()
    driver.signIn()
    expect(driver.pass(300).hear(100)).toMatchObject({ status: 'fresh', flight: 1, token: { value: 'token-1' } })
    const { state } = driver
    expect(driver.answer()).toEqual(state)
    expect(driver.fail()).toEqual(state)
  })

  it('brings a token that ends a failed session, a wait and an attempt count', () => {
    const driver = createDriver()
    driver.signIn()
    driver.fail(refusal)
    expect(driver.hear()).toMatchObject({ status: 'fresh', error: undefined, attempt: 0, retryAt: Infinity })
    driver.wake()
    driver.fail()
    expect(driver.hear()).toMatchObject({ status: 'fresh', error: undefined, attempt: 0, retryAt: Infinity })
  })

  it('that brought one in the same second and millisecond is outvoted or not, whichever came first', () => {
    const ways = ['a', 'b'].map((first) => {
      const driver = createDriver()
      driver.signIn()
      for (const value of [first, first === 'a' ? 'b' : 'a'])
        driver.on({ type: 'token', adoption: { ...adoptionOf(makeToken(value)), from: 'tab' } })
      return driver.state.token!.value
    })
    expect(ways).toEqual(['b', 'b'])
  })

  it('passes on a token that was refused here: it is not adopted, though it is the newest', () => {
    const driver = signedIn()
    driver.reject()
    driver.on({ type: 'rejected', value: 'bad', retryAt: driver.now, elsewhere: true })
    const bad = adoptionOf(makeToken('bad', { receivedAt: driver.now + 5 }))
    expect(driver.pass(10).on({ type: 'token', adoption: { ...bad, from: 'tab' } })).toMatchObject({
      status: 'fetching',
      token: undefined,
    })
  })

  it('called within the last second: a refresh asked for now waits until that second is over', () => {
    const driver = signedIn()
    driver.pass(minute).hear(300)
    expect(driver.on({ type: 'refresh' })).toMatchObject({ status: 'fresh', askedAt: driver.now + 700 })
    expect(driver.wake()).toMatchObject({ status: 'fetching', reason: 'forced' })
  })

  it('brings a token that is older than a refresh asked for in the moment a call begins: one more call follows', () => {
    const driver = createDriver()
    driver.signIn()
    driver.on({ type: 'refresh' })
    const heard = driver.pass(5).hear(minute)
    expect(heard.status === 'fetching' || heard.askedAt < Infinity).toBe(true)
  })

  it('has the saved token that is older than a refresh asked for in the moment a call begins: the same', () => {
    const driver = createDriver()
    driver.signIn()
    driver.on({ type: 'refresh' })
    const adoption = { ...adoptionOf(makeToken('saved', { receivedAt: start - minute })), from: 'storage' as const }
    const looked = driver.pass(5).on({ type: 'token', flight: 1, adoption })
    expect(looked.status === 'fetching' || looked.askedAt < Infinity).toBe(true)
  })

  it('fails: this one waits until the same moment, makes no call of its own and counts that one', () => {
    const driver = createDriver()
    driver.signIn()
    const calls = [start - 500, start - 200]
    driver.pass(100).on({ type: 'failure', error: down, retryAt: start + 2_000, attempt: 3, calls })
    expect(driver.state).toMatchObject({ status: 'waiting', error: down, retryAt: start + 2_000, attempt: 3, calls })
    driver.wake()
    expect(driver).toMatchObject({ now: start + 2_000, state: { status: 'fetching' } })
    expect(driver.fail()).toMatchObject({ attempt: 4, calls: [...calls, start + 2_000] })
  })

  it('fails, and has failed before: calls that are known already are not counted twice, and thirty are kept', () => {
    const driver = createDriver(
      stateOf({ user: ada, status: 'waiting', error: down, retryAt: spent, calls: [1_000, 3_000] }),
    )
    const hear = (calls: number[]) =>
      driver.on({ type: 'failure', error: down, retryAt: spent, attempt: 2, calls }).calls
    expect(hear([2_000, 3_000])).toEqual([1_000, 2_000, 3_000])
    // A clock that is set between two tabs gives the same call another time.
    expect(hear([2_040, 2_980])).toEqual([1_000, 2_000, 3_000])
    const many = Array.from({ length: 40 }, (_, index) => 10_000 + index * 300)
    expect(hear(many)).toEqual(many.slice(-30))
  })

  it('fails while this one is calling and knows of thirty older failures: the newer ones are counted (G1)', () => {
    const old = Array.from({ length: 30 }, (_, index) => start - 10 * minute + index * 1_000)
    const recent = Array.from({ length: 10 }, (_, index) => start - 10_000 + index * 1_000)
    const driver = createDriver(stateOf({ user: ada, status: 'fetching', calledAt: start, flight: 1, calls: old }))
    const news = { type: 'failure', calling: true, error: down, retryAt: start, attempt: 10, calls: recent } as const
    expect(driver.on(news).calls.slice(-10)).toEqual(recent)
  })

  it('fails ten times in a minute: this one keeps to the budget they share (G1)', () => {
    const driver = signedIn()
    const calls = Array.from({ length: 10 }, (_, index) => start + index * 1_000)
    driver.pass(9_500).on({ type: 'failure', error: down, retryAt: driver.now + 100, attempt: 10, calls })
    expect(driver.wake()).toMatchObject({ status: 'waiting', retryAt: start + minute, error: down })
  })

  it('tells a failure that is known: nothing happens, so that nobody says it twice', () => {
    const driver = createDriver()
    driver.signIn()
    const calls = [start - 200]
    const failure = { type: 'failure', error: down, retryAt: start + 2_000, attempt: 3, calls } as const
    const heard = driver.on(failure)
    expect(driver.pass(50).on({ ...failure, error: new SessionError('timeout'), retryAt: start + 9_000 })).toEqual(
      heard,
    )
  })

  it('tells a failure from before one that is known: only its calls are counted', () => {
    const driver = createDriver()
    driver.signIn()
    driver.pass(5_000).fail()
    const { state } = driver
    const late = { type: 'failure', error: refusal, retryAt: start + 90_000, attempt: 9 } as const
    expect(driver.on({ ...late, calls: [start - 4_000] })).toEqual({ ...state, calls: [start - 4_000, start] })
  })

  it('fails for the first time: that takes nobody back to the foot of the ladder', () => {
    const waiting = { status: 'waiting', error: down, attempt: 5, retryAt: start + 16_000, calls: [start] } as const
    const driver = createDriver(stateOf({ user: ada, ...waiting }))
    driver.pass(3_000).on({ type: 'failure', error: down, retryAt: start + 4_000, attempt: 1, calls: [start + 2_500] })
    expect(driver.state).toMatchObject({ status: 'waiting', attempt: 5, retryAt: start + 16_000 })
  })

  it('fails while a call of this one is really under way: that goes on, and its calls count', () => {
    const driver = createDriver()
    driver.signIn()
    const failure = { type: 'failure', error: refusal, retryAt: start + 9_000, attempt: 4 } as const
    const { state } = driver
    expect(driver.pass(100).on({ ...failure, calling: true, calls: [start + 50] })).toEqual({
      ...state,
      calls: [start + 50],
    })
    expect(driver.answer().status).toBe('fresh')
  })

  it('fails for good: this one makes no call either, and its token serves on', () => {
    const driver = signedIn()
    const heard = driver.pass(100).hearFailure(refusal)
    expect(heard).toMatchObject({ status: 'failed', error: refusal, token: { value: 'token-1' }, retryAt: Infinity })
    expect(driver.hearFailure()).toEqual(heard)
  })

  it('had its token refused: it goes here too, is fetched anew, and is not taken again', () => {
    const driver = signedIn()
    const value = driver.state.token!.value
    const refused = driver.pass(10).on({ type: 'rejected', value, retryAt: driver.now + 500, elsewhere: true })
    expect(refused).toMatchObject({ status: 'fetching', reason: 'rejected', token: undefined, refused: [value] })
  })

  it('had a token refused that is not here yet: it is not adopted when it comes', () => {
    const driver = createDriver()
    driver.signIn()
    driver.on({ type: 'rejected', value: 'token-1', retryAt: driver.now, elsewhere: true })
    expect(driver.pass(10).hear()).toMatchObject({ status: 'fetching', token: undefined, flight: 1 })
  })

  it('had a token refused that a call of this one then brings: it is called for anew, and that call was for nothing', () => {
    const driver = createDriver()
    driver.signIn()
    driver.on({ type: 'rejected', value: 'token-1', retryAt: driver.now, elsewhere: true })
    expect(driver.pass(100).answer()).toMatchObject({ status: 'fetching', flight: 2, token: undefined, calls: [start] })
  })

  it('signs somebody out: only the very sign-in it was meant for', () => {
    const driver = signedIn()
    expect(driver.on({ type: 'sign-out', user: { ...ada }, elsewhere: true })).toMatchObject({ status: 'fresh' })
    expect(driver.on({ type: 'sign-out', user: ada, elsewhere: true })).toMatchObject({ status: 'signed-out' })
  })
})

describe('the page was away', () => {
  it('and the call that was under way is made anew: its answer is ignored, and it counts as one for nothing', () => {
    const driver = createDriver()
    driver.signIn()
    const { flight, calledAt } = driver.state
    const back = driver.pass(5_000).on({ type: 'return' })
    expect(back).toMatchObject({ status: 'fetching', flight: 2, reason: 'initial', calledAt: start + 5_000 })
    expect(back.calls).toEqual([calledAt])
    expect(driver.on({ type: 'token', flight, adoption: adoptionOf(makeToken('late')) })).toEqual(back)
    expect(driver.answer().status).toBe('fresh')
  })

  it('again and again, while calls hang: the budget holds (G1)', () => {
    const driver = createDriver()
    driver.signIn()
    for (let time = 0; time < 100; time++) driver.pass(100).on({ type: 'return' })
    expect(driver.state).toMatchObject({ status: 'waiting', flight: 10, retryAt: start + minute })
  })

  it('and nothing was under way: nothing is called, but what is due', () => {
    const driver = signedIn()
    const { state } = driver
    expect(driver.pass(minute).on({ type: 'return' })).toEqual(state)
    expect(driver.pass(hour).on({ type: 'return' })).toMatchObject({ status: 'fetching', flight: 2, token: undefined })
  })
})

describe('the network comes back', () => {
  const waiting = (error: SessionError) =>
    createDriver(stateOf({ user: ada, status: 'waiting', error, online: false, retryAt: start + minute }))

  it('and what waited is tried at once', () => {
    expect(waiting(down).tick().status).toBe('fetching')
  })

  it('but a server that asked for time gets it', () => {
    const busy = new SessionError('source_failed', 'busy', { retryAfter: minute })
    const driver = waiting(busy)
    expect(driver.tick()).toMatchObject({ status: 'waiting', retryAt: start + minute })
    expect(driver.wake().status).toBe('fetching')
  })
})

describe('the next look', () => {
  const both = { ...adoptionOf(makeToken('held')), retryAt: start + 60, askedAt: start + 90 }
  const { dueAt, spentAt, retryAt, askedAt } = both
  it.each([
    ['a fresh token', { status: 'fresh', askedAt: Infinity }, dueAt],
    ['a fresh token offline', { status: 'fresh', askedAt: Infinity, online: false }, spentAt],
    ['a fresh token in a hidden page', { status: 'fresh', askedAt: Infinity, eager: false }, spentAt],
    ['a call under way', { status: 'fetching' }, spentAt],
    ['waiting', { status: 'waiting' }, retryAt],
    ['waiting offline', { status: 'waiting', online: false }, askedAt],
    ['waiting in a hidden page', { status: 'waiting', eager: false }, askedAt],
    ['failed', { status: 'failed', askedAt: Infinity }, spentAt],
    ['a fresh token without end', { status: 'fresh', askedAt: Infinity, dueAt: Infinity, spentAt: Infinity }, Infinity],
  ] as [string, Partial<MachineState>, number][])('with %s', (_, more, at) => {
    expect(wakeAt(stateOf({ ...both, user: ada, ...more }))).toBe(at)
  })
})
