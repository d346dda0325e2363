import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Release, createLease, createLock } from '../../src/environment/lock.js'
import { watch } from '../support/scene.js'
import { type FakeOrigin, createFakeOrigin, start } from './origin.js'

let origin: FakeOrigin
const held = new Set<() => void>()

beforeEach(() => {
  vi.useFakeTimers({ now: start, toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] })
  origin = createFakeOrigin()
  held.clear()
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

/** Lets time pass until it has ended; how long that took. */
const timeOf = async (result: { ended: boolean }, limit = 60_000): Promise<number> => {
  const before = Date.now()
  while (!result.ended && Date.now() - before < limit) await pass(10)
  return Date.now() - before
}
const expectNothingLeft = () => {
  expect([origin.held, origin.pending, held.size, vi.getTimerCount()]).toEqual([[], [], 0, 0])
}

describe('a Web Lock', () => {
  const lockWith = (isSilent: (since: number) => boolean, heardAt = () => -Infinity) =>
    createLock(origin.clock, globalThis, { isSilent, heardAt }, held)
  /** Somebody who answers every question for so long. */
  const holder = (ms = Infinity) => {
    const asked: number[] = []
    const isSilent = () => {
      asked.push(Date.now() - start)
      return Date.now() - start >= ms
    }
    return { asked, isSilent }
  }

  it('that is free is granted without a timer passing and without a question to anybody', async () => {
    const { isSilent, asked } = holder()
    const release = await lockWith(isSilent)('lock', 10_000)
    expect(origin.held).toEqual(['lock'])
    expect(asked).toEqual([])
    release!()
    await pass(0)
    expectNothingLeft()
  })

  it('is had by one at a time, in the order they came', async () => {
    const lock = lockWith(holder().isSilent)
    const order: number[] = []
    const run = async (index: number) => {
      const release = await lock('lock', 10_000)
      order.push(index)
      await new Promise((resolve) => setTimeout(resolve, 300))
      expect(origin.held).toEqual(['lock'])
      release!()
    }
    const all = Promise.all([0, 1, 2, 3].map(run))
    await pass(1_300)
    await all
    expect(order).toEqual([0, 1, 2, 3])
    expectNothingLeft()
  })

  it('is waited for as long as its holder answers, and got in the moment it is free', async () => {
    const free = origin.occupy('lock')
    const { isSilent, asked } = holder()
    const result = watch(lockWith(isSilent)('lock', 10_000))
    await pass(4_321)
    expect(result.ended).toBe(false)
    expect(asked.length).toBeGreaterThan(2)
    free()
    await pass(0)
    expect(result.value).toBeTypeOf('function')
    result.value!()
    await pass(0)
    expectNothingLeft()
  })

  it('is not asked about in its first half second: most are free by then', async () => {
    origin.occupy('lock')
    const { isSilent, asked } = holder()
    const result = watch(lockWith(isSilent)('lock', 10_000))
    await pass(499)
    expect(asked).toEqual([])
    await timeOf(result)
  })

  it('whose holder is silent is given up as soon as that is known', async () => {
    const free = origin.occupy('lock')
    const result = watch(lockWith(() => true)('lock', 10_000))
    const time = await timeOf(result)
    expect(result).toEqual({ ended: true, value: undefined })
    expect(time).toBeGreaterThanOrEqual(500)
    expect(time).toBeLessThanOrEqual(800)
    expect(origin.pending).toEqual([])
    free()
    await pass(0)
    expectNothingLeft()
  })

  it('whose holder falls silent later is given up within a second', async () => {
    const free = origin.occupy('lock')
    const time = await timeOf(watch(lockWith(holder(4_000).isSilent)('lock', 60_000)))
    expect(time).toBeGreaterThanOrEqual(4_000)
    expect(time).toBeLessThanOrEqual(5_000)
    free()
    await pass(0)
    expectNothingLeft()
  })

  it.each<[string, () => number, number]>([
    ['cannot be asked is waited for until the patience is over', () => -Infinity, 1],
    ['answers on and on is waited for three times as long', () => Date.now(), 3],
  ])('whose holder %s, and no longer', async (_, heardAt, times) => {
    const free = origin.occupy('lock')
    for (const patience of [200, 3_000, 11_000]) {
      const result = watch(lockWith(() => false, heardAt)('lock', patience))
      const time = await timeOf(result)
      expect(result).toEqual({ ended: true, value: undefined })
      expect(time).toBeGreaterThanOrEqual(times * patience)
      expect(time).toBeLessThanOrEqual(times * patience + 10)
      expect(origin.pending).toEqual([])
    }
    free()
    await pass(0)
    expectNothingLeft()
  })

  it('whose holder gave its last answer a while ago has the patience from then on', async () => {
    origin.occupy('lock')
    const result = watch(
      lockWith(
        () => false,
        () => Math.min(Date.now(), start + 2_000),
      )('lock', 5_000),
    )
    expect(await timeOf(result)).toBe(7_000)
  })

  it('is no longer waited for when the signal is aborted: that rejects with its reason', async () => {
    const free = origin.occupy('lock')
    const controller = new AbortController()
    const result = watch(lockWith(holder().isSilent)('lock', 10_000, controller.signal))
    await pass(700)
    controller.abort(new Error('enough'))
    await pass(0)
    expect(result.error).toEqual(new Error('enough'))
    expect(origin.pending).toEqual([])
    free()
    await pass(0)
    expectNothingLeft()
  })

  it('asked for with a signal that is aborted already is not kept', async () => {
    const result = watch(lockWith(holder().isSilent)('lock', 10_000, AbortSignal.abort(new Error('before'))))
    await pass(0)
    expect(result.error).toEqual(new Error('before'))
    expectNothingLeft()
  })

  it.each(['given up', 'aborted'])('that is granted in the very moment it is %s is let go at once', async (how) => {
    const free = origin.occupy('lock')
    const controller = new AbortController()
    const result = watch(lockWith(() => true)('lock', 10_000, controller.signal))
    origin.deaf = true
    await pass(600)
    if (how === 'aborted') controller.abort(new Error('enough'))
    await timeOf(result)
    expect(origin.pending).toEqual(['lock'])
    free()
    await pass(0)
    expectNothingLeft()
    expect(result.value).toBeUndefined()
  })

  it.each<[string, unknown]>([
    [
      'throws',
      {
        request: () => {
          throw new DOMException('no', 'SecurityError')
        },
      },
    ],
    ['rejects', { request: async () => Promise.reject(new DOMException('no', 'SecurityError')) }],
    ['is absent', undefined],
    ['is null', null],
  ])('where the platform’s manager %s is a rejection at once, and nothing is left', async (_, locks) => {
    vi.stubGlobal('navigator', { locks })
    const result = watch(lockWith(holder().isSilent)('lock', 10_000))
    await pass(0)
    expect(result.error).toBeInstanceOf(Error)
    expectNothingLeft()
  })

  it('is let go when the page leaves, and no longer waited for', async () => {
    await lockWith(holder().isSilent)('lock', 10_000)
    const controller = new AbortController()
    const waiting = watch(lockWith(() => false)('lock', 10_000, controller.signal))
    await pass(100)
    expect([origin.held, origin.pending]).toEqual([['lock'], ['lock']])
    held.forEach((release) => release())
    await pass(0)
    expect([origin.held, origin.pending]).toEqual([[], []])
    controller.abort()
    await pass(0)
    expect(waiting.ended).toBe(true)
    expectNothingLeft()
  })
})

describe('a lease', () => {
  const patience = 10_000
  const longest = 12_000
  const leaseOf = (owner: string) => createLease(origin.clock, globalThis, owner, held)
  const items = () => ({ ...origin.storage }) as Record<string, string>
  const endOf = () => Number(items().lease?.split(' ')[1])

  it('is had without a timer passing in a page that only simulates a browser', async () => {
    const lease = leaseOf('ann')
    for (let round = 0; round < 3; round++) {
      const release = await lease('lease', patience)
      expect(items().lease).toMatch(/^ann /)
      release!()
      expect(items().lease).toBeUndefined()
    }
    expect(vi.getTimerCount()).toBe(0)
  })

  it('does not pile up what has to be let go when the page leaves', async () => {
    const lease = leaseOf('ann')
    for (let round = 0; round < 10; round++) (await lease('lease', patience))!()
    expect(held.size).toBeLessThanOrEqual(1)
  })

  it('is had by one at a time, of any number who want it at once', async () => {
    let busy = 0
    let most = 0
    const run = async (owner: string) => {
      const release = await leaseOf(owner)('lease', patience)
      most = Math.max(most, ++busy)
      await new Promise((resolve) => setTimeout(resolve, 250))
      busy--
      release!()
    }
    const all = Promise.all(['a', 'b', 'c', 'd', 'e'].map(run))
    await pass(5_000)
    await all
    expect(most).toBe(1)
    expect(items().lease).toBeUndefined()
  })

  it('is not had by who was overwritten a moment after, but by the other', async () => {
    vi.stubGlobal('isSecureContext', false)
    const result = watch(leaseOf('ann')('lease', patience))
    await pass(20)
    localStorage.setItem('lease', `bob ${Date.now() + longest}`)
    await pass(1_000)
    expect(result.ended).toBe(false)
    localStorage.removeItem('lease')
    await pass(200)
    expect(result.value).toBeTypeOf('function')
  })

  it.each([
    ['has ended', `bob ${start - 1}`],
    ['ends later than any can: the clock was set back', `bob ${start + longest + 60_000}`],
    ['cannot be read', 'nonsense'],
    ['has an end that is none', 'bob NaN'],
    ['is empty', ''],
  ])('of another one that %s is taken over', async (_, value) => {
    localStorage.setItem('lease', value)
    const result = watch(leaseOf('ann')('lease', patience))
    await pass(50)
    expect(result.value).toBeTypeOf('function')
    expect(endOf()).toBeGreaterThan(Date.now())
    expect(endOf()).toBeLessThanOrEqual(start + 50 + longest)
  })

  it('of a page that crashed ends by itself a little after the longest run', async () => {
    await leaseOf('bob')('lease', patience)
    await pass(5_000)
    const result = watch(leaseOf('ann')('lease', patience))
    const time = await timeOf(result)
    expect(result.value).toBeTypeOf('function')
    expect(time).toBeGreaterThan(longest - 5_000 - 100)
    expect(time).toBeLessThan(longest - 5_000 + 300)
  })

  it('of a page that crashed is taken over when it ends, though that is later than patience (F42)', async () => {
    localStorage.setItem('lease', `bob ${start + 11_500}`)
    const result = watch(leaseOf('ann')('lease', patience))
    const time = await timeOf(result)
    expect(time).toBeGreaterThanOrEqual(11_500)
    expect(time).toBeLessThanOrEqual(11_700)
    expect(result.value).toBeTypeOf('function')
    expect(items().lease).toMatch(/^ann /)
  })

  it('that always somebody else gets is done without after three of them', async () => {
    let turns = 0
    const takeOver = () => {
      localStorage.setItem('lease', `bob${++turns} ${Date.now() + longest}`)
      others = setTimeout(takeOver, 90)
    }
    let others: ReturnType<typeof setTimeout> | undefined
    takeOver()
    const result = watch(leaseOf('ann')('lease', patience))
    const time = await timeOf(result)
    clearTimeout(others)
    expect(time).toBeLessThanOrEqual(3 * longest + 200)
    expect(result).toEqual({ ended: true, value: undefined })
    expect(items().lease).toMatch(/^bob/)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('that somebody else took over meanwhile is not taken from them', async () => {
    const release = await leaseOf('ann')('lease', patience)
    localStorage.setItem('lease', `bob ${Date.now() + longest}`)
    release!()
    expect(items().lease).toMatch(/^bob /)
  })

  it('is no longer waited for when the signal is aborted: that rejects with its reason', async () => {
    localStorage.setItem('lease', `bob ${start + longest}`)
    const controller = new AbortController()
    const result = watch(leaseOf('ann')('lease', patience, controller.signal))
    await pass(500)
    controller.abort(new Error('enough'))
    await pass(0)
    expect(result.error).toEqual(new Error('enough'))
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is not left behind by who gives up a moment after writing it', async () => {
    vi.stubGlobal('isSecureContext', false)
    const controller = new AbortController()
    const result = watch(leaseOf('ann')('lease', patience, controller.signal))
    await pass(10)
    controller.abort(new Error('enough'))
    await pass(0)
    expect(result.ended).toBe(true)
    expect(items().lease).toBeUndefined()
  })

  it.each(['held', 'just written'])('that is %s when the page leaves is left behind for nobody', async (when) => {
    if (when === 'just written') vi.stubGlobal('isSecureContext', false)
    const result = watch(leaseOf('ann')('lease', patience))
    await pass(0)
    held.forEach((release) => release())
    const left = items()
    expect(left).toEqual({})
    await timeOf(result)
  })

  it.each<[string, () => Storage]>([
    ['is full', () => full()],
    ['is null', () => null as never],
  ])('where the storage %s is a rejection, and nothing waits', async (_, storage) => {
    vi.stubGlobal('localStorage', storage())
    const result = watch(leaseOf('ann')('lease', patience) as Promise<Release | undefined>)
    await pass(0)
    expect(result.error).toBeInstanceOf(Error)
    expect(vi.getTimerCount()).toBe(0)
  })
  const full = () =>
    ({
      getItem: () => null,
      removeItem: () => {},
      setItem() {
        throw new DOMException('full', 'QuotaExceededError')
      },
    }) as unknown as Storage
})
