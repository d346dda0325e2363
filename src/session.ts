import { EventEmitter } from 'eventemitter3'
import type { Session, SessionEvents, SessionOptions } from './api.js'
import { type Attachment, type Desk, type DetachReason, createAttachment } from './attach.js'
import { type Caller, answerFor, satisfies } from './callers.js'
import { browserEnvironment } from './environment/browser.js'
import type { Unsubscribe } from './environment/environment.js'
import { SessionError, isSessionError, toSessionError } from './errors.js'
import { type Supply, examine, fly } from './flight.js'
import { type Adoption, type Happening, type MachineState, initialState, transition, wakeAt } from './machine.js'
import { type GetTokenOptions, check, createPolicy, retryDelay } from './policy.js'
import { createShelf } from './record.js'
import { type Token, type TokenAnswer, type User, isSameUser } from './token.js'
import { signedIn, viewOf } from './view.js'

const wakeGrace = 10_000

const readUser = (user: string | User): User => {
  const { id, tenant, email } = (typeof user === 'string' ? { id: user } : (user ?? {})) as User
  check(id && typeof id === 'string', 'user')
  check(tenant === undefined || typeof tenant === 'string', 'user.tenant')
  return Object.freeze({ id, ...(tenant !== undefined && { tenant }), ...(email !== undefined && { email }) })
}

const hasMethods = (value: object | undefined, ...names: string[]): boolean =>
  names.every((name) => typeof (value as Record<string, unknown> | undefined)?.[name] === 'function')

/**
 * A session, signed out. Makes no request, starts no timer and opens no channel before `signIn`; safe to call on a server.
 * Throws a TypeError that names the option for options of a wrong kind.
 */
