import { SessionError } from 'inbox-session'
import { describe, expect, it } from 'vitest'
import { journaling } from '../support/journal.js'
import { createScene, watch } from '../support/scene.js'

const start = async (options?: Parameters<typeof createScene>[0]) => {
  const scene = createScene(options)
  scene.session.signIn('ann')
  await scene.session.getToken()
  return { ...scene, renew: () => Promise.all([scene.session.refresh(), scene.world.advance(1_000)]) }
}

describe('one adapter’s failure is its own (F100)', () => {
  it('one throws, one hangs, one works: the third is served at once, and again', async () => {
    const { session, world, renew, of } = await start()
    const broken = journaling(
      {
        update() {
          throw new Error('broken')
        },
      },
      'broken',
    )
    let hanging = 0
    const hangs = journaling({ update: () => (hanging++, new Promise<never>(() => {})) }, 'hangs')
    const works = journaling({}, 'works')
    for (const { adapter } of [broken, hangs, works]) session.attach(adapter)
    await world.flush()
    await renew()
    expect(works.journal).toEqual(['attach ann 1', 'update handle 1 of ann 2'])
    expect(of('error')).toMatchObject([{ code: 'adapter_failed', message: expect.stringContaining('broken') }])
    await world.advance(5_000)
    expect(of('error')).toMatchObject([{}, { code: 'adapter_failed', message: expect.stringContaining('hangs') }])
    await renew()
    expect(of('error')).toHaveLength(3)
    expect(hanging).toBe(2)
    expect(works.journal).toHaveLength(3)
    expect(session.state.status).toBe('fresh')
  })

  it('updates that wait collapse into the newest, and never overlap', async () => {
    const { session, world, renew } = await start()
    let running = 0
    let most = 0
    const { adapter, journal } = journaling()
    const { update } = adapter
    adapter.update = async (handle, context) => {
      most = Math.max(most, ++running)
      await new Promise<void>((resolve) => void world.environment.schedule(world.environment.now() + 3_500, resolve))
      running--
      return update!(handle, context)
    }
    session.attach(adapter)
    await world.flush()
    for (let time = 0; time < 4; time++) await renew()
    await world.advance(10_000)
    const generations = journal.slice(1).map((line) => Number(line.split(' ').at(-1)))
    expect(generations).toEqual([2, 5])
    expect(most).toBe(1)
  })

  it('a failed attach is tried again, less and less often, and at the latest with the next token', async () => {
    const { session, world, renew } = await start()
    let attempts = 0
    const { adapter, journal } = journaling({
      attach({ token }) {
        attempts++
        if (token.generation === 1) throw new Error('not ready')
        return 'at last'
      },
    })
    session.attach(adapter)
    await world.advance(60_000)
    expect(attempts).toBeGreaterThan(2)
    expect(attempts).toBeLessThanOrEqual(8)
    const before = attempts
    await renew()
    expect(attempts).toBe(before + 1)
    await session.signOut()
    expect(journal).toEqual(['detach at last of ann 2 by sign-out'])
  })

  it('signOut waits for all to let go, and no longer than 5 s for one that hangs', async () => {
    const { session, world, errors } = await start()
    session.attach(journaling({ detach: () => new Promise<never>(() => {}) }).adapter)
    await world.flush()
    const out = watch(session.signOut())
    await world.advance(4_999)
    expect(out.ended).toBe(false)
    await world.advance(1)
    expect(out.ended).toBe(true)
    expect(errors()).toEqual(['adapter_failed'])
  })

  it('a handle that comes after its call was given up is let go as well', async () => {
    const { session, world, renew, errors } = await start()
    let end = (_: string) => {}
    const { adapter, journal } = journaling({ update: () => new Promise<string>((resolve) => (end = resolve)) })
    session.attach(adapter)
    await world.flush()
    await renew()
    await world.advance(5_000)
    end('too late')
    await session.signOut()
    expect(journal.map((line) => line.split(' of ')[0])).toEqual(['attach ann 1', 'detach handle 1', 'detach too late'])
    expect(errors()).toEqual(['adapter_failed'])
  })

  it('one that hangs is told by name, and by what it did not do in time', async () => {
    const { session, world, of } = await start()
    session.attach({ name: 'bell', attach: () => new Promise<never>(() => {}) })
    await world.advance(5_000)
    const message = 'The adapter "bell" failed to attach in time'
    expect(of('error')).toMatchObject([{ code: 'adapter_failed', message }])
  })

  it('one that passes on an error of ours is to blame all the same, and says which it was', async () => {
    const { session, world, renew, of } = await start()
    const update = () => Promise.reject(new SessionError('timeout', 'too slow'))
    session.attach({ name: 'bell', attach() {}, update })
    await world.flush()
    await renew()
    const message = 'The adapter "bell" failed to update (too slow)'
    expect(of('error')).toMatchObject([{ code: 'adapter_failed', message }])
  })

  it('one that is let go of while it attaches has no fault in how that ends', async () => {
    const { session, world, errors } = await start()
    const { adapter } = journaling({
      attach: ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('left')))),
    })
    session.attach(adapter)
    await world.flush()
    await session.signOut()
    expect(errors()).toEqual([])
  })

  it('one that says its token was accepted does not get it again', async () => {
    const { session, world } = await start()
    const { adapter, journal, contexts } = journaling()
    session.attach(adapter)
    await world.flush()
    contexts[0]!.report({ kind: 'accepted' })
    await world.advance(60_000)
    expect(journal).toEqual(['attach ann 1'])
  })

  it('one that waits for its next try is not tried sooner because another one is attached', async () => {
    const { session, world } = await start()
    let attempts = 0
    const attach = () => {
      attempts++
      throw new Error('not ready')
    }
    session.attach({ name: 'broken', attach })
    await world.advance(2_000)
    const before = attempts
    session.attach(journaling().adapter)
    await world.flush()
    expect(attempts).toBe(before)
    await world.advance(1_500)
    expect(attempts).toBe(before + 1)
  })
})

