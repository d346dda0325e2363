// @vitest-environment happy-dom
import { type TokenRequest, createSession } from 'inbox-session'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { piecesOf, shownPieces, tokenFor } from '../support/tokens.js'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }))
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

const signedOut = () => {
  const source = vi.fn(async ({ user }: TokenRequest) => tokenFor(user.id, Date.now()))
  const session = createSession({ source })
  onTestFinished(() => session.close())
  return { session, source }
}

describe('a page', () => {
  const listening = () => {
    const held = new Map<string, number>()
    for (const target of [window, document])
      for (const [method, step] of [
        ['addEventListener', 1],
        ['removeEventListener', -1],
      ] as const) {
        const original = target[method].bind(target) as (...given: unknown[]) => void
        vi.spyOn(target, method as 'addEventListener').mockImplementation(((type: string, ...rest: unknown[]) => {
          held.set(type, (held.get(type) ?? 0) + step)
          original(type, ...rest)
        }) as never)
      }
    return held
  }

  it('is listened to while somebody is signed in, without unload, and left alone afterwards (F86, G6)', async () => {
    const held = listening()
    const { session } = signedOut()
    expect([...held]).toEqual([])
    session.signIn('ann')
    await session.getToken()
    expect([...held.values()].some((count) => count > 0)).toBe(true)
    expect([...held.keys()].filter((type) => /unload/.test(type))).toEqual([])
    await session.close()
    expect([...held.values()].every((count) => count === 0)).toBe(true)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is heard when it wakes, leaves and comes back, and by nothing else, once for each session', async () => {
    const held = listening()
    const open = () => [...held].flatMap(([type, count]) => Array<string>(count).fill(type)).sort()
    const wake = ['focus', 'offline', 'online', 'pageshow', 'resume', 'visibilitychange']
    const leave = ['freeze', 'pagehide', 'pageshow', 'resume', 'visibilitychange']
    const { session } = signedOut()
    session.signIn('ann')
    await session.getToken()
    expect(open()).toEqual([...wake, ...leave].sort())
    session.signIn('bob')
    await session.getToken()
    expect(open()).toEqual([...wake, ...leave].sort())
    await session.signOut()
    expect(open()).toEqual([])
  })

  it.each([
    ['fetched', undefined],
    ['brought along', tokenFor('ann', Date.UTC(2026, 0, 1), 1e9)],
  ])(
    'whose session holds a token it %s has left a mark that tells nothing else, and takes it back',
    async (_, initial) => {
      const { session } = signedOut()
      session.signIn('ann', initial)
      const token = await session.getToken()
      const [mark, ...more] = Object.keys(localStorage).filter((name) => name.includes(':here:'))
      expect(more).toEqual([])
      expect(mark).toMatch(/^inbox-session:\w+:here:\w+$/)
      expect(localStorage.getItem(mark!)).toMatch(/^\d*$/)
      expect(shownPieces(JSON.stringify({ ...localStorage }), piecesOf([token]))).toEqual([])
      await session.signOut()
      expect(Object.keys(localStorage).filter((name) => name.includes(':here:'))).toEqual([])
    },
  )

  it('whose browser has no locks, channels and storage works all the same, and the trace says so once', async () => {
    vi.stubGlobal('BroadcastChannel', undefined)
    vi.stubGlobal('localStorage', undefined)
    vi.stubGlobal('navigator', { onLine: true })
    const { session, source } = signedOut()
    const lacks: unknown[] = []
    session.on('trace', (entry) => void (entry.type === 'lacks' && lacks.push(entry.what)))
    session.signIn('ann')
    await session.getToken()
    for (let round = 0; round < 3; round++) {
      await vi.advanceTimersByTimeAsync(3_600_000)
      window.dispatchEvent(new Event('pagehide'))
      window.dispatchEvent(new Event('pageshow'))
    }
    expect(source.mock.calls.length).toBeGreaterThan(3)
    expect(lacks.sort()).toEqual(['BroadcastChannel', 'Web Locks', 'localStorage'])
  })

  it('that comes and goes a hundred times changes nothing (F94)', async () => {
    const { session, source } = signedOut()
    const changed = vi.fn()
    session.signIn('ann')
    await session.getToken()
    session.subscribe(changed)
    for (let flip = 0; flip < 100; flip++) {
      document.dispatchEvent(new Event('visibilitychange'))
      window.dispatchEvent(new Event('focus'))
      window.dispatchEvent(new Event('pageshow'))
    }
    await vi.advanceTimersByTimeAsync(1_000)
    expect(changed).not.toHaveBeenCalled()
    expect(source).toHaveBeenCalledTimes(1)
  })
})