export function createSession(options: SessionOptions): Session {
  const { source, name = 'default', storage, subject, refreshWhenHidden = true } = options ?? {}
  const environment = options?.environment ?? browserEnvironment()
  check(typeof source === 'function', 'source')
  check(typeof name === 'string', 'name')
  check(!storage || hasMethods(storage, 'getItem', 'setItem', 'removeItem'), 'storage')
  check(!subject || typeof subject === 'function', 'subject')
  check(typeof refreshWhenHidden === 'boolean', 'refreshWhenHidden')
  check(hasMethods(environment, 'now', 'random', 'schedule', 'onWake'), 'environment')
  const policy = createPolicy(options)

  const emitter = new EventEmitter()
  const attachments = new Set<Attachment>()
  const callers = new Set<Caller>()
  const outbox: (() => void)[] = []
  let state = initialState
  let view = viewOf(state)
  let hot: Promise<string> | undefined
  let hotUntil = 0
  let controller = new AbortController()
  let flown = 0
  let generation = 0
  let wokeAt = -Infinity
  let calling = false
  let draining = false
  let leaving: DetachReason = 'detach'
  let forgotten: Promise<void> | undefined
  let cancelTimer: Unsubscribe = () => {}
  let stopListening: Unsubscribe = () => {}

  const { now } = environment
  const emit = <Name extends keyof SessionEvents>(event: Name, payload: SessionEvents[Name]): unknown =>
    outbox.push(() => emitter.emit(event, payload))
  const trace = (type: string, details?: object): unknown =>
    emitter.listenerCount('trace') && emit('trace', Object.freeze({ at: now(), type, ...details }))
  const fail = (error: SessionError): void => {
    emit('error', error)
    drain()
  }
  const drain = (): void => {
    if (draining) return
    draining = true
    for (let run; (run = outbox.shift());) run()
    draining = false
  }

  const supply: Supply = {
    environment,
    policy,
    subject,
    shelf: storage && createShelf(storage, name, environment, fail),
    nextGeneration: () => ++generation,
    source: (request) => {
      calling = true
      try {
        return source(request)
      } finally {
        calling = false
      }
    },
  }

  /** Every change passes here: the machine decides, the world follows, then everybody is told. */
  const dispatch = (event: Happening): void => {
    const before = state
    const { online, visible, server } = environment
    state = transition(before, { ...event, now: now(), online, eager: !server && (visible || refreshWhenHidden) })
    follow(before, event)
    drain()
  }

  const listen = (user: User): Unsubscribe => {
    const stops = [
      environment.onWake(() => {
        wokeAt = now()
        dispatch({ type: 'tick' })
      }),
      source.subscribe?.((answer) => {
        if (signedIn(state) === user) take(user, answer)
      }),
    ]
    return () => stops.forEach((stop) => stop?.())
  }

  /** A token that came unasked. */
  const take = (user: User, answer: TokenAnswer | null): void => {
    if (answer === null) return dispatch({ type: 'sign-out' })
    try {
      const adoption = examine(supply, answer, now(), { user, last: state.last, refused: state.refused })
      supply.shelf?.save(adoption.token)
      dispatch({ type: 'token', adoption })
    } catch (error) {
      if (!isSessionError(error, 'stale_token')) fail(error as SessionError)
    }
  }

  const launch = (user: User): void => {
    const { flight, reason, last, refused, attempt } = state
    flown = flight
    controller.abort()
    controller = new AbortController()
    trace('fetch', { reason, attempt: attempt + 1 })
    fly(supply, { user, reason, last, refused, controller, attempt: attempt + 1 }).then(
      (adoption) => dispatch({ type: 'token', flight, adoption }),
      (thrown: SessionError) => {
        let error = thrown
        if (error.status === 403 && now() - wokeAt < wakeGrace) {
          wokeAt = -Infinity
          error = new SessionError('source_failed', error.message, { status: 403 })
        }
        const delay = retryDelay(policy, state.attempt + 1, environment.random(), error.retryAfter)
        dispatch({ type: 'failure', flight, error, retryAt: now() + delay })
      },
    )
  }

  /** Makes the world agree with the state: one timer, one request while fetching, events and answers from the difference. */
  const follow = (before: MachineState, event: Happening): void => {
    const { status, token, error, dueAt, spentAt, retryAt } = state
    const user = signedIn(state)
    const was = signedIn(before)
    const switched = user !== was
    if (switched) {
      stopListening()
      leaving = user ? 'switch' : status === 'closed' ? 'detach' : 'sign-out'
      trace(user ? (was ? 'switch' : 'sign-in') : leaving)
      if (was && status !== 'closed') {
        forgotten = supply.shelf?.forget(was)
        emit('signed-out', { user: was, reason: user ? 'switched' : 'here' })
      }
      stopListening = user ? listen(user) : () => {}
    } else if (before.token && !token) {
      const reason = event.type === 'rejected' ? 'rejected' : 'expired'
      if (reason === 'rejected') forgotten = supply.shelf?.forget(before.token.user)
      trace('expired', { reason, generation: before.token.generation })
      emit('expired', { token: before.token, reason })
    }

    cancelTimer()
    cancelTimer = environment.schedule(wakeAt(state), () => dispatch({ type: 'tick' }))

    if (status !== 'fetching') controller.abort()
    else if (state.flight !== flown) launch(user!)

    const adopted = token && token !== before.token
    if (adopted) {
      const { generation, receivedAt, expiresAt } = token
      trace('token', { generation, receivedAt, expiresAt, dueAt })
    }
    const wrong = error && error !== before.error
    if (wrong) {
      const { code, status: answered } = error
      trace(event.type === 'failure' ? 'failure' : 'wait', { code, status: answered, retryAt, attempt: state.attempt })
    }
    const next = viewOf(state, view)
    if (next !== view) emit('change', (view = next))
    if (adopted) emit('token', token)
    if (wrong) emit('error', error)

    if (switched || adopted) outbox.push(() => attachments.forEach(supplyTo))
    hot = token && Promise.resolve(token.value)
    hotUntil = status === 'fresh' ? Math.min(dueAt, spentAt) : spentAt
    callers.forEach(answer)
  }

  const supplyTo = (attachment: Attachment): void => attachment.want(signedIn(state), state.token, leaving)

  /** Settles a caller if there is something to tell; false: not yet. */
  const answer = (caller: Caller): boolean => {
    const result = answerFor(state, caller, now())
    if (!result) return false
    callers.delete(caller)
    if (isSessionError(result)) caller.reject(result)
    else caller.resolve(result)
    return true
  }

  const ask = (options: GetTokenOptions, after?: number): Promise<Token> =>
    new Promise((resolve, reject) => {
      const { signal, rejected } = options
      if (signal?.aborted) return reject(signal.reason)
      if (rejected) invalidate(rejected)
      if (after === undefined) {
        const unsatisfied = !state.token || !satisfies(state.token, options, now())
        dispatch({ type: 'demand', unsatisfied })
      }
      const abort = (): void => {
        callers.delete(caller)
        reject(signal!.reason)
      }
      const end =
        <Result>(settle: (result: Result) => void) =>
        (result: Result): void => {
          signal?.removeEventListener('abort', abort)
          settle(result)
        }
      const caller: Caller = { user: signedIn(state), options, after, resolve: end(resolve), reject: end(reject) }
      if (answer(caller)) return
      if (calling) return reject(new SessionError('source_failed', 'The source asked its own session for a token.'))
      callers.add(caller)
      signal?.addEventListener('abort', abort)
    })

  const valueOf = (token: Token): string => token.value

  const getToken = (options?: GetTokenOptions): Promise<string> =>
    hot && !options && now() < hotUntil ? hot : ask(options ?? {}).then(valueOf)

  const invalidate = (value: string): void =>
    dispatch({ type: 'rejected', value, retryAt: now() + retryDelay(policy, 1, environment.random()) })

  const desk: Desk = {
    environment,
    policy,
    getToken: async (user, options = {}) => {
      if (signedIn(state) !== user) throw new SessionError('user_changed', 'Somebody else has signed in.')
      return ask(options)
    },
    report(adapter, said, given) {
      const { kind } = said
      const value = ('token' in said && said.token) || given.value
      trace('signal', { adapter, kind })
      // A refusal without an authentication code is about permissions: a new token cannot cure it.
      if (kind === 'expired' || (kind === 'rejected' && (said.status !== 403 || said.code !== undefined)))
        invalidate(value)
      else if (value !== state.token?.value) return
      else if (kind === 'accepted') dispatch({ type: 'accepted' })
      else if (kind === 'expiring') dispatch({ type: 'demand', unsatisfied: true })
    },
    done(adapter, call, error) {
      trace('adapter', { adapter, call, ok: !error })
      if (error) emit('error', error)
      drain()
    },
  }

  /** Resolves when every adapter, and the storage, has let go. */
  const settled = async (): Promise<void> => {
    // The outbox may be waiting for the listener that called us.
    await undefined
    await Promise.all([forgotten, ...[...attachments].map((attachment) => attachment.settled())])
  }

  const close = async (): Promise<void> => {
    dispatch({ type: 'close' })
    await settled()
    emitter.removeAllListeners()
  }

  const on: Session['on'] = (event, listener) => {
    check(typeof listener === 'function', 'listener')
    const run = (payload: SessionEvents[typeof event]): void => {
      // A listener before this one may have signed the user out.
      if (event === 'token' && (payload as Token).user !== signedIn(state)) return
      new Promise((resolve) => resolve(listener(payload) as unknown)).catch((error: unknown) => {
        if (event !== 'error' && event !== 'trace')
          fail(toSessionError(error, 'adapter_failed', `A listener of "${event}" failed`))
      })
    }
    emitter.on(event, run)
    return () => void emitter.off(event, run)
  }

  return {
    get state() {
      return view
    },
    signIn(given, initial) {
      const asked = readUser(given)
      if (state.status === 'closed') throw new SessionError('closed', 'The session was closed.')
      const current = signedIn(state)
      const same = isSameUser(current, asked)
      if (same && state.status !== 'failed') return
      const user = same ? current! : asked
      let adoption: Adoption | undefined
      let error: SessionError | undefined
      if (initial !== undefined) {
        try {
          const { last, refused } = state
          adoption = examine(supply, initial, now(), {
            user,
            refused,
            last: same ? last : undefined,
            reason: 'initial',
          })
          supply.shelf?.save(adoption.token)
        } catch (thrown) {
          error = thrown as SessionError
        }
      }
      dispatch({ type: 'sign-in', user, adoption })
      if (error) fail(error)
    },
    async signOut() {
      dispatch({ type: 'sign-out' })
      await settled()
    },
    getToken,
    refresh() {
      const after = state.flight
      dispatch({ type: 'refresh' })
      return ask({}, after).then(valueOf)
    },
    invalidate,
    refreshUserToken: () => getToken(),
    attach(adapter) {
      check(hasMethods(adapter, 'attach'), 'adapter')
      const attachment = createAttachment(adapter, desk)
      attachments.add(attachment)
      outbox.push(() => supplyTo(attachment))
      drain()
      return () => {
        attachments.delete(attachment)
        attachment.want(undefined, undefined, 'detach')
        return attachment.settled()
      }
    },
    on,
    subscribe: (listener) => on('change', () => listener()),
    close,
    [Symbol.asyncDispose]: close,
  }
}
