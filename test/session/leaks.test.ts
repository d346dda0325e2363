import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createSession } from 'inbox-session'
import { createTestBrowser, createTestToken } from 'inbox-session/testing'
import { expect, test } from 'vitest'
import { createScene, watch } from '../support/scene.js'
import { createBackend } from '../support/source.js'
import { type World, createWorld } from '../support/world.js'

const hour = 3_600_000

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const heapOf = async (world: Pick<World, 'flush'>) => {
  for (let time = 0; time < 3; time++) {
    await world.flush()
    collect()
  }
  return process.memoryUsage().heapUsed
}

test('a thousand sessions that were opened, used and closed leave nothing behind (F91)', async () => {
  const world = createWorld()
  const round = async () => {
    const backend = createBackend(world)
    const session = createSession({ source: backend.source, environment: world.environment })
    session.on('token', () => {})
    session.subscribe(() => {})
    session.attach({ name: 'sdk', attach() {}, update() {} })
    session.signIn('ann')
    await session.getToken()
    await session.close()
    expect(world.timers + world.listeners).toBe(0)
  }
  for (let time = 0; time < 200; time++) await round()
  const before = await heapOf(world)
  for (let time = 0; time < 1_000; time++) await round()
  expect((await heapOf(world)) - before).toBeLessThan(1_000_000)
}, 30_000)

test('a thousand tabs in which a session was used and closed leave no timer, listener, channel, lock or memory (F91)', async () => {
  const browser = createTestBrowser()
  const tab = browser.tab()
  browser.tab()
  const round = async () => {
    const session = createSession({ source: () => createTestToken(), storage: browser.storage, environment: tab })
    session.on('token', () => {})
    session.subscribe(() => {})
    session.attach({ name: 'sdk', attach() {}, update() {} })
    session.signIn('ann')
    await browser.advance(1)
    expect(session.state.status).toBe('fresh')
    await session.signOut()
    session.signIn('ann')
    const closed = session.close()
    await browser.advance(1_000)
    await closed
    expect(tab.leftovers).toEqual({ timers: 0, listeners: 0, channels: 0, locks: 0 })
    expect([...browser.locks.held, ...browser.locks.pending, ...browser.channels]).toEqual([])
  }
  const world = { flush: () => browser.advance(0) }
  for (let time = 0; time < 200; time++) await round()
  // What the simulated browser keeps for the test's eyes is not the session's.
  const spare = (): void => void (browser.messages as unknown[]).splice(0)
  spare()
  const before = await heapOf(world)
  for (let time = 0; time < 1_000; time++) await round()
  spare()
  expect((await heapOf(world)) - before).toBeLessThan(1_000_000)
}, 60_000)

test('callers who were answered, and listeners who left, are forgotten', async () => {
  const { session, world } = createScene()
  session.signIn('ann')
  const round = async (count: number) => {
    for (let time = 0; time < count; time++) {
      session.on('token', () => {})()
      await session.getToken({ maxAge: 3_600_000 })
    }
  }
  await round(1_000)
  const before = await heapOf(world)
  await round(20_000)
  expect((await heapOf(world)) - before).toBeLessThan(1_000_000)
})

test('a session that nobody closed is let go with its page: it keeps nothing while nobody is signed in', async () => {
  const { session, world } = createScene()
  session.signIn('ann')
  session.attach({ name: 'sdk', attach() {}, detach() {} })
  await session.getToken()
  expect(world.timers).toBe(1)
  expect(world.listeners).toBe(1)
  await session.signOut()
  expect(world.timers + world.listeners).toBe(0)
})

test('a day of refreshes, failures and switches keeps one timer and one listener', async () => {
  const { backend, session, world } = createScene({ seconds: 300 })
  session.attach({ name: 'sdk', attach() {}, update() {}, detach() {} })
  session.signIn('ann')
  for (let time = 0; time < 24; time++) {
    if (time % 5 === 1) backend.fail()
    else backend.mend()
    if (time % 7 === 6) session.signIn(time % 2 ? 'ann' : 'bob')
    await world.advance(hour)
    expect(world.timers).toBeLessThanOrEqual(1)
    expect(world.listeners).toBe(1)
  }
})

test.each(['initial', 'refresh', 'attach', 'update', 'detach', 'retry', 'read', 'write'])(
  'close in the middle of %s leaves no timer and no listener, and resolves (G6)',
  async (moment) => {
    const hangs = () => new Promise<never>(() => {})
    const storage = { getItem: () => null, setItem() {}, removeItem() {} }
    const { backend, session, world } = createScene({
      ...(moment === 'read' && { storage: { ...storage, getItem: hangs } }),
      ...(moment === 'write' && { storage: { ...storage, setItem: hangs } }),
    })
    session.attach({
      name: 'sdk',
      attach: () => (moment === 'attach' ? hangs() : undefined),
      update: () => (moment === 'update' ? hangs() : undefined),
      detach: () => (moment === 'detach' ? hangs() : undefined),
    })
    if (moment === 'initial') backend.answer = hangs
    if (moment === 'retry') backend.fail()
    session.signIn('ann')
    await world.advance(1_500)
    if (moment === 'refresh') backend.answer = hangs
    if (moment === 'refresh' || moment === 'update') session.refresh().catch(() => {})
    await world.flush()
    const closed = watch(session.close())
    await world.advance(5_000)
    expect(closed.ended).toBe(true)
    expect(world.timers + world.listeners).toBe(0)
  },
)
