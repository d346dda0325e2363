import { inspect } from 'node:util'
import { createSession } from 'inbox-session'
import type {
  Session,
  SessionError,
  SessionEvents,
  SessionOptions,
  SessionState,
  Token,
  TokenAnswer,
  TokenRequest,
  TokenSource,
  User,
} from 'inbox-session'
import { createTestBrowser } from 'inbox-session/testing'
import type { TabFaults, TestBrowser, TestTab } from 'inbox-session/testing'
import { expect, onTestFinished } from 'vitest'
import { checkScene } from './invariants.js'

/** The invariants of a scene that a test may set aside, where its faults make them void. G2: only that over several tabs. */
export type Invariant = 'G1' | 'G2' | 'G3' | 'G4' | 'G5' | 'G6' | 'G7' | 'G8' | 'G9' | 'G10'

export interface Happened {
  readonly at: number
  readonly event: keyof SessionEvents
  readonly payload: unknown
}

/** A call of a source. */
export interface SourceCall extends TokenRequest {
  /** True time, epoch ms. */
  readonly at: number
  readonly window: Window
  /** For whom, and of which time: see `turns` below. */
  readonly budget: string
  endedAt?: number
  /** The tab that called before was still there: one that closed, crashed or is away has taken its token with it. */
  readonly informed: boolean
  /** What it was answered. */
  token?: string | undefined
  /** The token some tab took over. */
  brought?: Token
}

/** How a promise ends, without waiting for it. */
export interface Asked<T = string> {
  readonly at: number
  value?: T
  error?: SessionError
  ended: boolean
  /** True time. */
  endedAt?: number
}

/** A session in a tab. */
export interface Window {
  readonly tab: TestTab
  /** Its getToken() and refresh() are watched: G7 and G9. */
  readonly session: Session
  /** All events, in order. */
  readonly happened: Happened[]
  /** What the SDK of this page was given, newest last; undefined: it was told to let go. */
  readonly applied: { readonly at: number; readonly token: Token | undefined }[]
  of<Name extends keyof SessionEvents>(event: Name): SessionEvents[Name][]
  errors(): string[]
  token(): Token | undefined
  status(): SessionState['status']
  /** getToken(), noted. */
  ask(options?: Parameters<Session['getToken']>[0]): Asked
}

export interface OpenOptions extends Partial<SessionOptions> {
  /** Default 'ann'. */
  user?: string | User
  /** A token that came with the page. */
  initial?: TokenAnswer
  /** Default true. */
  signIn?: boolean
  faults?: Partial<TabFaults>
  /** Default: a new one. */
  tab?: TestTab
  /** Keeps its token in the browser's storage. */
  keep?: boolean
}

export interface SceneOptions extends Omit<OpenOptions, 'tab' | 'initial'> {
  /** Lifetime of the backend's tokens, in seconds. Default 3 600. */
  seconds?: number
  /** How long a call takes. Default 50 ms. */
  latency?: number | (() => number)
  seed?: number
  now?: number
  without?: readonly Invariant[]
}

export interface Scene {
  readonly browser: TestBrowser
  readonly windows: Window[]
  readonly calls: SourceCall[]
  readonly without: readonly Invariant[]
  /** What must not have happened, found on the way. */
  readonly broken: Set<string>
  /** Lines on the console. */
  readonly printed: string[]
  readonly unhandled: unknown[]
  /** All raw tokens there were. */
  readonly secrets: Set<string>
  readonly asked: { readonly window: Window; readonly result: Asked; excused: boolean }[]
  /** A new tab with a session of its own. */
  open(options?: OpenOptions): Window
  /** So many of them at once. */
  openAll(count: number, options?: OpenOptions): Window[]
  advance(ms: number): Promise<void>
  /** Lets time pass until a promise settles, and gives what it gave. */
  result<T>(promise: Promise<T>): Promise<T>
  /** Lets time pass until the next call has begun, and gives its window. */
  nextCall(step?: number): Promise<Window>
  /** Milliseconds between the calls. */
  gaps(): number[]
  /** Checks the invariants and closes everything. Done after the test where it was not done before. */
  finish(): Promise<void>
}

const names = ['change', 'token', 'expired', 'error', 'signed-out', 'trace'] as const
const methods = ['debug', 'error', 'info', 'log', 'trace', 'warn'] as const
const nameOf = ({ id, tenant }: User): string => JSON.stringify([id, tenant])

export const claimsOf = (token: string): { sub?: string; iat?: number; exp?: number } => {
  try {
    return JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as object
  } catch {
    return {}
  }
}

/** Notes how a promise ends, without waiting for it. */
export function watch<T>(promise: Promise<T>, now: () => number = () => 0): Asked<T> {
  const result: Asked<T> = { at: now(), ended: false }
  promise.then(
    (value) => Object.assign(result, { value, ended: true, endedAt: now() }),
    (error: SessionError) => Object.assign(result, { error, ended: true, endedAt: now() }),
  )
  return result
}

