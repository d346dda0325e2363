import { createSession } from 'inbox-session'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { tokenFor } from '../support/tokens.js'

describe('on a server (F92)', () => {
  describe('with time that is made', () => {
    beforeEach(
      () =>
        void vi.useFakeTimers({
          now: Date.UTC(2026, 0, 1),
          toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'],
        }),
    )
    afterEach(() => void vi.useRealTimers())
    const source = () => vi.fn(async () => tokenFor('ann', Date.now(), 60))

    it('a session signed out calls nobody and keeps no timer', async () => {
      const asked = source()
      createSession({ source: asked })
      await vi.advanceTimersByTimeAsync(3_600_000)
      expect(asked).not.toHaveBeenCalled()
      expect(vi.getTimerCount()).toBe(0)
    })

    it('nothing is refreshed that nobody asks for', async () => {
      const asked = source()
      const session = createSession({ source: asked })
      session.signIn('ann')
      const first = await session.getToken()
      await vi.advanceTimersByTimeAsync(24 * 3_600_000)
      expect(asked).toHaveBeenCalledTimes(1)
      expect(await session.getToken()).not.toBe(first)
      expect(asked).toHaveBeenCalledTimes(2)
      await session.close()
      expect(vi.getTimerCount()).toBe(0)
    })

    it('a failure is retried when somebody asks, and not before its time', async () => {
      const asked = source()
      asked.mockRejectedValueOnce(new Error('down'))
      const session = createSession({ source: asked })
      session.signIn('ann')
      await expect(session.getToken()).rejects.toMatchObject({ code: 'source_failed' })
      await expect(session.getToken()).rejects.toMatchObject({ code: 'source_failed' })
      expect(asked).toHaveBeenCalledTimes(1)
      await vi.advanceTimersByTimeAsync(60_000)
      expect(asked).toHaveBeenCalledTimes(1)
      expect(await session.getToken()).toBeTypeOf('string')
      await session.close()
    })

    it('two sessions share no token', async () => {
      const [one, other] = [source(), source()].map((asked) => createSession({ source: asked }))
      one!.signIn('ann')
      other!.signIn('ann')
      expect(await one!.getToken()).not.toBe(await other!.getToken())
      await one!.signOut()
      expect(other!.state.status).toBe('fresh')
      await Promise.all([one!.close(), other!.close()])
    })
  })
})
