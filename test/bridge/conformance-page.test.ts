import { describe, expect, it } from 'vitest'
import { type Sent, allowed, data, from, longest, noMessages, send, sized, twice } from './conformance.js'
import { type Page, createBridgeScene, openPage, stateOf } from './support.js'

// What a page that has `fromBridge` does with each message of the native side or the embedding page.
// '$id' stands for the id of ann's last question, '$now' for the device's clock in seconds.

const ann = { id: 'ann' }

/** What was there before. */
interface Before {
  user?: { id: string; tenant?: string }
  answered?: true
  waited?: number
  signOut?: true
  switchTo?: string
}
/** A question of ann's is open; in this tenant; it was answered, and the token is held; it has timed out. */
const open: Before = {}
const tenant: Before = { user: { id: 'ann', tenant: 'acme' } }
const held: Before = { answered: true }
const late: Before = { waited: 10_000 }
/** Ann signed out while a question was open; with a token. Bob signed in while a question of ann's was open. */
const gone: Before = { signOut: true }
const out: Before = { answered: true, signOut: true }
const switched: Before = { switchTo: 'bob' }

/** What is seen after: only what differs from before. `said`: types of what the page says then. */
interface Seen {
  status?: string
  token?: string | undefined
  error?: string | undefined
  /** Seconds until the token's end. */
  left?: number | undefined
  said?: string[]
}
const nothing: Seen = {}
const takes = (token: string, left?: number): Seen => ({
  status: 'fresh',
  token,
  error: undefined,
  left,
})
const failed = (error: string): Seen => ({ status: 'failed', error })
const waits = (error: string): Seen => ({ status: 'waiting', error })
const signsOut: Seen = { status: 'signed-out', token: undefined, error: undefined, left: undefined }
const greets: Seen = { said: ['hello'] }
const greetsAndAsks: Seen = { said: ['hello', 'ask'] }

const answer = { type: 'token', id: '$id', user: ann, token: 'new', expiresIn: 600 }
const push = { type: 'token', user: ann, token: 'new', expiresIn: 600 }
const denied = { type: 'denied', id: '$id' }
const signedOut = { type: 'signed-out', user: ann }
const hello = { type: 'hello' }

type Row = [title: string, before: Before, sent: Sent | object, after: Seen]

