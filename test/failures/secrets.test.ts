import { inspect } from 'node:util'
import { SessionError, type TokenAnswer, type TokenSource, UnauthorizedError } from 'inbox-session'
import { createTestToken } from 'inbox-session/testing'
import { expect, test } from 'vitest'
import { piecesOf, shownPieces } from '../support/tokens.js'
import { type OpenOptions, type Scene, type Window, createScene } from './scene.js'

const second = 1_000
const minute = 60 * second

type Answer = (secret: string, request: Parameters<TokenSource>[0]) => unknown

const raise = (error: unknown): never => {
  throw error
}
const reply = (body: string, status = 200, type = 'application/json'): Response =>
  new Response(body, { status, headers: { 'content-type': type } })

/** Ways in which a source fails with a token in its mouth. `secret` is one that it just minted. */
const sources: [string, Answer][] = [
  ['an Error that quotes it', (secret) => raise(new Error(`refused: ${secret}`))],
  ['an Error that quotes its payload', (secret) => raise(new Error(`payload=${secret.split('.')[1]!}`))],
  ['an Error that quotes the one before', (_, { previous }) => raise(new Error(`cannot renew ${previous}`))],
  ['an Error with it for a cause', (secret) => raise(new Error('down', { cause: new Error(secret) }))],
  ['an Error with it for a name', (secret) => raise(Object.assign(new Error('down'), { name: secret }))],
  ['an Error with it in a field', (secret) => raise(Object.assign(new TypeError('down'), { config: { secret } }))],
  ['nothing but itself', (secret) => raise(secret)],
  ['an object that reads like it', (secret) => raise({ toString: () => secret, message: secret })],
  ['a DOMException that quotes it', (secret) => raise(new DOMException(secret, 'AbortError'))],
  ['a SessionError that quotes it', (secret) => raise(new SessionError('source_failed', `at ${secret}`))],
  ['an UnauthorizedError that quotes it', (secret) => raise(new UnauthorizedError(`nobody for ${secret}`))],
  ['an answer that hides it', (secret) => ({ token: { value: secret } })],
  ['an answer with it under another name', (secret) => ({ jwt: secret })],
  ['two of them', (secret) => `${secret} ${secret}`],
  ['one that is cut off', (secret) => `${secret.slice(0, -30)}\u2026`],
  ['one whose payload is no JSON', (secret) => secret.replace('.', '.A')],
  ['one that has ended', () => createTestToken({ sub: 'ann', issuedAt: 1_789_000_000 })],
  ['the one before', (_, { previous }) => previous],
  ['one for somebody else', () => createTestToken({ sub: 'bob', issuedAt: 1_790_000_001 })],
  ['one that is not valid yet', () => createTestToken({ sub: 'ann', issuedAt: 1_790_000_001, nbf: 1_790_009_000 })],
  ['one that never comes', () => new Promise(() => {})],
]

/** The same of an endpoint. */
const endpoints: [string, (secret: string) => Response][] = [
  ['a page that quotes it', (secret) => reply(`<p>${secret}`, 200, 'text/html')],
  ['JSON that breaks off', (secret) => reply(`{"token":"${secret}`)],
  ['JSON that breaks off in the middle', (secret) => reply(`{"token":"${secret.slice(0, 60)}`)],
  ['the token in a wrong place', (secret) => reply(JSON.stringify({ data: { token: secret } }))],
  ['the token as its status', (secret) => new Response(secret, { status: 500, statusText: secret })],
  ['the token in Retry-After', (secret) => new Response('', { status: 503, headers: { 'retry-after': secret } })],
  ['401 with the token in it', (secret) => reply(secret, 401)],
]

