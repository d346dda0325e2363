import type { Session, TraceEntry } from 'inbox-session'

export interface Entry {
  id: number
  at: number
  words: string
  tone: 'plain' | 'good' | 'bad'
}

export interface Journal {
  subscribe(listener: () => void): () => void
  /** The newest first; the same array until there is another entry. */
  entries(): readonly Entry[]
}

const longest = 60
const reasons: Record<string, string> = {
  initial: 'Asks the backend for a token',
  refresh: 'Asks for the next token',
  rejected: 'Asks for another token',
  forced: 'Asks for a new token, as you wished',
}
const calls: Record<string, string> = {
  attach: 'Handed to the SDK',
  update: 'Handed to the running SDK',
  detach: 'Taken from the SDK',
}

/** The backend of this example counts the tokens it mints. */
export const numberOf = (token: {
  generation: number
  extra?: Readonly<Record<string, unknown>> | undefined
}): number => Number(token.extra?.number ?? token.generation)

const seconds = (from: number, to: unknown): string => `${Math.max(0, Math.round((Number(to) - from) / 1_000))} s`

/** Writes down what happens to a session's token, without any piece of it. */
export function createJournal(session: Session): Journal {
  const listeners = new Set<() => void>()
  let entries: readonly Entry[] = []
  let count = 0

  const write = (at: number, words: string, tone: Entry['tone'] = 'plain') => {
    entries = [{ id: ++count, at, words, tone }, ...entries].slice(0, longest)
    for (const listener of listeners) listener()
  }

  session.on('trace', (entry: TraceEntry) => {
    const { at, type, reason = '' } = entry
    if (type === 'sign-in') write(at, 'Signed in')
    if (type === 'sign-out') write(at, 'Signed out: the token is gone')
    if (type === 'switch') write(at, 'Another user: the old token is gone')
    if (type === 'fetch') write(at, reasons[reason] ?? 'Asks for a token')
    if (type === 'adapter') {
      const words = calls[String(entry.call)] ?? String(entry.call)
      write(at, entry.ok ? words : `${words}: failed`, entry.ok ? 'plain' : 'bad')
    }
    if (type === 'signal' && entry.kind === 'session-lost') write(at, 'The SDK lost its connection', 'bad')
    if (type === 'failure' || type === 'wait') {
      const next = Number.isFinite(entry.retryAt) ? `, next try in ${seconds(at, entry.retryAt)}` : ''
      write(at, `No token: ${String(entry.code).replaceAll('_', ' ')}${next}`, 'bad')
    }
  })
  session.on('token', (token) => {
    const { receivedAt, expiresAt } = token
    const life = expiresAt === undefined ? 'has no end' : `lives ${seconds(receivedAt, expiresAt)}`
    write(Date.now(), `Token ${numberOf(token)} arrived, ${life}`, 'good')
  })
  session.on('expired', ({ token, reason }) => {
    const words = reason === 'rejected' ? 'was refused by the provider' : 'ended before the next one came'
    write(Date.now(), `Token ${numberOf(token)} ${words}`, 'bad')
  })

  return {
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    entries: () => entries,
  }
}
