import type { Session, Token, TraceEntry } from 'inbox-session'
import { shallowRef } from 'vue'

export type Tone = 'good' | 'bad' | 'quiet'

export interface Entry {
  readonly id: number
  readonly at: number
  readonly provider: string
  readonly text: string
  readonly tone: Tone
}

/** What happened to the tokens, the newest first. Their numbers are the backend's; no entry holds a piece of one. */
export const entries = shallowRef<readonly Entry[]>([])
const most = 60
let count = 0

/** The number that the backend gave this token. */
export const numberOf = (token: Token): number => Number(token.extra?.number ?? token.generation)

const seconds = (ms: number): string => `${Math.round(ms / 1_000)} s`

/** Writes down what this session does from now on. */
export function record(provider: string, session: Session): void {
  let held: number | undefined

  const say = (at: number, text: string, tone: Tone = 'quiet'): void => {
    entries.value = [{ id: ++count, at, provider, text, tone }, ...entries.value.slice(0, most - 1)]
  }

  const describe = ({ at, type, reason, ...detail }: TraceEntry): void => {
    const { from, call, ok, code, retryAt } = detail
    if (type === 'sign-in') say(at, 'signed in')
    else if (type === 'switch') say(at, 'another user: the old token is gone')
    else if (type === 'sign-out') say(at, 'signed out: the token is gone')
    else if (type === 'adapter' && !ok) say(at, `the SDK failed at ${String(call)}`, 'bad')
    else if (type === 'adapter' && call !== 'detach') say(at, `token ${held} handed to the SDK`)
    else if (type === 'adapter') say(at, 'the SDK let go')
    else if (type === 'expired' && reason === 'rejected') say(at, `token ${held} refused by the provider`, 'bad')
    else if (type === 'expired') say(at, `token ${held} ended`, 'bad')
    else if (type === 'failure') {
      const again = Number.isFinite(retryAt) ? `, again in ${seconds(Number(retryAt) - at)}` : ''
      say(at, `no token: ${String(code)}${again}`, 'bad')
    } else if (type === 'token') {
      const { token } = session.state as { token: Token }
      const number = numberOf(token)
      const what = from ? 'came from another tab' : held ? `minted, refreshes token ${held}` : 'minted'
      const life = token.expiresAt ? `, good for ${seconds(token.expiresAt - at)}` : ''
      say(at, `token ${number} ${what}${life}`, 'good')
      held = number
    }
    if (type === 'switch' || type === 'sign-out') held = undefined
  }
  session.on('trace', describe)
}
