import type { SessionState, TraceEntry } from 'inbox-session'

/** How good or bad something is, for its colour. */
export type Tone = 'good' | 'busy' | 'warn' | 'bad' | 'idle'

const seconds = (ms: number): string => {
  const value = Math.max(0, ms) / 1000
  return value >= 90 ? `${Math.round(value / 60)} min` : `${Math.round(value)} s`
}

/** A length of time in the unit a person would use. */
export const duration = seconds

/** The clock time of an instant. */
export const clock = (at: number): string => new Date(at).toLocaleTimeString('en-GB')

/** What went wrong, by error code, in words for a person. */
export const causes: Record<string, string> = {
  unauthorized: 'the backend says nobody is signed in',
  subject_mismatch: 'the token is somebody else’s',
  source_failed: 'the backend failed',
  timeout: 'the backend took too long',
  offline: 'the network is off',
  invalid_answer: 'no token in the backend’s answer',
  expired_on_arrival: 'the token had ended on arrival',
  stale_token: 'the backend sent the old token again',
  rejected: 'the provider refuses every token',
}

/** A session's state as a chip shows it. */
export function describeState(state: SessionState): { text: string; tone: Tone; detail: string } {
  switch (state.status) {
    case 'fresh':
      return { text: 'Fresh', tone: 'good', detail: 'the token is good' }
    case 'fetching':
      return state.token
        ? { text: 'Refreshing', tone: 'busy', detail: 'the old token keeps serving' }
        : { text: 'Signing in', tone: 'busy', detail: 'waiting for a token' }
    case 'waiting': {
      const cause = causes[state.error.code] ?? state.error.code
      return state.token
        ? { text: 'Retrying', tone: 'warn', detail: `${cause}, the old token serves` }
        : { text: 'Retrying', tone: 'bad', detail: cause }
    }
    case 'failed': {
      const cause = causes[state.error.code] ?? state.error.code
      return state.token
        ? { text: 'Stopped', tone: 'warn', detail: cause }
        : { text: 'Stopped', tone: 'bad', detail: cause }
    }
    case 'closed':
      return { text: 'Closed', tone: 'idle', detail: 'this session was closed' }
    default:
      return { text: 'Signed out', tone: 'idle', detail: 'no token is held' }
  }
}

const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)

/** A trace entry as a sentence; `newest`: the number of the session's newest token. Types it does not know are shown by their name. */
export function describeEntry(entry: TraceEntry, newest?: number): { text: string; tone: Tone } {
  const { at, type, reason } = entry
  const until = (value: unknown) => {
    const instant = number(value)
    return instant !== undefined && Number.isFinite(instant) ? seconds(instant - at) : undefined
  }
  switch (type) {
    case 'sign-in':
      return { text: 'signs in', tone: 'idle' }
    case 'sign-out':
      return { text: 'signs out, the token is gone', tone: 'idle' }
    case 'switch':
      return { text: 'another user: the old token is gone', tone: 'idle' }
    case 'fetch': {
      const attempt = number(entry.attempt) ?? 1
      return { text: `wants a token (${reason ?? 'initial'}${attempt > 1 ? `, try ${attempt}` : ''})`, tone: 'busy' }
    }
    case 'token': {
      const life = until(entry.expiresAt)
      const due = until(entry.dueAt)
      const from = entry.from === 'tab' ? ' from another tab' : ''
      const what = `token ${newest ?? ''}${from}`
      return { text: `${what}, ${life ? `lives ${life}` : 'no end'}${due ? `, refresh in ${due}` : ''}`, tone: 'good' }
    }
    case 'failure': {
      const retry = until(entry.retryAt)
      const cause = causes[String(entry.code)] ?? String(entry.code)
      const status = entry.status ? ` (${entry.status})` : ''
      const where = entry.from === 'tab' ? 'another tab: ' : ''
      return { text: `${where}${cause}${status}${retry ? `, again in ${retry}` : ''}`, tone: 'bad' }
    }
    case 'wait':
      return { text: `waits: ${reason ?? causes[String(entry.code)] ?? entry.code}`, tone: 'idle' }
    case 'expired':
      return reason === 'rejected'
        ? { text: 'the provider refused the token', tone: 'bad' }
        : { text: 'the token is spent', tone: 'warn' }
    case 'rejected':
      return { text: 'a refusal was reported', tone: 'warn' }
    case 'refresh':
      return { text: 'a refresh was asked for', tone: 'idle' }
    case 'adapter': {
      const fine = entry.ok !== false
      return { text: `adapter ${entry.call ?? ''}${fine ? '' : ' failed'}`, tone: fine ? 'idle' : 'bad' }
    }
    case 'lacks':
      return { text: `does without ${String(entry.what)}, which this page may not use`, tone: 'warn' }
    case 'signal':
      return {
        text: `the SDK reports: ${entry.kind ?? reason ?? ''}`,
        tone: entry.kind === 'accepted' ? 'idle' : 'warn',
      }
    default:
      return { text: reason ? `${type}: ${reason}` : type, tone: 'idle' }
  }
}
