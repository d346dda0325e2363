import { memoryStorage, webStorage } from 'inbox-session'
import type { Adapter, Token } from 'inbox-session'
import { type CreateAdapter, testAdapter, testStorage } from 'inbox-session/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createAsking, createSound, faultyAdapters } from './adapters.js'
import { collect } from './runner.js'
import { sdks } from './sdks.js'
import { faultyStorages } from './storages.js'

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const runner = { describe, it }

testStorage('memoryStorage', memoryStorage, runner)
testStorage(
  'memoryStorage behind promises',
  async () => {
    const storage = memoryStorage()
    return {
      getItem: async (key) => storage.getItem(key),
      setItem: async (key, value) => storage.setItem(key, value),
      removeItem: async (key) => storage.removeItem(key),
    }
  },
  runner,
)
const areas = ['localStorage', 'sessionStorage'] as const
for (const area of areas)
  testStorage(
    `webStorage('${area}')`,
    () => {
      vi.stubGlobal('window', { [area]: memoryStorage() })
      return webStorage(area)
    },
    runner,
  )

testAdapter('a sound adapter', createSound, runner)
testAdapter('a sound adapter that cannot be looked into', () => createSound().adapter, runner)
testAdapter('a sound adapter without update', createAsking, runner)
for (const [name, create] of sdks) testAdapter(name, create, runner)

/** Without the time a hanging call is given. */
const soon = async <T>(work: Promise<T>): Promise<T> => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] })
  let ended = false
  void work.finally(() => (ended = true))
  while (!ended) await vi.advanceTimersByTimeAsync(20)
  return work
}

describe('testStorage', () => {
  it.each(faultyStorages)('%s: finds a storage that is wrong (%s)', async (rule, _, says, create) => {
    const { titles, run } = collect((runner) => testStorage('wrong', create, runner))
    const title = titles.filter((one) => one.includes(rule))
    expect(title).toHaveLength(1)
    expect(await soon(run(title[0]!))).toMatch(says)
  })

  it('has no rule that never finds anything', () => {
    const { titles } = collect((runner) => testStorage('any', memoryStorage, runner))
    expect(titles.filter((title) => !faultyStorages.some(([rule]) => title.includes(rule)))).toEqual([])
  })
})

describe('testAdapter', () => {
  it.each(faultyAdapters)('%s: finds an adapter that is wrong (%s)', async (rule, _, says, create) => {
    const { titles, run } = collect((runner) => testAdapter('wrong', create, runner))
    const title = titles.filter((one) => one.includes(rule))
    expect(title).toHaveLength(1)
    expect(await soon(run(title[0]!))).toMatch(says)
  })

  it('has no rule that never finds anything', () => {
    const { titles } = collect((runner) => testAdapter('any', createSound, runner))
    expect(titles.filter((title) => !faultyAdapters.some(([rule]) => title.includes(rule)))).toEqual([])
  })
})

/** The rule with these words in its title, run. */
const runOf = (collected: ReturnType<typeof collect>, words: string) =>
  soon(collected.run(collected.titles.find((title) => title.includes(words))!))

