import { SessionError, UnauthorizedError } from 'inbox-session'
import { describe, expect, it } from 'vitest'
import { type Scene, checkBudget, createTabs, failureOf, oneToken, watch } from '../support/tabs-scene.js'

const minute = 60_000
const failed = ({ calls }: Scene, from = 0) => calls.filter(({ at, brought }) => at >= from && !brought)
const retryTimes = ({ windows }: Scene) => windows.map(({ session }) => (session.state as { retryAt?: number }).retryAt)

describe('ten tabs while the backend is down (F43)', () => {
  it('call like one client, on one ladder, for ten minutes', async () => {
    const scene = createTabs({ seconds: 100 })
    scene.openAll(10)
    await scene.advance(1_000)
    scene.backend.fail(new SessionError('source_failed', 'down', { status: 503 }))
    await scene.advance(10 * minute)
    const times = failed(scene).map(({ at }) => at)
    expect(times.length).toBeGreaterThan(8)
    expect(times.length).toBeLessThanOrEqual(25)
    expect(times.filter((at) => at < times[0]! + minute).length).toBeLessThanOrEqual(7)
    for (const [index, at] of times.slice(1).entries())
      expect(at - times[index]!).toBeGreaterThanOrEqual(Math.min(60_000, 1_000 * 2 ** index) / 2)
    expect(new Set(retryTimes(scene)).size).toBe(1)
    expect(scene.windows.map(({ status }) => status())).toEqual(Array(10).fill('waiting'))
    scene.backend.mend()
    await scene.advance(61_000)
    expect(failed(scene)).toHaveLength(times.length)
    oneToken(scene.windows)
  })

  it('say the same error in each of them, once for each failure', async () => {
    const scene = createTabs()
    scene.backend.fail(new SessionError('source_failed', 'down', { status: 503 }))
    scene.openAll(5)
    await scene.advance(20_000)
    const { length } = scene.calls
    for (const { of } of scene.windows) {
      const errors = of('error')
      expect(errors).toHaveLength(length)
      expect(errors.every(({ code, status }) => code === 'source_failed' && status === 503)).toBe(true)
    }
  })

  it('do not say it again when a new tab asks what happened', async () => {
    const scene = createTabs()
    scene.backend.fail()
    const windows = scene.openAll(5)
    for (const [index, { tab }] of windows.entries()) tab.latency = () => 3 * index
    await scene.advance(20_000)
    const told = windows.map(({ of }) => of('error').length)
    const times = retryTimes(scene)
    const { length } = scene.calls
    scene.open()
    await scene.advance(500)
    expect(scene.calls).toHaveLength(length)
    expect(windows.map(({ of }) => of('error').length)).toEqual(told)
    expect(retryTimes(scene)).toEqual([...times, times[0]])
  })

  it('share one ladder with a tab that never had a token', async () => {
    const scene = createTabs()
    const old = scene.open()
    await scene.advance(20_000)
    scene.backend.fail()
    scene.refuse(old)
    scene.openAll(3)
    await scene.advance(10 * minute)
    checkBudget(scene.calls.map(({ at }) => at))
    expect(scene.calls.length).toBeLessThanOrEqual(25)
    expect(new Set(retryTimes(scene)).size).toBe(1)
  })

  it('all keep to the Retry-After that one of them was given (F61)', async () => {
    const scene = createTabs()
    scene.backend.fail(new SessionError('source_failed', 'busy', { status: 429, retryAfter: 120_000 }))
    scene.openAll(10)
    await scene.advance(119_000)
    expect(scene.calls).toHaveLength(1)
    scene.backend.mend()
    await scene.advance(32_000)
    expect(scene.calls).toHaveLength(2)
    oneToken(scene.windows)
  })

  it('callers in all of them make no more calls (F59)', async () => {
    const scene = createTabs()
    scene.backend.fail()
    scene.openAll(10)
    for (let step = 0; step < 600; step++) {
      const asked = scene.windows.map(({ session }) => watch(session.getToken()))
      await scene.advance(1_000)
      expect(asked.filter(({ ended }) => !ended)).toEqual([])
    }
    expect(scene.calls.length).toBeLessThanOrEqual(25)
  })

  it('those who ask for a new token at every chance stay within one budget', async () => {
    const scene = createTabs()
    scene.openAll(10)
    await scene.advance(10_000)
    const from = scene.origin.now
    scene.backend.fail()
    for (let step = 0; step < 600; step++) {
      for (const { session } of scene.windows) session.refresh().catch(() => {})
      await scene.advance(1_000)
    }
    const times = failed(scene, from).map(({ at }) => at)
    checkBudget(times)
    expect(times.length).toBeGreaterThan(10)
  })

  it('tabs opened meanwhile join in and do not start anew', async () => {
    const scene = createTabs()
    scene.backend.fail()
    scene.open()
    await scene.advance(30_000)
    for (let tab = 0; tab < 10; tab++) {
      scene.open()
      await scene.advance(2_000)
    }
    checkBudget(scene.calls.map(({ at }) => at))
    expect(scene.calls.length).toBeLessThanOrEqual(7)
  })

  it('nor does one whose question is answered too late take the others back to the first step', async () => {
    const scene = createTabs()
    scene.backend.fail()
    const old = scene.open()
    await scene.advance(60_000)
    old.tab.latency = () => 500
    const late = scene.open()
    await scene.advance(900)
    expect(scene.calls.at(-1)!.tab).not.toBe(old.tab)
    await Promise.all([late.session.close(), scene.advance(1)])
    const from = scene.origin.now
    await scene.advance(5 * minute)
    const times = scene.calls.map(({ at }) => at).filter((at) => at >= from)
    expect(times.length).toBeGreaterThan(3)
    for (const [index, at] of times.slice(1).entries()) expect(at - times[index]!).toBeGreaterThanOrEqual(30_000)
  })

  it('it goes on where the one that called last is closed', async () => {
    const scene = createTabs()
    scene.backend.fail()
    scene.openAll(6)
    for (const { session } of scene.windows.slice(1)) {
      await scene.advance(20_000)
      await Promise.all([session.close(), scene.advance(1)])
    }
    const times = scene.calls.map(({ at }) => at)
    for (const [index, at] of times.slice(1).entries())
      expect(at - times[index]!).toBeGreaterThanOrEqual(Math.min(60_000, 1_000 * 2 ** index) / 2)
    scene.backend.mend()
    await scene.advance(61_000)
    expect(scene.windows[0]!.status()).toBe('fresh')
  })

  it('a good token keeps serving in all of them (F57)', async () => {
    const scene = createTabs({ seconds: 1_000 })
    scene.openAll(5)
    await scene.advance(1_000)
    const token = oneToken(scene.windows)
    scene.backend.fail()
    await scene.advance(985_000)
    const asked = scene.windows.map(({ session }) => watch(session.getToken()))
    await scene.flush()
    expect(asked.every(({ value }) => value === token)).toBe(true)
  })

  it('what succeeds in one of them ends the ladder in all', async () => {
    const scene = createTabs()
    scene.backend.fail()
    scene.openAll(5)
    await scene.advance(40_000)
    scene.backend.mend()
    const asked = watch(scene.windows[3]!.session.refresh())
    await scene.advance(100)
    expect(asked.value).toBe(oneToken(scene.windows))
    scene.backend.fail()
    for (const { session } of scene.windows) expect(session.state.status).toBe('fresh')
  })
})

