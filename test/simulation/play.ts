import { createSession } from 'inbox-session'
import { type TestTab, createTestBrowser } from 'inbox-session/testing'
import type { Scenario, Step } from './scenario.js'
import { type Window, createWatch } from './watch.js'

/** What came of a scenario. */
export interface Outcome {
  /** What was wrong, first seen first; empty when all is well. */
  readonly broken: readonly string[]
  /** What happened, line by line. */
  readonly log: readonly string[]
}

const minute = 60_000

/** Plays a scenario, ends all faults, and looks whether every signed-in tab then comes to hold one newest token. */
export async function play({ seed, setup, steps }: Scenario): Promise<Outcome> {
  const { lossy, lifetime, latency, messageDelay, lockDelay, storageDelay } = setup
  const browser = createTestBrowser({ seed })
  const { backend, storage } = browser
  // How long it may take until a refusal is known everywhere.
  const watch = createWatch(browser, lossy, lossy ? Infinity : messageDelay + 10)
  const { windows, note } = watch
  let draws = seed
  const drawn = (most: number) => (): number => {
    draws = (Math.imul(draws, 1_103_515_245) + 12_345) >>> 0
    return most && Math.floor((draws / 2 ** 32) * most)
  }
  let mood = 'well'
  const releases: (() => void)[] = []
  const attached: [Window, () => Promise<void>][] = []
  /** Tabs that missed a part of the platform: that heals with a reload. */
  const crippled = new Set<Window>()
  backend.lifetime = lifetime
  backend.skew = setup.skew
  backend.latency = drawn(latency)

  const isOpen = ({ tab, session }: Window): boolean => tab.condition !== 'gone' && session.state.status !== 'closed'
  const living = (): Window[] => windows.filter(isOpen)
  const running = (): Window[] => living().filter(({ tab }) => tab.condition === 'running')
  const userOf = ({ session }: Window): string | undefined => (session.state as { user?: { id: string } }).user?.id
  const tokenOf = ({ session }: Window): string | undefined =>
    (session.state as { token?: { value: string } }).token?.value

  const signIn = (window: Window, user: string): void => {
    window.acted = true
    window.session.signIn(user)
  }
  const open = (user: string): void => {
    const tab: TestTab = browser.tab({
      ...setup.lacks,
      messageDelay: drawn(messageDelay),
      lockDelay: drawn(lockDelay),
      storageDelay: drawn(storageDelay),
    })
    const { refreshWhenHidden } = setup
    const window = watch.follow(tab, (wrap) =>
      createSession({
        source: wrap(tab.source),
        environment: tab,
        refreshWhenHidden,
        ...(setup.storage && { storage: tab.storage }),
      }),
    )
    signIn(window, user)
  }
  const cripple = (window: Window, faults: object): void => {
    crippled.add(window)
    Object.assign(window.tab.faults, faults)
  }
  const ask = (window: Window): void => watch.asked(window, window.session.getToken())
  const back = (window: Window, how: 'resume' | 'comeBack'): void => {
    if (window.tab.condition === 'running') return
    window.since = browser.now
    // Who comes back may ask once more.
    window.acted = true
    window.tab[how]()
  }

  /** What a step does to one of the running tabs, or to one of those that are not. */
  const acts: Record<string, (window: Window, value: any) => unknown> = {
    open: (_, user) => living().length < 6 && open(user),
    close: ({ session }) => void session.close(),
    crash: ({ tab }) => tab.crash(),
    async leave({ tab, name }) {
      if (tab.condition === 'running' && !(await tab.leave()) && !lossy)
        note(`${name} was not kept in the back/forward cache`)
      // Nobody is back in the millisecond in which they left.
      await browser.advance(1)
    },
    comeBack: (window) => back(window, 'comeBack'),
    freeze: ({ tab }) => tab.freeze(),
    stop: ({ tab }) => tab.freeze({ silently: true }),
    resume: (window) => back(window, 'resume'),
    hide: ({ tab }) => tab.hide(),
    show: ({ tab }) => tab.show(),
    signIn,
    signOut: ({ session }) => void session.signOut(),
    getToken: ask,
    async askOften(window) {
      for (let times = 0; times < 30; times++) {
        if (window.tab.condition === 'running') ask(window)
        await browser.advance(100)
      }
    },
    refresh(window) {
      window.acted = true
      watch.asked(window, window.session.refresh())
    },
    refuse(window) {
      const value = tokenOf(window)
      if (!value) return
      watch.refused(value)
      window.session.invalidate(value)
    },
    attach(window, kind) {
      const adapter = watch.adapter(window, () => (kind === 'good' ? 'well' : mood))
      attached.push([window, window.session.attach(adapter)])
    },
    detach(window) {
      const found = attached.findIndex(([of]) => of === window)
      if (found >= 0) void attached.splice(found, 1)[0]![1]()
    },
    adapters: (_, value) => (mood = value),
    online: (_, [online, network]) => browser.setOnline(online, network),
    backend(_, fault) {
      backend.mend()
      const { tokens } = backend
      if (fault === 'nobody') backend.reply(() => null)
      else if (fault === 'ended') backend.reply((_, mint) => ({ token: mint({ expiresIn: -10 }) }))
      else if (fault === 'other') backend.reply((_, mint) => ({ token: mint({ sub: 'eve' }) }))
      else if (fault === 'same')
        backend.reply(({ user }, mint) => {
          const old = [...tokens]
            .reverse()
            .find((token) => Buffer.from(token.split('.')[1]!, 'base64url').includes(`"${user}"`))
          return { token: old ?? mint() }
        })
      else if (fault !== 'mend') backend.fail(fault)
    },
    store(_, value) {
      storage.fault = ['throws', 'rejects', 'hangs', 'full'].includes(value) ? value : undefined
      storage.latency = value === 'slow' ? 500 : 0
      if (value === 'corrupt') for (const [key, record] of storage.items) storage.items.set(key, record.slice(0, -9))
    },
    async sleep(_, ms) {
      await browser.sleep(ms, { monotonic: setup.clock !== 'uncounted' })
      watch.jumped()
    },
    setWallClock(_, ahead) {
      browser.setWallClock(browser.now + ahead)
      watch.jumped()
    },
    pass: () => {},
    occupy: () => releases.push(browser.holdLocks()),
    locks: (window, value) => cripple(window, { locks: value }),
    channels: (window, value) => cripple(window, { channels: value }),
    localStorage: (window, value) => cripple(window, { localStorage: value }),
    timers({ tab }, { early = 0, late = 0, throttle }) {
      Object.assign(tab.faults, { early: () => early, late: () => late, throttle })
    },
    lose: ({ tab }, copies) => (tab.faults.copies = () => copies),
    repeat(_, value) {
      const { channel, data } = browser.messages.at(-7) ?? browser.messages.at(-1) ?? {}
      if (channel) stranger(channel).postMessage(value ?? data)
    },
    junk(_, value) {
      for (const name of new Set(browser.channels)) stranger(name).postMessage(value)
    },
  }
  const stranger = (name: string): any => {
    const channel = new (browser.tab().window.BroadcastChannel!)(name)
    return {
      postMessage(data: unknown) {
        channel.postMessage(data)
        channel.close()
      },
    }
  }
  const idle = new Set(['comeBack', 'resume'])
  const anywhere = new Set([
    'open',
    'adapters',
    'online',
    'backend',
    'store',
    'sleep',
    'setWallClock',
    'occupy',
    'repeat',
    'junk',
    'pass',
  ])

  const step = async ({ act, tab, value, after }: Step): Promise<void> => {
    const some = idle.has(act) ? living().filter(({ tab }) => tab.condition !== 'running') : running()
    const window = some[tab % some.length]
    if (window || anywhere.has(act)) {
      note(
        `-- ${act}${anywhere.has(act) ? '' : ` ${window!.name}`}${value === undefined ? '' : ` ${JSON.stringify(value)}`}`,
      )
      await acts[act]!(window!, value)
    }
    await browser.advance(after)
    watch.check()
  }

  const settle = async (): Promise<void> => {
    note('-- all faults end')
    mood = 'well'
    releases.forEach((release) => release())
    storage.fault = undefined
    storage.latency = 0
    backend.mend()
    backend.latency = 50
    for (const window of crippled) {
      const user = userOf(window)
      if (!isOpen(window)) continue
      window.tab.close()
      if (user) open(user)
    }
    for (const window of living()) {
      const { tab } = window
      Object.assign(tab.faults, browser.tab().faults, setup.lacks, { messageDelay: () => 5 })
      back(window, 'comeBack')
      back(window, 'resume')
      tab.show()
    }
    browser.setOnline(true)
    await browser.advance(20_000)
    if (!running().length) open('ann')
    for (const user of ['ann', 'bob']) {
      const theirs = living().filter((window) => userOf(window) === user)
      const failed = theirs.filter(({ session }) => session.state.status === 'failed')
      // Without channels they do not hear of each other.
      if (setup.lacks.channels) failed.forEach((window) => signIn(window, user))
      else if (failed.length && failed.length === theirs.length) signIn(failed[0]!, user)
    }
    // Tabs that nothing holds back, and apps that ask for refreshes again and again, use up the budget of ten minutes.
    const recent = backend.calls.filter(({ at }) => browser.now - at < 10 * minute).length
    const unheld = recent >= 30 || (setup.lacks.locks && setup.lacks.localStorage)
    await browser.advance((unheld ? 11 : 5) * minute - 20_000)
    // Not in the very moment in which the others hear of a new one.
    if (apart().length) await browser.advance(1_000)
    watch.check()
  }
  /** Users whose tabs do not hold one token. */
  const apart = (): string[] =>
    ['ann', 'bob'].flatMap((user) => {
      const theirs = living().filter((window) => userOf(window) === user)
      const held = new Set(theirs.map((window) => watch.isGood(tokenOf(window)) && tokenOf(window)))
      const found = theirs.map((window) => `${window.name} ${backend.tokens.indexOf(tokenOf(window) ?? '') + 1}`)
      // Tokens of one second have no order where nothing holds tabs back and their clocks differ.
      const { channels, locks, localStorage } = setup.lacks
      const most = channels || (locks && localStorage) ? theirs.length : 1
      return held.size > most || held.has(false)
        ? [`no one token for ${user} after all that time: ${found.join(', ')}`]
        : []
    })
  /** Nothing fails any more: one call a refresh, never without a token. */
  const goOn = async (): Promise<void> => {
    const users = new Set(living().map(userOf))
    const { length } = backend.calls
    const span = Math.min(3 * lifetime * 1_000, 10 * minute)
    for (const end = browser.now + span; browser.now < end;) {
      await browser.advance(span / 60)
      for (const window of living())
        if (userOf(window) && !tokenOf(window)) watch.broken.push(`${window.name} has no token though nothing fails`)
    }
    const calls = backend.calls.slice(length).length
    // Without channels every tab keeps its own token; a lease is not always in time.
    const { lacks } = setup
    const alone = lacks.channels || (lacks.locks && lacks.localStorage)
    const each = alone ? living().length : lacks.locks ? 2 : 1
    const most = each * [...users].filter(Boolean).length * Math.ceil(span / (0.8 * lifetime * 1_000))
    if (calls > most) watch.broken.push(`${calls} calls when all is well, at most ${most} are needed`)
  }

  for (const each of steps) {
    await step(each)
    if (watch.broken.length) return watch
  }
  await settle()
  if (!watch.broken.length) watch.broken.push(...apart())
  if (!watch.broken.length) await goOn()
  watch.finish()
  if (watch.broken.length) return watch

  const open_ = living()
  const closing = Promise.all(open_.map(({ session }) => session.close()))
  await browser.advance(20_000)
  await closing
  for (const { tab, name } of open_)
    if (Object.values(tab.leftovers).some(Boolean))
      watch.broken.push(`G6: ${name} left ${JSON.stringify(tab.leftovers)}`)
  if (browser.locks.held.length) watch.broken.push('G6: a lock is still held')
  return watch
}
