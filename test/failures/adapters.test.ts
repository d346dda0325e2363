import type { Adapter, AdapterContext, SessionEvents } from 'inbox-session'
import { describe, expect, test } from 'vitest'
import { type OpenOptions, type Scene, type Window, createScene } from './scene.js'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

/** Lets time pass until the next refresh is due, and a little longer. */
const due = async ({ browser }: Scene, { of }: Window, longer = 100) => {
  const { dueAt } = of('trace')
    .filter(({ type }) => type === 'token')
    .at(-1) as unknown as { dueAt: number }
  await browser.advance(Math.ceil(dueAt) - browser.now + longer)
}

const start = async (options: OpenOptions = {}) => {
  const scene = createScene()
  const window = scene.open(options)
  await scene.advance(second)
  return { scene, window, ...window }
}

/** An adapter that notes when it was given which token; `act` may do more. */
const noting = (name: string, act: (context: AdapterContext) => unknown = () => {}, { browser }: Scene) => {
  const given: { at: number; generation: number }[] = []
  const contexts: AdapterContext[] = []
  const take = (context: AdapterContext): unknown => {
    given.push({ at: browser.now, generation: context.token.generation })
    contexts.push(context)
    return act(context)
  }
  const adapter: Adapter = { name, attach: take, update: (_, context) => take(context) as void }
  return { adapter, given, contexts, generations: () => given.map(({ generation }) => generation) }
}

describe('a listener', () => {
  const events = ['token', 'change'] as const
  test.each(events)(
    'F95 of "%s" that throws or rejects keeps no other from hearing, and each fault is told once',
    async (event) => {
      const { scene, window, session, errors, applied } = await start()
      const heard = [0, 0, 0, 0, 0]
      session.on(event, () => {
        heard[0]!++
        throw new Error('the first trips')
      })
      session.on(event, async () => {
        heard[1]!++
        throw new Error('the second trips later')
      })
      for (const index of [2, 3, 4]) session.on(event, () => void heard[index]!++)
      const before = window.of(event).length
      await due(scene, window)
      const told = window.of(event).length - before
      expect(told).toBeGreaterThan(0)
      expect(heard).toEqual(Array(5).fill(told))
      expect(session.state).toMatchObject({ status: 'fresh', token: { generation: 2 } })
      expect(applied.map(({ token }) => token!.generation)).toEqual([1, 2])
      expect(errors()).toEqual(Array(2 * told).fill('adapter_failed'))
      for (const { message } of window.of('error')) expect(message).toMatch(new RegExp(`"${event}".*trips`))
      expect(scene.unhandled).toEqual([])
    },
  )

  test('F95 of errors that throws is not told of itself', async () => {
    const { scene, session, errors } = await start()
    let heard = 0
    session.on('error', () => {
      heard++
      throw new Error('again')
    })
    session.on('token', () => {
      throw new Error('once')
    })
    await scene.advance(5 * second)
    await scene.result(session.refresh())
    await scene.advance(minute)
    expect([heard, errors()]).toEqual([1, ['adapter_failed']])
  })
})

const background: [string, OpenOptions, (scene: Scene, window: Window) => Promise<unknown>][] = [
  ['at its time', {}, (scene, window) => due(scene, window)],
  [
    'when the device wakes',
    {},
    async ({ browser }, { tab }) => {
      await browser.sleep(8 * hour)
      tab.hide()
      tab.show()
    },
  ],
  [
    'when the page is seen again',
    { refreshWhenHidden: false },
    async (scene, window) => {
      window.tab.hide()
      await due(scene, window)
      expect(scene.calls).toHaveLength(1)
      window.tab.show()
    },
  ],
  [
    'when the network is back',
    {},
    async (scene, window) => {
      scene.browser.setOnline(false)
      await due(scene, window)
      expect(scene.calls).toHaveLength(1)
      scene.browser.setOnline(true)
    },
  ],
  [
    'when it comes back from the cache',
    {},
    async (scene, window) => {
      await window.tab.leave()
      await scene.advance(2 * hour)
      window.tab.comeBack()
    },
  ],
]

