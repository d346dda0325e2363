import { SessionError } from 'inbox-session'
import { serveBridge } from 'inbox-session/bridge'
import { describe, expect, it, vi } from 'vitest'
import { type Sent, allowed, data, from, longest, noMessages, send, sized, twice } from './conformance.js'
import { createBridgeScene, createWire, stateOf } from './support.js'

// What `serveBridge` does with each message of the page inside. A native host that does the same is a good one.

const ann = { id: 'ann' }

/** What was there before: what the backend answers from the second call on, and what became of the session. */
interface Before {
  user?: { id: string; tenant?: string }
  backend?: 'denies' | 'fails' | 'hangs'
  signOut?: true
  /** The page inside has been given the token. */
  given?: true
}
/** Ann's token is held; the page has it already; the first one is under way; the last call failed, for a while, for good. */
const held: Before = {}
const given: Before = { given: true }
const busy: Before = { backend: 'hangs' }
const down: Before = { backend: 'fails' }
const failed: Before = { backend: 'denies' }
const out: Before = { signOut: true }
const tenant: Before = { user: { id: 'ann', tenant: 'acme' } }

/** What is seen after. `said`: what the host says then. `calls`: of the backend. */
interface Seen {
  said: object[]
  calls: number
}
const nothing: Seen = { said: [], calls: 0 }
const says = (...said: object[]): Seen => ({ said, calls: 0 })
const greets = says({ inboxSession: 1, type: 'hello' })
const gives = (id: string, token = 'minted-1', user: object = ann): object => ({ type: 'token', id, user, token })
const mints = (id: string): Seen => ({ said: [gives(id, 'minted-2')], calls: 1 })
const denies = (id: string, more: object = {}): Seen => says({ type: 'denied', id, final: false, ...more })

const ask = { type: 'ask', id: 'one', user: ann, reason: 'initial', attempt: 1 }
const hello = { type: 'hello', user: ann }

type Row = [title: string, before: Before, sent: Sent | object, after: Seen]

