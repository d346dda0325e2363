import { inspect } from 'node:util'
import { SessionError } from 'inbox-session'
import { serveBridge } from 'inbox-session/bridge'
import { describe, expect, it } from 'vitest'
import { failureOf } from '../failures/scene.js'
import { allowedOrigins, openBoth, settled } from './support.js'

const second = 1_000
const minute = 60 * second

const inside = allowedOrigins[0]!
const refresh = (id: string): object => ({
  inboxSession: 1,
  type: 'ask',
  id,
  user: { id: 'ann' },
  reason: 'refresh',
  attempt: 1,
})

describe('a page inside', () => {
  it('gets the token of the page outside, its companions and its end with it: one mint for both', async () => {
    const { host, guest, minted } = await settled(openBoth())
    expect(minted).toHaveLength(1)
    expect(guest.token()).toMatchObject({ value: minted[0], extra: { hash: 'companion-of-1' } })
    expect(Math.abs(guest.token()!.expiresAt! - host.token()!.expiresAt!)).toBeLessThan(second)
  })

  it('that comes minutes after the mint knows the time that is left, though the token does not say it', async () => {
    const { scene, host, guest } = openBoth({ guest: { name: 'unused' } })
    void guest.session.signOut()
    await scene.advance(5 * minute)
    guest.session.signIn('ann')
    await scene.advance(second)
    const left = guest.token()!.expiresAt! - scene.browser.now
    expect(left / minute).toBeCloseTo(55, 0)
    expect(guest.token()!.expiresAt).toBeLessThanOrEqual(host.token()!.expiresAt!)
  })

  it('shares each refresh for ten lifetimes, whoever is first: one mint, and no token goes inside twice', async () => {
    const { scene, host, guest, minted, given } = await settled(openBoth({ seconds: 600 }))
    for (let ms = 0; ms < 6_000 * second; ms += second) {
      await scene.advance(second)
      expect(guest.token()?.value).toBe(host.token()?.value)
    }
    expect(minted.length).toBeGreaterThanOrEqual(12)
    expect(minted.length).toBeLessThanOrEqual(15)
    expect(given()).toEqual(minted)
    expect([...host.of('expired'), ...guest.of('expired'), ...host.errors(), ...guest.errors()]).toEqual([])
  })

  it('whose provider refuses the token has it replaced in both pages by one mint', async () => {
    const { scene, host, guest, minted } = await settled(openBoth())
    guest.session.invalidate(minted[0]!)
    await scene.advance(second)
    expect(minted).toHaveLength(2)
    expect([host.token()!.value, guest.token()!.value]).toEqual([minted[1], minted[1]])
    expect(host.of('expired')).toMatchObject([{ reason: 'rejected' }])
    expect(await host.session.getToken({ rejected: minted[0]! })).toBe(minted[1])
  })

  it('gets a new token where its app wants one', async () => {
    const { scene, guest, minted } = await settled(openBoth())
    await scene.advance(10 * second)
    expect(await scene.result(guest.session.refresh())).toBe(minted[1])
    expect(minted).toHaveLength(2)
  })

  it('is told a token the page outside minted for itself', async () => {
    const { scene, host, guest, minted } = await settled(openBoth())
    host.session.invalidate(minted[0]!)
    await scene.advance(second)
    expect(guest.token()!.value).toBe(minted[1])
    expect(guest.session.state.status).toBe('fresh')
  })
})

it('a page inside that was there first, and asked in vain, has its token as soon as it is served', async () => {
  const { scene, host, guest, outer, undo } = openBoth({ signIn: false })
  undo()
  host.session.signIn('ann')
  guest.session.signIn('ann')
  await scene.advance(3 * second)
  expect(guest.token()).toBeUndefined()
  serveBridge(host.session, outer, { allowedOrigins, environment: host.tab })
  await scene.advance(0)
  expect(guest.token()!.value).toBe(host.token()!.value)
})

describe('a page inside and the page outside, due at once', () => {
  it('share the call that the page outside is making: one mint, which is told once', async () => {
    const both = await settled(openBoth())
    const { scene, host, guest, backend, minted, given } = both
    backend.answer = (mint) =>
      new Promise((resolve) => void host.tab.schedule(host.tab.now() + 300, () => resolve(mint())))
    await scene.advance(second)
    void host.session.refresh()
    await scene.advance(100)
    both.outer.hand(JSON.stringify(refresh('asked-while-it-calls')), inside)
    await scene.advance(10 * second)
    expect(minted).toHaveLength(2)
    expect(given()).toEqual(minted)
    expect(guest.errors()).toEqual([])
  })

  it('share the token that is on its way inside as the page inside asks', async () => {
    const { scene, host, guest, outer, minted } = await settled(openBoth())
    await scene.advance(second)
    await scene.result(host.session.refresh())
    outer.hand(JSON.stringify(refresh('asked-before-it-came')), inside)
    await scene.advance(10 * second)
    expect(minted).toHaveLength(2)
    expect([host.token()!.value, guest.token()!.value]).toEqual([minted[1], minted[1]])
    expect(guest.errors()).toEqual([])
  })
})

