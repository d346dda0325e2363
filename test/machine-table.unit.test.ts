import { describe, expect, it } from 'vitest'
import { SessionError } from '../src/errors.js'
import { transition, wakeAt } from '../src/machine.js'
import { type Happening, type MachineState, type Status, initialState } from '../src/state.js'
import { ada, adoptionOf, bob, deepFreeze, eventOf, makeToken, minute, stateOf } from './support/states.js'
import { start } from './support/world.js'

const now = start + 10 * minute
const held = makeToken('held')
const eternal = makeToken('held', { expiresAt: undefined })
const newer = makeToken('newer', { receivedAt: now - 40, generation: 2 })
const newest = makeToken('newest', { receivedAt: now - 10, generation: 3 })
const older = makeToken('older', { receivedAt: start - 1, generation: 0 })
const foreign = makeToken('foreign', { user: bob, receivedAt: now, generation: 3 })
const lost = new SessionError('source_failed', 'down')
const refusal = new SessionError('unauthorized')
const retryAt = now + 4_000
const later = now + 3_000
/** When a refresh was asked for: between the calls that brought `newer` and `newest`. */
const asked = now - 20
const calls = [start - 1, now - 100]

const schedule = adoptionOf(held)
const spent = { token: held, dueAt: start + 5 * minute, spentAt: now }
const common = { user: ada, last: held, flight: 7, calledAt: start, calls: [start - 1], mints: 1, refused: ['bad'] }
const offline = new SessionError('offline')

/** The columns: every status, with and without a token, and what time and network make of it. */
const states: Record<string, MachineState> = {
  'signed-out': stateOf({ ...common, user: undefined, last: undefined, mints: 0 }),
  closed: stateOf({ status: 'closed', flight: 7 }),
  fetching: stateOf({ ...common, status: 'fetching', reason: 'rejected', attempt: 2 }),
  'fetching+token': stateOf({ ...common, ...schedule, status: 'fetching', reason: 'refresh' }),
  'fetching+spent': stateOf({ ...common, ...spent, status: 'fetching', reason: 'refresh' }),

  fresh: stateOf({ ...common, ...schedule, status: 'fresh', reason: 'refresh' }),
  'fresh due': stateOf({ ...common, ...schedule, status: 'fresh', reason: 'refresh', dueAt: now }),
  'fresh spent': stateOf({ ...common, ...spent, status: 'fresh', reason: 'refresh' }),
  'fresh for ever': stateOf({ ...common, status: 'fresh', token: eternal, reason: 'initial' }),

  waiting: stateOf({ ...common, status: 'waiting', error: lost, retryAt: later, attempt: 3 }),
  'waiting due': stateOf({ ...common, status: 'waiting', error: lost, retryAt: now, attempt: 3, reason: 'forced' }),
  'waiting+token': stateOf({ ...common, ...schedule, status: 'waiting', error: lost, retryAt: later, attempt: 3 }),
  'waiting+spent': stateOf({ ...common, ...spent, status: 'waiting', error: lost, retryAt: later, attempt: 3 }),
  'waiting offline': stateOf({ ...common, status: 'waiting', error: offline, retryAt: later, online: false }),

  'fetching, asked': stateOf({
    ...{ ...common, ...schedule, status: 'fetching', reason: 'forced', askedAt: asked, refreshAskedAt: asked },
  }),
  'fresh, asked': stateOf({
    ...{ ...common, ...schedule, status: 'fresh', reason: 'refresh', calledAt: now - 500 },
    ...{ askedAt: now + 500, refreshAskedAt: asked },
  }),
  'waiting, asked': stateOf({
    ...{ ...common, status: 'waiting', error: lost, retryAt: later, attempt: 3, calledAt: now - 500 },
    ...{ askedAt: now + 500, refreshAskedAt: asked },
  }),

  failed: stateOf({ ...common, status: 'failed', error: refusal, attempt: 1 }),
  'failed+token': stateOf({ ...common, ...schedule, status: 'failed', error: refusal, attempt: 1 }),
  'failed+spent': stateOf({ ...common, ...spent, status: 'failed', error: refusal, attempt: 1 }),
}

