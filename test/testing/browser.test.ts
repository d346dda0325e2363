import { createSession } from 'inbox-session'
import { type TestBrowser, type TestTab, createTestBrowser } from 'inbox-session/testing'
import { describe, expect, it } from 'vitest'

const start = 1_790_000_000_000
const types = ['visibilitychange', 'freeze', 'resume', 'focus', 'pagehide', 'pageshow', 'online', 'offline', 'unload']

/** Notes the events a page gets. */
function follow({ window }: TestTab, without: string[] = ['unload']): string[] {
  const log: string[] = []
  for (const type of types.filter((type) => !without.includes(type)))
    for (const target of [window, window.document!])
      target.addEventListener!(type, (event) => {
        const { persisted } = event as PageTransitionEvent
        log.push(type === 'visibilitychange' ? window.document!.visibilityState : type)
        if (persisted !== undefined) log.push(persisted ? 'kept' : 'not kept')
      })
  return log
}

/** Counts a timer that arms itself again and again. */
function beat({ window }: TestTab, every = 10) {
  const counted = { beats: 0 }
  const next = () => {
    counted.beats++
    window.setTimeout(next, every)
  }
  window.setTimeout(next, every)
  return counted
}

const clocks = (browser: TestBrowser, { window }: TestTab) => ({
  truth: browser.now - start,
  wall: window.Date.now() - start,
  monotonic: window.performance.now(),
})

