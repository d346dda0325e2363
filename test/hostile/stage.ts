import { inspect } from 'node:util'
import { createSession, isSessionError } from 'inbox-session'
import type {
  Session,
  SessionError,
  SessionEvents,
  SessionOptions,
  Token,
  TokenRequest,
  TokenSource,
} from 'inbox-session'
import { type TestBrowser, type TestTab, createTestBrowser, createTestToken } from 'inbox-session/testing'
import { expect } from 'vitest'
import { secrets } from './input.js'

/** What was told: the payload, and before which call of the source. */
interface Told {
  readonly event: keyof SessionEvents
  readonly payload: unknown
  readonly calls: number
}

/** A session of Ann's, or of whoever, in a tab of a simulated browser. */
export interface Stage {
  readonly browser: TestBrowser
  readonly tab: TestTab
  readonly session: Session
  readonly told: readonly Told[]
  readonly calls: readonly (TokenRequest & { readonly at: number })[]
  /** What a good backend answers. */
  good(request: TokenRequest): string
  /** Tokens of this browser's good backend, whichever tab asked. */
  readonly minted: readonly string[]
  token(): Token | undefined
  advance(ms: number): Promise<void>
}

export interface StageOptions extends Partial<SessionOptions> {
  browser?: TestBrowser
  tab?: TestTab
  /** Answers in place of the good backend where it is set. */
  answer?: ((request: TokenRequest, stage: Stage) => unknown) | undefined
  subscribe?: TokenSource['subscribe']
  /** Seconds the good backend's tokens live. */
  lifetime?: number
}

const mints = new WeakMap<TestBrowser, string[]>()
const events = ['change', 'token', 'expired', 'error', 'signed-out', 'trace'] as const

export function createStage({
  browser = createTestBrowser(),
  tab = browser.tab(),
  answer,
  subscribe,
  lifetime = 3_600,
  ...options
}: StageOptions = {}): Stage {
  const told: Told[] = []
  const calls: (TokenRequest & { at: number })[] = []
  const minted = mints.get(browser) ?? []
  mints.set(browser, minted)
  const source: TokenSource = (request) => {
    calls.push({ ...request, at: browser.now })
    return (answer ?? stage.good)(request, stage) as string
  }
  if (subscribe) source.subscribe = subscribe
  const session = createSession({ source, environment: tab, ...options })
  for (const event of events) session.on(event, (payload) => void told.push({ event, payload, calls: calls.length }))
  const stage: Stage = {
    browser,
    tab,
    session,
    told,
    calls,
    minted,
    good({ user: { id } }) {
      const issuedAt = Math.floor(browser.now / 1_000)
      const token = createTestToken({ sub: id, issuedAt, expiresIn: lifetime })
      minted.push(token)
      return token
    },
    token: () => (session.state as { token?: Token }).token,
    advance: (ms) => browser.advance(ms),
  }
  return stage
}

const said: unknown[] = []
for (const event of ['unhandledRejection', 'uncaughtException'] as const)
  process.on(event, (error) => void said.push(error))

/** Nothing was thrown where nobody catches it, and no prototype has been changed. */
export const expectQuiet = (): void => {
  expect(
    said.splice(0).map((error) => inspect(error, { depth: 1 }).slice(0, 300)),
    'unhandled',
  ).toEqual([])
  if (Object.keys(Object.prototype).length || ({} as { polluted?: unknown }).polluted !== undefined)
    expect.fail('a prototype was changed')
}

const length = 12
const piecesOf = (texts: readonly string[]): Set<string> => {
  const pieces = new Set<string>()
  for (const text of texts)
    for (let at = 0; at + length <= Math.min(text.length, 2_000); at++) pieces.add(text.slice(at, at + length))
  return pieces
}
const known = piecesOf(secrets)
const shows = (text: string, pieces: ReadonlySet<string>): boolean => {
  // Words, names and numbers take most of a text: a piece is twelve characters without a blank in them.
  for (const [run] of text.matchAll(/\S{12,}/g))
    for (let at = 0; at + length <= run.length; at++) if (pieces.has(run.slice(at, at + length))) return true
  return false
}

/** All that may come to be seen of a value. */
const faces = (value: unknown): string => {
  if (!isSessionError(value)) return JSON.stringify(value) + inspect(value, { depth: 9 })
  const { message, stack, cause } = value
  return [message, stack, JSON.stringify(value), inspect([value, cause], { depth: 9, showHidden: true })].join('\n')
}

/** No piece of a secret, and none of those texts, is to be seen in it. */
export const expectNoSecret = (value: unknown, texts: readonly string[] = []): void => {
  const text = faces(value)
  if (shows(text, known) || (texts.length && shows(text, piecesOf(texts))))
    expect.fail('a secret shows: ' + text.slice(0, 400))
}

/** An error as it should be: typed, with parts of the right kind, and nothing of what was answered in it. */
export const expectSound = (error: SessionError, texts: readonly string[] = []): void => {
  if (!isSessionError(error)) expect.fail('no SessionError: ' + inspect(error, { depth: 0 }))
  const { code, status, retryAfter, retryable, message } = error
  const sound =
    typeof code === 'string' &&
    /^[a-z_]{6,20}$/.test(code) &&
    typeof retryable === 'boolean' &&
    [status, retryAfter].every((one) => one === undefined || typeof one === 'number')
  if (!sound) expect.fail('an error with odd parts: ' + inspect({ code, status, retryAfter, retryable }))
  if (message.length > 1_000) expect.fail(`a message of ${message.length} characters`)
  expectNoSecret(error, texts)
}

