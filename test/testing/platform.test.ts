import { type TabFaults, type TestTab, createTestBrowser } from 'inbox-session/testing'
import { describe, expect, it } from 'vitest'

interface Query {
  held: { name: string }[]
  pending: { name: string }[]
}

/** Asks for a lock and keeps it until `release`; `log` says what came of it. */
function ask({ window }: TestTab, log: string[], name: string, options: object = {}, label = name) {
  let release = () => {}
  const hold = (lock?: unknown) => {
    log.push(lock ? `${label} got` : `${label} taken`)
    return lock ? new Promise<void>((resolve) => (release = resolve)) : Promise.resolve()
  }
  window
    .navigator!.locks!.request(name, options, hold)
    .then(() => log.push(`${label} done`))
    .catch((error: Error) => log.push(`${label} ${error.name}`))
  return () => release()
}

/** Notes what is heard on a channel. */
function listen({ window }: TestTab, log: unknown[], name = 'news') {
  const channel = new window.BroadcastChannel(name)
  channel.onmessage = ({ data }) => log.push(data)
  return channel
}

function scene(...faults: Partial<TabFaults>[]) {
  const browser = createTestBrowser()
  const tabs = (faults.length ? faults : [{}, {}]).map((given) => browser.tab(given))
  return { browser, one: tabs[0]!, two: tabs[1]! }
}