describe('time in the simulated browser', () => {
  it('begins where it is told to, and at a day of its own by default', () => {
    expect(createTestBrowser().now).toBe(start)
    const browser = createTestBrowser({ now: 5_000 })
    expect([browser.now, browser.tab().window.Date.now()]).toEqual([5_000, 5_000])
  })

  it('moves by what it is told to and by nothing else, on all clocks', async () => {
    const browser = createTestBrowser()
    const tab = browser.tab()
    await browser.advance(1_234)
    await new Promise((resolve) => setImmediate(resolve))
    expect(clocks(browser, tab)).toEqual({ truth: 1_234, wall: 1_234, monotonic: 1_234 })
  })

  it('shows each timer the moment it was armed for, though it is advanced by more', async () => {
    const browser = createTestBrowser()
    const tab = browser.tab()
    const seen: unknown[] = []
    tab.window.setTimeout(() => seen.push(clocks(browser, tab)), 100)
    await browser.advance(10_000)
    expect(seen).toEqual([{ truth: 100, wall: 100, monotonic: 100 }])
  })

  it('lets promises settle between one thing that happens and the next', async () => {
    const browser = createTestBrowser()
    const { window } = browser.tab()
    const log: string[] = []
    const chain = async () => {
      for (let links = 0; links < 50; links++) await Promise.resolve()
      log.push('promises')
      window.setTimeout(() => log.push('armed meanwhile'), 4)
    }
    window.setTimeout(() => void chain(), 10)
    window.setTimeout(() => log.push('next'), 15)
    await browser.advance(15)
    expect(log).toEqual(['promises', 'armed meanwhile', 'next'])
  })

  it('is advanced one step after the other', async () => {
    const browser = createTestBrowser()
    const ends: number[] = []
    const end = () => ends.push(browser.now - start)
    await Promise.all([browser.advance(100).then(end), browser.sleep(50).then(end), browser.advance(100).then(end)])
    expect(ends).toEqual([100, 150, 250])
  })

  it('goes on when a timer or a listener throws, and tells the first error in the end', async () => {
    const browser = createTestBrowser()
    const tab = browser.tab()
    const fail = (text: string) => () => {
      throw new Error(text)
    }
    tab.window.setTimeout(fail('first'), 10)
    tab.window.setTimeout(fail('second'), 20)
    const counted = beat(tab)
    await expect(browser.advance(1_000)).rejects.toThrow('first')
    expect([counted.beats, browser.now - start]).toEqual([100, 1_000])
    tab.window.addEventListener('offline', fail('listener'))
    const log = follow(tab)
    browser.setOnline(false)
    await expect(browser.advance(0)).rejects.toThrow('listener')
    expect(log).toEqual(['offline'])
    await browser.advance(1_000)
  })

  it.each([NaN, -1, Infinity, undefined as never])('does not move by %s: that is no length of time', async (ms) => {
    const browser = createTestBrowser()
    await expect(browser.advance(ms)).rejects.toThrow('"ms"')
    await expect(browser.sleep(ms)).rejects.toThrow('"ms"')
    await browser.advance(10)
    expect(browser.now - start).toBe(10)
  })

  it('passes in sleep on the wall and by the monotonic clock, and timers are late by it', async () => {
    const browser = createTestBrowser()
    const tab = browser.tab()
    const seen: unknown[] = []
    tab.window.setTimeout(() => seen.push(clocks(browser, tab)), 100)
    await browser.advance(40)
    await browser.sleep(3_600_000)
    expect(clocks(browser, tab)).toEqual({ truth: 3_600_040, wall: 3_600_040, monotonic: 3_600_040 })
    await browser.advance(59)
    expect(seen).toEqual([])
    await browser.advance(1)
    expect(seen).toEqual([{ truth: 3_600_100, wall: 3_600_100, monotonic: 3_600_100 }])
  })

  it('passes in sleep without the monotonic clock where that is asked for', async () => {
    const browser = createTestBrowser()
    const tab = browser.tab()
    await browser.advance(10)
    await browser.sleep(1_000, { monotonic: false })
    await browser.sleep(100)
    expect(clocks(browser, tab)).toEqual({ truth: 1_110, wall: 1_110, monotonic: 110 })
  })

  it('passes in sleep without a word to the pages', async () => {
    const browser = createTestBrowser()
    const log = follow(browser.tab())
    await browser.sleep(3_600_000)
    await browser.advance(1_000)
    expect(log).toEqual([])
  })

  it('is on the wall what somebody set it to; the true time, the monotonic clock and timers go on', async () => {
    const browser = createTestBrowser()
    const tab = browser.tab()
    const counted = beat(tab, 100)
    await browser.advance(1_000)
    browser.setWallClock(start - 3_600_000)
    await browser.advance(1_000)
    expect(clocks(browser, tab)).toEqual({ truth: 2_000, wall: -3_599_000, monotonic: 2_000 })
    expect(counted.beats).toBe(20)
    expect(() => browser.setWallClock(NaN)).toThrow(TypeError)
  })
})

describe('a seed', () => {
  /** What a run of three tabs looks like from outside. */
  async function run(seed?: number) {
    const browser = createTestBrowser(seed === undefined ? {} : { seed })
    const log: unknown[] = []
    for (const name of 'abc') {
      const { window } = browser.tab()
      for (let turn = 0; turn < 5; turn++) window.setTimeout(() => log.push(`${name}${turn}`), 10)
      log.push(window.Math.random())
    }
    await browser.advance(10)
    return log
  }

  it('gives the same run again, and another seed another one', async () => {
    expect(await run(7)).toEqual(await run(7))
    expect(await run(7)).not.toEqual(await run(8))
  })

  it('draws whose turn it is, but leaves each tab its order', async () => {
    const order = (await run(7)).filter((entry) => typeof entry === 'string')
    expect(order).not.toEqual([...order].sort())
    for (const name of 'abc') {
      const own = order.filter((entry) => entry.startsWith(name))
      expect(own).toEqual([0, 1, 2, 3, 4].map((turn) => `${name}${turn}`))
    }
  })

  it('that is not given leaves everything in the order it was planned in', async () => {
    const order = (await run()).filter((entry) => typeof entry === 'string')
    expect(order).toEqual([...order].sort())
    expect(await run()).toEqual(await run())
  })

  it('gives each tab random numbers of its own, from 0 to 1', () => {
    const browser = createTestBrowser({ seed: 3 })
    const [one, two] = [browser.tab().window.Math, browser.tab().window.Math]
    const draws = Array.from({ length: 500 }, () => [one.random(), two.random()]).flat()
    expect(new Set(draws).size).toBe(1_000)
    expect(Math.min(...draws)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...draws)).toBeLessThan(1)
  })

  it('makes sessions play the same again, their tokens included', async () => {
    const play = async () => {
      const browser = createTestBrowser({ seed: 11 })
      browser.backend.lifetime = 60
      for (let tabs = 0; tabs < 3; tabs++) {
        const tab = browser.tab()
        createSession({ source: tab.source, environment: tab }).signIn('ann')
      }
      await browser.advance(600_000)
      const { calls, tokens } = browser.backend
      return [calls.map(({ at, token }) => [at, token]), tokens, browser.messages.map(({ at }) => at)]
    }
    const first = await play()
    expect(first).toEqual(await play())
    expect(first[1]!.length).toBeGreaterThan(9)
  })
})

