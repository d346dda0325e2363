import type { Session } from '../api.js'
import { browserEnvironment } from '../environment/browser.js'
import { type SessionError, isSessionError } from '../errors.js'
import { createSession } from '../session.js'
import type { TokenRequest } from '../source.js'
import type { TokenStorage } from '../storage.js'
import type { Token } from '../token.js'
import { within } from '../within.js'
import { type TestBrowser, createTestBrowser } from './browser.js'
import { fail } from './conformance.js'
import type { TestTab } from './tab.js'
import { createTestToken } from './token.js'

/** A session in a simulated tab, before a backend that always has a token, with foreign code that may take real time. */
export interface Scene {
  readonly browser: TestBrowser
  readonly tab: TestTab
  readonly session: Session
  /** The backend is out of order. */
  down: boolean
  readonly calls: readonly TokenRequest[]
  /** Raw tokens, oldest first. */
  readonly minted: string[]
  readonly errors: readonly SessionError[]
  /** What adapters failed in. */
  readonly failures: readonly string[]
  /** The token of the snapshot. */
  token(): Token | undefined
  /** Notes what foreign code is still busy with. */
  track<T>(result: T): T
  /** Lets virtual time pass, and waits for foreign code. */
  pass(ms?: number): Promise<void>
  /** As much virtual time as it takes. */
  finish<T>(work: Promise<T>): Promise<T>
}

const tick = 20
const patience = 60
const nothing = (): void => {}

/** Seconds the tokens of a scene live. */
export const lifetime = 600

/** `pace`: how many virtual milliseconds pass in a real one while foreign code is busy. */
export function createScene(
  name: string,
  { pace, storage, browser = createTestBrowser() }: { pace: number; storage?: TokenStorage; browser?: TestBrowser },
): Scene {
  const tab = browser.tab()
  const real = browserEnvironment()
  const calls: TokenRequest[] = []
  const minted: string[] = []
  const errors: SessionError[] = []
  const failures: string[] = []
  const busy = new Set<Promise<unknown>>()

  const session = createSession({
    environment: tab,
    name,
    ...(storage && { storage }),
    source(request) {
      calls.push(request)
      if (scene.down) throw new Error('The backend is down.')
      const issuedAt = Math.floor(browser.now / 1_000)
      const token = createTestToken({ sub: request.user.id, issuedAt, expiresIn: lifetime })
      minted.push(token)
      return token
    },
  })
  let failing: string | undefined
  session.on('trace', ({ type, adapter, call, ok }) => {
    if (type === 'adapter' && !ok) failing = `The adapter "${String(adapter)}" failed to ${String(call)}`
  })
  session.on('error', (error) => {
    errors.push(error)
    if (failing) failures.push(error.message.startsWith(failing) ? error.message : `${failing} (${error.message})`)
    failing = undefined
  })

  const idle = async (): Promise<void> => {
    for (let turn = 0; busy.size && turn < 5; turn++) await browser.advance(0)
    for (let step = 0; busy.size && step < patience; step++) {
      await within<unknown>(real, tick, Promise.all(busy), undefined, nothing)
      await browser.advance(tick * pace)
    }
    if (!busy.size) return
    busy.clear()
    fail('A call has not ended.')
  }

  const scene: Scene = {
    browser,
    tab,
    session,
    down: false,
    calls,
    minted,
    errors,
    failures,
    token: () => (session.state as { token?: Token }).token,
    track(result) {
      if (typeof (result as PromiseLike<unknown> | undefined)?.then === 'function') {
        const end = (): void => void busy.delete(work)
        const work: Promise<void> = Promise.resolve(result).then(end, end)
        busy.add(work)
      }
      return result
    },
    async pass(ms = 1_000) {
      for (let left = ms; left >= 0; left -= 1_000) {
        await idle()
        await browser.advance(Math.min(left, 1_000))
      }
      await idle()
      await browser.advance(0)
    },
    async finish(work) {
      let ended = false
      const end = (): void => void (ended = true)
      work.then(end, end)
      for (let step = 0; !ended && step < 300; step++) {
        await idle()
        await browser.advance(100)
      }
      return ended ? work : fail('It did not end within 30 s.')
    },
  }
  return scene
}

/** Fails a rule unless the promise rejects with an error of this library. */
export async function expectSessionError(what: string, work: Promise<unknown>): Promise<void> {
  const error: unknown = await work.then(
    () => fail(`${what}: it was fulfilled`),
    (thrown: unknown) => thrown,
  )
  if (!isSessionError(error)) fail(`${what}: expected a SessionError`)
}
