import { describe, expect, it, vi } from 'vitest'
import { SessionError } from '../src/errors.js'
import { transition } from '../src/machine.js'
import { type MachineState, initialState } from '../src/state.js'
import { createViews, viewOf } from '../src/view.js'
import { ada, adoptionOf, bob, eventOf, makeToken, stateOf } from './support/states.js'
import { start } from './support/world.js'

const token = makeToken('held')
const error = new SessionError('source_failed')
const retryAt = start + 4_000

const states: Record<string, [MachineState, object]> = {
  'signed out': [initialState, { status: 'signed-out' }],
  closed: [stateOf({ status: 'closed' }), { status: 'closed' }],
  'a first call': [stateOf({ status: 'fetching', user: ada }), { status: 'fetching', user: ada }],
  'a refresh': [stateOf({ status: 'fetching', user: ada, token }), { status: 'fetching', user: ada, token }],
  'a call after a failure': [stateOf({ status: 'fetching', user: ada, error }), { status: 'fetching', user: ada }],
  fresh: [stateOf({ status: 'fresh', user: ada, token }), { status: 'fresh', user: ada, token }],
  waiting: [
    stateOf({ status: 'waiting', user: ada, error, retryAt }),
    { status: 'waiting', user: ada, error, retryAt },
  ],
  'waiting with a token': [
    stateOf({ status: 'waiting', user: ada, token, error, retryAt }),
    { status: 'waiting', user: ada, token, error, retryAt },
  ],
  failed: [stateOf({ status: 'failed', user: ada, error, token }), { status: 'failed', user: ada, token, error }],
}
const views = Object.entries(states).map(([name, [state, view]]) => [name, state, view] as const)

describe('the snapshot', () => {
  it.each(views)('shows what the contract says and no more: %s', (_, state, view) => {
    const shown = viewOf(state)
    expect(shown).toStrictEqual(view)
    expect(Object.keys(shown)).toEqual(Object.keys(view))
    expect(Object.isFrozen(shown)).toBe(true)
  })

  it.each([
    ['offline', { online: false }],
    ['in a hidden page that may not call', { eager: false }],
  ])('says that the next try is not planned while waiting %s', (_, more) => {
    expect(viewOf({ ...states.waiting![0], ...more })).toMatchObject({ retryAt: Infinity })
  })

  it.each(views)('stays the same object while nothing in it changes: %s (G8)', (_, state) => {
    const shown = viewOf(state)
    const inner = {
      calls: [1],
      attempt: 9,
      dueAt: 1,
      spentAt: 2,
      calledAt: 3,
      mints: 1,
      refused: ['x'],
      askedAt: 4,
      flight: 8,
    }
    expect(viewOf(state, shown)).toBe(shown)
    expect(viewOf({ ...state, ...inner, reason: 'forced', last: token, onlineAnyway: true }, shown)).toBe(shown)
    if (state.status !== 'waiting')
      expect(viewOf({ ...state, online: false, eager: false, retryAt: 5 }, shown)).toBe(shown)
  })

  it('is another object when something in it changes, be it only that something is gone', () => {
    const shown = views.map(([, state]) => viewOf(state))
    for (const [index, [name, state]] of views.entries())
      for (const [other, previous] of shown.entries()) {
        const alike = state.status === 'fetching' && !state.token && previous.status === 'fetching' && !previous.token
        expect(viewOf(state, previous) === previous, `${name} after ${views[other]![0]}`).toBe(index === other || alike)
      }
    const waiting = states.waiting![0]
    const before = viewOf(waiting)
    expect(viewOf({ ...waiting, retryAt: retryAt + 1 }, before)).not.toBe(before)
    expect(viewOf({ ...waiting, error: new SessionError('source_failed') }, before)).not.toBe(before)
    expect(viewOf({ ...waiting, user: bob }, before)).not.toBe(before)
  })

  it('is not renewed by flips of focus, visibility and network while a token is good (F94)', () => {
    let state = stateOf({ ...adoptionOf(token), status: 'fresh', user: ada })
    const shown = viewOf(state)
    for (let flip = 0; flip < 100; flip++) {
      const page = { online: flip % 3 > 0, eager: flip % 2 > 0 }
      state = transition(state, eventOf({ type: 'tick' }, start + flip, page))
      expect(viewOf(state, shown)).toBe(shown)
    }
  })
})

describe('a token that ended while timers stood still', () => {
  const spentAt = start + 60_000
  const held = { user: ada, token, spentAt }
  const nextTask = () => Promise.resolve()

  it.each([
    ['fresh', { status: 'fresh' }, { status: 'fetching' }],
    ['fetching', { status: 'fetching' }, { status: 'fetching' }],
    ['waiting', { status: 'waiting', error, retryAt }, { status: 'waiting', error, retryAt }],
    ['failed', { status: 'failed', error }, { status: 'failed', error }],
  ] as const)('is not to be seen in %s; all else is', async (_, state, seen) => {
    let now = start
    const views = createViews(() => now)
    const told = views.show(stateOf({ ...state, ...held }))
    expect(views.read()).toBe(told)
    await nextTask()
    now = spentAt - 1
    expect(views.read()).toBe(told)
    await nextTask()
    now = spentAt
    const shown = views.read()
    expect(shown).toStrictEqual({ ...seen, user: ada })
    await nextTask()
    expect(views.read()).toBe(shown)
  })

  it('is told of once, when the state without it comes', () => {
    let now = start
    const views = createViews(() => now)
    views.show(stateOf({ ...held, status: 'fresh' }))
    now = spentAt
    const shown = views.read()
    const without = stateOf({ status: 'fetching', user: ada })
    expect(views.show(without)).toBe(shown)
    expect(views.show({ ...without })).toBe(false)
    expect(views.read()).toBe(shown)
  })

  it('is looked for at every read, save in a loop of many thousands', async () => {
    let looks = 0
    const views = createViews(() => (looks++, start))
    views.show(stateOf({ ...held, status: 'fresh' }))
    for (let round = 0; round < 30_000; round++) views.read()
    expect(looks).toBe(10_000)
    await nextTask()
    views.read()
    expect(looks).toBe(10_001)
  })

  it('costs no microtask: one for each read would keep zone.js and its like busy for ever', () => {
    const views = createViews(() => start)
    views.show(stateOf({ ...held, status: 'fresh' }))
    const then = vi.spyOn(Promise.prototype, 'then')
    for (let round = 0; round < 1_000; round++) views.read()
    expect(then).not.toHaveBeenCalled()
    then.mockRestore()
  })
})
