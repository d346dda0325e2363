import { type SessionState, createSession } from 'inbox-session'
import { fromBridge, webviewEndpoint } from 'inbox-session/bridge'
import { findTraces } from '../tabs/bridge/traces.js'

/** What is known outside of a page in an iframe. Tokens are known by their number; 0: none. */
export interface Inside {
  status: SessionState['status']
  number: number
  /** All that were ever held, in turn. */
  numbers: number[]
  /** How often the token was looked at since the first one came, and how often it had ended. */
  samples: number
  expired: number
  /** Codes of the session's errors. */
  errors: string[]
  /** Epoch ms at which this document began: another one after each load. */
  born: number
  reports: number
  /** Texts that came to this page, whoever sent them. */
  heard: number
  /** What this page has left where others could read it; once it was asked for. */
  traces?: string
}

/** What the page outside has one done. */
export type Command = 'refuse' | 'traces'

const given = new URLSearchParams(location.search)
const inside: Inside = {
  status: 'signed-out',
  number: 0,
  numbers: [],
  samples: 0,
  expired: 0,
  errors: [],
  born: performance.timeOrigin,
  reports: 0,
  heard: 0,
}
const session = createSession({ source: fromBridge(webviewEndpoint({ targetOrigin: given.get('outer')! })) })
const held = () => ('token' in session.state ? session.state.token : undefined)

// Objects, so that no bridge takes them for its own.
const report = () => {
  inside.reports++
  parent.postMessage(inside, '*')
}
const look = () => {
  const token = held()
  inside.status = session.state.status
  inside.number = Number(token?.claims?.jti ?? 0)
  if (inside.number && inside.numbers.at(-1) !== inside.number) inside.numbers.push(inside.number)
}

addEventListener('message', ({ data }) => {
  if (typeof data === 'string') inside.heard++
  else if (data.command === 'refuse') session.invalidate(held()!.value)
  else if (data.command === 'traces') void findTraces().then((traces) => Object.assign(inside, { traces }))
})
session.on('error', ({ code }) => inside.errors.push(code))
session.subscribe(() => {
  look()
  report()
})
setInterval(() => {
  look()
  if (inside.numbers.length) inside.samples++
  if (Number(held()?.claims?.exp) * 1_000 <= Date.now()) inside.expired++
  report()
}, 50)
session.signIn(given.get('user')!)
