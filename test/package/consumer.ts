import { createSession, fromEndpoint, fromFirebase, isSessionError, memoryStorage, withToken } from 'inbox-session'
import { SessionError, UnauthorizedError } from 'inbox-session'
import type { Adapter, AdapterContext, AdapterSignal, Claims, EndpointOptions, Environment } from 'inbox-session'
import type { GetTokenOptions, Session, SessionErrorCode, SessionEvents, SessionOptions } from 'inbox-session'
import type { SessionState, Tabs, Token, TokenAnswer, TokenRequest, TokenSource, TokenStorage } from 'inbox-session'
import type { TraceEntry, Unsubscribe, User } from 'inbox-session'
import { frameEndpoint, fromBridge, serveBridge, webviewEndpoint } from 'inbox-session/bridge'
import type {
  BridgeOptions,
  Endpoint,
  GuestMessage,
  HostMessage,
  ServeOptions,
  WebviewOptions,
} from 'inbox-session/bridge'
import { courier, type CourierDatastoreLike, type CourierLike } from 'inbox-session/courier'
import { engagespot, type EngagespotLike } from 'inbox-session/engagespot'
import { notifizz, type NotifizzOptions } from 'inbox-session/notifizz'
import { useAdapter, useSession, useToken } from 'inbox-session/react'
import { suprsend, type SuprSendLike } from 'inbox-session/suprsend'
import { createTestBrowser, createTestSource, createTestToken, testAdapter, testStorage } from 'inbox-session/testing'
import type { TestBrowser, TestTab } from 'inbox-session/testing'
import * as vue from 'inbox-session/vue'
import type { ComputedRef, ShallowRef } from 'vue'

declare const shared: CourierLike
declare const datastore: CourierDatastoreLike
declare const client: SuprSendLike
declare const instance: EngagespotLike & { readonly events: unknown }
declare const environment: Environment
declare const tabs: Tabs

const headers = (request: TokenRequest): HeadersInit => ({ 'x-reason': request.reason })
const endpoint: EndpointOptions = { method: 'POST', headers, credentials: 'include', read: () => null }
const source: TokenSource = fromEndpoint('/inbox-token', endpoint)
const storage: TokenStorage = memoryStorage()
const options: SessionOptions = { source, storage, refreshAt: [0.8, 0.83], subject: false, environment }
const session: Session = createSession(options)
const answer: TokenAnswer = { token: 'opaque', expiresIn: 60, extra: { hash: 'h' } }
const user: User = { id: 'ada', tenant: 'acme' }
session.signIn(user, answer)
session.signIn('ada')

const own: Adapter<{ token: string }> = {
  name: 'own',
  attach: (context: AdapterContext) => ({ token: context.token.value }),
  update: (handle, { token }) => void (handle.token = token.value),
  detach: (handle, reason: 'sign-out' | 'switch' | 'detach', last: Token) => void [handle, reason, last],
}
const detach: () => Promise<void> = session.attach(own)
session.attach(courier(shared, { props: { showLogs: false }, datastore, onClear: () => undefined }))
session.attach(suprsend(client, { unsubscribePush: false }))
session.attach(engagespot(() => instance, { onInstance: (made) => made?.events }))
session.attach(notifizz((given: NotifizzOptions) => ({ destroy: () => void given.token }), { apiKey: 'key' }))

