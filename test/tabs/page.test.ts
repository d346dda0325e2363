import { describe, expect, it } from 'vitest'
import { type Window, createTabs, oneToken, watch } from '../support/tabs-scene.js'

const hour = 3_600_000
const started = async (count: number, options?: Parameters<typeof createTabs>[0]) => {
  const scene = createTabs(options)
  const windows = scene.openAll(count) as [Window, Window]
  await scene.advance(1_000)
  return { scene, windows }
}

describe('a page that comes back from the back/forward cache (F86)', () => {
  it('after two hours alone: one call within a second, and no ended token before', async () => {
    const { scene, windows } = await started(1)
    const [{ tab, session }] = windows
    tab.leave()
    await scene.advance(2 * hour)
    const { length } = scene.calls
    const back = tab.comeBack()
    const asked = watch(session.getToken())
    await back
    await scene.advance(1_000)
    expect(scene.calls).toHaveLength(length + 1)
    expect(asked.value).toBe(session.state.status === 'fresh' && session.state.token.value)
  })

  it('beside a tab that refreshed meanwhile: it takes that token over and makes no call', async () => {
    const { scene, windows } = await started(2, { seconds: 100 })
    windows[0].tab.leave()
    await scene.advance(1_000_000)
    const { length } = scene.calls
    const back = windows[0].tab.comeBack()
    const asked = watch(windows[0].session.getToken())
    await back
    await scene.advance(1_000)
    expect(asked.value).toBe(oneToken(windows))
    expect(scene.calls).toHaveLength(length)
  })

  it('after a sign-out in another tab: it is signed out, and hands out nothing before', async () => {
    const { scene, windows } = await started(2)
    windows[0].tab.leave()
    await scene.advance(1_000)
    void windows[1].session.signOut()
    await scene.advance(1_000)
    const back = windows[0].tab.comeBack()
    const asked = watch(windows[0].session.getToken())
    await back
    await scene.advance(1_000)
    expect(asked.error).toMatchObject({ code: 'signed_out' })
    expect(windows[0].of('signed-out')).toMatchObject([{ reason: 'other-tab' }])
    expect(windows.map(({ status }) => status())).toEqual(['signed-out', 'signed-out'])
    expect(scene.calls).toHaveLength(1)
  })

  it('after the token was refused in another tab: it does not use it again', async () => {
    const { scene, windows } = await started(2)
    await scene.advance(20_000)
    windows[0].tab.leave()
    await scene.advance(1_000)
    const refused = scene.refuse(windows[1])
    await scene.advance(1_000)
    const back = windows[0].tab.comeBack()
    const asked = watch(windows[0].session.getToken())
    await back
    await scene.advance(1_000)
    expect(asked.value).not.toBe(refused)
    expect(asked.value).toBe(oneToken(windows))
    expect(scene.calls).toHaveLength(2)
  })

  it('of a user who signed in again meanwhile stays that user’s', async () => {
    const { scene, windows } = await started(2)
    windows[0].tab.leave()
    void windows[1].session.signOut()
    await scene.advance(1_000)
    windows[1].session.signIn('bob')
    await scene.advance(1_000)
    await windows[0].tab.comeBack()
    await scene.advance(1_000)
    expect(windows[0].status()).toBe('signed-out')
    expect(windows[1].token()!.user.id).toBe('bob')
  })

  it('with a call of its own under way when it left: one answer is applied, once', async () => {
    const { scene, windows } = await started(1, { latency: 2_000 })
    const [{ tab, session, of }] = windows
    tab.leave()
    await scene.advance(hour / 2)
    await tab.comeBack()
    await scene.advance(13_000)
    expect(session.state.status).toBe('fresh')
    expect(of('token')).toHaveLength(1)
    expect(scene.calls.length).toBeLessThanOrEqual(2)
  })

  it('holds no channel timer or mark that makes others wait while it is away', async () => {
    const { scene, windows } = await started(1)
    windows[0].tab.leave()
    expect(scene.origin.marks).toBe(0)
    scene.open()
    await scene.flush()
    expect(scene.calls.at(-1)!.at).toBe(scene.origin.now)
  })

  it('is shared with again: what it mints reaches the others', async () => {
    const { scene, windows } = await started(2)
    windows[0].tab.leave()
    await scene.advance(20_000)
    await windows[0].tab.comeBack()
    const asked = watch(windows[0].session.refresh())
    await scene.advance(1_000)
    expect(asked.value).toBe(oneToken(windows))
  })
})