/** The rows: every event in each of its kinds. */
const events: Record<string, Happening> = {
  'sign-in, same user': { type: 'sign-in', user: { ...ada } },
  'sign-in, same, token': { type: 'sign-in', user: ada, adoption: adoptionOf(newer) },
  'sign-in, other user': { type: 'sign-in', user: bob },
  'sign-in, other, token': { type: 'sign-in', user: bob, adoption: adoptionOf(foreign) },
  demand: { type: 'demand', unsatisfied: false },
  'demand, unsatisfied': { type: 'demand', unsatisfied: true },
  tick: { type: 'tick' },
  'token, right flight': { type: 'token', flight: 7, adoption: adoptionOf(newer) },
  'token, other flight': { type: 'token', flight: 6, adoption: adoptionOf(newer) },
  'token, unasked': { type: 'token', adoption: adoptionOf(newer) },
  'token, unasked, older': { type: 'token', adoption: adoptionOf(older) },
  'token, saved': { type: 'token', flight: 7, adoption: { ...adoptionOf(newer), from: 'storage' } },
  'token of a tab': { type: 'token', adoption: { ...adoptionOf(newer), from: 'tab' } },
  'token of a tab, later': { type: 'token', adoption: { ...adoptionOf(newest), from: 'tab' } },
  'token of a tab, older': { type: 'token', adoption: { ...adoptionOf(older), from: 'tab' } },
  'failure, right flight': { type: 'failure', flight: 7, error: lost, retryAt },
  'failure, final': { type: 'failure', flight: 7, error: refusal, retryAt },
  'failure, other flight': { type: 'failure', flight: 6, error: lost, retryAt },
  'final, other flight': { type: 'failure', flight: 6, error: refusal, retryAt },
  'failure of a tab': { type: 'failure', error: lost, retryAt, attempt: 5, calls },
  'failure of a tab, known': { type: 'failure', error: lost, retryAt, attempt: 5, calls: [start - 1] },
  'failure of a tab, calling': { type: 'failure', calling: true, error: lost, retryAt, attempt: 5, calls },
  'final of a tab': { type: 'failure', error: refusal, retryAt, attempt: 5, calls },
  'rejected, this token': { type: 'rejected', value: 'held', retryAt },
  'rejected, another': { type: 'rejected', value: 'other', retryAt },
  'refused elsewhere': { type: 'rejected', value: 'held', retryAt, elsewhere: true },
  'refused elsewhere, another': { type: 'rejected', value: 'other', retryAt, elsewhere: true },
  accepted: { type: 'accepted' },
  refresh: { type: 'refresh' },
  return: { type: 'return' },
  'sign-out': { type: 'sign-out' },
  'sign-out, this user': { type: 'sign-out', user: ada, elsewhere: true },
  'sign-out, another': { type: 'sign-out', user: { ...ada }, elsewhere: true },
  close: { type: 'close' },
}
/*
 * What happens in each cell: while the page is online and may call unasked / is online but hidden / is offline. Two parts: online
 * or not. One part: always the same.
 *
 *   ·        nothing                            -       the token that was held goes; also before another word
 *   initial, refresh, rejected, forced, again   a call for this reason; again: for the reason of the last one
 *   fresh    the token that came is adopted     wait    until the event's retryAt, one failure more
 *   offline  wait for the network or the page   ready   wait no longer once the page is seen
 *   probe    a call in 25 s, network or not     next    one more call when this one has ended
 *   fresh+   fresh, and what was asked for still stands; fresh forced: and is done at once; fresh later: a second after the
 *            call that brought the token
 *   anew     the call is given up and made once more; wait again: it failed, and is made once more
 *   failed, out, closed
 */
