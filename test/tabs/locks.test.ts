import { describe, expect, it, vi } from 'vitest'
import { type Window, createTabs, oneToken, watch } from '../support/tabs-scene.js'

/** Goes on until the next call has begun. */
const nextCall = async (scene: ReturnType<typeof createTabs>) => {
  for (const { length } = scene.calls; scene.calls.length === length;) await scene.advance(100)
}
const leaderOf = (scene: ReturnType<typeof createTabs>): Window =>
  scene.windows.find(({ tab }) => tab === scene.calls.at(-1)!.tab)!

describe('a lock that somebody else holds for ever (F33)', () => {
  it.each([
    ['is got round', 1_000],
    ['is waited for no longer than the patience', Infinity],
  ])('%s', async (_, detour) => {
    const scene = createTabs({ faulty: true })
    scene.origin.detour = detour
    scene.origin.occupy()
    const windows = scene.openAll(3)
    const asked = windows.map(({ session }) => watch(session.getToken()))
    await scene.advance(20_000)
    expect(asked.filter(({ value }) => !value)).toEqual([])
    expect(scene.calls.length).toBeLessThanOrEqual(3)
    await scene.advance(1_000)
    oneToken(windows)
  })

  it('does not leave a tab without a good token when a refresh is due', async () => {
    const scene = createTabs({ faulty: true, seconds: 60 })
    const windows = scene.openAll(3)
    await scene.advance(1_000)
    scene.origin.occupy()
    for (let second = 0; second < 300; second++) {
      await scene.advance(1_000)
      expect(windows.every(({ token }) => token())).toBe(true)
    }
    oneToken(windows)
  })

  it('ends with the caller: close() while waiting for it leaves nothing behind', async () => {
    const scene = createTabs()
    scene.origin.detour = Infinity
    scene.origin.occupy()
    const { session, tab } = scene.open()
    await scene.advance(100)
    const closed = session.close()
    await scene.advance(1)
    await closed
    expect(tab).toMatchObject({ locked: 0, timers: 0, ports: 0 })
  })
})

describe('while another tab’s call takes its time', () => {
  it('nobody reports anything, asks again and again, or forgets to refresh (F36, F40)', async () => {
    const methods = ['error', 'warn', 'log'] as const
    const spies = methods.map((method) => vi.spyOn(console, method))
    const scene = createTabs({ seconds: 100, latency: 5_000 })
    const windows = scene.openAll(4)
    await scene.advance(6_000)
    const asked = windows.map(({ tab }) => tab.asked)
    await nextCall(scene)
    await scene.advance(4_900)
    for (const [index, { tab }] of windows.entries()) expect(tab.asked - asked[index]!).toBeLessThanOrEqual(10)
    expect(windows.flatMap(({ errors }) => errors())).toEqual([])
    for (const spy of spies) {
      expect(spy).not.toHaveBeenCalled()
      spy.mockRestore()
    }
    leaderOf(scene).tab.crash()
    await scene.advance(10_000)
    expect(windows.filter(({ tab, status }) => !tab.crashed && status() !== 'fresh')).toEqual([])
  })

  it('a caller with a good token is served at once', async () => {
    const scene = createTabs({ seconds: 100, latency: 5_000 })
    const windows = scene.openAll(2)
    await scene.advance(6_000)
    await nextCall(scene)
    const asked = windows.map(({ session }) => watch(session.getToken()))
    await scene.advance(5)
    expect(asked.filter(({ value }) => !value)).toEqual([])
  })
})

