import { describe, expect, it, vi } from 'vitest'
import { createTabs, oneToken, watch } from '../support/tabs-scene.js'

describe('tabs of one user', () => {
  it('make one call together when they start and one when the token is due (F27)', async () => {
    const scene = createTabs({ seconds: 100 })
    const windows = scene.openAll(10)
    await scene.advance(60)
    expect(scene.calls).toHaveLength(1)
    const first = oneToken(windows)
    await scene.advance(83_100)
    expect(scene.calls).toHaveLength(2)
    expect(oneToken(windows)).not.toBe(first)
    const asked = windows.map(({ session }) => watch(session.getToken()))
    await scene.flush()
    expect(new Set(asked.map(({ value }) => value))).toEqual(new Set([oneToken(windows)]))
  })

  it('answer whoever waits in any of them within a second of the one answer (F27)', async () => {
    const scene = createTabs({ latency: 3_000 })
    const windows = scene.openAll(10)
    for (const { tab } of windows) tab.latency = () => 30
    const asked = windows.map(({ session }) => watch(session.getToken()))
    await scene.advance(3_100)
    expect(scene.calls).toHaveLength(1)
    expect(asked.every(({ value }) => value === oneToken(windows))).toBe(true)
  })

  it('look again when they get the lock: those who waited make no call of their own (F28)', async () => {
    const scene = createTabs({ seconds: 100, latency: 5_000 })
    const windows = scene.openAll(3)
    await scene.advance(200_000)
    const { length } = scene.calls
    expect(length).toBeLessThanOrEqual(4)
    expect(scene.calls.every(({ endedAt, brought }) => brought || endedAt === undefined)).toBe(true)
    oneToken(windows)
    expect(windows.flatMap(({ errors }) => errors())).toEqual([])
  })

  it.each([10, 60, 3_600])('refresh tokens of %i s with one call each, for ten lifetimes', async (seconds) => {
    const scene = createTabs({ seconds })
    const windows = scene.openAll(5)
    await scene.advance(100)
    let missing = 0
    for (let step = 0; step < 1_000; step++) {
      await scene.advance(seconds * 10)
      for (const { token } of windows) if (!token()) missing++
    }
    expect(missing).toBe(0)
    // The first refresh may come early; then at least 0.8 of a lifetime lies between two.
    expect(scene.calls.length).toBeLessThanOrEqual(14)
    expect(scene.calls.every(({ brought, endedAt }) => brought || endedAt === undefined)).toBe(true)
  })

  it('send at most two messages for one refresh, over all tabs (F50)', async () => {
    const scene = createTabs({ seconds: 100 })
    scene.openAll(10)
    await scene.advance(100)
    for (let refresh = 0; refresh < 5; refresh++) {
      const { length } = scene.calls
      const messages = scene.origin.posted.length
      while (scene.calls.length === length) await scene.advance(1_000)
      await scene.advance(1_000)
      expect(scene.calls).toHaveLength(length + 1)
      expect(scene.origin.posted.length - messages).toBeLessThanOrEqual(2)
    }
  })

  it('coalesce refresh() called in ten of them at once, and each gets a token minted after its call', async () => {
    const scene = createTabs()
    const windows = scene.openAll(10)
    await scene.advance(5_000)
    const old = oneToken(windows)
    const asked = windows.map(({ session }) => watch(session.refresh()))
    await scene.advance(12_000)
    expect(asked.filter(({ value }) => !value || value === old)).toEqual([])
    expect(scene.calls.length - 1).toBeLessThanOrEqual(11)
    oneToken(windows)
  })

  it('of several sessions of one name in one page make one call when due, with at most one warning (F90)', async () => {
    const warn = vi.spyOn(console, 'warn')
    const scene = createTabs({ seconds: 100 })
    const first = scene.open()
    const windows = [first, ...scene.openAll(4, { tab: first.tab })]
    await scene.advance(100)
    expect(scene.calls).toHaveLength(1)
    await scene.advance(83_000)
    expect(scene.calls).toHaveLength(2)
    oneToken(windows)
    expect(warn.mock.calls.length).toBeLessThanOrEqual(1)
    warn.mockRestore()
  })

  it('of another name share nothing', async () => {
    const scene = createTabs()
    const courier = scene.open({ name: 'courier' })
    const other = scene.open({ name: 'suprsend', tab: courier.tab })
    // Two providers, two tokens: both may be fetched at one time.
    await scene.advance(200)
    scene.broken.delete('G2: two calls at one time')
    expect(scene.calls).toHaveLength(2)
    expect(courier.token()!.value).not.toBe(other.token()!.value)
  })
})