const rows: Row[] = [
  // ask
  ['a question is answered with the token that is held', held, ask, says(gives('one'))],
  [
    '… with the whole of it',
    held,
    ask,
    says({ ...gives('one'), inboxSession: 1, expiresIn: 2_600, extra: { hash: 'h' } }),
  ],
  ['… and the time by the device’s clock', held, ask, says({ sentAt: expect.any(Number) })],
  ['… under whatever name it has', held, { ...ask, id: '__proto__' }, says(gives('__proto__'))],
  ['… asked again, with the same', given, ask, says(gives('one'))],
  ['whoever wants a fresher one than it has gets a new one', given, { ...ask, reason: 'refresh' }, mints('one')],
  ['… and whoever has none yet the one that is held', held, { ...ask, reason: 'refresh' }, says(gives('one'))],
  ['a refused token is replaced by a new one', given, { ...ask, reason: 'rejected' }, mints('one')],
  ['… but none is refused that was not given', held, { ...ask, reason: 'rejected' }, says(gives('one'))],
  ['who insists on a new one gets a new one', held, { ...ask, reason: 'forced' }, mints('one')],
  ['an unknown reason is no reason', given, { ...ask, reason: 'curious' }, says(gives('one'))],
  ['so is none, and the attempt is only told', given, { type: 'ask', id: 'one', user: ann }, says(gives('one'))],
  ['unknown fields are ignored', held, { ...ask, colour: 'blue', user: { ...ann, age: 7 } }, says(gives('one'))],
  ['null is as good as absent', held, { ...ask, user: { id: 'ann', tenant: null } }, says(gives('one'))],
  ['a question that is open is answered once', given, twice({ ...ask, reason: 'forced' }), mints('one')],
  ['a question while the first token is under way waits', busy, ask, nothing],
  ['for another user there is a final no', held, { ...ask, user: { id: 'bob' } }, denies('one', { final: true })],
  [
    '… whatever the reason is: no call is made, and nothing refused, for somebody else',
    given,
    data(
      ...['forced', 'refresh', 'rejected'].map((reason) =>
        JSON.stringify({ inboxSession: 1, ...ask, id: reason, reason, user: { id: 'bob' } }),
      ),
    ),
    says(...['forced', 'refresh', 'rejected'].map((id) => ({ type: 'denied', id, final: true }))),
  ],
  [
    '… for another tenant as well',
    held,
    { ...ask, user: { id: 'ann', tenant: 'acme' } },
    denies('one', { final: true }),
  ],
  ['… for no tenant where there is one', tenant, ask, denies('one', { final: true })],
  ['… for that tenant there is its token', tenant, { ...ask, ...tenant }, says(gives('one', 'minted-1', tenant.user))],
  ['while nobody is signed in there is a no, for now', out, ask, denies('one')],
  [
    'while the backend is down there is a no, until the next try',
    down,
    ask,
    denies('one', { retryAfter: expect.any(Number) }),
  ],
  ['after a final failure there is a final no', failed, ask, denies('one', { final: true })],
  ['a question without an id is ignored', held, { ...ask, id: undefined }, nothing],
  ['… with an id that is no text', held, data('{"inboxSession":1,"type":"ask","id":1,"user":{"id":"ann"}}'), nothing],
  ['… for nobody', held, { ...ask, user: undefined }, nothing],
  ['… for null', held, { ...ask, user: null }, nothing],
  ['… for somebody without an id', held, { ...ask, user: {} }, nothing],
  ['… for somebody whose id is no text', held, { ...ask, user: { id: 1 } }, nothing],
  ['… for a text', held, { ...ask, user: 'ann' }, nothing],
  // hello
  ['a greeting is not answered', held, hello, nothing],
  ['… however often', given, twice(hello), nothing],
  ['… of nobody', held, { type: 'hello' }, nothing],
  // other versions, other types
  ['version 2 is answered by greeting', held, { ...ask, inboxSession: 2 }, greets],
  ['version 1.5 is answered by greeting', held, { ...ask, inboxSession: 1.5 }, greets],
  ['version "1" is answered by greeting', held, { ...ask, inboxSession: '1' }, greets],
  [
    '… once, whatever versions come',
    held,
    data('{"inboxSession":2}', '{"inboxSession":2}', '{"inboxSession":3}'),
    greets,
  ],
  ['version 0 is none', held, { ...ask, inboxSession: 0 }, nothing],
  ['what is no number is no version', held, { ...ask, inboxSession: 'one' }, nothing],
  ['an unknown type is ignored', held, { ...ask, type: 'asks' }, nothing],
  ['no type is ignored', held, { ...ask, type: undefined }, nothing],
  ['a type that every object has is ignored', held, { ...ask, type: 'constructor' }, nothing],
  ['what only hosts say is ignored: a token', held, { ...ask, type: 'token', token: 'theirs' }, nothing],
  ['… a denial', held, { type: 'denied', id: 'one', final: true }, nothing],
  ['… a sign-out: pages inside sign nobody out', held, { type: 'signed-out', user: ann }, nothing],
  // origins
  ['an allowed origin is served', held, from(allowed, ask), says(gives('one'))],
  ['a port, which has no origin, as well', held, from('', ask), says(gives('one'))],
  ['a foreign one is not', held, from('https://evil.example', ask), nothing],
  ['… nor another port', held, from(allowed + ':8443', ask), nothing],
  ['… nor another scheme', held, from('http://page.example', ask), nothing],
  ['… nor a longer name', held, from(allowed + '.evil.example', ask), nothing],
  ['… nor the origin of a sandbox', held, from('null', ask), nothing],
  ['… nor is it answered', held, from('https://evil.example', { inboxSession: 2 }), nothing],
  // forms
  ['a message of 131 072 characters is read', held, data(sized(ask, longest)), says(gives('one'))],
  ['a longer one is not', held, data(sized(ask, longest + 1)), nothing],
  ['what is no JSON is ignored', held, noMessages.text, nothing],
  ['JSON of another kind is ignored', held, noMessages.json, nothing],
  ['an object is as good as its text', held, data({ inboxSession: 1, ...ask }), says(gives('one'))],
  ['anything else is ignored', held, data(undefined, null, 1, true, [], [ask], () => {}), nothing],
  [
    'what a prototype says is ignored',
    held,
    data(JSON.stringify({ proto: { inboxSession: 1, ...ask } }).replace('proto', '__proto__')),
    nothing,
  ],
]

describe('a host, asked', () => {
  it.each(rows)('%s', async (_title, { user = ann, backend, signOut, given }, sent, after) => {
    const scene = createBridgeScene()
    const tab = scene.browser.tab()
    let calls = 0
    const source = () => {
      calls++
      if (backend === 'denies') return null
      if (backend === 'hangs') return new Promise<never>(() => {})
      if (backend === 'fails') throw new SessionError('source_failed', 'Down.', { retryAfter: 30_000 })
      return { token: `minted-${calls}`, expiresIn: 3_600, extra: { hash: 'h' } }
    }
    // Nothing is due of itself within these minutes.
    vi.spyOn(tab.window.Math, 'random').mockReturnValue(0.99)
    const { session } = scene.open({ tab, user, source })
    const wire = createWire()
    serveBridge(session, wire, { allowedOrigins: [allowed], environment: tab })
    await scene.advance(backend === 'hangs' ? 1_000 : 100)
    if (given) wire.say({ ...ask, id: 'before' })
    if (signOut) void session.signOut()
    await scene.advance(0)
    if (!backend) await scene.browser.sleep(999_900)
    const told = wire.posted.length
    const [was, called] = [stateOf(session), calls]

    send(sent, wire)
    await scene.advance(0)

    const said = wire.posted.slice(told)
    expect({ said, calls: calls - called }).toMatchObject(after)
    if (!after.calls) expect(stateOf(session)).toEqual(was)
  })
})