describe('a tab that stops in the middle of its call', () => {
  it('frozen: the others have a token in time, and its late answer is dropped (F35)', async () => {
    const scene = createTabs({ seconds: 100, latency: 500, faulty: true })
    const windows = scene.openAll(3)
    await scene.advance(1_000)
    await nextCall(scene)
    const leader = leaderOf(scene)
    leader.tab.freeze()
    const old = leader.token()!.value
    for (let second = 0; second < 60; second++) {
      await scene.advance(1_000)
      for (const { tab, token } of windows) if (tab.running) expect(token()).toBeDefined()
    }
    const others = windows.filter((window) => window !== leader)
    const newest = oneToken(others)
    expect(newest).not.toBe(old)
    const { length } = scene.calls
    await leader.tab.thaw()
    await scene.advance(1_000)
    expect(oneToken(windows)).toBe(newest)
    expect(scene.calls).toHaveLength(length)
  })

  it.each(['messages', 'timers', 'wake'] as const)(
    'frozen for three lifetimes: thawed (%s first) it never hands out an ended token and makes no call',
    async (first) => {
      const scene = createTabs({ seconds: 100, latency: 500, faulty: true })
      const windows = scene.openAll(3)
      await scene.advance(1_000)
      await nextCall(scene)
      const leader = leaderOf(scene)
      leader.tab.freeze()
      await scene.advance(300_000)
      const { length } = scene.calls
      const thawed = leader.tab.thaw(first)
      const asked = watch(leader.session.getToken())
      await thawed
      await scene.advance(1_000)
      // The call was given up long ago: who asked in this very moment may hear that.
      expect(asked.value ?? asked.error?.code).toBe(asked.error ? 'timeout' : oneToken(windows))
      expect(await leader.session.getToken()).toBe(oneToken(windows))
      expect(scene.calls.length - length).toBeLessThanOrEqual(1)
    },
  )

  it.each([
    ['closed', ({ session }: Window) => void session.close()],
    ['crashed', ({ tab }: Window) => tab.crash()],
    ['signed in as somebody else', ({ session }: Window) => session.signIn('bob')],
    ['in the back/forward cache', ({ tab }: Window) => tab.leave()],
  ])('%s: another makes one call within two seconds (F42)', async (_, stop) => {
    const scene = createTabs({ latency: 1_000 })
    const windows = scene.openAll(4)
    await scene.advance(500)
    stop(leaderOf(scene))
    const from = scene.origin.now
    await scene.advance(3_100)
    const calls = scene.calls.filter(({ user }) => user.id === 'ann')
    expect(calls).toHaveLength(2)
    expect(calls[1]!.at - from).toBeLessThanOrEqual(2_000)
    oneToken(windows.filter(({ tab, session }) => tab.running && (session.state as any).user?.id === 'ann'))
  })

  it('hidden and throttled: a visible tab has a good token all the time, for one call each (F41)', async () => {
    const scene = createTabs({ seconds: 100 })
    const hidden = scene.open()
    await scene.advance(100)
    hidden.tab.throttle = 60_000
    hidden.tab.environment.visible = false
    const visible = scene.open()
    for (let second = 0; second < 500; second++) {
      await scene.advance(1_000)
      expect(visible.token()).toBeDefined()
    }
    expect(scene.calls.length).toBeLessThanOrEqual(8)
  })
})

describe('no lock is held while user code runs (F32)', () => {
  it('listeners and adapters run without it', async () => {
    const scene = createTabs({ seconds: 100 })
    const windows = scene.openAll(3)
    const held: string[] = []
    const look = (what: string, tab: Window['tab']) => void (tab.holding && held.push(what))
    for (const { session, tab } of windows) {
      for (const event of ['token', 'error', 'expired', 'signed-out'] as const)
        session.on(event, () => look(event, tab))
      session.on('change', ({ status }) => status !== 'fetching' && look(`change to ${status}`, tab))
      session.attach({
        name: 'sdk',
        attach: () => look('attach', tab),
        update: () => look('update', tab),
        detach: () => look('detach', tab),
      })
    }
    await scene.advance(200_000)
    scene.backend.fail()
    await scene.advance(100_000)
    scene.backend.mend()
    await scene.advance(100_000)
    void windows[0]!.session.signOut()
    await scene.advance(100)
    expect(held).toEqual([])
    expect(scene.calls.length).toBeGreaterThan(3)
  })

  it('a listener and an adapter that never end hold up no other tab', async () => {
    const scene = createTabs({ seconds: 100 })
    const first = scene.open()
    const never = () => new Promise<never>(() => {})
    first.session.on('token', never)
    first.session.on('change', never)
    first.session.attach({ name: 'sdk', attach: never })
    await scene.advance(100)
    const second = scene.open()
    await scene.advance(10_000)
    const asked = watch(second.session.refresh())
    await scene.advance(100)
    expect(asked.value).toBe(second.token()!.value)
    oneToken(scene.windows)
  })

  it('a listener or an adapter that asks for a token, or a new one, gets it', async () => {
    const scene = createTabs({ seconds: 100 })
    const windows = scene.openAll(3)
    const asked: ReturnType<typeof watch>[] = []
    for (const { session } of windows) {
      let forced = 0
      session.on('token', async () => {
        asked.push(watch(session.getToken()))
        if (forced++ < 2) await session.refresh()
      })
      session.attach({
        name: 'sdk',
        attach: async (context) => void asked.push(watch(context.getToken())),
        update: async (_, context) => void (await context.getToken()),
      })
    }
    await scene.advance(60_000)
    expect(asked.length).toBeGreaterThan(6)
    expect(asked.filter(({ value }) => !value)).toEqual([])
  })

  it('a source that asks its own session gets the current token or an error at once', async () => {
    const scene = createTabs({ seconds: 100 })
    const windows = scene.openAll(2)
    const asked: ReturnType<typeof watch>[] = []
    const mint = scene.backend.answer
    scene.backend.answer = (request) => {
      for (const { session } of windows) asked.push(watch(session.getToken()))
      return mint(request)
    }
    await scene.advance(100_000)
    expect(asked.length).toBeGreaterThanOrEqual(2)
    expect(asked.filter(({ ended }) => !ended)).toEqual([])
    oneToken(windows)
  })
})

