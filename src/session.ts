import type { Session, SessionOptions } from './api.js'
import { type DetachReason, isRefusal } from './attach.js'
import { createAttachments } from './attachments.js'
import { answerFor, createCallers, satisfies } from './callers.js'
import { SessionError } from './errors.js'
import { createEvents } from './events.js'
import { explain } from './explain.js'
import { type Expectation, createFlights } from './flight.js'
import { type Desk, type Listening, listen } from './listen.js'
import { callsOf, transition, wakeAt } from './machine.js'
import { type Happening, type MachineState, type Reason, type Setback, initialState } from './state.js'
import { readOptions, readUser } from './options.js'
import { type GetTokenOptions, retryDelay } from './policy.js'
import { createQueue } from './queue.js'
import { createShelf } from './record.js'
import { type Token, type User, isSameUser } from './token.js'
import { createViews } from './view.js'
import { within } from './within.js'

const wakeGrace = 10_000

/**
 * A session, signed out. Makes no request, starts no timer and opens no channel before `signIn`; safe to call on a server.
 * Throws a TypeError that names the option for options of a wrong kind.
 */
export function createSession(options: SessionOptions): Session {
  const { environment, source, name, storage, subject, refreshWhenHidden, policy } = readOptions(options)
  const { now } = environment
  const views = createViews(now)
  let state = initialState
  let hot: Promise<string> | undefined
  let hotUntil = 0
  let controller = new AbortController()
  let wokeAt = -Infinity
  let leaving: DetachReason
  let ears: Listening | undefined
  let cancelTimer = (): void => {}

  /** Every change passes here: the machine decides, then the world follows. */
  const inbox = createQueue((event: Happening) => {
    const before = state
    const { online, visible, server } = environment
    state = transition(before, { ...event, now: now(), online, eager: !server && (visible || refreshWhenHidden) })
    follow(before, event)
  })
  const current = (token: Token): boolean => token.user === state.user
  const events = createEvents(now, inbox.busy, current)
  const { tell, later, trace, deliver, on, end } = events
  /** What happens while the world still follows waits for its turn; then everybody is told. */
  const dispatch = (event: Happening): void => {
    inbox.push(event)
    inbox.run()
    deliver()
  }
  const tick = (): void => dispatch({ type: 'tick' })
  const fail = (error: SessionError): void => (tell('error', error), deliver())
  const callers = createCallers((caller) => answerFor(state, caller, now()))
  const shelf = storage && createShelf(storage, name, environment, fail)
  const flights = createFlights(environment, policy, source, subject, shelf)
  const { calling, take, fly } = flights
  const delay = (attempt: number, asked?: number): number =>
    now() + retryDelay(policy, attempt, environment.random(), asked)

  const expected = (user: User, reason: Reason): Expectation => ({
    user,
    reason,
    last: user === state.user ? state.last : undefined,
    // A getter: what is refused while the request is under way counts as well.
    get refused() {
      return state.refused
    },
  })

  const accept: Desk['accept'] = (user, answer) => {
    try {
      // A page may have been kept, or asleep, for as long as you like, and the token with it.
      return take(answer, expected(user, 'initial'), NaN)
    } catch (error) {
      if ((error as SessionError).code !== 'stale_token') fail(error as SessionError)
    }
  }

  const desk: Desk = {
    ...flights,
    environment,
    source,
    name,
    timeout: policy.timeout,
    state: () => state,
    dispatch,
    wake() {
      wokeAt = now()
      tick()
    },
    expected,
    accept,
    delay,
    fail,
    lacks: (what) => (trace({ type: 'lacks', what }), deliver()),
  }

  /** What follows from a failed call. */
  const judge = (thrown: SessionError, calledAt: number = state.calledAt): Required<Setback> => {
    const { status, retryAfter, message } = thrown
    // Right after a wake a proxy or a firewall may still be in the way.
    const early = status === 403 && now() - wokeAt < wakeGrace
    if (early) wokeAt = -Infinity
    const error = early ? new SessionError('source_failed', message, { status }) : thrown
    const attempt = state.attempt + 1
    return { error, retryAt: delay(attempt, retryAfter), attempt, calls: callsOf({ ...state, calledAt }) }
  }

  const launch = ({ flight, reason, user, attempt }: MachineState): void => {
    trace({ type: 'fetch', reason, attempt: attempt + 1 })
    controller = new AbortController()
    const order = { expected: expected(user!, reason), attempt: attempt + 1, controller, peers: ears!.peers, judge }
    void fly(order).then((outcome) => dispatch({ ...outcome, flight }))
  }

  /** Makes the world agree with the state: one timer, one request while fetching, events and answers from the difference. */
  const follow = (before: MachineState, event: Happening): void => {
    const { status, user, token, dueAt, spentAt } = state
    const was = before.user
    const moved = user !== was
    const launching = status === 'fetching' && state.flight !== before.flight
    // What can be read of the session comes first: everything below may call foreign code.
    const change = views.show(state)
    hot = token && Promise.resolve(token.value)
    hotUntil = status === 'fresh' ? Math.min(dueAt, spentAt) : spentAt

    cancelTimer()
    cancelTimer = environment.schedule(wakeAt(state), tick)
    if (status !== 'fetching' || launching) controller.abort()
    ears?.share(before, event)
    if (moved) {
      leaving = user ? 'switch' : status === 'closed' ? 'detach' : 'sign-out'
      ears?.stop()
      ears = user && listen(user, desk)
    }
    if (was && (moved ? status !== 'closed' : state.refused !== before.refused)) shelf?.forget(was)

    explain(events, before, state, event, change)
    if (launching) launch(state)
    if (moved || token !== before.token) later(attachments.bring)
    callers.settle()
  }

  /** Resolves when every adapter and the storage have let go. */
  const settled = async (): Promise<void> => {
    // Whoever called us may be a listener that holds up the outbox.
    await Promise.resolve()
    await Promise.all([shelf?.settled(), attachments.settled()])
  }

  const ask = async (options: GetTokenOptions, after?: number, before?: Token): Promise<Token> => {
    const { signal, rejected } = options
    const { user } = state
    signal?.throwIfAborted()
    if (ears?.restoring && !state.token) await within(environment, Infinity, ears.restoring, signal)
    if (rejected) invalidate(rejected)
    if (after === undefined)
      dispatch({ type: 'demand', unsatisfied: state.token && !satisfies(state.token, options, now()) })
    const caller = { user, options, after, before }
    if (calling() && !answerFor(state, caller, now()))
      throw new SessionError('source_failed', 'The source asked its own session for a token.')
    const token = await within(environment, Infinity, callers.add(caller), signal)
    if (user !== state.user) throw answerFor(state, caller, now()) as SessionError
    return token
  }
  const getToken = (options?: GetTokenOptions): Promise<string> =>
    hot && !options && now() < hotUntil ? hot : ask(options ?? {}).then(({ value }) => value)
  const invalidate = (value: string): void => dispatch({ type: 'rejected', value, retryAt: delay(1) })

  const attachments = createAttachments({
    environment,
    delay,
    wanted: () => [state.user, state.token, leaving],
    async getToken(user, options = {}) {
      if (user !== state.user) throw new SessionError('user_changed')
      return ask(options)
    },
    report(adapter, signal, given) {
      const { kind } = signal
      const value = ('token' in signal && signal.token) || given.value
      trace({ type: 'signal', adapter, kind })
      if (isRefusal(signal)) invalidate(value)
      else if (value !== state.token?.value) deliver()
      else if (kind === 'accepted') dispatch({ type: kind })
      else dispatch({ type: 'demand', unsatisfied: kind === 'expiring' })
    },
    done(adapter, call, error) {
      trace({ type: 'adapter', adapter, call, ok: !error })
      if (error) tell('error', error)
      deliver()
    },
  })

  const signIn: Session['signIn'] = (given, initial) => {
    const asked = readUser(given)
    const current = state.user
    const same = isSameUser(current, asked)
    const again = same && state.status === 'failed'
    if (state.status === 'closed') throw new SessionError('closed')
    // What still waits its turn may change who is signed in: then the machine decides.
    if (same && !again && !inbox.busy()) return
    const user = again ? current! : asked
    dispatch({ type: 'sign-in', user, adoption: initial === undefined ? initial : accept(user, initial) })
  }

  const close = async (): Promise<void> => {
    dispatch({ type: 'close' })
    await settled()
    end()
  }

  return {
    get state() {
      return views.read()
    },
    signIn,
    signOut() {
      dispatch({ type: 'sign-out' })
      return settled()
    },
    getToken,
    async refresh() {
      const { token } = state
      const asked = now()
      dispatch({ type: 'refresh' })
      return (await ask({}, asked, token)).value
    },
    invalidate,
    refreshUserToken: () => getToken(),
    attach(adapter) {
      tick()
      const remove = attachments.add(adapter)
      later(attachments.bring)
      deliver()
      return remove
    },
    on,
    subscribe: (listener) => on('change', listener),
    close,
    [Symbol.asyncDispose]: close,
  }
}