describe('a new tab', () => {
  it('beside a signed-in one makes no request and has its token within 100 ms', async () => {
    const scene = createTabs()
    scene.open().tab.latency = () => 40
    await scene.advance(60_000)
    const late = scene.open()
    late.tab.latency = () => 40
    const asked = watch(late.session.getToken())
    await scene.advance(100)
    expect(asked.value).toBe(oneToken(scene.windows))
    expect(scene.calls).toHaveLength(1)
  })

  it('beside nine signed-in ones is not told nine times', async () => {
    const scene = createTabs()
    scene.openAll(9)
    await scene.advance(60_000)
    const { length } = scene.origin.posted
    scene.open()
    await scene.advance(1_000)
    expect(scene.origin.posted.length - length).toBeLessThanOrEqual(10)
    expect(scene.calls).toHaveLength(1)
  })

  it('goes on with what is left of the token, not with a new lifetime', async () => {
    const scene = createTabs({ seconds: 1_000 })
    const first = scene.open()
    await scene.advance(60_000)
    const late = scene.open()
    await scene.advance(1_000)
    expect(late.token()).toMatchObject({
      receivedAt: first.token()!.receivedAt,
      expiresAt: first.token()!.expiresAt,
    })
  })

  it('has the companions of the token as well', async () => {
    const scene = createTabs()
    const mint = scene.backend.answer
    scene.backend.answer = (request) => ({ token: mint(request), expiresIn: 500, extra: { hash: 'abc' } })
    scene.open()
    await scene.advance(1_000)
    const late = scene.open()
    await scene.advance(1_000)
    expect(scene.calls).toHaveLength(1)
    expect(late.token()!.extra).toEqual({ hash: 'abc' })
  })

  it('with nobody else there calls in the same millisecond', async () => {
    const scene = createTabs()
    scene.open()
    await scene.flush()
    expect(scene.calls.map(({ at }) => at)).toEqual([scene.origin.now])
  })

  it('calls in the same millisecond when the others have signed out or closed', async () => {
    const scene = createTabs()
    const [one, two] = scene.openAll(2) as [any, any]
    await scene.advance(1_000)
    await Promise.all([two.session.close(), scene.advance(1)])
    await Promise.all([one.session.signOut(), scene.advance(1)])
    scene.open()
    await scene.flush()
    expect(scene.calls.at(-1)!.at).toBe(scene.origin.now)
    expect(scene.origin.marks).toBeLessThanOrEqual(1)
  })

  it('waits at most 300 ms for one that crashed, and the next does not wait at all', async () => {
    const scene = createTabs({ latency: 0 })
    const first = scene.open()
    await scene.advance(1_000)
    first.tab.crash()
    const from = scene.origin.now
    const second = scene.open()
    await scene.advance(320)
    expect(scene.calls).toHaveLength(2)
    expect(scene.calls[1]!.at - from).toBeLessThanOrEqual(310)
    second.tab.crash()
    scene.open()
    await scene.advance(400)
    expect(scene.calls).toHaveLength(3)
  })

  it('that comes with a token of its own shares it', async () => {
    const scene = createTabs({ seconds: 1_000 })
    const first = scene.open()
    await scene.advance(60_000)
    const late = scene.open({ signIn: false })
    const fresh = scene.backend.answer({ user: { id: 'ann' } } as never) as string
    late.session.signIn('ann', fresh)
    await scene.advance(100)
    expect(first.token()!.value).toBe(fresh)
    expect(scene.calls).toHaveLength(1)
  })
})

describe('tabs whose clocks differ by an hour', () => {
  it('share tokens, each with its own times', async () => {
    const scene = createTabs({ seconds: 600 })
    const hour = 3_600_000
    const windows = [scene.open(), scene.open({ ahead: hour }), scene.open({ ahead: -hour })]
    await scene.advance(100)
    for (let step = 0; step < 300; step++) {
      const left = windows.map(({ token, tab }) => token()!.expiresAt! - tab.environment.now())
      expect(Math.max(...left) - Math.min(...left)).toBeLessThanOrEqual(1_100)
      await scene.advance(10_000)
    }
    oneToken(windows)
    expect(scene.calls.length).toBeLessThanOrEqual(9)
    expect(scene.calls.every(({ brought }) => brought)).toBe(true)
  })

  it('keep to the same ladder while the backend is down', async () => {
    const scene = createTabs()
    const hour = 3_600_000
    scene.backend.fail()
    const windows = [scene.open(), scene.open({ ahead: hour }), scene.open({ ahead: -hour })]
    await scene.advance(60_000)
    expect(scene.calls.length).toBeLessThanOrEqual(8)
    const waits = windows.map(({ session, tab }) => (session.state as any).retryAt - tab.environment.now())
    expect(Math.max(...waits) - Math.min(...waits)).toBeLessThanOrEqual(1_000)
    const { length } = scene.calls
    for (const ahead of [-2 * hour, 2 * hour, 3 * hour]) scene.open({ ahead })
    await scene.advance(400)
    expect(scene.calls).toHaveLength(length)
  })
})