describe('a tab', () => {
  const scene = () => {
    const browser = createTestBrowser()
    const tab = browser.tab()
    return { browser, tab, log: follow(tab), counted: beat(tab) }
  }

  it('is in the list in the order it was opened, gone or not', () => {
    const browser = createTestBrowser()
    const tabs = [browser.tab(), browser.tab(), browser.tab()]
    tabs[1]!.crash()
    expect(browser.tabs).toEqual(tabs)
    expect(browser.tabs.map(({ condition }) => condition)).toEqual(['running', 'gone', 'running'])
  })

  it('is hidden and shown, once each, and is told', async () => {
    const { browser, tab, log } = scene()
    expect(tab.visible).toBe(true)
    tab.hide()
    tab.hide()
    expect(tab.visible).toBe(false)
    await browser.advance(0)
    expect(log).toEqual(['hidden'])
    tab.show()
    tab.show()
    await browser.advance(0)
    expect(log).toEqual(['hidden', 'visible', 'focus'])
    expect([tab.visible, tab.condition]).toEqual([true, 'running'])
  })

  it('stops when it is frozen and goes on when it resumes, and is told both', async () => {
    const { browser, tab, log, counted } = scene()
    await browser.advance(100)
    tab.freeze()
    expect([tab.condition, log]).toEqual(['frozen', ['freeze']])
    await browser.advance(1_000)
    expect(counted.beats).toBe(10)
    tab.resume()
    expect([tab.condition, log]).toEqual(['running', ['freeze', 'resume']])
    await browser.advance(100)
    expect(counted.beats).toBe(21)
  })

  it('is not told of either when it is frozen silently', async () => {
    const { browser, tab, log, counted } = scene()
    tab.freeze({ silently: true })
    await browser.advance(1_000)
    expect(counted.beats).toBe(0)
    tab.resume()
    await browser.advance(10)
    expect([counted.beats, log]).toEqual([2, []])
  })

  it('hears of everything else that happened while it was frozen when it resumes', async () => {
    const { browser, tab, log } = scene()
    tab.freeze({ silently: true })
    tab.hide()
    browser.setOnline(false)
    await browser.advance(1_000)
    expect(log).toEqual([])
    tab.resume()
    await browser.advance(0)
    expect(log).toEqual(['hidden', 'offline'])
  })

  it('is gone without a word when it crashes, for good', async () => {
    const { browser, tab, log, counted } = scene()
    tab.crash()
    await browser.advance(1_000)
    tab.resume()
    tab.comeBack()
    tab.show()
    tab.freeze()
    browser.setOnline(false)
    await browser.advance(1_000)
    expect([tab.condition, log, counted.beats]).toEqual(['gone', [], 0])
    expect(tab.leftovers).toEqual({ timers: 0, listeners: 0, channels: 0, locks: 0 })
  })

  it('is told when it is closed, unless it is frozen', async () => {
    const { browser, tab, log, counted } = scene()
    tab.close()
    tab.close()
    expect([tab.condition, log]).toEqual(['gone', ['pagehide', 'not kept']])
    await browser.advance(1_000)
    expect(counted.beats).toBe(0)
    const frozen = browser.tab()
    const unheard = follow(frozen, ['unload', 'freeze'])
    frozen.freeze()
    frozen.close()
    expect([frozen.condition, unheard]).toEqual(['gone', []])
  })

  it('is closed, left or frozen whatever its listeners throw', async () => {
    const browser = createTestBrowser()
    const [closed, frozen, left] = [browser.tab(), browser.tab(), browser.tab()]
    const fail = () => {
      throw new Error('listener')
    }
    for (const { window } of [closed, frozen, left]) {
      window.addEventListener('pagehide', fail)
      window.document!.addEventListener!('freeze', fail)
    }
    expect(closed.close).toThrow('listener')
    expect(() => frozen.freeze()).toThrow('listener')
    await expect(left.leave()).rejects.toThrow('listener')
    expect([closed, frozen, left].map(({ condition }) => condition)).toEqual(['gone', 'frozen', 'away'])
  })

  it('goes into the back/forward cache, where nothing runs, and comes back as it was', async () => {
    const { browser, tab, log, counted } = scene()
    await browser.advance(100)
    expect(await tab.leave()).toBe(true)
    expect([tab.condition, tab.visible, log]).toEqual(['away', false, ['pagehide', 'kept', 'hidden']])
    expect(await tab.leave()).toBe(true)
    await browser.advance(1_000)
    expect(counted.beats).toBe(10)
    log.length = 0
    tab.comeBack()
    expect([tab.condition, tab.visible, log]).toEqual(['running', true, ['pageshow', 'kept', 'visible']])
    await browser.advance(100)
    expect(counted.beats).toBe(21)
  })

  it('is kept there if it lets go of its locks and channels in time', async () => {
    const { browser, tab } = scene()
    let release = () => {}
    void tab.window.navigator.locks!.request('a', () => new Promise<void>((resolve) => (release = resolve)))
    const channel = new tab.window.BroadcastChannel('news')
    await browser.advance(0)
    tab.window.addEventListener('pagehide', () => {
      release()
      channel.close()
    })
    expect([await tab.leave(), tab.condition]).toEqual([true, 'away'])
  })

  it.each([
    ['holds a lock', ({ window }: TestTab) => void window.navigator.locks!.request('a', () => new Promise(() => {}))],
    ['waits for a lock', ({ window }: TestTab) => void window.navigator.locks!.request('b', async () => {})],
    ['has a channel open', ({ window }: TestTab) => void new window.BroadcastChannel('news')],
    ['listens to unload', (tab: TestTab) => void follow(tab, [])],
  ])('is gone if it %s when it is left', async (_, spoil) => {
    const { browser, tab, counted } = scene()
    void browser.tab().window.navigator.locks!.request('b', () => new Promise(() => {}))
    spoil(tab)
    await browser.advance(0)
    expect(await tab.leave()).toBe(false)
    expect(tab.condition).toBe('gone')
    tab.comeBack()
    await browser.advance(1_000)
    expect([tab.condition, counted.beats]).toEqual(['gone', 0])
    expect(browser.locks.held).toEqual(['b'])
  })

  it('cannot leave while it is frozen, nor come back when it was not away', async () => {
    const { tab, log } = scene()
    tab.comeBack()
    tab.resume()
    tab.freeze()
    expect(await tab.leave()).toBe(false)
    expect([tab.condition, log]).toEqual(['frozen', ['freeze']])
  })

  it('counts what is open in it', async () => {
    const browser = createTestBrowser()
    const { window, leftovers } = browser.tab()
    expect(leftovers).toEqual({ timers: 0, listeners: 0, channels: 0, locks: 0 })
    const tab = browser.tabs[0]!
    void browser.tab().window.navigator.locks!.request('b', () => new Promise(() => {}))
    const listener = () => {}
    window.setTimeout(() => {}, 100)
    window.addEventListener('online', listener)
    window.addEventListener('online', listener)
    window.addEventListener('online', listener, true)
    window.document!.addEventListener!('visibilitychange', listener)
    const channel = new window.BroadcastChannel('news')
    for (let requests = 0; requests < 2; requests++)
      void window.navigator.locks!.request('a', () => new Promise(() => {}))
    expect(tab.leftovers).toEqual({ timers: 1, listeners: 3, channels: 1, locks: 2 })
    await browser.advance(100)
    window.removeEventListener('online', listener)
    channel.close()
    expect(tab.leftovers).toEqual({ timers: 0, listeners: 2, channels: 0, locks: 2 })
  })

  it('has nothing open after its session is closed', async () => {
    const browser = createTestBrowser()
    const tab = browser.tab()
    const session = createSession({ source: tab.source, environment: tab })
    session.signIn('ann')
    await browser.advance(1_000)
    expect(tab.leftovers).toMatchObject({ channels: 1 })
    await session.close()
    await browser.advance(1_000)
    expect(tab.leftovers).toEqual({ timers: 0, listeners: 0, channels: 0, locks: 0 })
  })

  it('calls capturing listeners first and none that was taken off meanwhile', async () => {
    const { browser, tab } = scene()
    const log: string[] = []
    const last = () => log.push('taken off')
    tab.window.addEventListener('online', () => log.push('second'))
    tab.window.addEventListener('online', last)
    tab.window.addEventListener(
      'online',
      () => {
        log.push('first')
        tab.window.removeEventListener('online', last)
      },
      true,
    )
    browser.setOnline(false)
    browser.setOnline(true)
    await browser.advance(0)
    expect(log).toEqual(['first', 'second'])
  })
})

