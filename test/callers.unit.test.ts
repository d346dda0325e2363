import { describe, expect, it, vi } from 'vitest'
import { type Caller, answerFor, createCallers, satisfies } from '../src/callers.js'
import { SessionError } from '../src/errors.js'
import { type MachineState, initialState } from '../src/state.js'
import type { Token } from '../src/token.js'
import { ada, adoptionOf, bob, hour, makeToken, minute, stateOf } from './support/states.js'
import { start } from './support/world.js'

const held = makeToken('held')
const now = start + 10 * minute
const down = new SessionError('source_failed')
const good = { ...adoptionOf(held), user: ada, last: held }

const states: Record<string, MachineState> = {
  'signed-out': stateOf({}),
  closed: stateOf({ status: 'closed' }),
  fetching: stateOf({ status: 'fetching', user: ada, flight: 1 }),
  'fetching+token': stateOf({ ...good, status: 'fetching', flight: 2 }),
  fresh: stateOf({ ...good, status: 'fresh', flight: 2 }),
  waiting: stateOf({ status: 'waiting', user: ada, error: down, flight: 2 }),
  'waiting+token': stateOf({ ...good, status: 'waiting', error: down, flight: 2 }),
  failed: stateOf({ status: 'failed', user: ada, error: down, flight: 2 }),
  'failed+token': stateOf({ ...good, status: 'failed', error: down, flight: 2 }),
}

/** How the answer reads: the token's value, the error's code, or that there is something to wait for. */
const answer = (state: MachineState, caller: Partial<Caller> = {}, at = now): string => {
  const result = answerFor(state, { user: ada, options: {}, ...caller }, at)
  return !result ? 'wait' : result instanceof SessionError ? result.code : result.value
}

// The columns: getToken(), after a refusal of the held token, with more than the token can give, and of another user.
const table = `
                 plain          rejected       unsatisfied    other user
  signed-out     signed_out     signed_out     signed_out     signed_out
  closed         closed         closed         closed         closed
  fetching       wait           wait           wait           user_changed
  fetching+token held           wait           wait           user_changed
  fresh          held           undefined      held           user_changed
  waiting        source_failed  source_failed  source_failed  user_changed
  waiting+token  held           source_failed  held           user_changed
  failed         source_failed  source_failed  source_failed  user_changed
  failed+token   held           source_failed  held           user_changed`
const rows = table
  .trim()
  .split('\n')
  .slice(1)
  .map((line) => line.trim().split(/\s+/) as [string, string, string, string, string])

describe('somebody who asks for a token', () => {
  it.each(rows)(
    'is answered while %s: %s, after a refusal %s, unsatisfied %s, as another user %s',
    (name, ...expected) => {
      const state = states[name]!
      const callers = [
        {},
        { options: { rejected: 'held' } },
        { options: { minValidity: 2 * hour } },
        { user: { ...bob } },
      ]
      const wanted = expected.map((word) => (word === 'undefined' ? 'wait' : word))
      expect(callers.map((caller) => answer(state, caller))).toEqual(wanted)
    },
  )

  it('is covered for every status', () => {
    expect(rows.map(([name]) => name).sort()).toEqual(Object.keys(states).sort())
  })

  it('never gets a token that is spent, though its timer has not fired yet (F10)', () => {
    for (const name of ['fresh', 'fetching+token', 'waiting+token', 'failed+token']) {
      const state = states[name]!
      expect(answer(state, {}, state.spentAt - 1)).toBe('held')
      expect(answer(state, {}, state.spentAt)).not.toBe('held')
    }
  })

  it('before anybody had signed in is told so', () => {
    expect(answer(initialState, { user: undefined })).toBe('signed_out')
    expect(answer(states.fresh!, { user: undefined })).toBe('signed_out')
  })

  it('for the same name after a sign-out and a new sign-in is told that the user changed', () => {
    expect(answer({ ...states.fresh!, user: { ...ada } })).toBe('user_changed')
  })

  it('gets the token it has while one that satisfies is fetched, if that is enough', () => {
    const state = states['fetching+token']!
    expect(answer(state, { options: { minValidity: 50 * minute } })).toBe('held')
    expect(answer(state, { options: { minValidity: 50 * minute + 1 } })).toBe('wait')
    expect(answer(state, { options: { maxAge: 10 * minute } })).toBe('held')
    expect(answer(state, { options: { maxAge: 10 * minute - 1 } })).toBe('wait')
    expect(answer(state, { options: { rejected: 'another' } })).toBe('held')
  })
})

