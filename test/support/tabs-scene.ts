import { inspect } from 'node:util'
import { createSession } from 'inbox-session'
import type {
  Session,
  SessionError,
  SessionEvents,
  SessionOptions,
  SessionState,
  Token,
  TokenRequest,
  User,
} from 'inbox-session'
import { expect, onTestFinished } from 'vitest'
import { type Backend, createBackend } from './source.js'
import { type Origin, type Tab, createOrigin } from './tabs.js'
import { piecesOf, shownPieces } from './tokens.js'
import type { World } from './world.js'

export interface Happened {
  readonly at: number
  readonly event: keyof SessionEvents
  readonly payload: unknown
}

/** A call of a source, with its end. */
export interface TabCall extends TokenRequest {
  readonly at: number
  readonly tab: Tab
  endedAt?: number
  /** What it was answered. */
  token?: string | undefined
  /** Some tab took the answer over. */
  brought: boolean
  /** For whom, and of which time: after a sign-out, and where nobody is left who was told of the last call, a new one begins. */
  readonly budget: string
}

/** A session in a tab. */
export interface Window {
  readonly tab: Tab
  readonly session: Session
  readonly happened: Happened[]
  of<Name extends keyof SessionEvents>(event: Name): SessionEvents[Name][]
  errors(): string[]
  token(): Token | undefined
  status(): SessionState['status']
}

export interface Scene {
  readonly origin: Origin
  readonly backend: Backend
  readonly windows: Window[]
  readonly calls: TabCall[]
  /** What must not have happened, found on the way. */
  readonly broken: Set<string>
  /** A new tab with a session of its own; `signIn: false` leaves it signed out. */
  open(options?: OpenOptions): Window
  /** So many of them at once. */
  openAll(count: number, options?: OpenOptions): Window[]
  /** The provider refuses what this window holds: it must not be used again anywhere. */
  refuse(window: Window): string
  advance(ms: number): Promise<void>
  flush(): Promise<void>
}

export interface OpenOptions extends Partial<SessionOptions> {
  user?: string | { id: string; tenant?: string }
  signIn?: boolean
  /** The clock's lead in ms. */
  ahead?: number
  tab?: Tab
}

export interface SceneOptions extends Partial<SessionOptions> {
  /** Lifetime of the backend's tokens. Default 3 600. */
  seconds?: number
  /** How long a call takes. Default 50 ms. */
  latency?: number
  seed?: number
  shuffle?: boolean
  /** How long it may take until a refusal is known everywhere. Default 0. */
  grace?: number
  /** Locks or channels fail on purpose: more calls may be under way at one time, and fail. */
  faulty?: boolean
}

const names = ['change', 'token', 'expired', 'error', 'signed-out', 'trace'] as const

const nameOf = ({ id, tenant }: User): string => JSON.stringify([id, tenant])