describe('where something is missing', () => {
  it.each(['absent', 'throws', 'rejects'] as const)(
    'locks (%s): at most one call a tab, and all come to hold one token (F44, F45)',
    async (locks) => {
      const scene = createTabs({ faulty: true, seconds: 1_000 })
      const windows = scene.openAll(5, { signIn: false })
      for (const { tab, session } of windows) {
        tab.locks = locks
        session.signIn('ann')
      }
      await scene.advance(1_000)
      expect(scene.calls.length).toBeLessThanOrEqual(5)
      oneToken(windows)
      expect(windows.flatMap(({ errors }) => errors())).toEqual([])
      await scene.advance(820_000)
      expect(scene.calls.length).toBeLessThanOrEqual(10)
      oneToken(windows)
    },
  )

  it('locks: tabs that mint in the same second agree on one token and stay there', async () => {
    const scene = createTabs({ faulty: true })
    const windows = scene.openAll(3, { signIn: false })
    for (const [index, { tab, session }] of windows.entries()) {
      tab.locks = 'absent'
      tab.latency = () => 20 + 7 * index
      session.signIn('ann')
    }
    await scene.advance(2_000)
    const agreed = oneToken(windows)
    const taken = windows.map(({ of }) => of('token').length)
    await scene.advance(60_000)
    expect(oneToken(windows)).toBe(agreed)
    expect(windows.map(({ of }) => of('token').length)).toEqual(taken)
    expect(Math.max(...taken)).toBeLessThanOrEqual(3)
  })

  it.each(['absent', 'throws'] as const)(
    'a channel (%s): every tab has its tokens all the same (F46)',
    async (channel) => {
      const scene = createTabs({ faulty: true, seconds: 100 })
      const windows = scene.openAll(3, { signIn: false })
      for (const { tab, session } of windows) {
        tab.channel = channel
        session.signIn('ann')
      }
      await scene.advance(500)
      for (let second = 0; second < 300; second++) {
        await scene.advance(1_000)
        expect(windows.every(({ token }) => token())).toBe(true)
      }
      expect(scene.calls.length).toBeLessThanOrEqual(3 * 6)
      expect(windows.flatMap(({ errors }) => errors())).toEqual([])
    },
  )

  it('a channel: a sign-out reaches the other tabs by a note (F46, F51)', async () => {
    const scene = createTabs({ faulty: true })
    const windows = scene.openAll(2, { signIn: false }) as [Window, Window]
    for (const { tab, session } of windows) {
      tab.channel = 'absent'
      session.signIn('ann')
    }
    await scene.advance(1_000)
    void windows[0].session.signOut()
    await scene.advance(1_000)
    expect(windows[1].status()).toBe('signed-out')
  })

  it('all of it: sessions that are alone work as before', async () => {
    const scene = createTabs({ faulty: true })
    const windows = scene.openAll(2, { signIn: false }) as [Window, Window]
    for (const { tab, session } of windows) {
      delete tab.environment.tabs
      session.signIn('ann')
    }
    await scene.advance(1_000)
    expect(scene.calls).toHaveLength(2)
    expect(windows.map(({ status }) => status())).toEqual(['fresh', 'fresh'])
  })

  it('opening what the tabs share throws: the session is alone', async () => {
    const scene = createTabs()
    const { tab, session, status } = scene.open({ signIn: false })
    tab.environment.tabs = () => {
      throw new DOMException('not here', 'SecurityError')
    }
    session.signIn('ann')
    await scene.advance(1_000)
    expect(status()).toBe('fresh')
  })
})

describe('close() at any moment of a refresh (F47)', () => {
  it.each(Array.from({ length: 25 }, (_, index) => index * 5))('after %i ms throws nothing anywhere', async (delay) => {
    const scene = createTabs({ latency: 50 })
    const windows = scene.openAll(3)
    for (const [index, { tab }] of windows.entries()) tab.latency = () => 10 * index
    await scene.advance(5_000)
    const asked = windows.map(({ session }) => watch(session.refresh()))
    await scene.advance(delay)
    const leader = windows.find(({ tab }) => tab.holding) ?? windows[0]!
    const closed = leader.session.close()
    await scene.advance(12_000)
    await closed
    expect(asked.filter(({ ended }) => !ended)).toEqual([])
    expect(windows.flatMap(({ errors }) => errors())).toEqual([])
    oneToken(windows.filter((window) => window !== leader))
  })
})