test.each(background)(
  'F97 a refresh %s that fails, and that nobody waits for, is one error and a retry',
  async (_, options, wake) => {
    const { scene, window, session, errors, tab } = await start(options)
    scene.browser.backend.fail({ status: 500 })
    await wake(scene, window)
    await scene.advance(400)
    expect(scene.calls).toHaveLength(2)
    expect(errors()).toEqual(['source_failed'])
    expect(scene.unhandled).toEqual([])
    const { retryAt } = session.state as { retryAt: number }
    expect(session.state.status).toBe('waiting')
    expect(retryAt - scene.browser.now).toBeLessThanOrEqual(second)
    expect(tab.leftovers.timers).toBeGreaterThan(0)
    scene.browser.backend.mend()
    await scene.advance(second)
    expect(session.state.status).toBe('fresh')
  },
)

describe('what is replaced between planning a refresh and its time', () => {
  test('F98 is not used any more: the latest source runs, and the latest adapter alone', async () => {
    const scene = createScene()
    const tab = scene.browser.tab()
    const asked: string[] = []
    // As a component keeps its newest callback.
    const latest = { ask: (): void => void asked.push('first') }
    const window = scene.open({ tab, source: (request) => (latest.ask(), tab.source(request)) })
    const [old, young] = [noting('old', undefined, scene), noting('young', undefined, scene)]
    const remove = window.session.attach(old.adapter)
    await scene.advance(second)
    latest.ask = () => void asked.push('second')
    await remove()
    window.session.attach(young.adapter)
    await due(scene, window)
    expect(asked).toEqual(['first', 'second'])
    expect([old.generations(), young.generations()]).toEqual([[1], [1, 2]])
  })

  test('F98 a token that somebody kept is out of date: getToken has the new one, wherever it was taken from', async () => {
    const { scene, window, session } = await start()
    const { adapter, contexts } = noting('pull', undefined, scene)
    delete adapter.update
    session.attach(adapter)
    const { getToken } = Object.getPrototypeOf(session) as typeof session
    const kept = await getToken()
    await due(scene, window)
    const newest = scene.browser.backend.tokens.at(-1)
    expect(newest).not.toBe(kept)
    expect(await getToken()).toBe(newest)
    expect((await contexts[0]!.getToken()).value).toBe(newest)
    expect(contexts[0]!.token.value).toBe(kept)
  })
})

describe('three adapters, of which one throws and one hangs', () => {
  const failures = ({ of }: Window, name: string): SessionEvents['error'][] =>
    of('error').filter(({ message }) => message.includes(`"${name}"`))
  const three = async (where: 'attach' | 'update') => {
    const scene = createScene()
    const window = scene.open()
    const fails = ({ token }: AdapterContext): boolean => where === 'attach' || token.generation > 1
    const x = noting('x', (context) => fails(context) && Promise.reject(new Error('no')), scene)
    const y = noting('y', (context) => fails(context) && new Promise(() => {}), scene)
    const z = noting('z', undefined, scene)
    for (const { adapter } of [x, y, z]) window.session.attach(adapter)
    await scene.advance(20 * second)
    return { scene, window, x, y, z }
  }

  test('F100 leave the third alone: it is updated at once, the first is reported and updated again, the second given up after 5 s', async () => {
    const { scene, window, x, y, z } = await three('update')
    expect(window.errors()).toEqual([])
    for (const generation of [2, 3]) {
      await due(scene, window, 0)
      await scene.advance(150)
      const { at } = window.happened.filter(({ event }) => event === 'token').at(-1)!
      expect(z.given.at(-1)).toMatchObject({ generation })
      expect(z.given.at(-1)!.at - at).toBeLessThanOrEqual(100)
      expect(x.generations().at(-1)).toBe(generation)
      expect(failures(window, 'x')).toHaveLength(generation - 1)
      expect(failures(window, 'y')).toHaveLength(generation - 2)
      await scene.advance(5 * second)
      expect(failures(window, 'y')).toHaveLength(generation - 1)
      expect(y.generations().at(-1)).toBe(generation)
    }
    for (const { code } of window.of('error')) expect(code).toBe('adapter_failed')
    const out = window.session.signOut()
    await scene.advance(5_100)
    await out
  })

  test('F100 already when they are attached: the third has its token at once, and the others are tried again', async () => {
    const { scene, window, x, y, z } = await three('attach')
    const { at } = window.happened.find(({ event }) => event === 'token')!
    expect(z.given).toEqual([{ at: expect.any(Number), generation: 1 }])
    expect(z.given[0]!.at - at).toBeLessThanOrEqual(100)
    expect(x.given.length).toBeGreaterThanOrEqual(4)
    expect(y.given.length).toBeGreaterThanOrEqual(2)
    expect(failures(window, 'x').length).toBe(x.given.length)
    await due(scene, window)
    await scene.advance(5 * second)
    for (const { generations } of [x, y, z]) expect(generations().at(-1)).toBe(2)
  })

  test('F100 a refusal that one of them reports, even twice, is one new token for all', async () => {
    const { scene, window, x, y, z } = await three('update')
    for (const { contexts } of [x, x, y]) contexts[0]!.report({ kind: 'rejected' })
    await scene.advance(second)
    expect(scene.calls).toHaveLength(2)
    expect(scene.calls[1]!.reason).toBe('rejected')
    expect(window.of('expired')).toMatchObject([{ reason: 'rejected', token: { generation: 1 } }])
    expect(z.generations()).toEqual([1, 2])
    // A late word about the old one is not one about the new one.
    y.contexts[0]!.report({ kind: 'rejected', token: x.contexts[0]!.token.value })
    await scene.advance(second)
    expect(scene.calls).toHaveLength(2)
  })

  test('F100 one that is attached late gets the token there is, once', async () => {
    const { scene, window } = await three('update')
    const late = noting('late', undefined, scene)
    window.session.attach(late.adapter)
    await scene.advance(minute)
    expect(late.generations()).toEqual([1])
  })
})