describe('the network', () => {
  const calls = (tab: TestTab) => {
    const seen: string[] = []
    const end = (text: string) => () => void seen.push(text)
    tab.fetch('/').then(end('answered'), end('failed'))
    return seen
  }

  it('is lost and found in all tabs, with an event for each change', async () => {
    const browser = createTestBrowser()
    const tabs = [browser.tab(), browser.tab()]
    const logs = tabs.map((tab) => follow(tab))
    browser.setOnline(true)
    browser.setOnline(false)
    browser.setOnline(false)
    expect(tabs.map(({ online, window }) => [online, window.navigator.onLine])).toEqual([
      [false, false],
      [false, false],
    ])
    expect(browser.tab().online).toBe(false)
    await browser.advance(0)
    browser.setOnline(true)
    await browser.advance(0)
    expect(logs).toEqual([
      ['offline', 'online'],
      ['offline', 'online'],
    ])
  })

  it('takes calls along by default, and fails them while it is away', async () => {
    const browser = createTestBrowser()
    const tab = browser.tab()
    browser.setOnline(false)
    const failed = calls(tab)
    await browser.advance(0)
    expect([failed, browser.backend.calls.length]).toEqual([['failed'], 0])
    browser.setOnline(true)
    const answered = calls(tab)
    await browser.advance(50)
    expect(answered).toEqual(['answered'])
  })

  it('may be away though the browser says it is there, and there though it says it is not', async () => {
    const browser = createTestBrowser()
    const tab = browser.tab()
    const log = follow(tab)
    browser.setOnline(true, false)
    const failed = calls(tab)
    await browser.advance(100)
    expect([tab.online, failed, log]).toEqual([true, ['failed'], []])
    browser.setOnline(false, true)
    const answered = calls(tab)
    await browser.advance(100)
    expect([tab.online, answered, log]).toEqual([false, ['answered'], ['offline']])
  })
})