/** What happens around the calls. */
const acts: [string, OpenOptions, (scene: Scene, window: Window) => unknown][] = [
  [
    'the provider refuses each',
    {},
    ({ calls }, { session }) => calls.forEach(({ token }) => session.invalidate(token!)),
  ],
  ['its user leaves', {}, (_, { session }) => session.signOut()],
  ['another user comes', {}, (_, { session }) => session.signIn('bob')],
  [
    'another user comes in the middle of a call',
    {},
    (_, { session }) => {
      session.refresh().catch(() => {})
      session.signIn('bob')
    },
  ],
  [
    'a listener trips over it',
    {},
    (_, { session }) => session.on('token', ({ value }) => raise(new Error(`cannot read ${value}`))),
  ],
  [
    'an adapter trips over it',
    {},
    (_, { session }) =>
      session.attach({ name: 'sdk', attach: ({ token }) => raise(new Error(`bad token ${token.value}`)) }),
  ],
  [
    'an adapter reports it',
    {},
    (_, { session }) =>
      session.attach({ name: 'sdk', attach: ({ report, token }) => report({ kind: 'rejected', token: token.value }) }),
  ],
  [
    'the storage trips over it',
    { storage: { getItem: () => null, setItem: (_, value) => raise(new Error(value)), removeItem() {} } },
    () => {},
  ],
  [
    'the storage quotes a key',
    { storage: { getItem: (key) => raise(new Error(key)), setItem() {}, removeItem: (key) => raise(new Error(key)) } },
    () => {},
  ],
  ['the session is closed', {}, (_, { session }) => session.close()],
]

/** Everything that a log could show of an object that this library handed out. */
const shown = (value: unknown): string => {
  const parts = [JSON.stringify(value), String(value), inspect(value, { depth: 10, showHidden: true })]
  if (value instanceof Error) parts.push(value.message, value.stack!, ...Object.values(value as object).map(String))
  return parts.join('\n')
}

const expectSilence = (scene: Scene, secrets: readonly string[], contexts: readonly unknown[]): void => {
  const { windows, browser, printed } = scene
  const pieces = piecesOf([...secrets, ...browser.backend.tokens, ...scene.secrets])
  expect(pieces.size).toBeGreaterThan(50)
  const all: unknown[] = [...contexts, printed, scene.unhandled, browser.locks, browser.channels]
  for (const { session, happened } of windows)
    all.push(session, session.state, ...happened.map(({ payload }) => payload))
  for (const { channel } of browser.messages) all.push(channel)
  for (const { url } of browser.backend.calls) all.push(url)
  all.push([...browser.storage.items.keys()])
  expect(shownPieces(all.map(shown).join('\n'), pieces)).toEqual([])
  expect(printed).toEqual([])
}

/** A session that holds a token, and all that is handed out while things go wrong for two minutes. */
const goWrong = async (options: OpenOptions, wrong: (scene: Scene, window: Window) => unknown) => {
  const contexts: unknown[] = []
  const scene = createScene({ keep: true })
  const window = scene.open(options)
  window.session.attach({ name: 'inbox', attach: (context) => void contexts.push(context) })
  await scene.advance(5 * second)
  await wrong(scene, window)
  const { session } = window
  const asked = [session.getToken(), session.refresh(), session.getToken({ minValidity: 24 * 60 * minute })]
  for (const promise of asked) promise.catch((error: unknown) => void contexts.push(error))
  await scene.advance(2 * minute)
  return { scene, contexts, window }
}

test.each(sources)(
  'F99 a source that fails with %s: no piece of it in an error, an event, a trace or a log',
  async (_, answer) => {
    const secrets: string[] = []
    let wrong = false
    const mint = (): string => {
      const token = createTestToken({ sub: 'ann', issuedAt: 1_790_000_000, note: 'x'.repeat(40) })
      secrets.push(token)
      return token
    }
    const source: TokenSource = (request) => (wrong ? (answer(mint(), request) as TokenAnswer) : mint())
    const { scene, contexts } = await goWrong({ source }, () => (wrong = true))
    expect(scene.calls.length).toBeGreaterThan(1)
    expectSilence(scene, secrets, contexts)
  },
)

test.each(endpoints)(
  'F99 an endpoint that answers %s: no piece of it in an error, an event, a trace or a log',
  async (_, answer) => {
    const { scene, contexts, window } = await goWrong({}, ({ browser }) =>
      browser.backend.reply((_, mint) => answer(mint())),
    )
    expect(window.of('error').length).toBeGreaterThan(0)
    expectSilence(scene, [], contexts)
  },
)

test.each(acts)('F99 when %s: no piece of a token in an error, an event, a trace or a log', async (_, options, act) => {
  const { scene, contexts } = await goWrong(options, act)
  expectSilence(scene, [], contexts)
})