describe('an adapter that follows another one of its name', () => {
  const pair = (detach?: () => Promise<void>) => {
    const { adapter, journal } = journaling()
    const { detach: letGo } = adapter
    adapter.detach = async (...given) => {
      await detach?.()
      return letGo!(...given)
    }
    return { adapter, journal }
  }

  it('is attached when the first has let go, though nobody waited', async () => {
    const { session, world } = await start()
    const { adapter, journal } = pair()
    const first = session.attach(adapter)
    await world.flush()
    void first()
    const second = session.attach(adapter)
    await world.flush()
    expect(journal).toEqual(['attach ann 1', 'detach handle 1 of ann 1 by detach', 'attach ann 1'])
    await second()
    expect(journal.slice(3)).toEqual(['detach handle 2 of ann 1 by detach'])
  })

  it('is so too where all of it happens in one moment', async () => {
    const { session, world } = await start()
    const { adapter, journal } = pair()
    void session.attach(adapter)()
    const second = session.attach(adapter)
    void second()
    session.attach(adapter)
    await world.flush()
    expect(journal.at(-1)).toBe('attach ann 1')
    const count = (what: string) => journal.filter((line) => line.startsWith(what)).length
    expect(count('attach') - count('detach')).toBe(1)
  })

  it('waits 5 s for one that hangs, gets the newest token then, and nobody of another name waits', async () => {
    const { session, world, renew } = await start()
    const hanging = pair(() => new Promise<never>(() => {}))
    const { adapter, journal } = journaling()
    const other = journaling({}, 'other')
    const first = session.attach(hanging.adapter)
    await world.flush()
    void first()
    session.attach(adapter)
    session.attach(other.adapter)
    await world.flush()
    expect([journal, other.journal]).toEqual([[], ['attach ann 1']])
    await renew()
    await world.advance(3_999)
    expect(journal).toEqual([])
    await world.advance(1)
    expect(journal).toEqual(['attach ann 2'])
  })

  it('waits for all of its name that are on their way out, also where one is taken off twice', async () => {
    const { session, world } = await start()
    const { now, schedule } = world.environment
    const slow = pair(() => new Promise<void>((resolve) => void schedule(now() + 2_000, resolve)))
    const quick = pair()
    const { adapter, journal } = journaling()
    const [first, second] = [session.attach(slow.adapter), session.attach(quick.adapter)]
    await world.flush()
    void first()
    void second()
    void second()
    session.attach(adapter)
    await world.advance(1_999)
    expect(journal).toEqual([])
    await world.advance(1)
    expect(journal).toEqual(['attach ann 1'])
  })

  it('that is taken off before its turn is never attached', async () => {
    const { session, world } = await start()
    const hanging = pair(() => new Promise<never>(() => {}))
    const { adapter, journal } = journaling()
    const first = session.attach(hanging.adapter)
    await world.flush()
    void first()
    let gone = false
    void session
      .attach(adapter)()
      .then(() => (gone = true))
    await world.flush()
    expect(gone).toBe(false)
    await world.advance(5_000)
    expect([journal, gone]).toEqual([[], true])
  })

  it('signOut waits for one that is on its way out', async () => {
    const { session, world } = await start()
    const { now, schedule } = world.environment
    const { adapter } = pair(() => new Promise<void>((resolve) => void schedule(now() + 2_000, resolve)))
    const first = session.attach(adapter)
    await world.flush()
    void first()
    let out = false
    void session.signOut().then(() => (out = true))
    await world.advance(1_999)
    expect(out).toBe(false)
    await world.advance(1)
    expect(out).toBe(true)
  })
})