describe('locks of the simulated browser', () => {
  it('are held by one at a time over all tabs, in the order they were asked for', async () => {
    const { browser, one, two } = scene()
    const log: string[] = []
    const first = ask(one, log, 'a', {}, 'first')
    const second = ask(two, log, 'a', {}, 'second')
    ask(one, log, 'a', {}, 'third')
    ask(two, log, 'b')
    await browser.advance(0)
    expect(log).toEqual(['first got', 'b got'])
    expect(browser.locks).toEqual({ held: ['a', 'b'], pending: ['a', 'a'] })
    first()
    await browser.advance(0)
    second()
    await browser.advance(0)
    expect(log.slice(2)).toEqual(['first done', 'second got', 'second done', 'third got'])
  })

  it('end with work that throws, and say so', async () => {
    const { browser, one } = scene()
    const work = () => {
      throw new RangeError('no')
    }
    const request = one.window.navigator.locks!.request('a', work)
    const outcome = expect(request).rejects.toThrow(RangeError)
    await browser.advance(0)
    await outcome
    expect(browser.locks.held).toEqual([])
  })

  it('answer with what the work answered', async () => {
    const { browser, one } = scene()
    const request = one.window.navigator.locks!.request('a', async () => 42)
    await browser.advance(0)
    expect(await request).toBe(42)
  })

  it('are not waited for any more once the signal is aborted', async () => {
    const { browser, one, two } = scene()
    const log: string[] = []
    const giveUp = new AbortController()
    const release = ask(one, log, 'a', {}, 'first')
    ask(two, log, 'a', { signal: giveUp.signal }, 'second')
    await browser.advance(0)
    giveUp.abort()
    await browser.advance(0)
    expect(browser.locks.pending).toEqual([])
    release()
    await browser.advance(0)
    expect(log).toEqual(['first got', 'second AbortError', 'first done'])
  })

  it('are kept when the signal is aborted after they were got', async () => {
    const { browser, one } = scene()
    const log: string[] = []
    const giveUp = new AbortController()
    ask(one, log, 'a', { signal: giveUp.signal })
    await browser.advance(0)
    giveUp.abort()
    await browser.advance(0)
    expect(log).toEqual(['a got'])
    expect(browser.locks.held).toEqual(['a'])
  })

  it('are free again when the signal is aborted before the page heard that it got one', async () => {
    const { browser, one, two } = scene({ lockDelay: () => 100 }, {})
    const log: string[] = []
    const giveUp = new AbortController()
    ask(one, log, 'a', { signal: giveUp.signal }, 'first')
    ask(two, log, 'a', {}, 'second')
    await browser.advance(99)
    giveUp.abort()
    await browser.advance(1_000)
    expect(log).toEqual(['first AbortError', 'second got'])
  })

  it('are not asked for with a signal that was aborted before', async () => {
    const { browser, one } = scene()
    const log: string[] = []
    ask(one, log, 'a', { signal: AbortSignal.abort() })
    expect(browser.locks).toEqual({ held: [], pending: [] })
    await browser.advance(0)
    expect(log).toEqual(['a AbortError'])
  })

  it('are not waited for where one is wanted only if it is available', async () => {
    const { browser, one, two } = scene()
    const log: string[] = []
    const release = ask(one, log, 'a', { ifAvailable: true }, 'first')
    ask(two, log, 'a', { ifAvailable: true }, 'second')
    await browser.advance(0)
    release()
    await browser.advance(0)
    expect(log).toEqual(['first got', 'second taken', 'second done', 'first done'])
    expect(browser.locks).toEqual({ held: [], pending: [] })
  })

  it.each([
    ['steal', 'a', { steal: true }],
    ['shared locks', 'a', { mode: 'shared' }],
    ['a signal with ifAvailable', 'a', { ifAvailable: true, signal: new AbortController().signal }],
    ['a name with a hyphen in front', '-a', {}],
  ])('refuse %s by a NotSupportedError', async (_, name, options) => {
    const { browser, one } = scene()
    const log: string[] = []
    ask(one, log, name, options, 'it')
    await browser.advance(0)
    expect(log).toEqual(['it NotSupportedError'])
    expect(browser.locks).toEqual({ held: [], pending: [] })
  })

  it('can be looked at from the page', async () => {
    const { browser, one, two } = scene()
    ask(one, [], 'a')
    ask(two, [], 'a')
    const query = two.window.navigator.locks!.query() as unknown as Promise<Query>
    await browser.advance(0)
    expect(await query).toMatchObject({ held: [{ name: 'a' }], pending: [{ name: 'a' }] })
  })

  it.each([{}, { silently: true }])(
    'stay with a frozen tab, also those it gets while it is frozen (%o)',
    async (how) => {
      const { browser, one, two } = scene()
      const log: string[] = []
      const release = ask(two, log, 'a', {}, 'first')
      ask(one, log, 'a', {}, 'frozen')
      ask(two, log, 'a', {}, 'last')
      await browser.advance(0)
      one.freeze(how)
      release()
      await browser.advance(60_000)
      expect(log).toEqual(['first got', 'first done'])
      expect(browser.locks).toEqual({ held: ['a'], pending: ['a'] })
      one.resume()
      await browser.advance(0)
      expect(log.at(-1)).toBe('frozen got')
    },
  )

  it.each(['crash', 'close'] as const)('of a tab after %s are free, and its requests are gone', async (end) => {
    const { browser, one, two } = scene()
    const log: string[] = []
    ask(one, log, 'a', {}, 'first')
    ask(one, log, 'a', {}, 'second')
    ask(two, log, 'a', {}, 'other')
    await browser.advance(0)
    one[end]()
    await browser.advance(0)
    expect(log).toEqual(['first got', 'other got'])
    expect(browser.locks).toEqual({ held: ['a'], pending: [] })
  })

  it('are not taken by code of a tab that is gone', async () => {
    const { browser, one, two } = scene()
    const log: string[] = []
    one.crash()
    ask(one, log, 'a', {}, 'dead')
    ask(two, log, 'a', {}, 'living')
    await browser.advance(1_000)
    expect(log).toEqual(['living got'])
  })

  it('are heard of late where the tab says so', async () => {
    const { browser, one } = scene({ lockDelay: () => 200 })
    const log: string[] = []
    ask(one, log, 'a')
    await browser.advance(199)
    expect(browser.locks.held).toEqual(['a'])
    expect(log).toEqual([])
    await browser.advance(1)
    expect(log).toEqual(['a got'])
  })

  it('are absent, throw or reject where the tab says so, and are there again after', async () => {
    const { browser, one } = scene()
    const log: string[] = []
    one.faults.locks = 'absent'
    expect(one.window.navigator.locks).toBeUndefined()
    one.faults.locks = 'throws'
    const { locks } = one.window.navigator
    expect(() => locks!.request('a', async () => {})).toThrow(expect.objectContaining({ name: 'SecurityError' }))
    expect(() => locks!.query()).toThrow(expect.objectContaining({ name: 'SecurityError' }))
    one.faults.locks = 'rejects'
    await expect(locks!.request('a', async () => {})).rejects.toMatchObject({ name: 'SecurityError' })
    await expect(locks!.query()).rejects.toMatchObject({ name: 'SecurityError' })
    one.faults.locks = undefined
    ask(one, log, 'a')
    await browser.advance(0)
    expect(log).toEqual(['a got'])
  })

  it('wait while somebody else has every one, until all who did let go', async () => {
    const { browser, one } = scene()
    const log: string[] = []
    const [letGo, letGoToo] = [browser.holdLocks(), browser.holdLocks()]
    ask(one, log, 'a')
    ask(one, log, 'b', { ifAvailable: true })
    await browser.advance(60_000)
    letGo()
    letGo()
    await browser.advance(60_000)
    expect(log).toEqual(['b taken', 'b done'])
    letGoToo()
    await browser.advance(0)
    expect(log.at(-1)).toBe('a got')
  })
})