const tables = [
  `
                           | signed-out      | closed | fetching        | fetching+token  | fetching+spent
sign-in, same user         | initial/offline | ·      | ·               | ·               | -
sign-in, same, token       | fresh           | ·      | ·               | ·               | -
sign-in, other user        | initial/offline | ·      | initial/offline | initial/offline | initial/offline
sign-in, other, token      | fresh           | ·      | fresh           | fresh           | fresh
demand                     | ·               | ·      | ·               | ·               | -
demand, unsatisfied        | ·               | ·      | ·               | ·               | -
tick                       | ·               | ·      | ·               | ·               | -
token, right flight        | ·               | ·      | fresh           | fresh           | fresh
token, other flight        | ·               | ·      | ·               | ·               | -
token, unasked             | ·               | ·      | fresh           | fresh           | fresh
token, unasked, older      | ·               | ·      | fresh           | ·               | -
token, saved               | ·               | ·      | fresh           | fresh           | fresh
token of a tab             | ·               | ·      | fresh           | fresh           | fresh
token of a tab, later      | ·               | ·      | fresh           | fresh           | fresh
token of a tab, older      | ·               | ·      | ·               | ·               | -
failure, right flight      | ·               | ·      | wait            | wait            | - wait
failure, final             | ·               | ·      | failed          | failed          | - failed
failure, other flight      | ·               | ·      | ·               | ·               | -
final, other flight        | ·               | ·      | ·               | ·               | -
failure of a tab           | ·               | ·      | wait            | wait            | - wait
failure of a tab, known    | ·               | ·      | ·               | ·               | -
failure of a tab, calling  | ·               | ·      | ·               | ·               | -
final of a tab             | ·               | ·      | failed          | failed          | - failed
rejected, this token       | ·               | ·      | ·               | -               | -
rejected, another          | ·               | ·      | ·               | ·               | -
refused elsewhere          | ·               | ·      | ·               | -               | -
refused elsewhere, another | ·               | ·      | ·               | ·               | -
accepted                   | ·               | ·      | ·               | ·               | -
refresh                    | ·               | ·      | next            | next            | - next
return                     | ·               | ·      | anew            | anew            | - anew
sign-out                   | ·               | ·      | out             | out             | out
sign-out, this user        | ·               | ·      | out             | out             | out
sign-out, another          | ·               | ·      | ·               | ·               | -
close                      | closed          | ·      | closed          | closed          | closed`,
  `
                           | fresh                | fresh due            | fresh spent                   | fresh for ever
sign-in, same user         | ·                    | refresh/·/·          | - refresh/- offline/- offline | ·
sign-in, same, token       | ·                    | refresh/·/·          | - refresh/- offline/- offline | ·
sign-in, other user        | initial/offline      | initial/offline      | initial/offline               | initial/offline
sign-in, other, token      | fresh                | fresh                | fresh                         | fresh
demand                     | ·                    | refresh/·            | - refresh/- offline           | ·
demand, unsatisfied        | forced/·             | forced/·             | - forced/- offline            | forced/·
tick                       | ·                    | refresh/·/·          | - refresh/- offline/- offline | ·
token, right flight        | ·                    | refresh/·/·          | - refresh/- offline/- offline | ·
token, other flight        | ·                    | refresh/·/·          | - refresh/- offline/- offline | ·
token, unasked             | fresh                | fresh                | fresh                         | fresh
token, unasked, older      | ·                    | refresh/·/·          | - refresh/- offline/- offline | ·
token, saved               | ·                    | refresh/·/·          | - refresh/- offline/- offline | ·
token of a tab             | fresh                | fresh                | fresh                         | fresh
token of a tab, later      | fresh                | fresh                | fresh                         | fresh
token of a tab, older      | ·                    | refresh/·/·          | - refresh/- offline/- offline | ·
failure, right flight      | ·                    | refresh/·/·          | - refresh/- offline/- offline | ·
failure, final             | ·                    | refresh/·/·          | - refresh/- offline/- offline | ·
failure, other flight      | ·                    | refresh/·/·          | - refresh/- offline/- offline | ·
final, other flight        | ·                    | refresh/·/·          | - refresh/- offline/- offline | ·
failure of a tab           | wait                 | wait                 | - wait                        | wait
failure of a tab, known    | ·                    | refresh/·/·          | - refresh/- offline/- offline | ·
failure of a tab, calling  | ·                    | refresh/·/·          | - refresh/- offline/- offline | ·
final of a tab             | failed               | failed               | - failed                      | failed
rejected, this token       | - rejected/- offline | - rejected/- offline | - rejected/- offline          | - rejected/- offline
rejected, another          | ·                    | refresh/·/·          | - refresh/- offline/- offline | ·
refused elsewhere          | - rejected/- offline | - rejected/- offline | - rejected/- offline          | - rejected/- offline
refused elsewhere, another | ·                    | refresh/·/·          | - refresh/- offline/- offline | ·
accepted                   | ·                    | refresh/·/·          | - refresh/- offline/- offline | ·
refresh                    | forced               | forced               | - forced                      | forced
return                     | ·                    | refresh/·/·          | - refresh/- offline/- offline | ·
sign-out                   | out                  | out                  | out                           | out
sign-out, this user        | out                  | out                  | out                           | out
sign-out, another          | ·                    | refresh/·/·          | - refresh/- offline/- offline | ·
close                      | closed               | closed               | closed                        | closed`,
  // A demand does not shorten a wait: callers in a loop would undo the backoff (F59).
  `
                           | waiting         | waiting due     | waiting+token   | waiting+spent   | waiting offline
sign-in, same user         | ·               | again/·/·       | ·               | -               | again/ready/·
sign-in, same, token       | ·               | again/·/·       | ·               | -               | again/ready/·
sign-in, other user        | initial/offline | initial/offline | initial/offline | initial/offline | initial/offline
sign-in, other, token      | fresh           | fresh           | fresh           | fresh           | fresh
demand                     | ·/probe         | again/probe     | ·/probe         | -/- probe       | again/probe
demand, unsatisfied        | ·/probe         | again/probe     | ·/probe         | -/- probe       | again/probe
tick                       | ·               | again/·/·       | ·               | -               | again/ready/·
token, right flight        | ·               | again/·/·       | ·               | -               | again/ready/·
token, other flight        | ·               | again/·/·       | ·               | -               | again/ready/·
token, unasked             | fresh           | fresh           | fresh           | fresh           | fresh
token, unasked, older      | fresh           | fresh           | ·               | -               | fresh
token, saved               | ·               | again/·/·       | ·               | -               | again/ready/·
token of a tab             | fresh           | fresh           | fresh           | fresh           | fresh
token of a tab, later      | fresh           | fresh           | fresh           | fresh           | fresh
token of a tab, older      | ·               | again/·/·       | ·               | -               | again/ready/·
failure, right flight      | ·               | again/·/·       | ·               | -               | again/ready/·
failure, final             | ·               | again/·/·       | ·               | -               | again/ready/·
failure, other flight      | ·               | again/·/·       | ·               | -               | again/ready/·
final, other flight        | ·               | again/·/·       | ·               | -               | again/ready/·
failure of a tab           | wait            | wait            | wait            | - wait          | wait
failure of a tab, known    | ·               | again/·/·       | ·               | -               | again/ready/·
failure of a tab, calling  | ·               | again/·/·       | ·               | -               | again/ready/·
final of a tab             | failed          | failed          | failed          | - failed        | failed
rejected, this token       | ·               | again/·/·       | -               | -               | again/ready/·
rejected, another          | ·               | again/·/·       | ·               | -               | again/ready/·
refused elsewhere          | ·               | again/·/·       | -               | -               | again/ready/·
refused elsewhere, another | ·               | again/·/·       | ·               | -               | again/ready/·
accepted                   | ·               | again/·/·       | ·               | -               | again/ready/·
refresh                    | again           | again           | again           | - again         | again
return                     | ·               | again/·/·       | ·               | -               | again/ready/·
sign-out                   | out             | out             | out             | out             | out
sign-out, this user        | out             | out             | out             | out             | out
sign-out, another          | ·               | again/·/·       | ·               | -               | again/ready/·
close                      | closed          | closed          | closed          | closed          | closed`,
  `
                           | failed          | failed+token    | failed+spent
sign-in, same user         | initial/offline | initial/offline | - initial/- offline
sign-in, same, token       | fresh           | fresh           | fresh
sign-in, other user        | initial/offline | initial/offline | initial/offline
sign-in, other, token      | fresh           | fresh           | fresh
demand                     | ·               | ·               | -
demand, unsatisfied        | ·               | ·               | -
tick                       | ·               | ·               | -
token, right flight        | ·               | ·               | -
token, other flight        | ·               | ·               | -
token, unasked             | fresh           | fresh           | fresh
token, unasked, older      | fresh           | ·               | -
token, saved               | ·               | ·               | -
token of a tab             | fresh           | fresh           | fresh
token of a tab, later      | fresh           | fresh           | fresh
token of a tab, older      | ·               | ·               | -
failure, right flight      | ·               | ·               | -
failure, final             | ·               | ·               | -
failure, other flight      | ·               | ·               | -
final, other flight        | ·               | ·               | -
failure of a tab           | ·               | ·               | -
failure of a tab, known    | ·               | ·               | -
failure of a tab, calling  | ·               | ·               | -
final of a tab             | ·               | ·               | -
rejected, this token       | ·               | -               | -
rejected, another          | ·               | ·               | -
refused elsewhere          | ·               | -               | -
refused elsewhere, another | ·               | ·               | -
accepted                   | ·               | ·               | -
refresh                    | forced          | forced          | - forced
return                     | ·               | ·               | -
sign-out                   | out             | out             | out
sign-out, this user        | out             | out             | out
sign-out, another          | ·               | ·               | -
close                      | closed          | closed          | closed`,
  // A refresh was asked for and is still to come.
  `
                           | fetching, asked | fresh, asked         | waiting, asked
sign-in, same user         | ·               | ·                    | ·
sign-in, same, token       | ·               | ·                    | ·
sign-in, other user        | initial/offline | initial/offline      | initial/offline
sign-in, other, token      | fresh           | fresh                | fresh
demand                     | ·               | ·                    | ·
demand, unsatisfied        | ·               | forced/·             | ·
tick                       | ·               | ·                    | ·
token, right flight        | fresh later     | ·                    | ·
token, other flight        | ·               | ·                    | ·
token, unasked             | fresh forced    | fresh+               | fresh+
token, unasked, older      | ·               | ·                    | fresh+
token, saved               | fresh later     | ·                    | ·
token of a tab             | fresh later     | fresh later          | fresh later
token of a tab, later      | fresh           | fresh                | fresh
token of a tab, older      | ·               | ·                    | ·
failure, right flight      | wait again      | ·                    | ·
failure, final             | failed          | ·                    | ·
failure, other flight      | ·               | ·                    | ·
final, other flight        | ·               | ·                    | ·
failure of a tab           | wait again      | wait                 | wait
failure of a tab, known    | ·               | ·                    | ·
failure of a tab, calling  | ·               | ·                    | ·
final of a tab             | failed          | failed               | failed
rejected, this token       | -               | - rejected/- offline | ·
rejected, another          | ·               | ·                    | ·
refused elsewhere          | -               | - rejected/- offline | ·
refused elsewhere, another | ·               | ·                    | ·
accepted                   | ·               | ·                    | ·
refresh                    | ·               | ·                    | ·
return                     | anew            | ·                    | ·
sign-out                   | out             | out                  | out
sign-out, this user        | out             | out                  | out
sign-out, another          | ·               | ·                    | ·
close                      | closed          | closed               | closed`,
]

