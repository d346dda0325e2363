import { createSession } from 'inbox-session'
import { expect, test } from 'vitest'
import { createBackend } from './support/source.js'
import { createWorld } from './support/world.js'

test('a signed-in user has a token, and a newer one before it ends, lifetime after lifetime', async () => {
  const world = createWorld()
  const backend = createBackend(world, 60)
  const session = createSession({ source: backend.source, environment: world.environment })
  session.signIn('ann')
  const first = await session.getToken()
  expect(session.state).toMatchObject({ status: 'fresh', user: { id: 'ann' } })
  for (let second = 0; second < 300; second++) {
    await world.advance(1_000)
    expect(await session.getToken()).toBeTypeOf('string')
  }
  expect(backend.calls.length).toBeGreaterThan(5)
  expect(backend.calls.length).toBeLessThan(9)
  expect(await session.getToken()).not.toBe(first)
  await session.close()
  expect(world.timers + world.listeners).toBe(0)
})