describe('channels of the simulated browser', () => {
  it('bring messages to all others of that name, not to the one they were posted to', async () => {
    const { browser, one, two } = scene()
    const [first, second, third, other]: unknown[][] = [[], [], [], []]
    const channel = listen(one, first!)
    listen(one, second!)
    listen(two, third!)
    listen(two, other!, 'other news')
    channel.postMessage('hello')
    expect(third).toEqual([])
    await browser.advance(0)
    expect([first, second, third, other]).toEqual([[], ['hello'], ['hello'], []])
    expect(browser.channels).toEqual(['news', 'news', 'news', 'other news'])
  })

  it('bring a copy of what was posted, to each its own', async () => {
    const { browser, one, two } = scene()
    const log: { list: number[] }[] = []
    listen(two, log)
    listen(two, log)
    const data = { list: [1] }
    const channel = listen(one, [])
    channel.postMessage(data)
    data.list.push(2)
    await browser.advance(0)
    log[0]!.list.push(3)
    expect(log[1]).toEqual({ list: [1] })
    expect(() => channel.postMessage(() => {})).toThrow(expect.objectContaining({ name: 'DataCloneError' }))
  })

  it('keep the order of each sender, however long a message takes', async () => {
    const delays = [50, 0, 20, 0]
    const { browser, one, two } = scene({}, { messageDelay: () => delays.shift()! })
    const log: unknown[] = []
    listen(two, log)
    const [first, second] = [listen(one, []), listen(one, [])]
    for (const number of [1, 2, 3]) first.postMessage(number)
    second.postMessage('of another')
    await browser.advance(49)
    expect(log).toEqual(['of another'])
    await browser.advance(1)
    expect(log).toEqual(['of another', 1, 2, 3])
  })

  it('lose messages, or bring them twice, where the tab that hears says so', async () => {
    const { browser, one, two } = scene()
    const log: unknown[] = []
    listen(two, log)
    const channel = listen(one, [])
    two.faults.copies = () => 0
    channel.postMessage('lost')
    two.faults.copies = () => 2
    channel.postMessage('twice')
    await browser.advance(0)
    expect(log).toEqual(['twice', 'twice'])
    expect(browser.messages.map(({ data }) => data)).toEqual(['lost', 'twice'])
  })

  it('tell the test what was posted where and when', async () => {
    const { browser, one } = scene()
    await browser.advance(1_000)
    browser.setWallClock(0)
    listen(one, []).postMessage({ a: 1 })
    expect(browser.messages).toEqual([{ at: 1_790_000_001_000, channel: 'news', data: { a: 1 } }])
  })

  it('neither bring nor take anything once they are closed', async () => {
    const { browser, one, two } = scene({}, { messageDelay: () => 10 })
    const log: unknown[] = []
    const [sender, receiver] = [listen(one, []), listen(two, log)]
    sender.postMessage('under way')
    await browser.advance(9)
    receiver.close()
    sender.close()
    await browser.advance(1_000)
    expect(log).toEqual([])
    expect(browser.channels).toEqual([])
    expect(() => sender.postMessage('closed')).toThrow(expect.objectContaining({ name: 'InvalidStateError' }))
  })

  it('bring what a tab posted before it was gone, and nothing after', async () => {
    const { browser, one, two } = scene({}, { messageDelay: () => 10 })
    const log: unknown[] = []
    listen(two, log)
    const channel = listen(one, [])
    channel.postMessage('last words')
    one.crash()
    channel.postMessage('of a ghost')
    listen(one, []).postMessage('of another ghost')
    await browser.advance(1_000)
    expect(log).toEqual(['last words'])
    expect(browser.channels).toEqual(['news'])
  })

  it('bring a frozen tab what was posted meanwhile when it resumes', async () => {
    const { browser, one, two } = scene()
    const log: unknown[] = []
    listen(two, log)
    const channel = listen(one, [])
    two.freeze()
    for (const number of [1, 2]) channel.postMessage(number)
    await browser.advance(60_000)
    expect(log).toEqual([])
    two.resume()
    await browser.advance(0)
    expect(log).toEqual([1, 2])
  })

  it('are absent or throw where the tab says so', () => {
    const { one } = scene({ channels: 'absent' })
    expect(one.window.BroadcastChannel).toBeUndefined()
    one.faults.channels = 'throws'
    expect(() => new one.window.BroadcastChannel('news')).toThrow(expect.objectContaining({ name: 'SecurityError' }))
    one.faults.channels = undefined
    expect(() => new one.window.BroadcastChannel('news')).not.toThrow()
  })
})