test('F100 an equal token is not pushed again', async () => {
  const { scene, session, applied, of } = await start({
    source: () => 'a-key-without-an-end',
    fallbackLifetime: 600_000,
  })
  await scene.advance(5 * second)
  await scene.result(session.refresh())
  await scene.advance(hour)
  expect(scene.calls.length).toBeGreaterThanOrEqual(5)
  expect(of('token').length).toBeGreaterThanOrEqual(5)
  expect(applied).toHaveLength(1)
})

describe('an SDK that takes no token', () => {
  test('F101 and asks for another one 100 times a second, and on for ten minutes, costs three calls and hears "rejected"', async () => {
    const { scene, window, session } = await start()
    const { adapter, contexts } = noting('sdk', undefined, scene)
    session.attach(adapter)
    await scene.advance(0)
    let held = contexts[0]!.token.value
    const codes = new Set<string>()
    const ask = (): void =>
      void contexts[0]!.getToken({ rejected: held }).then(
        ({ value }) => void (held = value),
        ({ code }: { code: string }) => void codes.add(code),
      )
    for (let time = 0; time < 2_000; time++) {
      ask()
      if (time % 10 === 9) await scene.advance(100)
    }
    for (let time = 0; time < 580; time++) {
      ask()
      await scene.advance(second)
    }
    expect(scene.calls).toHaveLength(3)
    expect([...codes]).toEqual(['rejected'])
    expect(session.state).toMatchObject({ status: 'failed', error: { code: 'rejected' } })
    expect(window.errors().at(-1)).toBe('rejected')
  }, 30_000)

  test('F101 and says so of each it is given comes to the same end', async () => {
    const { scene, session } = await start()
    const { adapter, given } = noting(
      'sdk',
      ({ report, token }) => report({ kind: 'rejected', token: token.value }),
      scene,
    )
    session.attach(adapter)
    await scene.advance(10 * minute)
    expect(session.state).toMatchObject({ status: 'failed', error: { code: 'rejected' } })
    expect(scene.calls.length).toBeLessThanOrEqual(10)
    expect(given.length).toBeLessThanOrEqual(10)
  })

  test.each<[string, (context: AdapterContext) => unknown]>([
    ['by asking', ({ getToken, token }) => getToken({ rejected: token.value })],
    ['by a report', ({ report }) => report({ kind: 'rejected', status: 401 })],
  ])('F101 two SDKs that refuse one token at once, %s, get a new one from one call', async (_, refuse) => {
    const { scene, session } = await start()
    const sdks = ['one', 'other'].map((name) => noting(name, undefined, scene))
    for (const { adapter } of sdks) session.attach(adapter)
    await scene.advance(minute)
    for (const { contexts } of sdks) refuse(contexts[0]!)
    await scene.advance(minute)
    expect(scene.calls).toHaveLength(2)
    for (const { generations } of sdks) expect(generations()).toEqual([1, 2])
  })
})