describe('somebody who asked for a refresh', () => {
  const after = now - minute
  const refresh = { after, before: held }
  const renewed = (receivedAt: number, value = 'renewed') => {
    const token = makeToken(value, { receivedAt, expiresAt: now + hour })
    return { ...adoptionOf(token), last: token }
  }

  it('gets the token of a call that began then or later, whatever the session does meanwhile', () => {
    for (const receivedAt of [after, after + 1])
      for (const name of ['fresh', 'fetching+token', 'waiting+token', 'failed+token'])
        expect(answer({ ...states[name]!, ...renewed(receivedAt) }, refresh)).toBe('renewed')
  })

  it('waits while a call is under way or to come, if there is none but older ones', () => {
    const { fresh, fetching, 'fetching+token': refreshing, 'waiting+token': waiting } = states
    expect(answer(fetching!, refresh)).toBe('wait')
    expect(answer({ ...fetching!, error: down }, refresh)).toBe('wait')
    expect(answer(refreshing!, refresh)).toBe('wait')
    expect(answer({ ...refreshing!, ...renewed(after - 1) }, refresh)).toBe('wait')
    for (const state of [fresh!, waiting!]) expect(answer({ ...state, askedAt: now + 500 }, refresh)).toBe('wait')
  })

  it('does not get the token there was, though its call began in that very moment', () => {
    const before = makeToken('held', { receivedAt: after })
    const state = { ...states['fetching+token']!, token: before, last: before }
    expect(answer(state, { after, before })).toBe('wait')
    expect(answer({ ...state, ...renewed(after) }, { after, before })).toBe('renewed')
  })

  it('is not left waiting where no call is to come any more', () => {
    expect(answer({ ...states.fresh!, ...renewed(after - 1) }, refresh)).toBe('renewed')
  })

  it('hears of a failure, though the held token serves on', () => {
    for (const name of ['waiting+token', 'failed+token', 'waiting', 'failed'])
      expect(answer(states[name]!, refresh)).toBe('source_failed')
  })

  it('never gets a token that is spent', () => {
    const state = { ...states.fresh!, ...renewed(now - 1_000) }
    expect(answer(state, refresh, state.spentAt - 1)).toBe('renewed')
    expect(answer(state, refresh, state.spentAt)).toBe('wait')
  })

  it('hears that the session is closed, or somebody else or nobody signed in', () => {
    expect(answer(states.closed!, refresh)).toBe('closed')
    expect(answer(states['signed-out']!, refresh)).toBe('signed_out')
    expect(answer({ ...states.fresh!, user: bob }, refresh)).toBe('user_changed')
  })
})

describe('a token satisfies', () => {
  it.each<[string, Parameters<typeof satisfies>[1], number, boolean]>([
    ['whoever asks for nothing', {}, now, true],
    ['a minValidity as long as what is left', { minValidity: 50 * minute }, now, true],
    ['no longer one', { minValidity: 50 * minute + 1 }, now, false],
    ['a maxAge as long as its age', { maxAge: 10 * minute }, now, true],
    ['no shorter one', { maxAge: 10 * minute - 1 }, now, false],
    ['both together only if both fit', { minValidity: minute, maxAge: minute }, now, false],
  ])('%s', (_, options, at, expected) => {
    expect(satisfies(held, options, at)).toBe(expected)
  })

  it('any minValidity if it has no end', () => {
    expect(satisfies(makeToken('endless', { expiresAt: undefined }), { minValidity: 1e15 }, now)).toBe(true)
  })
})

describe('those who wait', () => {
  const scene = () => {
    const answers = new Map<Caller, Token | SessionError>()
    const asked = vi.fn((caller: Caller) => answers.get(caller))
    const callers = createCallers(asked)
    const caller = (): Caller => ({ user: ada, options: {} })
    return { answers, asked, callers, caller }
  }

  it('are answered at once where that is possible, and not asked for again', async () => {
    const { answers, asked, callers, caller } = scene()
    const one = caller()
    answers.set(one, held)
    expect(await callers.add(one)).toBe(held)
    callers.settle()
    expect(asked).toHaveBeenCalledTimes(1)
  })

  it('are answered each by themselves, in the order they came', async () => {
    const { answers, callers, caller } = scene()
    const all = [caller(), caller(), caller()]
    const order: number[] = []
    const ended = all.map((one, index) => callers.add(one).finally(() => order.push(index)))
    const outcomes = Promise.allSettled(ended)
    callers.settle()
    answers.set(all[1]!, down)
    callers.settle()
    await expect(ended[1]).rejects.toBe(down)
    expect(order).toEqual([1])
    answers.set(all[2]!, held).set(all[0]!, held)
    callers.settle()
    expect((await outcomes).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(order).toEqual([1, 0, 2])
  })

  it('a thousand of them are all answered by one token, and none is kept', async () => {
    const { answers, asked, callers, caller } = scene()
    const all = Array.from({ length: 1_000 }, caller)
    const results = all.map((one) => callers.add(one))
    for (const one of all) answers.set(one, held)
    callers.settle()
    expect(new Set(await Promise.all(results))).toEqual(new Set([held]))
    asked.mockClear()
    callers.settle()
    expect(asked).not.toHaveBeenCalled()
  })
})