/** Tabs of one origin before one backend. Closed after the test; the invariants are checked then. */
export function createTabs({
  seconds = 3_600,
  latency = 50,
  seed,
  shuffle,
  faulty = false,
  grace = 0,
  ...shared
}: SceneOptions = {}): Scene {
  const origin = createOrigin({ ...(seed !== undefined && { seed }), ...(shuffle && { shuffle }) })
  const page = { environment: { now: () => origin.now }, flush: origin.flush } as World
  const backend = createBackend(page, seconds)
  const windows: Window[] = []
  const calls: TabCall[] = []
  const broken = new Set<string>()
  const turns = new Map<string, number>()
  const since = new Map<Tab, Map<string, number>>()
  const closed = new Set<Tab>()
  const refused = new Map<string, number>()

  const alive = ({ tab, endedAt, signal }: TabCall): boolean => tab.running && endedAt === undefined && !signal.aborted

  const open = ({ user = 'ann', signIn = true, ahead = 0, tab: given, ...more }: OpenOptions = {}): Window => {
    let draws = 0
    const random = () => (draws++ * 0.618 + windows.length * 0.1 + 0.31) % 1
    const tab = given ?? origin.open({ ahead, random })
    const happened: Happened[] = []
    const source = (request: TokenRequest) => {
      const id = nameOf(request.user)
      const before = calls.filter(({ budget }) => budget.startsWith(id)).at(-1)
      const told = ({ tab, status }: Window) =>
        tab.running && status() !== 'closed' && Math.max(tab.since, since.get(tab)?.get(id) ?? Infinity) < before!.at
      if (before && !windows.some(told)) turns.set(id, (turns.get(id) ?? 0) + 1)
      const call: TabCall = { ...request, at: origin.now, tab, brought: false, budget: `${id} ${turns.get(id) ?? 0}` }
      const others = calls.filter(({ budget }) => budget === call.budget)
      if (!faulty && others.some(alive)) broken.add('G2: two calls at one time')
      const previous = others.at(-1)
      const last = previous?.brought ? previous : undefined
      // A tab that closed, crashed or is away has taken its token with it.
      if (!faulty && last?.tab.running && !closed.has(last.tab) && ['refresh', 'forced'].includes(call.reason)) {
        const { exp = last.at / 1_000 } = claimsOf(last.token!)
        // A call is counted from when it was wanted: it may have waited for the other tabs' answers for 300 ms.
        const gap = call.reason === 'forced' ? 700 : (exp * 1_000 - last.at) / 10
        if (call.at - last.at < gap - 1) broken.add('G1: too soon after a success')
      }
      calls.push(call)
      const answered = (async () => {
        const answer = await backend.source(request)
        if (latency) await origin.wait(latency)
        return answer
      })()
      return tab
        .gate(answered)
        .finally(() => (call.endedAt = origin.now))
        .then((answer) => {
          call.token = typeof answer === 'string' ? answer : answer?.token
          return answer
        })
    }
    const session = createSession({ source, environment: tab.environment, ...shared, ...more })
    const note = (event: keyof SessionEvents, payload: unknown): void => {
      if (tab.crashed) return
      happened.push({ at: origin.now, event, payload })
      if (!tab.running) broken.add('something happened in a tab that does not run')
      if (event === 'signed-out') {
        const { user, reason } = payload as SessionEvents['signed-out']
        since.get(tab)?.delete(nameOf(user))
        if (reason !== 'other-tab') turns.set(nameOf(user), (turns.get(nameOf(user)) ?? 0) + 1)
      }
      const { user: present } = session.state as { user?: User }
      if (event === 'change' && present) {
        const known = since.get(tab) ?? new Map<string, number>()
        since.set(tab, known)
        if (!known.has(nameOf(present))) known.set(nameOf(present), origin.now)
      }
      if (event === 'change' && session.state.status === 'closed') closed.add(tab)
      // The app tries anew after a final verdict.
      const { status: was } = (happened.filter((one) => one.event === 'change').at(-2)?.payload ?? {}) as {
        status?: string
      }
      if (event === 'change' && present && was === 'failed')
        turns.set(nameOf(present), (turns.get(nameOf(present)) ?? 0) + 1)
      if (event !== 'token') return
      const token = payload as Token
      for (const call of calls) call.brought ||= call.token === token.value
      const signedIn = (session.state as { user?: unknown }).user
      if (token.user !== signedIn || (token.claims && token.claims.sub !== token.user.id))
        broken.add('G3: a token of somebody else')
      if (token.expiresAt! <= tab.environment.now()) broken.add('G9: an ended token by the clock of the tab')
      if ((token.claims?.exp as number) * 1_000 <= origin.now) broken.add('G9: an ended token')
      if (origin.now - refused.get(token.value)! > grace) broken.add('a refused token came back')
    }
    for (const event of names) session.on(event, (payload) => note(event, payload))
    const window: Window = {
      tab,
      session,
      happened,
      of: (event) => happened.filter((one) => one.event === event).map(({ payload }) => payload) as never,
      errors: () => window.of('error').map(({ code }) => code),
      token: () => (session.state as { token?: Token }).token,
      status: () => session.state.status,
    }
    windows.push(window)
    if (signIn) session.signIn(user)
    return window
  }

  const scene: Scene = {
    origin,
    backend,
    windows,
    calls,
    broken,
    open,
    openAll: (count, options) => Array.from({ length: count }, () => open(options)),
    refuse(window) {
      const { value } = window.token()!
      refused.set(value, origin.now)
      window.session.invalidate(value)
      return value
    },
    advance: origin.advance,
    flush: () => origin.advance(0),
  }
  onTestFinished(async () => {
    checkTabs(scene, faulty)
    for (const { tab } of windows) await Promise.all([tab.comeBack(), tab.thaw()])
    const closed = Promise.all(windows.filter(({ tab }) => !tab.crashed).map(({ session }) => session.close()))
    await origin.advance(20_000)
    await closed
    for (const { tab } of windows) {
      if (tab.crashed) continue
      expect(tab.timers, 'timers after close').toBe(0)
      expect(tab.listeners, 'listeners after close').toBe(0)
      expect(tab.ports, 'open channels after close').toBe(0)
      expect(tab.locked, 'locks after close').toBe(0)
    }
  })
  return scene
}