const cells = new Map<string, string>()
for (const table of tables) {
  const [head, ...lines] = table
    .trim()
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
  for (const [row, ...words] of lines)
    for (const [index, word] of words.entries()) cells.set(`${head![index + 1]} × ${row}`, word)
}

const never = Infinity
const noToken = { token: undefined, dueAt: never, spentAt: never }
const unplanned = { retryAt: never, askedAt: never }
const anew = {
  ...{ ...noToken, ...unplanned, user: undefined, last: undefined, error: undefined },
  ...{ attempt: 0, mints: 0, reason: 'initial' as const, refreshAskedAt: -never },
}

/** A call under way that brings nothing, or is given up, counts. */
const withThisCall = ({ status, calls, calledAt }: MachineState) =>
  status === 'fetching' ? [...calls, calledAt] : calls

/** What is new besides the status: an event's own book-keeping. */
function booked(state: MachineState, event: Happening): MachineState {
  const { status } = state
  if (event.type === 'sign-in') {
    if (event.user.id !== state.user?.id) return { ...state, ...anew, user: event.user, calls: withThisCall(state) }
    return status === 'failed' ? { ...state, attempt: 0, mints: 0 } : state
  }
  if (status === 'signed-out') return state
  if (event.type === 'refresh') return { ...state, refreshAskedAt: now }
  if (event.type === 'failure' && event.calling) return { ...state, calls }
  if (event.type === 'accepted') return state.token ? { ...state, mints: 0 } : state
  if (event.type === 'rejected' && event.value === state.token?.value)
    return { ...state, mints: 1, reason: 'rejected', refused: ['bad', 'held'] }
  if (event.type === 'rejected' && event.elsewhere) return { ...state, refused: ['bad', event.value] }
  return state
}

