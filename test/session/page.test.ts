// @vitest-environment happy-dom
import { createSession } from 'inbox-session'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { tokenFor } from '../support/tokens.js'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }))
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const open = () => {
  const source = vi.fn(async () => tokenFor('ann', Date.now()))
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
    const { session } = open()
    expect([...held]).toEqual([])
    session.signIn('ann')
    await session.getToken()
    expect([...held.values()].some((count) => count > 0)).toBe(true)
    expect([...held.keys()].filter((type) => /unload/.test(type))).toEqual([])
    await session.close()
    expect([...held.values()].every((count) => count === 0)).toBe(true)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('that comes and goes a hundred times changes nothing (F94)', async () => {
    const { session, source } = open()
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
