import type { AdapterContext, AdapterSignal } from 'inbox-session'
import { describe, expect, it } from 'vitest'
import { createScene } from '../support/scene.js'

const minute = 60_000

/** A session with an SDK that can be made to speak. */
const start = async ({ update = true } = {}) => {
  const scene = createScene()
  const applied: string[] = []
  let context!: AdapterContext
  const apply = (what: string) => (given: AdapterContext) => {
    context = given
    applied.push(`${what} ${given.token.generation}`)
  }
  scene.session.attach({
    name: 'sdk',
    attach: apply('attach'),
    ...(update && { update: (_: unknown, given: AdapterContext) => apply('update')(given) }),
    detach: () => void applied.push('detach'),
  })
  scene.session.signIn('ann')
  const first = await scene.session.getToken()
  await scene.world.advance(6 * minute)
  const report = async (signal: AdapterSignal) => {
    context.report(signal)
    await scene.world.flush()
    await scene.world.flush()
  }
  return { ...scene, applied, first, report, context: () => context }
}

describe('an SDK that reports', () => {
  it.each<AdapterSignal>([
    { kind: 'rejected' },
    { kind: 'rejected', status: 401 },
    { kind: 'expired' },
    { kind: 'rejected', status: 403, code: 'token_expired' },
  ])('%o has its token taken back and replaced, with one call', async (signal) => {
    const { backend, session, applied, first, report, of } = await start()
    await report(signal)
    expect(backend.calls).toHaveLength(2)
    expect(backend.calls[1]!.reason).toBe('rejected')
    expect(await session.getToken()).not.toBe(first)
    expect(applied).toEqual(['attach 1', 'update 2'])
    expect(of('expired')).toHaveLength(1)
  })

  it('names the token that is refused has it replaced, if it is the current one', async () => {
    const { backend, session, first, report } = await start()
    await report({ kind: 'rejected', token: first })
    expect(backend.calls.map(({ reason }) => reason)).toEqual(['initial', 'rejected'])
    expect(await session.getToken()).not.toBe(first)
  })

  it('a refusal of a token that was replaced meanwhile costs nothing', async () => {
    const { backend, session, first, report, world } = await start()
    await Promise.all([session.refresh(), world.advance(1_000)])
    await report({ kind: 'rejected', token: first })
    expect(backend.calls).toHaveLength(2)
    expect(session.state.status).toBe('fresh')
  })

  it('that a token is expiring which was replaced meanwhile costs nothing', async () => {
    const { backend, session, first, report, world } = await start()
    await Promise.all([session.refresh(), world.advance(1_000)])
    await world.advance(7 * minute)
    await report({ kind: 'expiring', token: first })
    expect(backend.calls).toHaveLength(2)
  })

  it('a 403 without a code is about permissions: no mint can cure it', async () => {
    const { backend, session, first, report } = await start()
    await report({ kind: 'rejected', status: 403 })
    expect(backend.calls).toHaveLength(1)
    expect(await session.getToken()).toBe(first)
  })

  it('that its token is expiring has a newer one soon; the current one serves meanwhile', async () => {
    const { backend, session, first, applied, report } = await start()
    const answer = backend.hold()
    await report({ kind: 'expiring' })
    expect(backend.calls).toHaveLength(2)
    expect(await session.getToken()).toBe(first)
    await answer.resolve()
    expect(applied).toEqual(['attach 1', 'update 2'])
  })

  it('expiring 100 times a second stays within a tenth of the lifetime (G1)', async () => {
    const { backend, report, world } = await start()
    for (let passed = 0; passed < 10 * minute; passed += 1_000) {
      for (let time = 0; time < 5; time++) await report({ kind: 'expiring' })
      await world.advance(1_000)
    }
    expect(backend.calls.length).toBeLessThanOrEqual(4)
  })

  it('that its own session was lost is given the same token again, without a call', async () => {
    const { backend, applied, report, world } = await start()
    await report({ kind: 'session-lost' })
    await world.advance(10)
    expect(applied).toEqual(['attach 1', 'update 1'])
    expect(backend.calls).toHaveLength(1)
  })

  it('that its session was lost, and cannot be updated, is attached anew', async () => {
    const { applied, context, report, world } = await start({ update: false })
    const { signal } = context()
    await report({ kind: 'session-lost' })
    await world.advance(10)
    expect(applied).toEqual(['attach 1', 'detach', 'attach 1'])
    expect([signal.aborted, context().signal.aborted]).toEqual([true, false])
  })

  it('lost sessions in a loop is given the token again, once a second at most', async () => {
    const { applied, context, world } = await start()
    for (let passed = 0; passed < 10_000; passed += 20) {
      context().report({ kind: 'session-lost' })
      await world.advance(20)
    }
    expect(applied.length).toBeGreaterThan(3)
    expect(applied.length).toBeLessThanOrEqual(12)
  })

  it('refusals of every token brings the error rejected after two mints (F101)', async () => {
    const { backend, session, context, world, errors } = await start()
    for (let passed = 0; passed < minute; passed += 10) {
      context().report({ kind: 'rejected' })
      await world.advance(10)
    }
    expect(session.state).toMatchObject({ status: 'failed', error: { code: 'rejected' } })
    expect(errors()).toContain('rejected')
    expect(backend.calls).toHaveLength(3)
  })

  it('refusals of tokens it had accepted is no provider that refuses every token', async () => {
    const { backend, session, report, world } = await start()
    for (let time = 0; time < 4; time++) {
      await world.advance(15_000)
      await report({ kind: 'accepted' })
      await report({ kind: 'rejected' })
    }
    expect(session.state.status).toBe('fresh')
    expect(backend.calls).toHaveLength(5)
  })

  it('accepted and rejected in turns, 100 times a second, does not reach the backend each time (F101)', async () => {
    const { backend, context, world } = await start()
    for (let passed = 0; passed < minute; passed += 10) {
      context().report({ kind: 'accepted' })
      context().report({ kind: 'rejected' })
      await world.advance(10)
    }
    expect(backend.calls.length).toBeLessThanOrEqual(60)
  })

  it('after it was taken off, or for a user who left, is not heard', async () => {
    const { backend, session, context, world } = await start()
    const before = context()
    session.signIn('bob')
    await session.getToken()
    await world.flush()
    const bobs = (await context().getToken()).value
    before.report({ kind: 'rejected', token: bobs })
    before.report({ kind: 'rejected' })
    before.report({ kind: 'session-lost' })
    await world.advance(2_000)
    expect(await session.getToken()).toBe(bobs)
    expect(backend.calls).toHaveLength(2)
  })

  it('nonsense harms nobody', async () => {
    const { session, first, context, world } = await start()
    for (const signal of [{ kind: 'unheard-of' }, {}, { kind: 'rejected', token: 7 }]) context().report(signal as never)
    await world.advance(2_000)
    expect(await session.getToken()).toBe(first)
  })
})
