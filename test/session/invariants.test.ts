import type { AdapterContext } from 'inbox-session'
import { UnauthorizedError, memoryStorage } from 'inbox-session'
import { describe, expect, it } from 'vitest'
import { createScene } from '../support/scene.js'
import { jwt, tokenFor } from '../support/tokens.js'
import { createWorld, seeded } from '../support/world.js'

const minute = 60_000

/** Half an hour of everything that may happen, drawn from `seed`; G1–G10 hold all the time. */
const live = async (seed: number) => {
  const random = seeded(seed)
  const pick = <T>(...choices: T[]): T => choices[Math.floor(random() * choices.length)]!
  const world = createWorld(seeded(seed + 1_000_000))
  const { now, schedule } = world.environment
  const seconds = pick(2, 10, 60, 3_600)
  const scene = createScene({ world, seconds, ...(pick(true, false) && { storage: memoryStorage() }) })
  const { backend, session } = scene
  const wait = (ms: number) => new Promise<void>((resolve) => void schedule(now() + ms, resolve))
  const mint = backend.answer
  const trouble = pick(0, 0.2, 0.8)
  let previous = ''
  backend.answer = async (request) => {
    if (pick(true, false)) await wait(random() * 12_000)
    const time = now()
    if (random() > trouble) return (previous = mint(request) as string)
    switch (pick('down', 'down', 'down', 'stale', 'ended', 'other', 'nobody', 'never', 'junk', 'milliseconds')) {
      case 'stale':
        return previous || 'opaque'
      case 'ended':
        return jwt({ sub: request.user.id, exp: Math.floor(time / 1_000) - 10 })
      case 'other':
        return random() < 0.1 ? tokenFor('eve', time, seconds) : 7
      case 'nobody':
        return random() < 0.2 ? null : Promise.reject(random() < 0.1 ? new UnauthorizedError() : new Error('down'))
      case 'never':
        return new Promise(() => {})
      case 'junk':
        return '<p>sign in</p>'
      case 'milliseconds':
        return jwt({ sub: request.user.id, exp: time + seconds * 1_000 })
      default:
        throw new Error('down')
    }
  }
  let context: AdapterContext | undefined
  let running = 0
  const broken: string[] = []
  const use = async (given?: AdapterContext) => {
    if (++running > 1) broken.push('two calls of one adapter at one time')
    if (given && given.token.user !== (session.state as { user?: unknown }).user) broken.push('G3: an adapter')
    context = given
    await wait(random() * 200)
    running--
  }
  session.attach({ name: 'sdk', attach: use, update: (_, given) => use(given), detach: () => use() })

  const open = new Map<Promise<string>, number>()
  const ask = (asked: Promise<string>) => {
    open.set(asked, now())
    const user = (session.state as { user?: { id: string } }).user
    asked.then(
      (value) => {
        open.delete(asked)
        const { token, user: current } = session.state as {
          token?: { value: string; expiresAt?: number }
          user?: object
        }
        if (current !== user) broken.push('G3: a token of somebody else')
        if (token?.value === value && token.expiresAt! <= now()) broken.push('G9: an ended token')
      },
      () => open.delete(asked),
    )
  }
  session.signIn('ann')
  for (const end = now() + 30 * minute; now() < end;) {
    const { token } = session.state as { token?: { value: string } }
    const action = pick(
      ...'ask ask ask options refresh invalidate report wake network hide sleep user pass pass pass'.split(' '),
    )
    if (action === 'ask') ask(session.getToken())
    if (action === 'options')
      ask(session.getToken(pick({ maxAge: 0 }, { minValidity: minute }, { rejected: token?.value ?? 'x' })))
    if (action === 'refresh' && random() < 0.3) ask(session.refresh())
    if (action === 'invalidate' && random() < 0.3) session.invalidate(token?.value ?? 'none')
    if (action === 'report') context?.report({ kind: pick('expiring', 'session-lost', 'accepted') } as never)
    if (action === 'wake') await world.wake()
    if (action === 'network') await world.setOnline(random() < 0.7)
    if (action === 'hide') await world.setVisible(random() < 0.6)
    if (action === 'sleep') await world.flush().then(() => world.jump(random() * minute))
    if (action === 'user' && random() < 0.1)
      pick(
        () => session.signIn('bob'),
        () => session.signIn('ann'),
        () => void session.signOut(),
      )()
    await world.flush()
    if (session.state.status === 'signed-out' || (session.state.status === 'failed' && random() < 0.1))
      session.signIn('ann')
    await world.advance(action === 'pass' ? random() * 10_000 : random() * 300)
    for (const asked of open.values()) expect(now() - asked, 'G7').toBeLessThan(10 * minute)
    expect(world.timers).toBeLessThan(10)
  }
  await world.setOnline(true)
  await world.setVisible(true)
  backend.mend()
  await world.advance(15_000)
  if (session.state.status === 'failed') session.signIn('ann')
  await world.advance(2 * minute)
  expect(open.size, 'G7').toBe(0)
  expect(broken).toEqual([])
  expect(['fresh', 'fetching', 'waiting']).toContain(session.state.status)
}

describe('whatever happens, the invariants hold (G1–G10)', () => {
  it.each(Array.from({ length: 40 }, (_, seed) => seed + 1))('seed %i', live)
})
