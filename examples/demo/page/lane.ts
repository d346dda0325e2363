import type { Session, SessionState, Token, TraceEntry } from 'inbox-session'
import type { ProviderName } from './api.js'

/** One token over time. */
export interface Bar {
  generation: number
  /** The same in every tab that has this token. */
  number: number
  user: string
  from: number
  /** Since when this tab has it: another tab may have asked for it. */
  since: number
  /** When it is to be replaced. */
  due?: number | undefined
  /** Its end; Infinity: none. */
  to: number
  /** Taken away before its end. */
  cut?: { at: number; why: 'refused' | 'dropped' } | undefined
  /** When the next one took over. */
  replaced?: number | undefined
}

/** One thing that happened, or is planned, at an instant. */
export interface Mark {
  at: number
  kind: 'failure' | 'refused' | 'arrived' | 'asked' | 'told'
  text: string
  /** The failure of another tab's request. */
  told?: boolean
  /** The tab whose request brought what was told. */
  by?: number | undefined
  /** A failure's next attempt. */
  retryAt?: number | undefined
}

/** One request for a token: from its start to its outcome. */
export interface Attempt {
  from: number
  to?: number | undefined
}

/** What the page draws of one session. */
export interface Lane {
  readonly provider: ProviderName
  readonly label: string
  readonly session: Session
  bars: Bar[]
  marks: Mark[]
  attempts: Attempt[]
  /** Requests of this tab's, and tokens of other tabs' requests. */
  asked: number
  told: number
  readonly state: SessionState
  /** The token in use, if there is one. */
  readonly current: Bar | undefined
  arrived(title: string): void
  /** This tab sends a request to the backend. */
  asks(): void
  /** Forgets what ended before that instant. */
  forget(before: number): void
}

/** What the backend says beside a token. */
interface Origin {
  number?: number
  tab?: number
}

const finite = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined

/** Follows a session's trace and turns it into bars and marks; `changed` is called after each change. */
export function createLane(
  provider: ProviderName,
  label: string,
  session: Session,
  changed: (entry?: TraceEntry) => void,
): Lane {
  const lane: Lane = {
    provider,
    label,
    session,
    bars: [],
    marks: [],
    attempts: [],
    asked: 0,
    told: 0,
    get state() {
      return session.state
    },
    get current() {
      const { state } = session
      const held = 'token' in state ? state.token?.generation : undefined
      return lane.bars.find(({ generation }) => generation === held)
    },
    arrived(title) {
      lane.marks.push({ at: Date.now(), kind: 'arrived', text: title })
      changed()
    },
    asks() {
      lane.asked++
      lane.marks.push({ at: Date.now(), kind: 'asked', text: 'this tab asked the backend' })
      changed()
    },
    forget(before) {
      lane.bars = lane.bars.filter((bar, index) => index === lane.bars.length - 1 || bar.to > before)
      lane.marks = lane.marks.filter((mark) => mark.at > before)
      lane.attempts = lane.attempts.filter((attempt) => (attempt.to ?? Infinity) > before)
    },
  }

  const adopt = (token: Token, at: number, due?: number, from?: unknown) => {
    const { generation, receivedAt, expiresAt, user, extra } = token
    const { number = generation, tab } = (extra ?? {}) as Origin
    if (lane.bars.some((bar) => bar.generation === generation)) return
    const last = lane.bars.at(-1)
    if (last) last.replaced ??= at
    const to = expiresAt ?? Infinity
    lane.bars.push({ generation, number, from: receivedAt, since: at, to, due, user: user.id })
    if (from !== 'tab') return
    lane.told++
    lane.marks.push({ at, kind: 'told', text: `told token ${number}, for which tab ${tab} asked`, by: tab })
  }
  const cut = (at: number, why: 'refused' | 'dropped') => {
    const bar = lane.bars.at(-1)
    if (bar && !bar.cut && bar.to > at) bar.cut = { at, why }
  }
  const settle = (at: number) => {
    const attempt = lane.attempts.at(-1)
    if (attempt) attempt.to ??= at
  }

  const on: Record<string, (entry: TraceEntry) => void> = {
    fetch: ({ at }) => {
      settle(at)
      lane.attempts.push({ from: at })
    },
    token: ({ at, generation, dueAt, from }) => {
      settle(at)
      const { state } = session
      const token = 'token' in state ? state.token : undefined
      if (token?.generation === generation) adopt(token!, at, finite(dueAt), from)
    },
    failure: ({ at, code, status, retryAt, from }) => {
      settle(at)
      const text = [code, status].filter(Boolean).join(' ')
      lane.marks.push({ at, kind: 'failure', text, told: from === 'tab', retryAt: finite(retryAt) })
    },
    expired: ({ at, reason }) => {
      if (reason !== 'rejected') return
      cut(at, 'refused')
      lane.marks.push({ at, kind: 'refused', text: 'refused by the provider' })
    },
    'sign-out': ({ at }) => {
      settle(at)
      cut(at, 'dropped')
    },
    switch: ({ at }) => {
      settle(at)
      cut(at, 'dropped')
    },
  }

  session.on('trace', (entry) => {
    on[entry.type]?.(entry)
    changed(entry)
  })
  session.on('token', (token) => {
    adopt(token, Date.now())
    changed()
  })
  session.on('signed-out', () => {
    cut(Date.now(), 'dropped')
    changed()
  })
  session.on('change', () => changed())
  return lane
}
