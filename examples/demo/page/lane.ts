import type { Session, SessionState, TraceEntry } from 'inbox-session'
import type { ProviderName } from './api.js'

/** One token over time. */
export interface Bar {
  generation: number
  user: string
  from: number
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
  kind: 'failure' | 'refused' | 'arrived'
  text: string
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
  readonly state: SessionState
  /** The token in use, if there is one. */
  readonly current: Bar | undefined
  arrived(title: string): void
  /** Forgets what ended before that instant. */
  forget(before: number): void
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
    forget(before) {
      lane.bars = lane.bars.filter((bar, index) => index === lane.bars.length - 1 || bar.to > before)
      lane.marks = lane.marks.filter((mark) => mark.at > before)
      lane.attempts = lane.attempts.filter((attempt) => (attempt.to ?? Infinity) > before)
    },
  }

  const adopt = (generation: number, from: number, to: number | undefined, user: string, due?: number) => {
    const known = lane.bars.find((bar) => bar.generation === generation)
    if (known) {
      known.due = due ?? known.due
      return
    }
    const last = lane.bars.at(-1)
    if (last) last.replaced ??= from
    lane.bars.push({ generation, from, to: to ?? Infinity, due, user })
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
    token: ({ at, generation, receivedAt, expiresAt, dueAt }) => {
      settle(at)
      const id = finite(generation)
      const { state } = session
      const user = 'user' in state ? state.user.id : ''
      if (id !== undefined) adopt(id, finite(receivedAt) ?? at, finite(expiresAt), user, finite(dueAt))
    },
    failure: ({ at, code, status, retryAt }) => {
      settle(at)
      const text = [code, status].filter(Boolean).join(' ')
      lane.marks.push({ at, kind: 'failure', text, retryAt: finite(retryAt) })
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
    adopt(token.generation, token.receivedAt, token.expiresAt, token.user.id)
    changed()
  })
  session.on('signed-out', () => {
    cut(Date.now(), 'dropped')
    changed()
  })
  session.on('change', () => changed())
  return lane
}
