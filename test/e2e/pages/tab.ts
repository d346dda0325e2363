import { type Session, type SessionState, type Token, createSession, fromEndpoint } from 'inbox-session'

/** Something this tab saw, at an epoch time in ms. Tokens are known by their number (`jti`), never by their value. */
export interface Seen {
  at: number
  what: string
  /** The status after a change; otherwise a reason, a code or a call of the adapter. */
  detail?: string | undefined
  number?: number | undefined
  /** Epoch ms by the server's clock, which is this machine's. */
  exp?: number | undefined
}

export interface Report {
  id: string
  status: SessionState['status']
  /** Of the token that is held; 0: none. */
  number: number
  /** How often `state.token` was looked at since the first one came, and how often it had ended or was not there. */
  samples: number
  expired: number
  missing: number
  /** Messages this tab has posted. */
  messages: number
  seen: Seen[]
}

export interface StartOptions {
  user: string
  id: string
  /** The look at the token comes on time in a hidden page as well. */
  steady?: boolean
  refreshAt?: readonly [number, number]
}

interface TabInPage {
  session: Session
  /** Signs in. */
  start(options: StartOptions): void
  /** Milliseconds from signIn() to the first token. */
  started: Promise<number>
  report(): Report
  /** What a caller of getToken() gets now: its number, and for how many ms it is still good. */
  ask(): Promise<{ number: number; left: number }>
  /** The provider has refused the token held now; answers its number. */
  refuse(): number
  /** Turns of a bare fetch and of a first token, in ms. */
  startTimes(rounds: number): Promise<{ bare: number[]; session: number[] }>
  /** Goes off and on, for engines whose network cannot be cut. */
  pretendOffline(offline: boolean): void
}

declare global {
  interface Window {
    tab: TabInPage
  }
}

let messages = 0
const { postMessage } = BroadcastChannel.prototype
BroadcastChannel.prototype.postMessage = function (message) {
  messages++
  postMessage.call(this, message)
}

const numberOf = (token?: Token): number | undefined => token && Number(token.claims!.jti)
const expOf = (token: Token): number => Number(token.claims!.exp) * 1_000
const exposed = (token?: Token) => token && { number: numberOf(token), exp: expOf(token) }

const seen: Seen[] = []
const note = (what: string, detail?: string, token?: Token) =>
  void seen.push({ at: Date.now(), what, detail, ...exposed(token) })
const heldBy = (state: SessionState): Token | undefined => ('token' in state ? state.token : undefined)

let id = ''
let samples = 0
let expired = 0
let missing = 0

const look = () => {
  const { state } = window.tab.session
  if (state.status === 'signed-out' || !seen.some(({ what }) => what === 'token')) return
  const token = heldBy(state)
  samples++
  if (!token) missing++
  else if (expOf(token) <= Date.now()) expired++
}

const everyTenth = (run: () => void, steady: boolean) => {
  if (!steady) return void setInterval(run, 100)
  // A worker's timers are not slowed down with the page's.
  const beat = new Blob(['setInterval(() => postMessage(0), 100)'], { type: 'text/javascript' })
  new Worker(URL.createObjectURL(beat)).onmessage = run
}

const endpoint = (tab: string) =>
  fromEndpoint(({ user }) => `/token/${encodeURIComponent(user.id)}`, {
    headers: ({ reason }) => ({ 'x-tab': tab, 'x-reason': reason }),
  })

const firstToken = (session: Session, user: string): Promise<number> =>
  new Promise((resolve) => {
    const started = performance.now()
    session.on('token', () => resolve(performance.now() - started))
    session.signIn(user)
  })

addEventListener('pageshow', ({ persisted }) => {
  note('pageshow', String(persisted))
  if (persisted)
    window.tab.ask().then(
      ({ left }) => note('asked', left > 0 ? 'good' : 'ended'),
      () => note('asked', 'no'),
    )
})
addEventListener('pagehide', ({ persisted }) => note('pagehide', String(persisted)))
document.addEventListener('freeze', () => note('freeze'))
document.addEventListener('resume', () => note('resume'))

window.tab = {
  session: undefined as unknown as Session,
  started: new Promise(() => {}),
  start({ user, id: given, steady = false, refreshAt }) {
    id = given
    const session = createSession({ source: endpoint(id), ...(refreshAt && { refreshAt }) })
    window.tab.session = session
    session.on('change', (state) => note('change', state.status, heldBy(state)))
    session.on('token', (token) => note('token', undefined, token))
    session.on('signed-out', ({ reason }) => note('signed-out', reason))
    session.on('expired', ({ token, reason }) => note('expired', reason, token))
    session.on('error', ({ code }) => note('error', code))
    session.on('trace', ({ type, reason, what = '' }) => note('trace', `${type} ${reason ?? (what as string)}`))
    session.attach({
      name: 'recorder',
      attach: ({ token }) => note('adapter', 'attach', token),
      update: (_handle, { token }) => note('adapter', 'update', token),
      detach: (_handle, _reason, last) => note('adapter', 'detach', last),
    })
    everyTenth(look, steady)
    window.tab.started = firstToken(session, user)
  },
  report() {
    const { state } = window.tab.session
    return { id, status: state.status, number: numberOf(heldBy(state)) ?? 0, samples, expired, missing, messages, seen }
  },
  async ask() {
    const { session } = window.tab
    const value = await session.getToken()
    const token = heldBy(session.state)!
    if (token.value !== value) throw new Error('getToken() gave another token than the one in session.state.')
    return { number: numberOf(token)!, left: expOf(token) - Date.now() }
  },
  refuse() {
    const token = heldBy(window.tab.session.state)!
    window.tab.session.invalidate(token.value)
    return numberOf(token)!
  },
  async startTimes(rounds) {
    const times: { bare: number[]; session: number[] } = { bare: [], session: [] }
    for (let round = 0; round < rounds; round++) {
      const user = `alone-${round}`
      const started = performance.now()
      const response = await fetch(`/token/${user}`, { cache: 'no-store', headers: { 'x-tab': 'bare' } })
      await response.json()
      times.bare.push(performance.now() - started)
      const session = createSession({ source: endpoint('alone') })
      times.session.push(await firstToken(session, user))
      await session.signOut()
      await session.close()
    }
    return times
  },
  pretendOffline(offline) {
    Object.defineProperty(navigator, 'onLine', { configurable: true, get: () => !offline })
    dispatchEvent(new Event(offline ? 'offline' : 'online'))
  },
}