const place: WebviewOptions = { channel: 'inboxSession', targetOrigin: 'https://app.example' }
const inside: Endpoint = webviewEndpoint(place)
const asking: BridgeOptions = { timeout: 5_000, allowedOrigins: ['https://app.example'] }
const bridged: Session = createSession({ source: fromBridge(inside, asking) })
const serving: ServeOptions = { allowedOrigins: ['https://inbox.example'] }
const unserve: Unsubscribe = serveBridge(
  session,
  frameEndpoint(new HTMLIFrameElement(), 'https://inbox.example'),
  serving,
)
const { port1 } = new MessageChannel()
// An endpoint as an app would write it.
const port: Endpoint = {
  post: (message) => port1.postMessage(message),
  listen(run) {
    port1.onmessage = ({ data }) => run(String(data), '')
    return () => (port1.onmessage = null)
  },
}
serveBridge(bridged, port, serving)
const question: GuestMessage = { type: 'ask', id: '1', user: { id: 'ada' }, reason: 'initial', attempt: 1 }
const reply: HostMessage = { type: 'token', id: question.id, user: question.user, token: 'opaque', expiresIn: 60 }
// @ts-expect-error whom to serve has to be said
serveBridge(session, port)
// @ts-expect-error there is no such answer
const wrong: HostMessage = { type: 'maybe' }
void [unserve, reply, wrong]

const stop: Unsubscribe = session.on('token', (token) => token.generation.toFixed())
session.on('error', (error) => {
  const code: SessionErrorCode = error.code
  return [code, error.retryable, error.status, error.retryAfter]
})
session.on('trace', (entry: TraceEntry) => entry.reason)
session.on('expired', ({ reason }: SessionEvents['expired']) => reason)
session.on('signed-out', ({ user: gone, reason }) => `${gone.id} ${reason}`)
// @ts-expect-error there is no such event
session.on('tokens', () => undefined)
// @ts-expect-error the rule takes two parts of a lifetime
createSession({ source, refreshAt: [0.8] })
// @ts-expect-error a session needs a source
createSession({})
// @ts-expect-error snapshots are read-only
session.state.status = 'closed'

const state: SessionState = session.state
if (state.status === 'waiting') state.retryAt.toFixed()
if (state.status === 'fresh') {
  const claims: Claims | undefined = state.token.claims
  const expiresAt: number | undefined = state.token.expiresAt
  void [claims, expiresAt]
}
const asked: GetTokenOptions = {
  signal: new AbortController().signal,
  rejected: 'old',
  minValidity: 60_000,
  maxAge: 5_000,
}
const told: AdapterSignal = { kind: 'rejected', status: 401 }
const refresh: (old?: string, payload?: unknown) => Promise<string> = session.refreshUserToken
try {
  const raw: string = await session.getToken(asked)
  await withToken(session, { origins: ['https://example.com'] })(`/messages?${raw.length}`)
} catch (error) {
  if (isSessionError(error, 'timeout')) void error.retryAfter
  if (error instanceof UnauthorizedError) throw new SessionError('unauthorized')
}
fromFirebase({ currentUser: null })
void [tabs, told, refresh, stop, detach]
await session.signOut()
await session.close()

const browser: TestBrowser = createTestBrowser({ now: 1_790_000_000_000, seed: 1 })
const tab: TestTab = browser.tab({ locks: 'absent' })
const simulated: Session = createSession({ source: tab.source, environment: tab, storage: browser.storage })
const given = createTestSource()
createSession({ source: given.source, environment: tab }).signIn('ada')
given.resolve(createTestToken({ expiresIn: 60, sub: 'ada' }))
given.reject(new Error('down'))
const steps: Promise<void>[] = [browser.advance(1_000), browser.sleep(1_000), simulated.signOut()]
const suites: (() => void)[] = [() => testStorage('mine', () => storage), () => testAdapter('mine', () => own)]
void [steps, suites]

export function Inbox({ apiKey }: { apiKey: string }): string {
  const seen: SessionState = useSession(session)
  const raw: string | undefined = useToken(session)
  useAdapter(session, () => notifizz(() => ({ destroy: () => undefined }), { apiKey }), [apiKey])
  return `${seen.status} ${raw?.length}`
}
export function setup(): object {
  const seen: Readonly<ShallowRef<SessionState>> = vue.useSession(session)
  const raw: ComputedRef<string | undefined> = vue.useToken(session)
  vue.useAdapter(session, () => own)
  return { seen, raw }
}