describe('localStorage of the simulated browser', () => {
  /** Notes the storage events of a tab. */
  const hear = ({ window }: TestTab, log: string[]) =>
    window.addEventListener('storage', (event) => {
      const { key, newValue } = event as StorageEvent
      log.push(`${key}=${newValue}`)
    })

  it('is one for all tabs, those that open later included', () => {
    const { browser, one, two } = scene()
    one.window.localStorage!.setItem('a', '1')
    expect(two.window.localStorage!.getItem('a')).toBe('1')
    expect(browser.tab().window.localStorage!.getItem('a')).toBe('1')
    two.window.localStorage!.removeItem('a')
    expect(one.window.localStorage!.getItem('a')).toBeNull()
  })

  it('tells the other tabs of each change, and never the one that made it', async () => {
    const { browser, one, two } = scene()
    const [here, there]: string[][] = [[], []]
    hear(one, here!)
    hear(two, there!)
    const storage = one.window.localStorage!
    storage.setItem('a', '1')
    storage.setItem('a', '1')
    storage.setItem('a', '2')
    storage.removeItem('a')
    storage.removeItem('a')
    await browser.advance(0)
    expect([here, there]).toEqual([[], ['a=1', 'a=2', 'a=null']])
  })

  it('shows a tab late what others wrote, where it says so, and the event with it', async () => {
    const { browser, one, two } = scene({}, { storageDelay: () => 100 })
    const log: string[] = []
    hear(two, log)
    one.window.localStorage!.setItem('a', '1')
    await browser.advance(99)
    expect([two.window.localStorage!.getItem('a'), log]).toEqual([null, []])
    await browser.advance(1)
    expect([two.window.localStorage!.getItem('a'), log]).toEqual(['1', ['a=1']])
  })

  it('keeps what a tab wrote itself over what was written before and arrives after', async () => {
    const { browser, one, two } = scene({}, { storageDelay: () => 100 })
    one.window.localStorage!.setItem('a', 'older')
    await browser.advance(50)
    two.window.localStorage!.setItem('a', 'newer')
    await browser.advance(1_000)
    expect([one, two].map(({ window }) => window.localStorage!.getItem('a'))).toEqual(['newer', 'newer'])
  })

  it('ends with what was written last in every tab, whatever each hears first', async () => {
    const delays = [100, 10]
    const { browser, one, two } = scene({}, { storageDelay: () => delays.shift()! })
    one.window.localStorage!.setItem('a', '1')
    one.window.localStorage!.setItem('a', '2')
    await browser.advance(1_000)
    expect(two.window.localStorage!.getItem('a')).toBe('2')
  })

  it('tells a frozen tab when it resumes', async () => {
    const { browser, one, two } = scene()
    const log: string[] = []
    hear(two, log)
    two.freeze()
    one.window.localStorage!.setItem('a', '1')
    await browser.advance(1_000)
    expect(log).toEqual([])
    two.resume()
    await browser.advance(0)
    expect(log).toEqual(['a=1'])
  })

  it('lists its keys, and holds text only', () => {
    const { one, two } = scene()
    const storage = one.window.localStorage! as Storage
    storage.setItem('a', '1')
    two.window.localStorage!.setItem('b', 2 as never)
    expect(Object.keys(storage)).toEqual(['a', 'b'])
    expect([storage.length, storage.key(1), storage.key(2), storage.getItem('b')]).toEqual([2, 'b', null, '2'])
    storage.clear()
    expect(Object.keys(two.window.localStorage!)).toEqual([])
  })

  it('is absent, blocked or full where the tab says so; what is there stays to be read', () => {
    const { one, two } = scene()
    one.window.localStorage!.setItem('a', '1')
    one.faults.localStorage = 'full'
    const write = () => one.window.localStorage!.setItem('a', '2')
    expect(write).toThrow(expect.objectContaining({ name: 'QuotaExceededError' }))
    expect(one.window.localStorage!.getItem('a')).toBe('1')
    one.faults.localStorage = 'blocked'
    expect(() => one.window.localStorage).toThrow(expect.objectContaining({ name: 'SecurityError' }))
    one.faults.localStorage = 'absent'
    expect(one.window.localStorage).toBeNull()
    expect(two.window.localStorage!.getItem('a')).toBe('1')
  })

  it('keeps what a crashed tab wrote, and takes nothing from it any more', () => {
    const { one, two } = scene()
    one.window.localStorage!.setItem('a', '1')
    one.crash()
    one.window.localStorage!.setItem('a', '2')
    expect(two.window.localStorage!.getItem('a')).toBe('1')
  })
})

