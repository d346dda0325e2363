import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Tabs } from '../../src/environment/environment.js'
import { createTabs } from '../../src/environment/tabs.js'
import { watch } from '../support/scene.js'
import { type FakeOrigin, type FakePage, createFakeOrigin, start } from './origin.js'

const key = 'inbox-session:["default","ann"]'
const patience = 10_000

interface Opened {
  readonly page: FakePage
  readonly tabs: Tabs
  /** What came: the message, and its age if it has one. */
  readonly heard: unknown[][]
  readonly lacks: string[]
  /** Runs alone for `ms`; its times since the start, and what had been heard when it began. */
  run(ms?: number, work?: () => void, signal?: AbortSignal): Promise<{ from: number; to: number; heard: unknown[] }>
  close(): void
}

let origin: FakeOrigin

beforeEach(() => {
  vi.useFakeTimers({ now: start, toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] })
  origin = createFakeOrigin()
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const open = (name = key): Opened => {
  const page = origin.page()
  const heard: unknown[][] = []
  const lacks: string[] = []
  const tabs = page.within(() => createTabs(name, origin.clock, globalThis, (what) => lacks.push(what)))
  tabs.onMessage((...given) => void heard.push(given))
  return {
    page,
    tabs,
    heard,
    lacks,
    run: (ms = 100, work = () => {}, signal) =>
      tabs.exclusive(
        async () => {
          const began = { from: Date.now() - start, heard: heard.map(([message]) => message) }
          await wait(ms)
          work()
          return { ...began, to: Date.now() - start }
        },
        patience,
        signal,
      ),
    close: () => page.within(() => tabs.close()),
  }
}
const marks = () => Object.keys(origin.storage).filter((name) => name.includes(':here:'))
const expectNoLocks = () => expect([origin.held, origin.pending]).toEqual([[], []])

describe('a run', () => {
  it('of a tab alone begins before any timer fires', async () => {
    const run = vi.fn(async () => 7)
    const result = open().tabs.exclusive(run, patience)
    expect(await result).toBe(7)
    expect(run).toHaveBeenCalledTimes(1)
    await pass(0)
    expectNoLocks()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is alone over all tabs of the key, and not held up by those of another', async () => {
    const tabs = Array.from({ length: 10 }, () => open())
    const other = watch(open('another key').run(50))
    const runs = Promise.all(tabs.map(({ run }) => run(100)))
    await pass(60)
    expect(other.value).toMatchObject({ from: 0, to: 50 })
    await pass(2_000)
    const times = (await runs).sort((one, next) => one.from - next.from)
    for (const [index, { from }] of times.entries()) expect(from).toBeGreaterThanOrEqual(times[index - 1]?.to ?? 0)
    expectNoLocks()
  })

  it('hands on what it throws, and frees the way', async () => {
    const [one, two] = [open(), open()]
    const failed = watch(one.tabs.exclusive(() => Promise.reject(new Error('down')), patience))
    const next = watch(two.run(10))
    await pass(20)
    expect(failed.error).toEqual(new Error('down'))
    expect(next.ended).toBe(true)
    expectNoLocks()
  })

  it.each([1, 20, 500, 900])(
    'never begins before the last message of the one before has arrived, though it takes %s ms',
    async (latency) => {
      const [one, two, three] = [open(), open(), open()]
      origin.latency = () => latency
      const first = one.run(100, () => {
        one.tabs.post({ part: 1 })
        one.tabs.post({ part: 2 })
      })
      const second = two.run(50, () => two.tabs.post({ part: 3 }))
      const third = three.run(10)
      await pass(5_000)
      expect((await first).heard).toEqual([])
      expect(await second).toMatchObject({ from: 100 + latency, heard: [{ part: 1 }, { part: 2 }] })
      expect((await third).heard).toEqual([{ part: 1 }, { part: 2 }, { part: 3 }])
      expectNoLocks()
    },
  )

  it('is not let begin before it can be seen what it has to wait for', async () => {
    const [one, two] = [open(), open()]
    origin.latency = () => 200
    const first = one.run(100, () => {
      one.tabs.post({ part: 1 })
      origin.requestedAfter = 30
    })
    const second = two.run(0)
    await pass(2_000)
    await first
    expect((await second).heard).toEqual([{ part: 1 }])
  })

  it('knows a message again after many others have come', async () => {
    const [one, two] = [open(), open()]
    void one.run(100, () => one.tabs.post({ part: 1 }))
    await pass(110)
    for (let part = 2; part < 40; part++) one.tabs.post({ part })
    await pass(10)
    const second = two.run(0)
    await pass(2_000)
    expect((await second).from).toBe(120)
  })

  it('that is given up in between does not take away what the next has to wait for', async () => {
    const [one, two, three] = [open(), open(), open()]
    const controller = new AbortController()
    origin.latency = (page) => (page === 1 ? 0 : 500)
    const first = one.run(100, () => one.tabs.post({ part: 1 }))
    two.tabs.onMessage(() => controller.abort())
    const second = watch(two.run(50, undefined, controller.signal))
    const third = three.run(10)
    await pass(5_000)
    await first
    expect(second.error).toBeDefined()
    expect((await third).heard).toEqual([{ part: 1 }])
  })

  it('goes on after a second where that message never comes', async () => {
    const [one, two] = [open(), open()]
    origin.latency = () => Infinity
    void one.run(100, () => one.tabs.post({ part: 1 }))
    const second = two.run(10)
    await pass(5_000)
    const { from } = await second
    expect(from).toBeGreaterThanOrEqual(1_000)
    expect(from).toBeLessThanOrEqual(1_200)
    expect(vi.getTimerCount()).toBe(0)
    expectNoLocks()
  })

  it('does not wait for messages of its own tab', async () => {
    const one = open()
    origin.latency = () => Infinity
    void one.run(100, () => one.tabs.post({ part: 1 }))
    const again = one.run(10)
    await pass(200)
    expect((await again).from).toBe(100)
  })

  it('does not wait for messages posted by those who are not alone, nor for questions', async () => {
    const [one, two] = [open(), open()]
    origin.latency = () => 800
    one.tabs.post({ part: 1 })
    void one.run(100)
    const second = two.run(10)
    await pass(2_000)
    expect((await second).from).toBe(100)
  })

  it('that has ended leaves no lock at rest: the last is gone in less than half a second', async () => {
    const one = open()
    await Promise.all([one.run(0, () => one.tabs.post({ part: 1 })), pass(0)])
    await pass(499)
    expectNoLocks()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('waits for one that goes on and on, as long as that tab lives', async () => {
    const [one, two] = [open(), open()]
    origin.latency = () => 100
    const first = one.run(8_000)
    const second = two.run(10)
    await pass(9_000)
    expect((await second).from).toBe((await first).to)
  })

  it('is waited for with one question at a time, however many wait, and answered only where it is asked about', async () => {
    origin.latency = () => 5
    const tabs = Array.from({ length: 10 }, () => open())
    void tabs[0]!.run(8_000)
    const others = tabs.slice(1).map(({ run }) => watch(run(0)))
    await pass(8_000)
    const asked = origin.posted.filter(({ data }) => 'ping' in (data as object))
    expect(asked.length).toBeGreaterThan(5)
    expect(asked.length).toBeLessThan(40)
    await pass(1_000)
    expect(others.every(({ ended }) => ended)).toBe(true)
  })

  it('is not asked about by a tab that gets its turn soon', async () => {
    const [one, two] = [open(), open()]
    void one.run(400)
    void two.run(0)
    await pass(2_000)
    expect(origin.posted).toEqual([])
  })

  it('goes round a tab that is frozen while it runs after about a second, and is alone even so', async () => {
    origin.occupy(key)
    const runs = Promise.all([open(), open(), open()].map(({ run }) => run(300)))
    await pass(6_000)
    const times = (await runs).sort((one, next) => one.from - next.from)
    expect(times[0]!.from).toBeGreaterThanOrEqual(750)
    expect(times[0]!.from).toBeLessThanOrEqual(1_500)
    for (const [index, { from }] of times.entries()) expect(from).toBeGreaterThanOrEqual(times[index - 1]?.to ?? 0)
    expect([origin.held, origin.pending]).toEqual([[key], []])
  })

  it('begins when three times the patience is over, whoever is before it and however alive', async () => {
    const tabs = [open(), open(), open(), open()]
    const runs = Promise.all(tabs.map(({ run }) => run(60_000)))
    await pass(200_000)
    const late = (await runs).map(({ from }) => from).filter((from) => from > 3 * patience + 2_000)
    expect(late).toEqual([])
    expectNoLocks()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('begins when the patience is over where nobody can be asked', async () => {
    vi.stubGlobal('BroadcastChannel', undefined)
    origin.occupy(key)
    const result = open().run(0)
    await pass(patience + 10)
    expect((await result).from).toBe(patience)
  })

  it('begins though both locks are taken for ever by somebody who does not answer', async () => {
    origin.occupy(key)
    origin.occupy(`${key}!`)
    const result = open().run(10)
    await pass(4_000)
    expect((await result).from).toBeLessThanOrEqual(3_000)
  })

  it.each(['before', 'while it waits for its turn', 'while it waits for a message'])(
    'that is aborted %s never begins, and leaves nothing',
    async (when) => {
      const [one, two] = [open(), open()]
      const controller = new AbortController()
      const run = vi.fn(async () => {})
      origin.latency = () => Infinity
      const first = one.run(200, () => one.tabs.post({ part: 1 }))
      const late = { before: 0, 'while it waits for its turn': 100, 'while it waits for a message': 300 }[when]!
      const end = () => controller.abort(new Error('enough'))
      if (late) setTimeout(end, late)
      else end()
      const second = watch(two.tabs.exclusive(run, patience, controller.signal))
      await pass(late)
      expect(second.error).toEqual(new Error('enough'))
      await pass(600)
      await first
      expect(run).not.toHaveBeenCalled()
      expectNoLocks()
      expect(vi.getTimerCount()).toBe(0)
    },
  )

  it('that has begun is not ended by the signal', async () => {
    const controller = new AbortController()
    const result = watch(open().run(100, undefined, controller.signal))
    await pass(50)
    controller.abort()
    await pass(100)
    expect(result.value).toMatchObject({ from: 0, to: 100 })
  })

  it('goes on where the locks cannot be looked at', async () => {
    const { locks } = navigator
    vi.stubGlobal('navigator', { locks: { ...locks, query: () => Promise.reject(new Error('no')) } })
    const result = watch(open().run(10))
    await pass(20)
    expect(result.value).toMatchObject({ from: 0 })
    expectNoLocks()
  })

  it('goes on after a second where the browser does not say who holds what', async () => {
    const { locks } = navigator
    vi.stubGlobal('navigator', { locks: { ...locks, query: () => new Promise(() => {}) } })
    const result = open().run(0)
    await pass(2_000)
    expect((await result).from).toBeLessThanOrEqual(1_000)
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('a message', () => {
  it('reaches all other tabs of the key, with its age, and not its own', async () => {
    const [one, two, three, foreign] = [open(), open(), open(), open('another key')]
    origin.latency = () => 250
    one.tabs.post({ text: 'hello' })
    await pass(250)
    expect([one.heard, foreign.heard]).toEqual([[], []])
    for (const { heard } of [two, three]) expect(heard).toEqual([[{ text: 'hello' }, 250]])
  })

  it('is no longer heard after the listener has gone', async () => {
    const [one, two] = [open(), open()]
    const heard = vi.fn()
    two.tabs.onMessage(heard)()
    one.tabs.post({ text: 'hello' })
    await pass(0)
    expect(heard).not.toHaveBeenCalled()
  })

  it('that cannot be sent is no error', async () => {
    const { tabs, close } = open()
    expect(() => tabs.post({ run() {} })).not.toThrow()
    close()
    expect(() => tabs.post({ text: 'late' })).not.toThrow()
  })

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a number', 5],
    ['a text', 'hello'],
    ['a list', [1, 2]],
    ['an empty object', {}],
    ['a name that is none', { id: 7, sentAt: start }],
    ['a name without end', { id: 'x'.repeat(1e6), sentAt: start }],
    ['a text for a message', { id: 'a-1', sentAt: start, message: 'refused' }],
    ['null for a message', { id: 'a-1', sentAt: start, message: null }],
    ['a question of another kind', { id: 'a-1', ping: 1, message: { type: 'token' } }],
    ['an answer with a message', { id: 'a-1', ping: 'b-1', message: { type: 'token' } }],
  ])('that is %s is ignored', async (_, data) => {
    const one = open()
    const forger = new BroadcastChannel(key)
    forger.postMessage(data)
    await pass(10)
    expect(one.heard).toEqual([])
    expect(vi.getTimerCount()).toBe(0)
  })

  it.each([undefined, null, NaN, Infinity, -Infinity, 'soon', start + 1e9, {}])(
    'whose time is %s has an age all the same',
    async (sentAt) => {
      const one = open()
      new BroadcastChannel(key).postMessage({ id: 'a-1', sentAt, message: { type: 'ask' } })
      await pass(10)
      const [[message, age]] = one.heard as [[unknown, number]]
      expect(message).toEqual({ type: 'ask' })
      expect(age).toBeGreaterThanOrEqual(0)
    },
  )

  it('forged by the hundred neither holds up a run nor is kept', async () => {
    const [one, two] = [open(), open()]
    const forger = new BroadcastChannel(key)
    for (let index = 0; index < 200; index++) forger.postMessage({ id: `f-${index}`, sentAt: start, message: {} })
    const first = one.run(10, () => one.tabs.post({ part: 1 }))
    const second = two.run(10)
    await pass(1_000)
    await first
    expect((await second).from).toBeLessThanOrEqual(20)
  })
})

describe('a page that leaves', () => {
  it.each([
    ['pagehide', 'pageshow'],
    ['freeze', 'resume'],
  ])('(%s) lets everything go, and takes it up again when it comes back (%s)', async (leave, comeBack) => {
    const one = open()
    one.tabs.mark!(true)
    const running = watch(one.run(1_000, () => one.tabs.post({ part: 1 })))
    const waiting = watch(one.run(10))
    await pass(100)
    expect([origin.held, origin.pending, origin.channels, marks().length]).toEqual([[key], [key], [key], 1])
    one.page.fire(leave)
    await pass(0)
    expect([origin.held, origin.pending, origin.channels, marks()]).toEqual([[], [], [], []])
    await pass(2_000)
    expect(running.ended).toBe(true)
    expectNoLocks()
    one.page.fire(comeBack)
    expect([origin.channels, marks().length]).toEqual([[key], 1])
    expect(one.heard).toEqual([[]])
    await pass(20_000)
    expect(waiting.ended).toBe(true)
    expectNoLocks()
    const other = open()
    other.tabs.post({ text: 'welcome' })
    await pass(0)
    expect(one.heard).toEqual([[], [{ text: 'welcome' }, 0]])
  })

  it('right after a run that posted leaves no second lock either', async () => {
    const one = open()
    const done = one.run(10, () => one.tabs.post({ part: 1 }))
    await pass(10)
    await done
    await pass(0)
    expect(origin.held).toHaveLength(1)
    one.page.fire('pagehide')
    await pass(0)
    expectNoLocks()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('while the second lock is on its way does not keep that either', async () => {
    const one = open()
    const done = one.run(10, () => {
      one.tabs.post({ part: 1 })
      origin.grantedAfter = 50
    })
    await pass(20)
    await done
    one.page.fire('pagehide')
    await pass(40)
    expectNoLocks()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('and comes back is told so once, whatever the browser fires', () => {
    const one = open()
    for (const type of ['pageshow', 'resume']) one.page.fire(type)
    expect(one.heard).toEqual([])
    for (const type of ['pagehide', 'freeze', 'resume', 'pageshow']) one.page.fire(type)
    expect(one.heard).toEqual([[]])
    expect(origin.channels).toEqual([key])
  })

  it('is back as soon as it is seen, where that comes first, and not when it is hidden or was never away', () => {
    const one = open()
    one.page.fire('visibilitychange')
    one.page.fire('pagehide')
    one.page.visibility = 'hidden'
    one.page.fire('visibilitychange')
    expect([one.heard, origin.channels]).toEqual([[], []])
    one.page.visibility = 'visible'
    for (const type of ['visibilitychange', 'pageshow', 'visibilitychange']) {
      one.page.fire(type)
      expect([one.heard, origin.channels]).toEqual([[[]], [key]])
    }
  })

  it('asks for no lock while it is away: a run begins when it is back', async () => {
    const one = open()
    one.page.fire('pagehide')
    const result = watch(one.run(0))
    await pass(60_000)
    expectNoLocks()
    one.page.fire('pageshow')
    await pass(0)
    expect(result.value).toMatchObject({ from: 60_000 })
  })

  it('asks for no lock while it is away: who is aborted then never gets one', async () => {
    const one = open()
    one.page.fire('pagehide')
    const controller = new AbortController()
    const run = vi.fn(async () => {})
    const result = watch(one.tabs.exclusive(run, patience, controller.signal))
    await pass(60_000)
    expectNoLocks()
    one.page.fire('pageshow')
    controller.abort(new Error('enough'))
    await pass(0)
    expect(result.error).toEqual(new Error('enough'))
    expect(run).not.toHaveBeenCalled()
    expectNoLocks()
  })

  it('has no mark where it had none, or has taken it back', () => {
    const one = open()
    one.page.fire('pagehide')
    one.page.fire('pageshow')
    expect(marks()).toEqual([])
    one.tabs.mark!(true)
    one.tabs.mark!(false)
    one.page.fire('pagehide')
    one.page.fire('pageshow')
    expect(marks()).toEqual([])
  })

  it('that gets a token while it is away is marked when it comes back, not before', () => {
    const one = open()
    one.page.fire('pagehide')
    one.tabs.mark!(true)
    expect(marks()).toEqual([])
    one.page.fire('pageshow')
    expect(marks()).toHaveLength(1)
  })

  it('is not heard while it is away, and hears nothing', async () => {
    const [one, two] = [open(), open()]
    one.page.fire('pagehide')
    one.tabs.post({ text: 'from outside' })
    two.tabs.post({ text: 'to outside' })
    await pass(0)
    expect([one.heard, two.heard]).toEqual([[], []])
  })

  it('gets each note that changed meanwhile, once, and before it is told that it was away', () => {
    const [one, two] = [open(), open()]
    one.page.fire('pagehide')
    two.tabs.note!('refused')
    two.tabs.note!('signed-out')
    one.page.fire('pageshow')
    expect(one.heard).toEqual([['refused'], ['signed-out'], []])
    one.page.fire('pagehide')
    one.page.fire('pageshow')
    expect(one.heard.slice(3)).toEqual([[]])
    one.page.fire('pagehide')
    vi.setSystemTime(start + 1_000)
    two.tabs.note!('refused')
    one.page.fire('pageshow')
    expect(one.heard.slice(4)).toEqual([['refused'], []])
  })

  it('gets a note of the last moments before again, as its message may not have been heard, and no older one', () => {
    const [one, two] = [open(), open()]
    two.tabs.note!('refused')
    vi.setSystemTime(start + 5_000)
    two.tabs.note!('signed-out')
    vi.setSystemTime(start + 5_200)
    one.page.fire('pagehide')
    vi.setSystemTime(start + 60_000)
    one.page.fire('pageshow')
    expect(one.heard).toEqual([['signed-out'], []])
  })

  it('gets neither its own notes, nor those that stood there before it came, nor those of another key', () => {
    const [two, foreign] = [open(), open('another key')]
    two.tabs.note!('refused')
    const one = open()
    one.tabs.note!('signed-out')
    one.page.fire('pagehide')
    foreign.tabs.note!('signed-out')
    one.page.fire('pageshow')
    expect(one.heard).toEqual([[]])
  })
})

describe('a mark', () => {
  it('is seen by the other tabs of the key until it is taken back, or its tab closes', () => {
    const [one, two, foreign] = [open(), open(), open('another key')]
    expect(two.tabs.others!()).toBeUndefined()
    one.tabs.mark!(true)
    expect(one.tabs.others!()).toBeUndefined()
    expect(foreign.tabs.others!()).toBeUndefined()
    expect(two.tabs.others!()).toBeTypeOf('function')
    one.tabs.mark!(false)
    expect(two.tabs.others!()).toBeUndefined()
    one.tabs.mark!(true)
    one.close()
    expect(two.tabs.others!()).toBeUndefined()
  })

  it('of those who did not answer can be taken away, the own one stays', () => {
    const [one, two] = [open(), open()]
    one.tabs.mark!(true)
    two.tabs.mark!(true)
    two.tabs.others!()!()
    expect(two.tabs.others!()).toBeUndefined()
    expect(one.tabs.others!()).toBeTypeOf('function')
  })

  it('that was renewed meanwhile is not taken away: its tab is there', () => {
    const [one, two] = [open(), open()]
    one.tabs.mark!(true)
    const sweep = two.tabs.others!()!
    vi.setSystemTime(start + 100)
    one.tabs.mark!(true)
    sweep()
    expect(two.tabs.others!()).toBeTypeOf('function')
  })

  it('and a note show neither the key nor anything of it', () => {
    const one = open()
    one.tabs.mark!(true)
    one.tabs.note!('signed-out')
    const text = JSON.stringify({ ...origin.storage })
    expect(text).toMatch(/here.*note/)
    expect(text).not.toMatch(/ann|default/)
  })
})

describe('what the platform lacks', () => {
  const refuse = () => {
    throw new DOMException('no', 'SecurityError')
  }
  const say = (...all: Opened[]) => all.map(({ lacks }) => lacks.sort())
  const locksOf = (locks: unknown) => vi.stubGlobal('navigator', { locks })
  const storageOf = (get: () => unknown) =>
    Object.defineProperty(globalThis, 'localStorage', { configurable: true, get })

  const alone = async (...all: Opened[]) => {
    const runs = Promise.all(all.map(({ run }) => run(100)))
    await pass(3_000)
    const times = (await runs).sort((one, next) => one.from - next.from)
    return times.every(({ from }, index) => from >= (times[index - 1]?.to ?? 0))
  }

  it.each<[string, () => void]>([
    ['are absent', () => locksOf(undefined)],
    ['are null', () => locksOf(null)],
    ['throw', () => locksOf({ request: refuse, query: refuse })],
    ['reject', () => locksOf({ request: async () => refuse(), query: async () => refuse() })],
  ])('is said once: locks that %s; a lease stands in', async (_, stub) => {
    stub()
    const all = [open(), open(), open()]
    expect(await alone(...all)).toBe(true)
    expect(await alone(...all)).toBe(true)
    expect(say(...all)).toEqual([['Web Locks'], ['Web Locks'], ['Web Locks']])
    for (const { close } of all) close()
    expect([Object.keys(origin.storage), vi.getTimerCount()]).toEqual([[], 0])
  })

  it.each<[string, unknown]>([
    ['are absent', undefined],
    [
      'throw',
      class {
        constructor() {
          refuse()
        }
      },
    ],
  ])(
    'is said once: channels that %s; notes come by the storage’s events, once each, and not the own',
    async (_, stub) => {
      vi.stubGlobal('BroadcastChannel', stub)
      const [one, two] = [open(), open()]
      one.tabs.note!('signed-out')
      await pass(0)
      expect([one.heard, two.heard]).toEqual([[], [['signed-out']]])
      two.page.fire('pagehide')
      await pass(10)
      one.tabs.note!('refused')
      two.page.fire('pageshow')
      expect(two.heard.slice(1)).toEqual([['refused'], []])
      expect(say(one, two)).toEqual([['BroadcastChannel'], ['BroadcastChannel']])
      one.close()
      two.close()
      expect([...one.page.listeners, ...two.page.listeners]).toEqual([])
    },
  )

  it('channels: nobody waits for messages that cannot come', async () => {
    vi.stubGlobal('BroadcastChannel', undefined)
    const [one, two] = [open(), open()]
    const first = one.run(100, () => one.tabs.post({ part: 1 }))
    const second = two.run(10)
    await pass(3_000)
    expect((await second).from).toBe((await first).to)
    void one.run(0, () => one.tabs.post({ part: 2 }))
    await pass(1)
    expectNoLocks()
  })

  it.each<[string, () => unknown]>([
    ['is absent', () => undefined],
    ['is null', () => null],
    ['throws', refuse],
  ])('is said once: a storage that %s; there are no marks and notes then', async (_, get) => {
    storageOf(get)
    const [one, two] = [open(), open()]
    one.tabs.mark!(true)
    one.tabs.note!('refused')
    expect(two.tabs.others!()).toBeUndefined()
    expect(await alone(one, two)).toBe(true)
    for (const { page } of [one, two]) for (const type of ['pagehide', 'pageshow']) page.fire(type)
    expect(one.heard).toEqual([[]])
    expect(say(one, two)).toEqual([['localStorage'], ['localStorage']])
  })

  it('is said once each where there is nothing at all: runs begin at once', async () => {
    locksOf(undefined)
    vi.stubGlobal('BroadcastChannel', undefined)
    storageOf(refuse)
    const one = open()
    for (let round = 0; round < 3; round++) {
      const result = watch(one.run(0))
      await pass(0)
      expect(result.ended).toBe(true)
    }
    one.page.fire('pagehide')
    one.page.fire('pageshow')
    expect(one.lacks.sort()).toEqual(['BroadcastChannel', 'Web Locks', 'localStorage'])
    one.close()
    expect([one.page.listeners, vi.getTimerCount()]).toEqual([[], 0])
  })

  it('is not said where everything is there', async () => {
    const one = open()
    await Promise.all([one.run(0, () => one.tabs.post({ part: 1 })), pass(1_000)])
    expect(one.lacks).toEqual([])
  })

  it('may be a full storage: marks and notes are done without', () => {
    vi.stubGlobal('localStorage', Object.create(origin.storage, { setItem: { value: refuse } }) as Storage)
    const { tabs } = open()
    expect(() => (tabs.mark!(true), tabs.note!('refused'))).not.toThrow()
  })
})

describe('close', () => {
  const expectNothing = ({ page }: Opened) =>
    expect({
      ...{ locks: [...origin.held, ...origin.pending], channels: origin.channels, marks: marks() },
      ...{ listeners: page.listeners, timers: vi.getTimerCount() },
    }).toEqual({ locks: [], channels: [], marks: [], listeners: [], timers: 0 })

  it('at rest leaves nothing', async () => {
    const one = open()
    one.tabs.mark!(true)
    await Promise.all([one.run(0), pass(0)])
    expect(one.page.listeners.length).toBeGreaterThan(3)
    one.close()
    expectNothing(one)
  })

  it('right after a run that posted leaves nothing', async () => {
    const one = open()
    await Promise.all([one.run(0, () => one.tabs.post({ part: 1 })), pass(0)])
    one.close()
    await pass(0)
    expectNothing(one)
  })

  it('during a run that has posted leaves nothing when that ends', async () => {
    const one = open()
    const controller = new AbortController()
    const result = watch(one.tabs.exclusive(() => wait(50), patience, controller.signal))
    await pass(10)
    one.tabs.post({ type: 'signed-out' })
    one.close()
    controller.abort()
    await pass(50)
    expect(result.ended).toBe(true)
    expectNothing(one)
  })

  it('while a turn is waited for leaves nothing, when the waiting is ended as well', async () => {
    const free = origin.occupy(key)
    const one = open()
    const controller = new AbortController()
    const result = watch(one.run(10, undefined, controller.signal))
    await pass(700)
    controller.abort()
    one.close()
    await pass(0)
    expect(result.error).toBeDefined()
    free()
    await pass(0)
    expectNothing(one)
  })

  it('hears and tells nothing any more', async () => {
    const [one, two] = [open(), open()]
    one.close()
    two.tabs.post({ text: 'hello' })
    one.tabs.post({ text: 'hello' })
    for (const type of ['pagehide', 'pageshow', 'freeze', 'resume']) one.page.fire(type)
    await pass(0)
    expect([one.heard, two.heard, origin.channels]).toEqual([[], [], [key]])
  })

  it('twice is no error', () => {
    const one = open()
    one.close()
    expect(one.close).not.toThrow()
  })
})