/** The error a promise rejects with. */
export const failureOf = (promise: Promise<unknown>): Promise<SessionError> =>
  promise.then(
    () => expect.unreachable('it was fulfilled'),
    (error: SessionError) => error,
  )

/** The newest and only token of these windows; fails where they hold different ones, or none. */
export function oneToken(windows: readonly Window[]): string {
  const values = new Set(windows.map(({ token }) => token()?.value))
  expect(values.size, 'different tokens').toBe(1)
  const [value] = values
  expect(value, 'a token').toBeTypeOf('string')
  return value!
}

/** A simulated browser whose tabs have a session each. Closed after the test; the invariants are checked then. */
export function createScene(options: SceneOptions = {}): Scene {
  const { seconds = 3_600, latency = 50, seed, now: start, without = [], ...shared } = options
  const browser = createTestBrowser({
    ...(seed !== undefined && { seed }),
    ...(start !== undefined && { now: start }),
  })
  Object.assign(browser.backend, { lifetime: seconds, latency })
  const now = (): number => browser.now
  const { advance, sleep } = browser
  // A page that is stopped, or a device that sleeps, answers later.
  const excuse = (slept?: boolean): void => {
    for (const one of asked)
      if (!one.result.ended && (slept || one.window.tab.condition !== 'running')) one.excused = true
  }
  browser.advance = (ms) => (excuse(), advance(ms))
  browser.sleep = (ms, how) => (excuse(true), sleep(ms, how))

  const windows: Window[] = []
  const calls: SourceCall[] = []
  const asked: Scene['asked'] = []
  const broken = new Set<string>()
  const printed: string[] = []
  const unhandled: unknown[] = []
  const secrets = new Set<string>()
  // A budget ends with a sign-out, with what the app does after a final verdict, and where nobody is left who was told.
  const turns = new Map<string, number>()
  const since = new Map<Window, Map<string, number>>()
  const turn = (key: string): void => void turns.set(key, (turns.get(key) ?? 0) + 1)

  const alive = ({ window, endedAt, signal }: SourceCall): boolean =>
    window.tab.condition === 'running' && endedAt === undefined && !signal.aborted

  const watchSource = (source: TokenSource, name: string, window: () => Window): TokenSource => {
    const watched: TokenSource = (request) => {
      const key = `${name} ${nameOf(request.user)}`
      const here = window()
      const before = calls.filter(({ budget }) => budget.startsWith(key)).at(-1)
      const knows = (one: Window): boolean =>
        one.tab.condition === 'running' &&
        one.status() !== 'closed' &&
        (since.get(one)?.get(key) ?? Infinity) < before!.at
      if (before && !windows.some(knows)) turn(key)
      const budget = `${key} ${turns.get(key) ?? 0}`
      const last = before?.budget === budget ? before.window : undefined
      const informed = last?.tab.condition === 'running' && last.status() !== 'closed'
      const call: SourceCall = { ...request, at: now(), window: here, budget, informed }
      const open = calls.filter(alive)
      const together = (one: SourceCall): boolean => !(one.window.tab.faults.locks ?? here.tab.faults.locks)
      if (open.some((one) => one.window === here)) broken.add('G2: two calls at one time in a tab')
      if (!without.includes('G2') && open.some((one) => one.budget.startsWith(key) && together(one)))
        broken.add('G2: two calls at one time')
      calls.push(call)
      const end = (answer?: unknown): void => {
        call.endedAt = now()
        const token: unknown = typeof answer === 'string' ? answer : (answer as { token?: unknown } | undefined)?.token
        if (typeof token === 'string') secrets.add((call.token = token))
      }
      try {
        const answer = source(request)
        if (answer instanceof Promise) answer.then(end, () => end())
        else end(answer)
        return answer
      } catch (error) {
        end()
        throw error
      }
    }
    return source.subscribe ? Object.assign(watched, { subscribe: source.subscribe }) : watched
  }

  const open = (given: OpenOptions = {}): Window => {
    const { user = 'ann', initial, signIn = true, faults, tab: old, keep, ...more } = { ...shared, ...given }
    const tab = old ?? browser.tab(faults)
    const name = more.name ?? 'default'
    const happened: Happened[] = []
    const applied: Window['applied'] = []
    const own = createSession({
      ...(keep && { storage: tab.storage }),
      environment: tab,
      ...more,
      source: watchSource(more.source ?? tab.source, name, () => window),
    })
    let acted = true
    let failed = false

    const note = (event: keyof SessionEvents, payload: unknown): void => {
      if (tab.condition === 'gone') return
      happened.push({ at: now(), event, payload })
      const { status } = own.state
      const { user: present } = own.state as { user?: User }
      if (event === 'signed-out') {
        const { user, reason } = payload as SessionEvents['signed-out']
        const key = `${name} ${nameOf(user)}`
        since.get(window)?.delete(key)
        if (reason !== 'other-tab') turn(key)
      }
      if (event === 'change') {
        const key = present && `${name} ${nameOf(present)}`
        if (key && !since.get(window)?.has(key))
          since.set(window, (since.get(window) ?? new Map<string, number>()).set(key, now()))
        if (failed && status === 'fetching' && !acted && !without.includes('G10'))
          broken.add('G10: a call after a final verdict')
        if (failed && status !== 'failed' && key) turn(key)
        if (!failed && status === 'failed') acted = false
        failed = status === 'failed'
      }
      if (event !== 'token') return
      const token = payload as Token
      secrets.add(token.value)
      for (const call of calls) if (call.token === token.value) call.brought ??= token
      if (token.user !== present || (more.subject === undefined && (token.claims?.sub ?? present!.id) !== present!.id))
        broken.add('G3: a token of somebody else')
      if (token.expiresAt! <= tab.now()) broken.add('G9: an ended token was adopted')
    }
    for (const event of names) own.on(event, (payload) => note(event, payload))
    const apply = ({ token }: { token: Token }): void => {
      applied.push({ at: now(), token })
      if (token.user !== (own.state as { user?: User }).user) broken.add('G3: an adapter got a token of somebody else')
    }
    own.attach({
      name: 'applied',
      attach: apply,
      update: (_, context) => apply(context),
      detach: () => void applied.push({ at: now(), token: undefined }),
    })
    const watched = (promise: Promise<string>): Promise<string> => {
      const result = watch(promise, now)
      asked.push({ window, result, excused: tab.condition !== 'running' })
      promise.then(
        (value) => {
          const { exp } = claimsOf(value)
          const token = window.of('token').find((one) => one.value === value)
          const ended = typeof exp === 'number' && exp * 1_000 <= now() + browser.backend.skew
          if (!without.includes('G9') && (ended || (token?.expiresAt ?? Infinity) <= tab.now()))
            broken.add('G9: an ended token was handed out')
        },
        () => {},
      )
      return promise
    }
    const session = Object.create(own, {
      getToken: { value: (options: object) => watched(own.getToken(options)) },
      refresh: { value: () => ((acted = true), watched(own.refresh())) },
      signIn: { value: (...who: Parameters<Session['signIn']>) => ((acted = true), own.signIn(...who)) },
      toJSON: { value: () => own },
      [inspect.custom]: { value: () => own },
    }) as Session
    const window: Window = {
      tab,
      session,
      happened,
      applied,
      of: (event) => happened.filter((one) => one.event === event).map(({ payload }) => payload) as never,
      errors: () => window.of('error').map(({ code }) => code),
      token: () => (own.state as { token?: Token }).token,
      status: () => own.state.status,
      ask: (options) => watch(session.getToken(options), now),
    }
    windows.push(window)
    if (signIn) session.signIn(user, initial)
    return window
  }

  const restore = methods.map((method) => {
    const original = console[method]
    console[method] = (...input: unknown[]) => {
      printed.push(input.map((part) => inspect(part)).join(' '))
      original.apply(console, input)
    }
    return () => (console[method] = original)
  })
  const note = (reason: unknown): void => void unhandled.push(reason)
  const events = ['unhandledRejection', 'uncaughtException'] as const
  for (const event of events) process.on(event, note)

  let finished = false
  const scene: Scene = {
    browser,
    windows,
    calls,
    without,
    broken,
    printed,
    unhandled,
    secrets,
    asked,
    open,
    openAll: (count, options) => Array.from({ length: count }, () => open(options)),
    advance: (ms) => browser.advance(ms),
    async result(promise) {
      const result = watch(promise)
      for (let step = 0; !result.ended && step < 10_000; step++) await browser.advance(step < 100 ? 1 : 100)
      if (!result.ended) expect.unreachable('it did not settle')
      return promise
    },
    async nextCall(step = 100) {
      for (const { length } = calls; calls.length === length;) await browser.advance(step)
      return calls.at(-1)!.window
    },
    gaps: () => calls.slice(1).map(({ at }, index) => at - calls[index]!.at),
    async finish() {
      if (finished) return
      finished = true
      try {
        checkScene(scene)
        for (const { tab } of windows) {
          tab.comeBack()
          tab.resume()
        }
        const open = windows.filter(({ tab }) => tab.condition !== 'gone')
        const closed = Promise.all(open.map(({ session }) => session.close()))
        await advance(20_000)
        await closed
        for (const { tab } of without.includes('G6') ? [] : open)
          expect(tab.leftovers, 'G6').toEqual({ timers: 0, listeners: 0, channels: 0, locks: 0 })
        expect(
          asked.filter(({ window, result }) => !result.ended && window.tab.condition !== 'gone'),
          'G7: after close()',
        ).toEqual([])
        if (!without.includes('G5')) expect(unhandled, 'G5').toEqual([])
      } finally {
        restore.forEach((undo) => undo())
        for (const event of events) process.off(event, note)
      }
    },
  }
  onTestFinished(() => scene.finish(), 60_000)
  return scene
}