function expected(before: MachineState, event: Happening, cell: string, online: boolean, eager: boolean): MachineState {
  if (before.status === 'closed') return before
  const parts = cell.split('/').map((part) => part.trim())
  const part = parts.length === 3 ? parts[online ? (eager ? 0 : 1) : 2]! : parts[online ? 0 : parts.length - 1]!
  const [drop, word = drop ? '·' : part] = part.startsWith('-') ? ['-', part.slice(1).trim() || '·'] : ['', part]
  const state = { ...booked({ ...before, online, onlineAnyway: false, eager }, event), ...(drop && noToken) }
  const back = online && !before.online && before.status === 'waiting' ? { retryAt: now } : {}
  const call = (reason: MachineState['reason']): MachineState => ({
    ...{ ...state, ...unplanned, status: 'fetching', reason },
    ...{ flight: before.flight + 1, calledAt: now },
  })
  const ofTab = event.type === 'failure' && event.flight === undefined
  const failure = {
    ...{ error: lost, refreshAskedAt: -never },
    ...(ofTab ? { attempt: 5, calls } : { attempt: before.attempt + 1, calls: withThisCall(before) }),
  }
  const adopted = (more?: Partial<MachineState>): MachineState => {
    const { adoption, ...rest } = event as Extract<Happening, { type: 'token' }>
    const { token, dueAt, spentAt, from } = adoption
    // Only an answer of the source says that the network is there.
    const reached = event.type === 'token' && rest.flight && !from && { online: true, onlineAnyway: !online }
    const called = (from || ('flight' in rest && rest.flight)) && {
      calledAt: Math.max(before.calledAt, token.receivedAt),
    }
    const mints = state.reason === 'rejected' ? state.mints : 0
    const kept = { ...{ token, dueAt, spentAt, mints, last: token, error: undefined }, ...unplanned, attempt: 0 }
    return { ...state, ...kept, ...reached, ...called, ...more, status: 'fresh' }
  }
  switch (word) {
    case '·':
      return state
    case 'initial':
    case 'refresh':
    case 'rejected':
    case 'forced':
      return call(word)
    case 'again':
      return call(state.reason)
    case 'fresh':
      return adopted()
    case 'fresh+':
      return adopted({ askedAt: before.askedAt })
    case 'fresh later':
      return adopted({ askedAt: newer.receivedAt + 1_000 })
    case 'fresh forced':
      return { ...adopted(), status: 'fetching', reason: 'forced', flight: before.flight + 1, calledAt: now }
    case 'wait': {
      const calledAt = ofTab ? Math.max(before.calledAt, ...calls) : before.calledAt
      return { ...state, ...failure, calledAt, status: 'waiting', retryAt }
    }
    case 'wait again':
      return { ...call(state.reason), ...failure }
    case 'anew':
      return { ...call(state.reason), calls: withThisCall(before) }
    case 'failed':
      return { ...state, ...failure, ...unplanned, status: 'failed', error: refusal }
    case 'offline':
      return { ...state, status: 'waiting', error: expect.objectContaining({ code: 'offline' }), retryAt: now }
    case 'ready':
      return { ...state, ...back }
    case 'probe':
      return { ...state, askedAt: now + 25_000 }
    case 'next':
      return { ...state, askedAt: now }
    case 'out':
      return { ...state, ...anew, status: 'signed-out', calls: withThisCall(before) }
    case 'closed':
      return { ...initialState, status: 'closed', flight: before.flight }
    default:
      throw new Error(`the table says "${word}"`)
  }
}