describe('timers of the simulated browser', () => {
  /** Arms timers and notes, in ms from now, when each fired. */
  function arm(browser: ReturnType<typeof createTestBrowser>, { window }: TestTab, ...delays: number[]) {
    const start = browser.now
    const fired: number[] = []
    for (const delay of delays) window.setTimeout(() => fired.push(browser.now - start), delay)
    return fired
  }

  it('fire when they fall due and not before, in order', async () => {
    const { browser, one } = scene()
    const fired = arm(browser, one, 300, 100, 200)
    await browser.advance(99)
    expect(fired).toEqual([])
    await browser.advance(201)
    expect(fired).toEqual([100, 200, 300])
  })

  it('do not fire once they are taken back', async () => {
    const { browser, one } = scene()
    let fired = 0
    one.window.clearTimeout(one.window.setTimeout(() => fired++, 100))
    one.window.clearTimeout(undefined)
    await browser.advance(1_000)
    expect([fired, one.leftovers.timers]).toEqual([0, 0])
  })

  it('fire at once where 32 bits cannot hold the delay', async () => {
    const { browser, one } = scene()
    const fired = arm(browser, one, 2 ** 31 - 1, 2 ** 31, Infinity, NaN, -1)
    await browser.advance(1)
    expect(fired).toEqual([1, 1, 1, 1])
    await browser.advance(2 ** 31)
    expect(fired.at(-1)).toBe(2 ** 31 - 1)
  })

  it('fire once a second in a hidden tab, those too that were armed before', async () => {
    const { browser, one } = scene()
    const before = arm(browser, one, 1_500)
    await browser.advance(100)
    one.hide()
    const after = arm(browser, one, 10, 20, 950)
    await browser.advance(10_000)
    expect(before).toEqual([2_000])
    expect(after).toEqual([900, 900, 1_900])
  })

  it('fire in time in a tab that is shown again', async () => {
    const { browser, one } = scene()
    one.hide()
    const fired = arm(browser, one, 1_500)
    await browser.advance(100)
    one.show()
    await browser.advance(10_000)
    expect(fired).toEqual([1_500])
  })

  it('fire at multiples of the throttle where the tab says so, hidden or not', async () => {
    const { browser, one } = scene({ throttle: 60_000 })
    const fired = arm(browser, one, 10)
    await browser.advance(10_000_000)
    one.faults.throttle = 0
    one.hide()
    const unthrottled = arm(browser, one, 10)
    await browser.advance(100)
    expect([fired, unthrottled]).toEqual([[60_000], [10]])
  })

  it('fire early or late by what the tab says, though never at once', async () => {
    const { browser, one } = scene()
    one.faults.early = () => 30
    const early = arm(browser, one, 100, 20)
    one.faults.early = () => 0
    one.faults.late = () => 50
    const late = arm(browser, one, 100)
    await browser.advance(1_000)
    expect([early, late]).toEqual([[1, 70], [150]])
  })
})
