import type { SessionState, Token, TokenRequest, TokenSource } from 'inbox-session'
import { createSession } from 'inbox-session'
import { describe, expect, it } from 'vitest'
import { tokenFor } from '../support/tokens.js'
import { createWorld, seeded } from '../support/world.js'

const events = ['change', 'token', 'expired', 'error', 'signed-out', 'trace'] as const
type Visible = { status: SessionState['status']; user?: object; token?: Token }

/**
 * Some minutes in which whoever is called back does something with the session at once: listeners, adapters, the source, its abort
 * listeners and pushes, the storage. All of it is drawn from `seed`. Returns what must not have happened.
 */
const live = async (seed: number): Promise<string[]> => {
  const random = seeded(seed)
  const chance = (part: number) => random() < part
  const world = createWorld(seeded(seed + 1_000_000))
  const { now, schedule } = world.environment
  const wait = (ms: number) => new Promise<void>((resolve) => void schedule(now() + ms, resolve))
  const short = (id = 'ann') => tokenFor(id, now(), 20)
  const broken = new Set<string>()
  const must = (holds: boolean, otherwise: string) => void (holds || broken.add(otherwise))

  const items = new Map<string, string>()
  const slow = chance(0.4)
  const io = async <T>(work: () => T) => {
    meddle(0.05)
    if (slow && chance(0.5)) await wait(random() * 1_500)
    return work()
  }
  const storage = {
    getItem: (key: string) => io(() => items.get(key) ?? null),
    setItem: (key: string, value: string) => io(() => void items.set(key, value)),
    removeItem: (key: string) => io(() => void items.delete(key)),
  }

  let inFlight = 0
  let subscribed = 0
  let push: Parameters<NonNullable<TokenSource['subscribe']>>[0] | undefined
  const endless = chance(0.3)
  const source: TokenSource = async ({ user, signal }: TokenRequest) => {
    must(visible().status !== 'closed' && user && !signal.aborted, 'a call nobody wants')
    must(++inFlight === 1, 'two calls at one time')
    let open = true
    const end = () => {
      if (open) inFlight--
      open = false
    }
    signal.addEventListener('abort', () => {
      end()
      meddle(0.1)
    })
    meddle(0.05)
    try {
      if (chance(0.5)) await wait(random() * 3_000)
      if (chance(0.25)) throw new Error('down')
      if (chance(0.03)) return null
      return endless ? `opaque-${user.id}-${chance(0.6) ? '' : Math.floor(random() * 5)}` : short(user.id)
    } finally {
      end()
    }
  }
  if (chance(0.6))
    source.subscribe = (given) => {
      subscribed++
      push = given
      if (chance(0.3)) given(chance(0.3) ? null : chance(0.3) ? (7 as never) : short(signedIn()))
      let open = true
      return () => {
        if (open) subscribed--
        open = false
      }
    }
  const session = createSession({ source, environment: world.environment, ...(chance(0.6) && { storage }) })
  const visible = () => session.state as Visible
  const signedIn = () => (visible().user as { id: string } | undefined)?.id

  // How many turns of promises ago each user left: a promise that was resolved before cannot be taken back.
  const left = new Map<object | undefined, number>()
  let present: object | undefined
  session.on('change', (state) => {
    const { user } = state as Visible
    if (user === present) return
    const gone = present
    present = user
    let turn = Promise.resolve()
    for (const turns of [0, 1, 2, 3]) turn = turn.then(() => void left.set(gone, turns + 1))
    left.set(gone, 0)
  })

  const refused = new Set<string>()
  const open = new Set<Promise<unknown>>()
  const ask = (asked: Promise<unknown>) => {
    const { user } = visible()
    const known = new Set(refused)
    open.add(asked)
    asked.then(
      (value) => {
        open.delete(asked)
        if (typeof value !== 'string') return
        must(!known.has(value), 'a refused token for a caller')
        must(visible().user === user || left.get(user)! <= 1, 'a token for somebody who had left')
      },
      (error: { code?: string; name?: string } | undefined) => {
        open.delete(asked)
        must(Boolean(error?.code) || error?.name === 'AbortError', 'an error of another kind')
      },
    )
  }

  const attached = new Set<number>()
  const running = new Set<number>()
  const takeOff: (() => Promise<void>)[] = []
  let adapters = 0
  const attach = () => {
    const id = ++adapters
    const called = async (token?: Token) => {
      must(!running.has(id), 'two calls of an adapter at one time')
      running.add(id)
      if (token) must(token.user === visible().user, 'an adapter called for somebody else')
      if (token) must(!refused.has(token.value), 'an adapter called with a refused token')
      meddle(0.1)
      if (chance(0.3)) await wait(random() * 2_000)
      running.delete(id)
      if (token && chance(0.1)) throw new Error('not now')
    }
    const off = session.attach({
      name: `adapter ${id}`,
      attach: ({ token }) => called(token).then(() => void attached.add(id)),
      update(_, { token, report }) {
        const done = called(token)
        if (chance(0.1)) report({ kind: 'session-lost' })
        return done
      },
      detach() {
        attached.delete(id)
        return called()
      },
    })
    takeOff.push(off)
  }

  const refuse = (use: (value: string) => void) => {
    const value = visible().token?.value
    if (!value) return
    refused.add(value)
    use(value)
  }
  const actions = [
    () => session.signIn('ann'),
    () => session.signIn('bob', chance(0.5) ? short('bob') : undefined),
    () => chance(0.5) && ask(session.signOut()),
    () => ask(session.getToken()),
    () => ask(session.getToken({ maxAge: 100 })),
    () => ask(session.refresh()),
    () => refuse(session.invalidate),
    () => refuse((rejected) => ask(session.getToken({ rejected }))),
    () => {
      const controller = new AbortController()
      ask(session.getToken({ signal: controller.signal }))
      controller.abort()
    },
    attach,
    () => takeOff.length && ask(takeOff.pop()!()),
    () => push?.(chance(0.2) ? null : short(signedIn())),
    () => chance(0.05) && ask(session.close()),
  ]
  let depth = 0
  let quiet = false
  const act = () => {
    if (quiet || depth > 3) return
    depth++
    try {
      actions[Math.floor(random() * actions.length)]!()
    } catch (error) {
      must((error as { code?: string }).code === 'closed', 'something thrown')
    }
    depth--
  }
  const meddle = (part: number) => {
    if (chance(part)) act()
  }

  for (const event of events) session.on(event, () => meddle(0.06))
  session.signIn('ann')
  attach()
  for (let step = 0; step < 120 && visible().status !== 'closed'; step++) {
    act()
    for (let turns = Math.floor(random() * 12); turns > 0; turns--) await Promise.resolve()
    meddle(0.3)
    if (chance(0.1)) await world.setOnline(chance(0.7))
    await world.advance(chance(0.5) ? random() * 4_000 : 0)
  }
  quiet = true
  await world.advance(30_000)
  const checkEmpty = (after: string) => {
    must(!attached.size, `an adapter kept its user after ${after}`)
    must(!world.timers, `a timer left after ${after}`)
    must(!world.listeners && !subscribed, `a listener left after ${after}`)
  }
  if (visible().status !== 'closed') {
    session.signIn('zoe')
    await world.advance(8_000)
    void session.signOut()
    await world.advance(20_000)
    checkEmpty('signOut')
    must(!items.size, 'a token left in the storage after signOut')
  }
  ask(session.close())
  await world.advance(20_000)
  checkEmpty('close')
  must(!open.size, 'a promise that never settled')
  return [...broken]
}

describe('whoever is called back may use the session at once', () => {
  it.each(Array.from({ length: 60 }, (_, seed) => seed + 1))('seed %i', async (seed) => {
    expect(await live(seed)).toEqual([])
  })
})
