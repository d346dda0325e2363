import { type SessionState, createSession } from 'inbox-session'
import { fromBridge, webviewEndpoint } from 'inbox-session/bridge'
import type { Device } from '../tabs/bridge/hosts.js'

/** What became of a session in a host's page, step by step. Tokens are known by their number. */
export interface Story {
  first?: number
  /** After a foreign frame has pushed tokens and sign-outs. */
  afterForgery?: string
  /** After the host has handed over a token unasked. */
  pushed?: number
  /** After that one was due. */
  refreshed?: number
  /** After a sign-out in the app. */
  left?: string
  /** The reasons of the questions the host heard. */
  asked?: readonly string[]
  /** Codes of the session's errors, and what the page would have shown in its console. */
  errors: string[]
  /** What was waited for in vain. */
  stuck?: string
}

declare global {
  interface Window {
    device: Device
    story(stranger: string): Promise<Story>
  }
}

const given = new URLSearchParams(location.search)
const user = given.get('user')!
const errors: string[] = []
addEventListener('error', ({ message }) => errors.push(message))
addEventListener('unhandledrejection', ({ reason }) => errors.push(String(reason)))

const session = createSession({
  source: fromBridge(webviewEndpoint()),
  refreshAt: [0.4, 0.43],
  retry: { minDelay: 100 },
})
session.on('error', ({ code }) => errors.push(code))
session.signIn(user)

const numberOf = (state: SessionState) => Number(('token' in state && state.token?.claims?.jti) || 0)
const number = () => numberOf(session.state)

const until = (what: string, reached: () => unknown) =>
  new Promise<void>((resolve, reject) => {
    const deadline = Date.now() + 8_000
    const look = setInterval(() => {
      if (!reached() && Date.now() < deadline) return
      clearInterval(look)
      if (reached()) resolve()
      else reject(new Error(what))
    }, 10)
  })

/** Opens a page of a foreign origin in this one; resolves when what it posts has come in. */
const invite = (address: string) =>
  new Promise<void>((resolve) => {
    const frame = document.createElement('iframe')
    frame.src = address
    addEventListener('message', ({ source, data }) => {
      if (source === frame.contentWindow && typeof data === 'object') resolve()
    })
    document.body.append(frame)
  })

window.story = async (stranger) => {
  const story: Story = { errors }
  try {
    await until('the first token', number)
    story.first = number()
    await invite(stranger)
    story.afterForgery = `${session.state.status} ${number()}`
    window.device.push(2)
    await until('the token that was pushed', () => number() > story.first!)
    story.pushed = number()
    await until('the refresh', () => number() > story.pushed!)
    story.refreshed = number()
    window.device.signOut()
    await until('the sign-out', () => session.state.status === 'signed-out')
    story.left = session.state.status
  } catch (error) {
    story.stuck = (error as Error).message
  }
  story.asked = window.device.asked
  await session.close()
  return story
}
