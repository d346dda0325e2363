import { inspect } from 'node:util'
import { createSession } from 'inbox-session'
import type { Session, SessionError, SessionEvents, SessionOptions, Token, TokenSource } from 'inbox-session'
import { expect, onTestFinished } from 'vitest'
import { type Backend, createBackend } from './source.js'
import { piecesOf, shownPieces } from './tokens.js'
import { type World, createWorld } from './world.js'

export interface Happened {
  readonly at: number
  readonly event: keyof SessionEvents
  readonly payload: unknown
}

export interface Scene {
  readonly world: World
  readonly backend: Backend
  readonly session: Session
  /** All events, in order. */
  readonly happened: Happened[]
  /** How many events there had been at each call. */
  readonly marks: number[]
  /** The payloads of one event. */
  of<Name extends keyof SessionEvents>(event: Name): SessionEvents[Name][]
  /** The codes of all `error` events. */
  errors(): string[]
  /** Milliseconds between the calls of the source. */
  gaps(): number[]
  /** The token of the current snapshot. */
  token(): Token | undefined
}

export interface SceneOptions extends Partial<SessionOptions> {
  /** Lifetime of the backend's tokens. Default 3 600. */
  seconds?: number
  random?: () => number
  world?: World
  subscribe?: TokenSource['subscribe']
}

const names = ['change', 'token', 'expired', 'error', 'signed-out', 'trace'] as const

/** A session on a virtual page before a virtual backend. Closed after the test; the invariants G1–G4, G6 and G8 are checked then. */
export function createScene({
  seconds,
  random,
  world = createWorld(random),
  subscribe,
  ...options
}: SceneOptions = {}): Scene {
  const { now } = world.environment
  const backend = createBackend(world, seconds)
  const happened: Happened[] = []
  const marks: number[] = []
  const source: TokenSource = (request) => {
    marks.push(happened.length)
    return backend.source(request)
  }
  if (subscribe) source.subscribe = subscribe
  const session = createSession({ source, environment: world.environment, ...options })
  for (const event of names) session.on(event, (payload) => void happened.push({ at: now(), event, payload }))
  const scene: Scene = {
    world,
    backend,
    session,
    happened,
    marks,
    of: (event) => happened.filter((one) => one.event === event).map(({ payload }) => payload) as never,
    errors: () => scene.of('error').map(({ code }) => code),
    gaps: () => backend.calls.slice(1).map(({ at }, index) => at - backend.calls[index]!.at),
    token: () => (session.state as { token?: Token }).token,
  }
  onTestFinished(async () => {
    checkInvariants(scene, options.subject)
    const closed = session.close()
    await world.advance(20_000)
    await closed
    expect(world.timers, 'timers after close').toBe(0)
    expect(world.listeners, 'listeners after close').toBe(0)
  })
  return scene
}

/** Errors that are not a call's. */
const besides = ['offline', 'rejected', 'adapter_failed', 'storage_failed']

/** What must hold whatever happened. */
export function checkInvariants({ backend, session, happened, marks, of }: Scene, subject?: unknown): void {
  expect(backend.mostInFlight, 'requests at one time').toBeLessThanOrEqual(1)

  const changes = of('change')
  if (changes.length) expect(session.state).toBe(changes.at(-1))
  for (const [index, state] of changes.entries()) {
    expect(state, 'a change that changes nothing').not.toEqual(changes[index - 1])
    expect(Object.isFrozen(state)).toBe(true)
  }
  for (const { claims, user } of subject === undefined ? of('token') : [])
    if (claims?.sub) expect([user.id, `user:${user.id}`]).toContain(claims.sub)

  const wasted = new Map<string, number[]>()
  const { calls } = backend
  for (const [index, { at, user }] of calls.entries()) {
    const next = calls[index + 1]
    let brought: Token | undefined
    let failed = false
    for (const { event, payload } of happened.slice(marks[index], marks[index + 1]))
      if (event === 'error') failed ||= !besides.includes((payload as SessionError).code)
      else if (event === 'token') brought ??= payload as Token
    if (!brought && failed) wasted.set(user.id, [...(wasted.get(user.id) ?? []), at])
    if (!brought || !next || !['refresh', 'forced'].includes(next.reason)) continue
    const gap = next.reason === 'forced' ? 1_000 : ((brought.expiresAt ?? at) - at) / 10
    expect(next.at - at, 'the gap after a success').toBeGreaterThanOrEqual(gap)
  }
  for (const [number, span] of [
    [10, 60_000],
    [30, 600_000],
  ] as const)
    for (const times of wasted.values())
      for (const [index, at] of times.entries())
        expect((times[index + number] ?? Infinity) - at, `${number + 1} calls for nothing`).toBeGreaterThanOrEqual(span)

  const pieces = piecesOf(backend.minted)
  const shown = happened.slice(-200).map(({ payload }) => JSON.stringify(payload) + inspect(payload, { depth: 8 }))
  expect(shownPieces(shown.join('\n') + inspect(session) + JSON.stringify(session), pieces), 'secrets').toEqual([])
}

/** The error a promise rejects with. */
export const failureOf = (promise: Promise<unknown>): Promise<SessionError> =>
  promise.then(
    () => expect.unreachable('it was fulfilled'),
    (error: SessionError) => error,
  )

/** Notes how a promise ends, without waiting for it. */
export function watch<T>(promise: Promise<T>): { value?: T; error?: SessionError; ended: boolean } {
  const result: { value?: T; error?: SessionError; ended: boolean } = { ended: false }
  promise.then(
    (value) => Object.assign(result, { value, ended: true }),
    (error: SessionError) => Object.assign(result, { error, ended: true }),
  )
  return result
}