describe('a suite', () => {
  it.each([
    ['testStorage', testStorage, memoryStorage],
    ['testAdapter', testAdapter, createSound],
  ])('%s is registered under its name with the runner’s own describe and it', (_, suite, create) => {
    const given = collect((runner) => suite('mine', create as never, runner))
    const found = collect((runner) => {
      vi.stubGlobal('describe', runner.describe)
      vi.stubGlobal('it', runner.it)
      suite('mine', create as never)
    })
    expect(found.names).toEqual(['mine'])
    expect(found.titles).toEqual(given.titles)
    expect(new Set(found.titles).size).toBe(found.titles.length)
  })

  it('says what is missing where there is no runner', () => {
    expect(() => testStorage('mine', memoryStorage)).toThrow(TypeError)
    expect(() => testStorage('mine', memoryStorage)).toThrow('{ describe, it }')
    expect(() => testAdapter('mine', createSound, { describe } as never)).toThrow('{ describe, it }')
  })

  it.each([
    ['name', '', memoryStorage],
    ['create', 'mine', memoryStorage()],
  ])('names the parameter of the wrong kind: %s', (option, name, create) => {
    expect(() => testStorage(name, create as never, runner)).toThrow(`"${option}"`)
  })

  it('makes a new storage and a new adapter for each test', async () => {
    const create = vi.fn(memoryStorage)
    const { titles, run } = collect((runner) => testStorage('mine', create, runner))
    expect(create).not.toHaveBeenCalled()
    for (const title of titles) await run(title)
    expect(create).toHaveBeenCalledTimes(titles.length)
  })

  it('leaves a storage that lasts as it was', async () => {
    const storage = memoryStorage()
    const setItem = vi.spyOn(storage, 'setItem')
    const { titles, run } = collect((runner) => testStorage('mine', () => storage, runner))
    for (const title of titles) expect(await run(title)).toBeUndefined()
    const left = setItem.mock.calls.map(([key]) => storage.getItem(key))
    expect(left.filter((value) => value !== null)).toEqual([])
  })

  it('puts the console back, and what holds no token goes there all the while', async () => {
    const print = vi.spyOn(console, 'info').mockImplementation(() => {})
    const { info } = console
    const talks: Partial<Adapter> = {
      update(_, { token }) {
        console.info('a new token')
        console.info('it is', new Map([['token', [token.value]]]))
      },
    }
    const create = () => ({ ...createSound().adapter, ...talks })
    expect(
      await runOf(
        collect((runner) => testAdapter('talks', create, runner)),
        'console',
      ),
    ).toMatch(/console\.info/)
    expect(new Set(print.mock.calls.flat())).toEqual(new Set(['a new token']))
    expect(console.info).toBe(info)
    print.mockRestore()
  })

  it.each([
    ['text', ({ value }: Token) => value],
    ['an object', ({ value }: Token) => ({ headers: { authorization: value } })],
    ['a Set', ({ value }: Token) => new Set([value])],
    ['an address', ({ value }: Token) => new URL(`http://127.0.0.1/?token=${value}`)],
    ['the cause of an error', ({ value }: Token) => new Error('refused', { cause: new Error(value) })],
    ['a circle', ({ value }: Token) => Object.assign(((circle) => Object.assign(circle, { circle }))({}), { value })],
  ])('sees a token on the console as %s', async (_, show) => {
    const create = () => ({
      ...createSound().adapter,
      update: (_: unknown, { token }: { token: Token }) => console.debug(show(token)),
    })
    expect(
      await runOf(
        collect((runner) => testAdapter('talks', create, runner)),
        'console',
      ),
    ).toMatch(/console\.debug/)
  })

  it('minds no header of a token on the console: all of them have the same', async () => {
    const print = vi.spyOn(console, 'debug').mockImplementation(() => {})
    const update = (_: unknown, { token }: { token: Token }) => console.debug(token.value.split('.')[0])
    const create = () => ({ ...createSound().adapter, update })
    expect(
      await runOf(
        collect((runner) => testAdapter('talks', create, runner)),
        'console',
      ),
    ).toBeUndefined()
    print.mockRestore()
  })

  it('has the newer token come while the attach is under way', async () => {
    const create: CreateAdapter = (tab) => {
      const { adapter } = createSound()
      let began = 0
      return {
        ...adapter,
        attach: () => void (began = tab.now()),
        update() {
          if (tab.now() - began < 3_000) throw new Error('too early')
        },
      }
    }
    const collected = collect((runner) => testAdapter('slow', create, runner))
    expect(await runOf(collected, 'slow attach')).toBeUndefined()
    expect(await runOf(collected, 'newer token')).toMatch(/too early/)
  })

  it('minds no Token on the console: it shows no secret', async () => {
    const print = vi.spyOn(console, 'debug').mockImplementation(() => {})
    const create = () => ({ ...createSound().adapter, update: (_: unknown, context: object) => console.debug(context) })
    expect(
      await runOf(
        collect((runner) => testAdapter('talks', create, runner)),
        'console',
      ),
    ).toBeUndefined()
    print.mockRestore()
  })

  it('quotes no token in what it fails with', async () => {
    const quote = ({ token }: { token: Token }): never => {
      throw new Error(`cannot send ${token.value}`)
    }
    const create = () => ({ ...createSound().adapter, attach: quote })
    const { titles, run } = collect((runner) => testAdapter('quotes', create, runner))
    for (const title of titles.slice(1)) {
      const message = (await run(title))!
      expect(message).toContain('cannot send [redacted]')
      expect(message).not.toMatch(/eyJ/)
    }
  })

  it('gives an SDK that works in real time the time it needs', async () => {
    const wait = () => new Promise((resolve) => setTimeout(resolve, 200))
    const { adapter, used } = createSound()
    const slow: Adapter = {
      name: 'slow',
      attach: async (context) => (await wait(), adapter.attach(context)),
      update: async (handle, context) => void (await wait(), await adapter.update!(handle, context)),
      detach: async (...of) => void (await wait(), await adapter.detach!(...of)),
    }
    const collected = collect((runner) => testAdapter('slow', () => ({ adapter: slow, used }), runner))
    for (const words of ['newer token', 'at sign-out', 'takes the next', 'never throws'])
      expect(await runOf(collected, words)).toBeUndefined()
  })

  it('gives a storage on a disk the time it needs', async () => {
    const wait = () => new Promise((resolve) => setTimeout(resolve, 100))
    const to = memoryStorage()
    const slow = {
      getItem: async (key: string) => (await wait(), to.getItem(key)),
      setItem: async (key: string, value: string) => (await wait(), to.setItem(key, value)),
      removeItem: async (key: string) => (await wait(), to.removeItem(key)),
    }
    const collected = collect((runner) => testStorage('slow', () => slow, runner))
    for (const words of ['a reload', 'after a sign-out']) expect(await runOf(collected, words)).toBeUndefined()
  })
})