const shapes: Record<string, string> = {
  'signed-out': 'status',
  fetching: 'status,user',
  fresh: 'status,user,token',
  waiting: 'status,user,error,retryAt',
  failed: 'status,user,error',
  closed: 'status',
}

/** The state is one that the types promise, its events agree with it, and no secret was told. */
export const expectLawful = ({ session, told, browser }: Stage, texts: readonly string[] = []): void => {
  const state = session.state as Record<string, any>
  const { status, token, error, retryAt, user } = state
  const missing = (shapes[status] ?? 'nonsense').split(',').filter((key) => state[key] === undefined)
  expect(missing, status).toEqual([])
  if (!Object.isFrozen(state)) expect.fail('the state is not frozen')
  if (token) {
    const { receivedAt, expiresAt } = token as Token
    if (token.user !== user || typeof token.value !== 'string') expect.fail('a token of somebody else')
    if (!Number.isFinite(receivedAt) || !(expiresAt === undefined || expiresAt > browser.now))
      expect.fail(`a token from ${receivedAt} to ${expiresAt}`)
  }
  if (retryAt !== undefined && !(retryAt >= 0 && (retryAt === Infinity || retryAt - browser.now <= 750_000)))
    expect.fail(`the next try at ${retryAt}`)
  if (error) expectSound(error as SessionError, texts)
  const heard = told.slice(-60)
  for (const { event, payload } of heard) if (event === 'error') expectSound(payload as SessionError, texts)
  expectNoSecret(
    heard.flatMap(({ event, payload }) => (event === 'trace' ? [payload] : [])),
    texts,
  )
  expectNoSecret(heard.flatMap(({ event, payload }) => (event === 'error' || event === 'trace' ? [] : [payload])))
  const changes = told.filter(({ event }) => event === 'change')
  if (changes.length && changes.at(-1)!.payload !== state) expect.fail('the last change was not told')
}

/** Calls that brought nothing newer: 10 in 60 s, 30 in 10 min; others a tenth of the lifetime apart. Only for one user. */
export const expectBudget = ({ calls, told }: Stage): void => {
  const brought = new Map<number, Token>()
  for (const { event, payload, calls } of told) if (event === 'token') brought.set(calls, payload as Token)
  const wasted = calls.filter((_, index) => !brought.has(index + 1)).map(({ at }) => at)
  for (const [number, span] of [
    [10, 60_000],
    [30, 600_000],
  ] as const)
    wasted.forEach((at, index) => {
      if (wasted[index + number]! - at < span)
        expect.fail(`${number + 1} calls for nothing in ${wasted[index + number]! - at} ms`)
    })
  calls.slice(1).forEach(({ at, reason }, index) => {
    const token = brought.get(index + 1)
    const gap = at - calls[index]!.at
    if (token?.expiresAt && reason === 'refresh' && gap < (token.expiresAt - token.receivedAt) / 10 - 1)
      expect.fail(`${gap} ms after a token of ${token.expiresAt - token.receivedAt} ms`)
  })
}

/** Notes how a promise ends. */
export const watch = <T>(promise: Promise<T>): { value?: T; error?: SessionError; ended: boolean } => {
  const result: ReturnType<typeof watch<T>> = { ended: false }
  promise.then(
    (value) => void Object.assign(result, { value, ended: true }),
    (error: SessionError) => void Object.assign(result, { error, ended: true }),
  )
  return result
}

/** Enough for a token whose issue lies five minutes ahead, as clocks differ, and a step of the ladder. */
export const withClocksApart = { within: 400_000 }

/** With a good backend a refresh brings a token, a sign-out ends it, and closing leaves nothing behind; each in its time. */
export const expectAlive = async (stage: Stage, { within = 70_000 } = {}): Promise<void> => {
  const { session, tab, advance, minted } = stage
  if (session.state.status !== 'signed-out') {
    const before = new Set(minted)
    const renewed = (): boolean => {
      const { value = '' } = stage.token() ?? {}
      return session.state.status === 'fresh' && minted.includes(value) && !before.has(value)
    }
    const refreshed = watch(session.refresh())
    for (let time = 0; time < within && !renewed(); time += 1_000) await advance(1_000)
    expect(refreshed.ended, 'refresh() has ended').toBe(true)
    expect([session.state.status, renewed()], 'after the refresh').toEqual(['fresh', true])
    const asked = watch(session.getToken())
    await advance(1)
    expect(minted.includes(asked.value!), 'the token is the backend’s').toBe(true)
    const out = watch(session.signOut())
    await advance(8_000)
    expect(out.ended, 'signOut() has ended').toBe(true)
  }
  expect(session.state).toEqual({ status: 'signed-out' })
  const closed = watch(session.close())
  await advance(8_000)
  expect(closed.ended, 'close() has ended').toBe(true)
  expect(tab.leftovers).toEqual({ timers: 0, listeners: 0, channels: 0, locks: 0 })
  expectQuiet()
}