describe('a tab that was frozen', () => {
  it.each(['messages', 'timers', 'wake'] as const)(
    'for hours, then hears old messages (%s first): no token is younger there than it is',
    async (first) => {
      const scene = createTabs({ seconds: 10 * 3_600 })
      // Nothing in an opaque token says how old it is.
      scene.backend.answer = () => ({ token: `opaque-token-${scene.calls.length}`, expiresIn: 36_000 })
      const windows = scene.openAll(2) as [Window, Window]
      await scene.advance(60_000)
      const [asleep, awake] = windows
      asleep.tab.freeze()
      const asked = watch(awake.session.refresh())
      await scene.advance(3 * hour)
      expect(asked.value).toBeDefined()
      await asleep.tab.thaw(first)
      await scene.advance(1_000)
      oneToken(windows)
      expect(Math.abs(asleep.token()!.expiresAt! - awake.token()!.expiresAt!)).toBeLessThanOrEqual(1_000)
    },
  )

  it('past the end of what the messages bring: it does not take that, and asks', async () => {
    const scene = createTabs({ seconds: 600 })
    scene.backend.answer = () => ({ token: `opaque-token-${scene.calls.length}`, expiresIn: 600 })
    const windows = scene.openAll(2) as [Window, Window]
    await scene.advance(60_000)
    const [asleep, awake] = windows
    asleep.tab.freeze()
    await scene.advance(1_000)
    const asked = watch(awake.session.refresh())
    await scene.advance(1_000)
    expect(asked.value).toBeDefined()
    await Promise.all([awake.session.close(), scene.advance(2 * hour)])
    const { length } = scene.calls
    await asleep.tab.thaw()
    await scene.advance(1_000)
    expect(asleep.of('token').map(({ value }) => value)).not.toContain(asked.value)
    expect(scene.calls).toHaveLength(length + 1)
    expect(asleep.status()).toBe('fresh')
  })

  it('works off a sign-out before it answers a new tab', async () => {
    const { scene, windows } = await started(2)
    const [asleep, awake] = windows
    asleep.tab.freeze()
    void awake.session.signOut()
    await scene.advance(1_000)
    awake.session.signIn('ann')
    const thawed = asleep.tab.thaw('timers')
    await thawed
    await scene.advance(2_000)
    expect(asleep.status()).toBe('signed-out')
    expect(awake.status()).toBe('fresh')
    expect(scene.calls).toHaveLength(2)
  })

  it('works off a refusal before it answers a new tab', async () => {
    const { scene, windows } = await started(2)
    await scene.advance(20_000)
    const [asleep, awake] = windows
    asleep.tab.freeze()
    scene.refuse(awake)
    await Promise.all([awake.session.close(), scene.advance(5_000)])
    const late = scene.open()
    await asleep.tab.thaw()
    await scene.advance(2_000)
    expect(late.status()).toBe('fresh')
    oneToken([asleep, late])
  })
})

describe('sleep of the device', () => {
  it('of eight hours with ten tabs: one call, and no ended token in any of them (F10)', async () => {
    const { scene, windows } = await started(10)
    await scene.advance(600_000)
    const { length } = scene.calls
    const slept = scene.origin.sleep(8 * hour)
    await slept
    const asked = windows.map(({ session }) => watch(session.getToken()))
    for (const { tab } of windows) await tab.wake()
    await scene.advance(2_000)
    expect(scene.calls).toHaveLength(length + 1)
    expect(asked.every(({ value }) => value === oneToken(windows))).toBe(true)
  })
})

describe('the network', () => {
  it('gone and back in all tabs: one call (F54)', async () => {
    const { scene, windows } = await started(5, { seconds: 100 })
    for (const { tab } of windows) await tab.setOnline(false)
    await scene.advance(200_000)
    expect(scene.calls).toHaveLength(1)
    for (const { tab } of windows) await tab.setOnline(true)
    await scene.advance(2_000)
    expect(scene.calls).toHaveLength(2)
    oneToken(windows)
  })

  it('said to be gone in one tab only: that one lives on what the others bring', async () => {
    const { scene, windows } = await started(2, { seconds: 100 })
    await windows[0].tab.setOnline(false)
    for (let second = 0; second < 400; second++) {
      await scene.advance(1_000)
      expect(windows[0].token()).toBeDefined()
    }
    oneToken(windows)
    expect(scene.calls.some(({ tab }, index) => index > 0 && tab === windows[0].tab)).toBe(false)
  })
})

describe('hidden tabs that do not refresh while hidden', () => {
  it('take over what a visible one brings, and ask for nothing themselves', async () => {
    const scene = createTabs({ seconds: 100, refreshWhenHidden: false })
    const windows = scene.openAll(3)
    await scene.advance(100)
    for (const { tab } of windows.slice(1)) await tab.setVisible(false)
    await scene.advance(500_000)
    oneToken(windows)
    expect(scene.calls.slice(1).every(({ tab }) => tab === windows[0]!.tab)).toBe(true)
  })
})
