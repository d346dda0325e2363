import { inspect } from 'node:util'
import type { Adapter, Session, SessionEvents, Token, TokenRequest, User } from 'inbox-session'
import type { TestBrowser, TestTab } from 'inbox-session/testing'
import { piecesOf, shownPieces } from '../support/tokens.js'

/** A call of a source. */
interface Call extends Pick<TokenRequest, 'reason' | 'signal' | 'user'> {
  readonly at: number
  /** By the clock of the tab, which somebody may have set. */
  readonly told: number
  readonly window: Window
  /** For whom, and of which time: after a sign-out, and where nobody is left who was told of the last call, a new one begins. */
  readonly budget: string
  token?: string | undefined
  /** Tokens there were when it began: none of them is its own. */
  readonly tokens: number
  endedAt?: number
  /** Some tab took the answer over. */
  brought: boolean
}

/** A tab with its session, as it is watched. */
export interface Window {
  readonly name: string
  readonly tab: TestTab
  readonly session: Session
  /** Running without a break since then. */
  since: number
  /** Signed in since then, by user. */
  readonly signedIn: Map<string, number>
  /** The app did something that permits a call after a final verdict. */
  acted: boolean
  lastChange: unknown
}

const hasEnded = (tab: TestTab, state: unknown): boolean => {
  const { token } = (state ?? {}) as { token?: Token }
  // By the margin that a token must have left: 5 s, or a tenth of its life.
  return token?.expiresAt !== undefined && token.expiresAt - 5_000 <= tab.now()
}

/** Looks whether what must hold always holds (G1–G10 of the catalogue). */
export interface Watch {
  /** What was seen to be wrong. */
  readonly broken: string[]
  readonly windows: Window[]
  readonly log: string[]
  note(text: string): void
  /** Follows a session from its first moment; `wrap` its source. */
  follow(tab: TestTab, create: (wrap: (source: Source) => Source) => Session): Window
  /** Follows a promise of getToken() or refresh(). */
  asked(window: Window, promise: Promise<string>): void
  /** A clock went on by itself, or the device slept: whoever waits then may lose patience. */
  jumped(): void
  /** There is such a token, and it has not ended. */
  isGood(value: string | undefined): boolean
  /** The provider refused it. */
  refused(value: string): void
  adapter(window: Window, mood: () => string): Adapter
  /** What can be looked at at any time. */
  check(): void
  /** What can only be looked at in the end. */
  finish(): void
}

type Source = (request: TokenRequest) => any

const events = ['change', 'token', 'expired', 'error', 'signed-out', 'trace'] as const
const nameOf = ({ id, tenant }: User): string => JSON.stringify([id, tenant])
const minute = 60_000
// Times in fractions of a millisecond, added up.
const rounding = 0.001

const claimsOf = (token: string): { sub?: string; exp?: number } => {
  const { 1: payload = '' } = token.split('.')
  return JSON.parse(Buffer.from(payload, 'base64url').toString())
}

