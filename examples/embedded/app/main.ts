import { createSession, fromEndpoint } from 'inbox-session'
import { api, type DemoState } from '../../demo/page/api.js'
import { byId, write } from '../../demo/page/dom.js'
import { drawAccount } from './account.js'
import { embed } from './embed.js'
import { recordSession, tellBridge } from './timeline.js'
import { drawToken } from './token.js'

const { inboxOrigin } = (await (await fetch('/settings.json')).json()) as { inboxOrigin: string }

// The one session that can ask the backend: the log-in's cookie is this origin's.
const session = createSession({ name: 'courier', source: fromEndpoint('/api/token/courier') })
recordSession(session)
drawToken(session)
write(byId('frame-origin'), inboxOrigin)

let unembed: (() => void) | undefined
let inside: string | undefined

const show = (user?: string): void => {
  unembed?.()
  inside = user
  unembed = embed({ session, origin: inboxOrigin, user, place: byId('frame'), tell: tellBridge })
}

/** The session follows the log-in, never the other way round. */
async function follow(next: DemoState): Promise<void> {
  drawAccount(next)
  if (next.user) session.signIn(next.user)
  else await session.signOut()
  // The page inside hears of a log-out over the bridge, and stays. Each user, and each log-in, has one of its own.
  if (!unembed || (next.user && next.user !== inside)) show(next.user)
}

async function attempt(act: () => Promise<DemoState>): Promise<void> {
  const problem = byId('problem')
  problem.hidden = true
  try {
    await follow(await act())
  } catch {
    write(problem, 'The backend did not answer. Try again in a moment.')
    problem.hidden = false
  }
}

const on = (id: string, type: string, act: () => Promise<DemoState>): void =>
  byId(id).addEventListener(type, () => void attempt(act))

byId('people').addEventListener('click', ({ target }) => {
  const { user } = (target as Element).closest<HTMLElement>('[data-user]')?.dataset ?? {}
  if (user) void attempt(() => api.login(user))
})
on('person', 'change', () => api.login((byId('person') as HTMLSelectElement).value))
on('log-out', 'click', api.logout)
on('send', 'click', api.send)
on('refuse', 'click', () => api.revoke('courier'))
byId('refresh').addEventListener('click', () => void session.refresh().catch(() => {}))

// Another tab logged out, or logged in as somebody else: the backend knows.
session.on('signed-out', ({ reason }) => {
  inside = undefined
  if (reason === 'other-tab') void attempt(api.state)
})
session.on('error', ({ code }) => {
  if (code === 'unauthorized' || code === 'subject_mismatch') void attempt(api.state)
})

await attempt(api.state)
