import { describe, expect, it } from 'vitest'
import { SessionError } from '../src/errors.js'
import { transition } from '../src/machine.js'
import { type MachineState, initialState } from '../src/state.js'
import { viewOf } from '../src/view.js'
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