describe('the table', () => {
  it('has a column for every status and a row for every event', () => {
    const statuses: Record<Status, 0> = { 'signed-out': 0, fetching: 0, fresh: 0, waiting: 0, failed: 0, closed: 0 }
    const types: Record<Happening['type'], 0> = {
      ...{ 'sign-in': 0, demand: 0, tick: 0, token: 0, failure: 0 },
      ...{ rejected: 0, accepted: 0, refresh: 0, return: 0, 'sign-out': 0, close: 0 },
    }
    expect(new Set(Object.values(states).map(({ status }) => status))).toEqual(new Set(Object.keys(statuses)))
    expect(new Set(Object.values(events).map(({ type }) => type))).toEqual(new Set(Object.keys(types)))
    const product = Object.keys(states).flatMap((column) => Object.keys(events).map((row) => `${column} × ${row}`))
    expect([...cells.keys()].sort()).toEqual(product.sort())
  })
})

describe.each(Object.keys(states))('%s', (column) => {
  it.each(Object.keys(events))('answers to: %s', (row) => {
    const cell = cells.get(`${column} × ${row}`)
    if (!cell) expect.unreachable('the table has no such cell')
    const before = deepFreeze(states[column]!)
    const event = deepFreeze(events[row]!)
    for (const online of [true, false])
      for (const eager of [true, false]) {
        const after = transition(before, eventOf(event, now, { online, eager }))
        const place = `${cell} while ${online ? 'online' : 'offline'}${eager ? '' : ' and hidden'}`
        expect(after, place).toEqual(expected(before, event, cell!, online, eager))
        expect(wakeAt(after), place).toBeGreaterThan(now)
      }
  })
})
