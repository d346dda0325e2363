import { execFile } from 'node:child_process'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { createSession } from 'inbox-session'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { tokenFor } from '../support/tokens.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const entry = pathToFileURL(root + (process.env.DIST ? 'dist/index.js' : 'src/index.ts')).href

const run = async (script: string) => {
  const loader = process.env.DIST ? [] : ['--import', 'tsx']
  const ended = await promisify(execFile)(process.execPath, [...loader, '--input-type=module', '-e', script], {
    cwd: root,
    timeout: 25_000,
  })
  return ended
}

describe('on a server (F92)', () => {
  it('the process ends by itself, with a session signed in and its token not yet due', async () => {
    const ended = await run(`
      import { createSession } from ${JSON.stringify(entry)}
      const claims = Buffer.from(JSON.stringify({ sub: 'ann', exp: Math.floor(Date.now() / 1000) + 3600 })).toString('base64url')
      const session = createSession({ source: async () => 'e30.' + claims + '.x' })
      session.signIn('ann')
      await session.getToken()
      console.log(session.state.status)`)
    expect(ended).toMatchObject({ stdout: 'fresh\n', stderr: '' })
  }, 30_000)

  it('importing does nothing at all: no timer, listener, global or word', async () => {
    const ended = await run(`
      const before = Object.getOwnPropertyNames(globalThis).join()
      const forbidden = (name) => () => { console.log('used', name) }
      for (const name of ['setTimeout', 'setInterval', 'queueMicrotask', 'fetch', 'addEventListener'])
        globalThis[name] &&= forbidden(name)
      Date.now = forbidden('Date.now')
      Math.random = forbidden('Math.random')
      await import(${JSON.stringify(entry)})
      console.log(Object.getOwnPropertyNames(globalThis).join() === before)`)
    expect(ended.stdout).toMatch(/^true\n$/m)
    expect(ended.stdout.split('\n').filter((line) => line.startsWith('used'))).toEqual([])
  }, 30_000)

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
