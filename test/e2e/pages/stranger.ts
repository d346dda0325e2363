import { createTestToken } from 'inbox-session/testing'

/** What a page that has no business here has heard: the texts that came to it, whoever sent them. */
export interface Heard {
  heard: number
}

const user = { id: new URLSearchParams(location.search).get('of')! }
let heard = 0
addEventListener('message', ({ data }) => {
  if (typeof data === 'string') heard++
})

const forged = createTestToken({ sub: user.id, jti: '666', expiresIn: 86_400 })
const messages = [
  { type: 'hello', user },
  { type: 'ask', id: 'mine', user, reason: 'initial', attempt: 1 },
  { type: 'ask', id: 'another', user, reason: 'forced', attempt: 1 },
  { type: 'token', user, token: forged, expiresIn: 86_400 },
  { type: 'denied', id: 'mine', final: true },
  { type: 'signed-out', user },
]

/** Speaks to the page around this one and to all other frames in it, as either side of a bridge. */
const speak = () => {
  const others = Array.from({ length: parent.length }, (_, index) => parent[index]!).filter((other) => other !== window)
  for (const target of [parent, ...others])
    for (const message of messages) target.postMessage(JSON.stringify({ inboxSession: 1, ...message }), '*')
  parent.postMessage({ heard } satisfies Heard, '*')
}
speak()
setInterval(speak, 100)
