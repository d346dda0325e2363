import { describe, expect, it } from 'vitest'
import { SessionError } from '../src/errors.js'
import { transition } from '../src/machine.js'
import type { Happening, MachineState } from '../src/state.js'
import { ada, adoptionOf, bob, eventOf, hour, makeToken, minute, stateOf } from './support/states.js'
import { start } from './support/world.js'

// The rules that depend on a moment, on both sides of it.
const now = start + 10 * minute
const down = new SessionError('source_failed', 'down')
const verdict = new SessionError('unauthorized')
const held = makeToken('held')
const fetching = stateOf({ user: ada, status: 'fetching', flight: 7, calledAt: now - 100, last: held })
const fresh = stateOf({
  ...{ user: ada, status: 'fresh', flight: 7, calledAt: start },
  ...adoptionOf(held),
  last: held,
})
const on = (state: MachineState, happening: Happening, at = now) => transition(state, eventOf(happening, at))

describe('a final verdict that another tab tells', () => {
  const tell = (state: MachineState, calls: number[], error = verdict) =>
    on(state, { type: 'failure', error, retryAt: now + 4_000, attempt: 3, calls })
  const { calledAt } = fetching

  it('of a call more than a second before this one began is not one for it: only the call counts', () => {
    const calls = [calledAt - 1_001]
    expect(tell(fetching, calls)).toEqual({ ...fetching, calls })
  })

  it('of a call that began within that second is one for it, whatever calls there were before', () => {
    expect(tell(fetching, [calledAt - 1_000]).status).toBe('failed')
    expect(tell(fetching, [calledAt - 500]).status).toBe('failed')
    expect(tell(fetching, [calledAt - minute, calledAt - 500]).status).toBe('failed')
  })

  it('of long ago ends a session that is calling nobody', () => {
    const calledLately = { ...fresh, calledAt: now - 100 }
    expect(tell(calledLately, [now - minute])).toMatchObject({ status: 'failed', token: { generation: 1 } })
  })

  it('that is none, but a failure of long ago, is waited for together', () => {
    expect(tell(fetching, [calledAt - minute], down)).toMatchObject({ status: 'waiting', retryAt: now + 4_000 })
  })
})

describe('a failure that another tab tells', () => {
  const known = now - 5_000
  const waiting = stateOf({
    user: ada,
    status: 'waiting',
    error: down,
    retryAt: now + 9_000,
    calls: [known],
    attempt: 2,
  })
  const tell = (at: number) =>
    on(waiting, { type: 'failure', error: down, retryAt: now + minute, attempt: 3, calls: [at] })

  it('of a call within a quarter of a second of the last one known is that one', () => {
    expect(tell(known + 250)).toMatchObject({ attempt: 2, retryAt: now + 9_000 })
    expect(tell(known + 251)).toMatchObject({ attempt: 3, retryAt: now + minute })
  })
})

describe('a refresh that was asked for', () => {
  const heard = (state: MachineState, receivedAt: number) =>
    on(state, { type: 'token', adoption: { ...adoptionOf(makeToken('newer', { receivedAt })), from: 'tab' } })
  const asking = (more: Partial<MachineState>) => ({ ...fresh, calledAt: now - 500, askedAt: now + 500, ...more })

  it('is answered by a call of another tab that began in that very moment', () => {
    expect(heard(asking({ refreshAskedAt: now - 50 }), now - 50).askedAt).toBe(Infinity)
    expect(heard(asking({ refreshAskedAt: now - 50 }), now - 51).askedAt).toBe(now + 949)
  })

  it('keeps its time where another tab brings what was called for earlier: calls stay a second apart', () => {
    expect(heard(asking({ refreshAskedAt: now - 50 }), now - 900)).toMatchObject({ askedAt: now + 500 })
  })
})

describe('a call', () => {
  it('that begins in the moment the page comes back is not made anew', () => {
    const begun = { ...fetching, calledAt: now }
    expect(on(begun, { type: 'return' })).toEqual(begun)
    expect(on(fetching, { type: 'return' })).toMatchObject({ status: 'fetching', flight: 8, calledAt: now })
  })

  it('that brings what the provider refused meanwhile is made anew because of that', () => {
    const refusing = { ...fetching, refused: ['bad'], reason: 'initial' as const }
    const adoption = adoptionOf(makeToken('bad', { receivedAt: now - 100 }))
    expect(on(refusing, { type: 'token', flight: 7, adoption })).toMatchObject({ flight: 8, reason: 'rejected' })
  })

  it('that failed goes up one step from where others had come, and waits its own time', () => {
    const failed = on(fetching, { type: 'failure', flight: 7, error: down, retryAt: now + 750, attempt: 4 })
    expect(failed).toMatchObject({ status: 'waiting', attempt: 4, retryAt: now + 750, calls: [now - 100] })
  })

  it('that nobody may make any more says why, where no call has failed', () => {
    const calls = Array.from({ length: 10 }, (_, index) => now - 1_000 + index)
    const { error, ...waiting } = on(stateOf({ calls }), { type: 'sign-in', user: bob })
    expect(waiting).toMatchObject({ status: 'waiting', retryAt: now - 1_000 + minute })
    expect(error).toMatchObject({ code: 'source_failed', message: 'Too many calls brought nothing new.' })
  })
})

it('a token that is spent in this moment is not held any longer', () => {
  const { spentAt } = fresh
  expect(on({ ...fresh, dueAt: Infinity }, { type: 'tick' }, spentAt - 1)).toMatchObject({
    status: 'fresh',
    token: held,
  })
  expect(on({ ...fresh, dueAt: Infinity }, { type: 'tick' }, spentAt)).toMatchObject({ status: 'fetching' })
  expect(spentAt).toBe(start + hour - 5_000)
})