export function createWatch(browser: TestBrowser, lossy: boolean, grace: number): Watch {
  const broken: string[] = []
  const windows: Window[] = []
  const log: string[] = []
  const calls: Call[] = []
  const turns = new Map<string, number>()
  const waiting = new Map<Promise<string>, { window: Window; at: number }>()
  const refused = new Map<string, number>()
  const texts: string[] = []
  const { backend } = browser
  let jumpedAt = -Infinity
  const jumps: number[] = []
  let hasFailed = false

  const note = (text: string): void => void log.push(`${((browser.now - began) / 1_000).toFixed(3)} ${text}`)
  const must = (holds: boolean, otherwise: string): void => {
    if (holds) return
    note(`!!! ${otherwise}`)
    broken.push(otherwise)
  }
  const began = browser.now
  const userOf = ({ session }: Window): User | undefined => (session.state as { user?: User }).user
  const isRunning = ({ tab }: Window): boolean => tab.condition === 'running'
  const alive = ({ window, endedAt, signal }: Call): boolean =>
    isRunning(window) && endedAt === undefined && !signal.aborted
  const isGood = (value: string | undefined): boolean =>
    value !== undefined && (claimsOf(value).exp ?? Infinity) * 1_000 > browser.now + backend.skew
  const checkGood = (value: string, what: string): void => must(isGood(value), `G9: an ended token ${what}`)
  const turn = (id: string): void => void turns.set(id, (turns.get(id) ?? 0) + 1)

  const startCall = (window: Window, { reason, signal, user }: TokenRequest): Call => {
    const id = nameOf(user)
    const before = calls.filter(({ budget }) => budget.startsWith(id)).at(-1)
    const told = (other: Window): boolean =>
      isRunning(other) &&
      // Who has a final verdict tells no newcomer of it.
      !/closed|failed/.test(other.session.state.status) &&
      Math.max(other.since, other.signedIn.get(id) ?? Infinity) < before!.at
    if (before && !windows.some(told)) turn(id)
    const budget = `${id} ${turns.get(id) ?? 0}`
    const call: Call = {
      reason,
      signal,
      user,
      at: browser.now,
      told: window.tab.now(),
      window,
      budget,
      tokens: backend.tokens.length,
      brought: false,
    }
    const others = calls.filter((one) => one.budget === budget)
    note(`${window.name} calls for ${user.id} (${reason})`)
    must(!calls.some((one) => one.window === window && alive(one)), 'G2: two calls at one time in a tab')
    const calm = !lossy && browser.now - jumpedAt > 30_000
    must(!calm || !others.some(alive), 'G2: two calls at one time')
    const previous = others.at(-1)
    const isNew = Boolean(previous) && backend.tokens.indexOf(previous!.token ?? '') >= previous!.tokens
    // A token from before a jump may have ended, or look as if.
    if (
      calm &&
      isNew &&
      previous?.brought &&
      previous.at > jumpedAt &&
      isRunning(previous.window) &&
      ['refresh', 'forced'].includes(reason)
    ) {
      const { exp = 0 } = claimsOf(previous.token!)
      // A call is counted from when it was wanted: it may have waited for the other tabs' answers for 300 ms.
      // By a clock of whole seconds its life, from the answer on, may look a second shorter.
      const gap = reason === 'forced' ? 700 : (exp * 1_000 - previous.endedAt! - backend.skew - 1_000) / 10
      // Who has just come back may hear of an older token first, and call once.
      if (previous.window.session.state.status !== 'closed' && browser.now - window.since > 1_000)
        must(call.at - previous.at >= gap - 1, 'G1: too soon after a success')
    }
    calls.push(call)
    return call
  }

  const follow: Watch['follow'] = (tab, create) => {
    const name = `tab ${windows.length + 1}`
    const wrap = (source: Source): Source =>
      async function wrapped(request) {
        const call = startCall(window, request)
        try {
          const answer: any = await source(request)
          call.token = answer?.token
          return answer
        } finally {
          call.endedAt = browser.now
        }
      }
    const window: Window = {
      name,
      tab,
      session: create(wrap),
      since: browser.now,
      signedIn: new Map(),
      acted: true,
      lastChange: undefined,
    }
    const hear = <Name extends keyof SessionEvents>(event: Name, payload: SessionEvents[Name]): void => {
      must(isRunning(window), `${event} in a tab that does not run`)
      if (event === 'trace') return void (texts.length < 200 && texts.push(JSON.stringify(payload)))
      if (event === 'error') {
        const { code, message, stack } = payload as SessionEvents['error']
        note(`${name} error ${code}: ${message}`)
        texts.push(`${stack}${inspect(payload)}`)
      }
      if (event === 'signed-out') {
        const { user, reason } = payload as SessionEvents['signed-out']
        note(`${name} signed out (${reason})`)
        window.signedIn.delete(nameOf(user))
        if (reason !== 'other-tab') turn(nameOf(user))
      }
      if (event === 'change') hearChange(payload as SessionEvents['change'])
      if (event === 'token') hearToken(payload as Token)
    }
    const hearChange = (state: SessionEvents['change']): void => {
      const { user, error, token } = state as { user?: User; error?: { code: string }; token?: Token }
      const before = window.lastChange as SessionEvents['change'] | undefined
      const held = token ? ` with token ${backend.tokens.indexOf(token.value) + 1}` : ''
      note(`${name} ${state.status}${error ? ` ${error.code}` : ''}${held}`)
      must(Object.isFrozen(state), 'G8: a state that can be changed')
      must(state !== before, 'G8: a change that is none')
      if (user && !window.signedIn.has(nameOf(user))) window.signedIn.set(nameOf(user), browser.now)
      if (user && before?.status === 'failed') {
        turn(nameOf(user))
        must(state.status !== 'fetching' || window.acted || Boolean(token), 'G10: a call after a final verdict')
      }
      if (state.status === 'failed') window.acted = false
      window.lastChange = state
      if (token) checkUser(token.value, user)
    }
    const checkUser = (value: string, user: User | undefined): void =>
      must(claimsOf(value).sub === user?.id, 'G3: a token of somebody else')
    const hearToken = (token: Token): void => {
      const number = backend.tokens.indexOf(token.value)
      for (const call of calls)
        call.brought ||= call.token === token.value && (number >= call.tokens || call.window === window)
      must(token.user === userOf(window), 'G3: a token of somebody else')
      checkUser(token.value, userOf(window))
      checkGood(token.value, 'was adopted')
      // A newcomer hears of it a moment later, from somebody who was there.
      const at = refused.get(token.value) ?? Infinity
      const id = nameOf(token.user)
      const knows = (one: Window): boolean =>
        isRunning(one) &&
        one.session.state.status !== 'closed' &&
        Math.max(one.since, one.signedIn.get(id) ?? Infinity) < at
      const late = browser.now - Math.max(at, window.since + grace, jumpedAt) > grace
      // A storage that fails keeps what was to be removed.
      hasFailed ||= Boolean(browser.storage.fault)
      must(!late || hasFailed || !windows.some(knows), 'a refused token came back')
    }
    for (const event of events) window.session.on(event, (payload) => hear(event, payload as never))
    windows.push(window)
    return window
  }

  const asked: Watch['asked'] = (window, promise) => {
    const user = userOf(window)
    waiting.set(promise, { window, at: browser.now })
    promise.then(
      (value) => {
        waiting.delete(promise)
        must(userOf(window) === user, 'G3: a token of somebody who has left')
        must(claimsOf(value).sub === user?.id, 'G3: a token of somebody else for a caller')
        checkGood(value, 'for a caller')
      },
      (error: { code?: string }) => {
        waiting.delete(promise)
        must(Boolean(error.code), `an error of another kind: ${String(error)}`)
        texts.push(inspect(error))
      },
    )
  }

  const adapter: Watch['adapter'] = (window, mood) => {
    let busySince: number | undefined
    let generation = 0
    const call = (what: string, token: Token): any => {
      must(isRunning(window), `${what} in a tab that does not run`)
      must(
        busySince === undefined || browser.now - busySince >= 5_000,
        `two calls of one adapter at one time (${what})`,
      )
      if (what !== 'detach') {
        must(token.generation >= generation, 'an older token after a newer one')
        must(token.user === userOf(window), `G3: ${what} for somebody who has left`)
        generation = token.generation
      }
      const now = mood()
      if (now === 'throw') throw new Error('the SDK is broken')
      if (now === 'well') return
      busySince = browser.now
      const time = now === 'slow' ? 2_000 : Infinity
      return new Promise<void>((resolve) => {
        if (time < Infinity)
          window.tab.window.setTimeout(() => {
            busySince = undefined
            resolve()
          }, time)
      })
    }
    return {
      name: 'sdk',
      attach: ({ token }) => call('attach', token),
      update: (_, { token }) => call('update', token),
      detach: (_, _reason, last) => call('detach', last),
    }
  }

  const check = (): void => {
    hasFailed ||= Boolean(browser.storage.fault)
    for (const window of windows) {
      const { session, tab, name, lastChange } = window
      if (tab.condition === 'gone') continue
      // Where timers stood still, a state loses its ended token first (G9); the word comes with the next timer.
      const { state } = session
      const ended = !('token' in state) && hasEnded(tab, lastChange)
      must(!lastChange || state === lastChange || ended, `G8: ${name} changed without a word`)
      if (isRunning(window)) must(tab.leftovers.timers < 20, `${tab.leftovers.timers} timers in ${name}`)
    }
    for (const [promise, { window, at }] of waiting) {
      if (!isRunning(window)) waiting.set(promise, { window, at: browser.now })
      else must(browser.now - at < (lossy ? 5 : 2) * minute, `G7: ${window.name} waits for a token`)
    }
  }

  const checkBudget = (some: readonly Call[], whose: string, time: (call: Call) => number, spare: number): void => {
    const times = some.filter(({ brought, endedAt, signal }) => !brought && (endedAt || signal.aborted)).map(time)
    for (const [number, span] of [
      [10, minute],
      [30, 10 * minute],
    ] as const)
      for (const [index, at] of times.entries()) {
        const most = number + spare * jumps.filter((jump) => jump >= at && jump - at < span).length
        must(!(times[index + most]! - at < span - rounding), `G1: ${most + 1} calls of ${whose} for nothing`)
      }
  }

  const finish = (): void => {
    for (const window of windows) {
      const theirs = calls.filter((call) => call.window === window)
      checkBudget(theirs, `${window.name} by its own clock`, ({ told }) => told, 0)
      // Setting the clock forward costs one call more.
      checkBudget(theirs, window.name, ({ at }) => at, 1)
    }
    if (!lossy)
      for (const budget of new Set(calls.map((call) => call.budget)))
        checkBudget(
          calls.filter((call) => call.budget === budget),
          'all tabs',
          ({ at }) => at,
          // Calls that begin together, because a clock has jumped, count as one; and to whoever switches to a user after
          // that the calls before are of another day.
          10,
        )
    const pieces = piecesOf(backend.tokens)
    const written = windows.flatMap(({ session, tab }) => {
      if (tab.condition === 'gone') return []
      return [JSON.stringify(session), inspect(session), inspect(session.state), JSON.stringify(session.state)]
    })
    const names = [...browser.storage.items.keys(), ...browser.messages.slice(-50).map(({ channel }) => channel)]
    const urls = backend.calls.slice(-50).map(({ url }) => url)
    const shown = shownPieces([...written, ...texts.slice(-40), ...names, ...urls].join('\n'), pieces)
    must(!shown.length, `G4: a piece of a token after ${shown[0]}`)
    for (const [key, record] of browser.storage.items)
      for (const token of backend.tokens.slice(-20))
        if (record.includes(token))
          must(key.includes(`"${claimsOf(token).sub}"`), 'G3: a token under the key of another')
    for (const { channel, data } of browser.messages.slice(-200)) {
      const { record = '' } = Object((data as any)?.message)
      const { token } = record ? JSON.parse(record) : {}
      if (token) must(channel.includes(`"${claimsOf(token).sub}"`), 'G3: a token in the channel of another')
    }
  }

  return {
    broken,
    windows,
    log,
    note,
    follow,
    asked,
    jumped() {
      jumpedAt = browser.now
      jumps.push(browser.now)
      for (const [promise, { window }] of waiting) waiting.set(promise, { window, at: browser.now })
    },
    isGood,
    refused: (value) => void refused.set(value, browser.now),
    adapter,
    check,
    finish,
  }
}
