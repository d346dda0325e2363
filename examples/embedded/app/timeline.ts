import type { Session, TraceEntry } from 'inbox-session'
import { byId, html } from '../../demo/page/dom.js'
import type { Tell } from './embed.js'
import { numberOf } from './token.js'

type Way = 'app' | 'app → backend' | 'backend → app' | 'app → inbox' | 'inbox → app'
type Tone = 'good' | 'bad' | 'plain'

const longest = 80
const asked = {
  initial: 'asks for a token',
  refresh: 'asks for the next token',
  rejected: 'asks for another token: Courier refused the last one',
  forced: 'asks for a new token',
}
const time = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' })
const name = (id: string): string => id.charAt(0).toUpperCase() + id.slice(1)

/** Writes a line, never with a piece of a token. */
function say(way: Way, words: string, tone: Tone = 'plain', at = Date.now()): void {
  const list = byId('timeline')
  const stamp = html('time', { datetime: new Date(at).toISOString() }, time.format(at))
  const line = html('li', { 'data-tone': tone, 'data-way': way }, html('span', {}, way), stamp, html('p', {}, words))
  list.prepend(line)
  while (list.children.length > longest) list.lastChild!.remove()
}

/** Writes down what the session does. */
export function recordSession(session: Session): void {
  session.on('trace', ({ at, type, reason, code, retryAt }: TraceEntry) => {
    if (type === 'sign-in') say('app', 'signed in', 'plain', at)
    if (type === 'switch') say('app', 'another user: the old token is gone', 'plain', at)
    if (type === 'sign-out') say('app', 'signed out: the token is gone', 'plain', at)
    if (type === 'fetch') say('app → backend', asked[reason as keyof typeof asked] ?? asked.initial, 'plain', at)
    if (type === 'failure') {
      const again = Number.isFinite(retryAt) ? `, again in ${Math.round((Number(retryAt) - at) / 1_000)} s` : ''
      say('app', `no token: ${String(code).replaceAll('_', ' ')}${again}`, 'bad', at)
    }
  })
  session.on('token', (token) => {
    const { receivedAt, expiresAt } = token
    const life = expiresAt ? `, lives ${Math.round((expiresAt - receivedAt) / 1_000)} s` : ''
    say('backend → app', `token ${numberOf(token)}${life}`, 'good')
  })
  session.on('expired', ({ token, reason }) => {
    say('app', `token ${numberOf(token)} ${reason === 'rejected' ? 'was refused by Courier' : 'ended'}`, 'bad')
  })
}

/** Writes down what goes over the bridge. */
export const tellBridge: Tell = (message) => {
  switch (message.type) {
    case 'ask':
      say('inbox → app', asked[message.reason] ?? asked.initial, message.reason === 'rejected' ? 'bad' : 'plain')
      break
    case 'token':
      say('app → inbox', `token ${String(message.extra?.number)}${message.id ? '' : ', unasked'}`, 'good')
      break
    case 'denied':
      say('app → inbox', 'no token', 'bad')
      break
    case 'signed-out':
      say('app → inbox', `${name(message.user.id)} signed out`)
      break
    case 'hello':
      if ('user' in message && message.user) say('inbox → app', `is there, for ${name(message.user.id)}`)
  }
}
