import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { browserEnvironment, globalFetch } from '../../src/environment/browser.js'

const module = new URL('../../src/environment/browser.ts', import.meta.url).href
const root = fileURLToPath(new URL('../..', import.meta.url))

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

describe('on a server', () => {
  it('says so, and is online, visible and alone', () => {
    const environment = browserEnvironment()
    expect(environment).toMatchObject({ server: true, online: true, visible: true })
    expect(environment.tabs).toBeUndefined()
    environment.onWake(() => expect.unreachable())()
  })

  it('lets the process end though a timer is set (F92)', async () => {
    const script = `
      import { browserEnvironment } from ${JSON.stringify(module)}
      const environment = browserEnvironment()
      environment.schedule(environment.now() + 3_600_000, () => {})
      environment.onWake(() => {})
      console.log('ready')`
    const run = promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      cwd: root,
      timeout: 20_000,
    })
    await expect(run).resolves.toMatchObject({ stdout: 'ready\n', stderr: '' })
  }, 30_000)

  it.each(['document', 'WorkerGlobalScope'])('is told from a page and a worker by %s', (name) => {
    vi.stubGlobal(name, {})
    expect(browserEnvironment().server).toBe(false)
  })
})

describe('globals that were replaced after the import', () => {
  beforeEach(() => void vi.useFakeTimers({ now: 1_790_000_000_000 }))

  it('are used: time and timers', () => {
    const environment = browserEnvironment()
    const run = vi.fn()
    environment.schedule(1_790_000_060_000, run)
    vi.advanceTimersByTime(59_999)
    expect(environment.now()).toBe(1_790_000_059_999)
    expect(run).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(run).toHaveBeenCalledTimes(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('are used: the monotonic clock, so that a wall clock set back stretches nothing (F21)', () => {
    const environment = browserEnvironment()
    const before = environment.now()
    vi.setSystemTime(before - 3_600_000)
    vi.advanceTimersByTime(5_000)
    expect(environment.now()).toBe(before + 5_000)
  })

  it('are used: a cancelled timer is gone', () => {
    browserEnvironment().schedule(Date.now() + 1_000, () => expect.unreachable())()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('are used: chance', () => {
    const environment = browserEnvironment()
    vi.spyOn(Math, 'random').mockReturnValue(0.25)
    expect(environment.random()).toBe(0.25)
  })

  it('are used: fetch', async () => {
    vi.stubGlobal('fetch', async (url: string, init: RequestInit) => new Response(`${init.method} ${url}`))
    expect(await (await globalFetch('/token', { method: 'POST' })).text()).toBe('POST /token')
  })
})