describe('the page outside', () => {
  it('signs out: the page inside as well', async () => {
    const { scene, host, guest } = await settled(openBoth())
    void host.session.signOut()
    await scene.advance(0)
    expect(guest.session.state).toEqual({ status: 'signed-out' })
    expect(guest.applied.at(-1)!.token).toBeUndefined()
  })

  it.each([0, 1, 10, 100])(
    'switches to bob, %d ms into an answer: ann is signed out inside, and gets nothing of his',
    async (ms) => {
      const { scene, host, guest, backend, given } = openBoth()
      backend.answer = (mint) =>
        new Promise((resolve) => void host.tab.schedule(host.tab.now() + 50, () => resolve(mint())))
      await scene.advance(ms)
      host.session.signIn('bob')
      await scene.advance(10 * minute)
      expect(host.token()!.value).toMatch(/bob/)
      expect([guest.status(), guest.errors()]).toEqual(['signed-out', []])
      expect(given().filter((token) => /bob/.test(token))).toEqual([])
      expect([guest.token(), guest.applied.at(-1)?.token]).toEqual([undefined, undefined])
    },
  )

  it('switches to bob in the very moment of an answer: not even that page is told his token', async () => {
    for (let moment = 0; moment < 12; moment++) {
      const { scene, host, outer, given } = await settled(openBoth())
      outer.hand(JSON.stringify({ ...refresh('in-this-moment'), reason: 'initial' }), inside)
      for (let turn = 0; turn < moment; turn++) await Promise.resolve()
      host.session.signIn('bob', { token: 'opaque-bob-initial', expiresIn: 600 })
      await scene.advance(second)
      expect(host.token()!.value).toBe('opaque-bob-initial')
      expect(given().filter((token) => /bob/.test(token))).toEqual([])
      await scene.finish()
    }
  })

  it('switches to bob: the page inside that follows gets his', async () => {
    const { scene, host, guest, minted } = await settled(openBoth())
    host.session.signIn('bob')
    await scene.advance(second)
    guest.session.signIn('bob')
    await scene.advance(second)
    expect(guest.token()!.value).toBe(minted.at(-1))
    expect(guest.token()!.value).toMatch(/bob/)
  })

  it('is not signed in yet: the page inside waits, and has its token as soon as it is', async () => {
    const { scene, host, guest } = openBoth({ signIn: false })
    guest.session.signIn('ann')
    await scene.advance(5 * minute)
    expect(guest.status()).toMatch(/waiting|fetching/)
    host.session.signIn('ann')
    await scene.advance(0)
    expect(guest.token()!.value).toBe(host.token()!.value)
  })

  it('has failed for good: so has the page inside', async () => {
    const both = openBoth()
    both.backend.answer = () => null
    const { scene, guest, outer } = await settled(both)
    expect(guest.session.state).toMatchObject({ status: 'failed', error: { code: 'unauthorized' } })
    const { length } = outer.posted
    await scene.advance(60 * minute)
    expect(outer.posted).toHaveLength(length)
  })

  it('is in an outage: the page inside waits as long, makes no call necessary, and keeps its good token', async () => {
    const { scene, host, guest, backend, outer } = await settled(openBoth())
    backend.answer = () => {
      throw new SessionError('source_failed', 'Down.', { retryAfter: 120_000 })
    }
    const { value } = guest.token()!
    const calls = scene.calls.filter(({ window }) => window === host).length
    expect(await scene.result(failureOf(guest.session.refresh()))).toMatchObject({ code: 'source_failed' })
    expect(outer.posted.at(-1)).toMatchObject({ type: 'denied', final: false })
    expect(outer.posted.at(-1).retryAfter).toBeGreaterThanOrEqual(119)
    expect(await guest.session.getToken()).toBe(value)
    await scene.advance(118 * second)
    expect(scene.calls.filter(({ window }) => window === host)).toHaveLength(calls + 1)
    expect(guest.session.state).toMatchObject({ status: 'waiting', token: { value } })
  })

  it('is in an outage as the page inside is due: that is told, and no token goes inside twice', async () => {
    const { scene, host, backend, outer, given, minted } = await settled(openBoth())
    backend.answer = () => {
      throw new SessionError('source_failed', 'Down.', { retryAfter: 120_000 })
    }
    await scene.result(failureOf(host.session.refresh()))
    const asked = outer.posted.length
    outer.hand(JSON.stringify(refresh('in-the-outage')), inside)
    await scene.advance(second)
    expect(outer.posted.slice(asked)).toMatchObject([{ type: 'denied', id: 'in-the-outage', final: false }])
    expect(outer.posted.at(-1).retryAfter).toBeGreaterThanOrEqual(119)
    expect(given()).toEqual(minted)
  })

  it('is closed: the page inside keeps the token it has', async () => {
    const { scene, host, guest, minted } = await settled(openBoth())
    await host.session.close()
    await scene.advance(5 * minute)
    expect(await guest.session.getToken()).toBe(minted[0])
  })
})

it('says nothing of its token in errors, events and the console, whatever is asked', async () => {
  const { scene, host, guest, minted, backend } = await settled(openBoth())
  backend.answer = () => {
    throw new Error(`refused: ${minted.at(-1)}`)
  }
  guest.session.invalidate(minted[0]!)
  await scene.advance(5 * minute)
  const shown = inspect([host.happened, guest.happened], { depth: 9 }) + JSON.stringify([host.happened, guest.happened])
  expect(shown).not.toContain(minted[0]!.slice(0, 12))
  expect(guest.errors().length).toBeGreaterThan(1)
})