const claimsOf = (token: string): { sub?: string; iat?: number; exp?: number } => {
  const [, payload, signature] = token.split('.')
  return signature ? JSON.parse(Buffer.from(payload!, 'base64url').toString()) : {}
}
/** Failed calls of a user lie as far apart as one client's would. */
export function checkBudget(times: readonly number[]): void {
  for (const [number, span] of [
    [10, 60_000],
    [30, 600_000],
  ] as const)
    for (const [index, at] of times.entries())
      expect((times[index + number] ?? Infinity) - at, `G1: ${number + 1} calls for nothing`).toBeGreaterThanOrEqual(
        span,
      )
}

/** What must hold over all tabs, whatever happened. */
export function checkTabs({ windows, origin, calls, backend, broken }: Scene, faulty = false): void {
  expect([...broken]).toEqual([])
  for (const budget of faulty ? [] : new Set(calls.map((call) => call.budget))) {
    const wasted = calls.filter(({ brought, endedAt, signal }) => !brought && (endedAt !== undefined || signal.aborted))
    checkBudget(wasted.filter((call) => call.budget === budget).map(({ at }) => at))
  }
  const pieces = piecesOf(backend.minted)
  for (const { session, happened, of, tab } of windows) {
    if (tab.crashed) continue
    const changes = of('change')
    if (changes.length) expect(session.state, 'G8').toBe(changes.at(-1))
    for (const [index, state] of changes.entries()) {
      const before = changes[index - 1] as { error?: unknown } | undefined
      // Another failure is another one, though it reads the same.
      if (before?.error === (state as { error?: unknown }).error)
        expect(state, 'G8: a change that changes nothing').not.toEqual(before)
      expect(Object.isFrozen(state)).toBe(true)
    }
    const shown = happened.slice(-100).map(({ payload }) => JSON.stringify(payload) + inspect(payload, { depth: 8 }))
    expect(shownPieces(shown.join('\n') + inspect(session) + JSON.stringify(session), pieces), 'G4').toEqual([])
  }
  const written = [...origin.notes].map(([key, words]) => key + [...words.keys()].join())
  expect(shownPieces([...origin.keys, ...written].join('\n'), pieces), 'G4: what is written down').toEqual([])
  for (const { key, message } of origin.posted)
    for (const token of backend.minted) {
      if (!JSON.stringify(message).includes(token)) continue
      const { sub = '' } = claimsOf(token)
      expect(key, 'G3: a token under the key of somebody else').toContain(JSON.stringify(sub).slice(1, -1))
    }
}

/** Notes how a promise ends, without waiting for it. */
export { failureOf, watch } from './scene.js'

/** The newest and only token of these windows; fails where they hold different ones, or none. */
export function oneToken(windows: readonly Window[]): string {
  const values = new Set(windows.map(({ token }) => token()?.value))
  expect(values.size, 'different tokens').toBe(1)
  const [value] = values
  expect(value, 'a token').toBeTypeOf('string')
  return value!
}

export type { SessionError }