const rows: Row[] = [
  // token, as an answer
  ['an answer is taken', open, answer, takes('new', 600)],
  ['an answer that names no end: a token without one', open, { ...answer, expiresIn: undefined }, takes('new')],
  [
    'expiresAt in epoch seconds counts where there is no expiresIn',
    open,
    { ...answer, expiresIn: undefined, expiresAt: '$now+900' },
    takes('new', 900),
  ],
  ['numbers may come as texts', open, { ...answer, expiresIn: '600' }, takes('new', 600)],
  ['the time since sentAt is taken off expiresIn', open, { ...answer, sentAt: '$now-100' }, takes('new', 500)],
  ['a sentAt that is still to come changes nothing', open, { ...answer, sentAt: '$now+100' }, takes('new', 600)],
  ['a sentAt that is no number changes nothing', open, { ...answer, sentAt: 'noon' }, takes('new', 600)],
  [
    'a token that has ended on its way is refused',
    open,
    { ...answer, sentAt: '$now-700' },
    waits('expired_on_arrival'),
  ],
  [
    'null is as good as absent',
    open,
    { ...answer, expiresIn: 600, sentAt: null, expiresAt: null, extra: null },
    takes('new', 600),
  ],
  ['null is as good as absent: expiresIn', open, { ...answer, expiresIn: null }, takes('new')],
  ['null is as good as absent: the tenant', open, { ...answer, user: { id: 'ann', tenant: null } }, takes('new', 600)],
  ['unknown fields are ignored', open, { ...answer, colour: 'blue', user: { ...ann, age: 7 } }, takes('new', 600)],
  ['of two answers the first is taken', open, twice(answer), takes('new', 600)],
  ['another answer to an answered question is ignored', held, answer, nothing],
  ['an answer that is late is ignored', late, answer, nothing],
  ['an answer after the sign-out is ignored', gone, answer, nothing],
  ['an answer for the user before is ignored', switched, answer, nothing],
  ['an answer to a question nobody asked is ignored', open, { ...answer, id: 'other' }, nothing],
  ['an id of another kind is nobody’s', open, { ...answer, id: 1 }, nothing],
  ['an id that every object has is nobody’s', open, { ...answer, id: '__proto__' }, nothing],
  [
    'a token for another user is refused for good',
    open,
    { ...answer, user: { id: 'bob' } },
    failed('subject_mismatch'),
  ],
  [
    '… for another tenant as well',
    open,
    { ...answer, user: { id: 'ann', tenant: 'acme' } },
    failed('subject_mismatch'),
  ],
  ['… for no tenant where there is one', tenant, answer, failed('subject_mismatch')],
  ['… for that tenant is taken', tenant, { ...answer, user: { id: 'ann', tenant: 'acme' } }, takes('new', 600)],
  [
    'an answer that does not say whose it is is refused for good',
    open,
    { ...answer, user: undefined },
    failed('subject_mismatch'),
  ],
  ['… that says so by a text as well', open, { ...answer, user: 'ann' }, failed('subject_mismatch')],
  [
    'an answer without a token is a failure that is retried',
    open,
    { ...answer, token: undefined },
    waits('invalid_answer'),
  ],
  ['… with a token that is no text as well', open, { ...answer, token: 42 }, waits('invalid_answer')],
  ['… with an empty one as well', open, { ...answer, token: '' }, waits('invalid_answer')],
  // token, unasked
  ['a token comes unasked and is taken', held, push, takes('new', 600)],
  ['… also while a question is open', open, push, takes('new', 600)],
  ['… also after a question was in vain', late, push, takes('new', 600)],
  ['… also with id null', held, { ...push, id: null }, takes('new', 600)],
  ['… less the time since sentAt', held, { ...push, sentAt: '$now-100' }, takes('new', 500)],
  ['the same one twice is taken once', held, twice(push), takes('new', 600)],
  ['one that has ended on its way is not taken', held, { ...push, sentAt: '$now-700' }, nothing],
  ['one without a token is not taken', held, { ...push, token: undefined }, nothing],
  ['one for another user is ignored', held, { ...push, user: { id: 'bob' } }, nothing],
  ['one for another tenant is ignored', held, { ...push, user: { id: 'ann', tenant: 'acme' } }, nothing],
  ['one that does not say for whom is ignored', held, { ...push, user: undefined }, nothing],
  ['one for a user who has signed out is ignored', out, push, nothing],
  ['one for the user before is ignored', switched, push, nothing],
  ['one for the user who came then is taken', switched, { ...push, user: { id: 'bob' } }, takes('new', 600)],
  // denied
  ['a denial is a failure that is retried', open, denied, waits('source_failed')],
  ['a final one is final', open, { ...denied, final: true }, failed('unauthorized')],
  ['… unless it says it is not', open, { ...denied, final: false }, waits('source_failed')],
  ['a denial of what nobody asked is ignored', open, { ...denied, id: 'other' }, nothing],
  ['a denial of no question is ignored', open, { ...denied, id: undefined, final: true }, nothing],
  ['a denial of an answered question is ignored', held, { ...denied, final: true }, nothing],
  ['a denial that is late is ignored', late, { ...denied, final: true }, nothing],
  ['a denial after the sign-out is ignored', gone, { ...denied, final: true }, nothing],
  // signed-out
  ['a sign-out over there signs out', held, signedOut, signsOut],
  ['… while a question is open as well', open, signedOut, signsOut],
  ['… somebody else’s does not', held, { ...signedOut, user: { id: 'bob' } }, nothing],
  ['… in another tenant does not', held, { ...signedOut, user: { id: 'ann', tenant: 'acme' } }, nothing],
  ['… with an id that means nothing as well', held, { ...signedOut, id: 'stray' }, signsOut],
  ['… of nobody does not', held, { type: 'signed-out' }, nothing],
  ['… of the user before does not', switched, signedOut, nothing],
  ['… of who has signed out already changes nothing', out, signedOut, nothing],
  // hello
  ['a greeting is answered by greeting', held, hello, greets],
  ['… and by asking once more what is open', open, hello, greetsAndAsks],
  ['… once a second at most', open, twice(hello), greetsAndAsks],
  ['… by nobody after the sign-out', out, hello, nothing],
  // other versions, other types
  ['version 2 is answered by greeting', held, data('{"inboxSession":2,"type":"token"}'), greets],
  ['version "1" is answered by greeting', held, data('{"inboxSession":"1","type":"token"}'), greets],
  ['version 1.5 is answered by greeting', held, data('{"inboxSession":1.5,"type":"hello"}'), greets],
  [
    '… once, whatever versions come',
    held,
    data('{"inboxSession":2}', '{"inboxSession":2}', '{"inboxSession":3}'),
    greets,
  ],
  [
    '… and by asking once more what is open; nothing of it is taken',
    open,
    { ...answer, inboxSession: 2 },
    greetsAndAsks,
  ],
  ['version 0 is none', held, { ...push, inboxSession: 0 }, nothing],
  ['what is no number is no version', held, { ...push, inboxSession: 'one' }, nothing],
  ['no version is none', held, { ...push, inboxSession: undefined }, nothing],
  ['an unknown type is ignored', held, { ...push, type: 'tokens' }, nothing],
  ['no type is ignored', held, { ...push, type: undefined }, nothing],
  ['a type that every object has is ignored', held, { ...push, type: 'constructor' }, nothing],
  [
    'what only pages say is ignored',
    held,
    { type: 'ask', id: '$id', user: ann, reason: 'initial', attempt: 1 },
    nothing,
  ],
  // origins
  ['a native host has no origin', held, from('', push), takes('new', 600)],
  ['an allowed origin is believed', held, from(allowed, push), takes('new', 600)],
  ['a foreign one is not', held, from('https://evil.example', push), nothing],
  ['… nor by another port', held, from(allowed + ':8443', push), nothing],
  ['… nor by another scheme', held, from('http://app.example', push), nothing],
  ['… nor by a longer name', held, from(allowed + '.evil.example', push), nothing],
  ['… nor the origin of a sandbox', held, from('null', push), nothing],
  ['… nor does it sign out', held, from('https://evil.example', signedOut), nothing],
  ['… nor is it answered', held, from('https://evil.example', { inboxSession: 2 }), nothing],
  // forms
  ['a message of 131 072 characters is read', held, data(sized(push, longest)), takes('new', 600)],
  ['a longer one is not', held, data(sized(push, longest + 1)), nothing],
  ['what is no JSON is ignored', held, noMessages.text, nothing],
  ['JSON of another kind is ignored', held, noMessages.json, nothing],
  ['an object is as good as its text', held, data({ inboxSession: 1, ...push }), takes('new', 600)],
  ['anything else is ignored', held, data(undefined, null, 1, true, [], [push], () => {}), nothing],
  [
    'what a prototype says is ignored',
    held,
    data('{"__proto__":{"inboxSession":1,"type":"signed-out","user":{"id":"ann"}}}'),
    nothing,
  ],
]

const read = (page: Page): Seen => {
  const token = page.token()
  return { ...stateOf(page.session), left: token?.expiresAt && Math.round((token.expiresAt - page.tab.now()) / 1_000) }
}

describe('a page, told', () => {
  it.each(rows)('%s', async (_title, { answered, waited = 0, signOut, switchTo, user = ann }, given, after) => {
    const scene = createBridgeScene()
    const page = openPage(scene, { user, bridge: { allowedOrigins: [allowed] } })
    const { native, session } = page
    await scene.advance(100)
    const { id } = native.asks[0]!
    if (answered) native.answer({ token: 'held', expiresIn: 3_600 })
    await scene.advance(waited)
    if (signOut) void session.signOut()
    if (switchTo) session.signIn(switchTo)
    await scene.advance(100)
    const told = native.posted.length
    const was = read(page)

    send(given, native, id)
    await scene.advance(0)

    const { said = [], ...changes } = after
    expect(read(page)).toEqual({ ...was, ...changes })
    expect(native.posted.slice(told).map(({ type }) => type)).toEqual(said)
  })
})