describe('a final verdict', () => {
  it('of one tab is that of those who waited with it: no call for an hour (G10)', async () => {
    const scene = createTabs()
    scene.backend.answer = () => null
    scene.openAll(5)
    await scene.advance(60 * minute)
    expect(scene.calls.length).toBeLessThanOrEqual(5)
    expect(scene.windows.map(({ status }) => status())).toEqual(Array(5).fill('failed'))
  })

  it('ends in all tabs when one of them is signed in anew and succeeds (F80)', async () => {
    const scene = createTabs()
    scene.backend.fail(new UnauthorizedError())
    const windows = scene.openAll(5)
    await scene.advance(1_000)
    expect(windows[1]!.status()).toBe('failed')
    scene.backend.mend()
    const { length } = scene.calls
    windows[1]!.session.signIn('ann')
    await scene.advance(1_000)
    expect(scene.calls).toHaveLength(length + 1)
    expect(windows.map(({ status }) => status())).toEqual(Array(5).fill('fresh'))
    oneToken(windows)
  })

  it('of an old tab does not fail the sign-in of a new one', async () => {
    const scene = createTabs()
    scene.backend.answer = () => null
    const old = scene.open()
    await scene.advance(1_000)
    expect(old.status()).toBe('failed')
    scene.backend.mend()
    const late = scene.open()
    const asked = watch(late.session.getToken())
    await scene.advance(1_000)
    expect(asked.value).toBe(late.token()!.value)
    expect(scene.calls).toHaveLength(2)
    expect(old.status()).toBe('fresh')
  })

  it('that comes while a good token is held leaves it to all until it is spent (F58)', async () => {
    const scene = createTabs({ seconds: 1_000 })
    scene.openAll(3)
    await scene.advance(1_000)
    const token = oneToken(scene.windows)
    scene.backend.answer = () => null
    await scene.advance(900_000)
    const asked = scene.windows.map(({ session }) => watch(session.getToken()))
    await scene.flush()
    expect(asked.map(({ value }) => value)).toEqual([token, token, token])
    await scene.advance(100_000)
    for (const { session } of scene.windows)
      expect(await failureOf(session.getToken())).toMatchObject({ code: 'unauthorized' })
    expect(scene.calls.length).toBeLessThanOrEqual(4)
  })
})
