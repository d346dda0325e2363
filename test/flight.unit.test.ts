import { describe, expect, it, vi } from 'vitest'
import type { SessionError } from '../src/errors.js'
import { type Expectation, type Order, createFlights } from '../src/flight.js'
import type { Peers } from '../src/peers.js'
import { type PolicyOptions, createPolicy } from '../src/policy.js'
import type { Shelf, TokenRecord } from '../src/record.js'
import type { TokenSource } from '../src/source.js'
import type { SubjectReader, Token } from '../src/token.js'
import { ada, hour, makeToken, minute } from './support/states.js'
import { tokenFor } from './support/tokens.js'
import { createWorld, start } from './support/world.js'

interface Options extends PolicyOptions {
  source?: TokenSource
  subject?: SubjectReader | false
  /** What is on the shelf; null: there is no shelf. */
  record?: TokenRecord | null | (() => TokenRecord | undefined)
  random?: () => number
}

/** Flights of a session whose other tabs and storage write down what reaches them. */
function createScene({ source = () => 'minted', subject, record, random, ...options }: Options = {}) {
  const world = createWorld(random)
  const log: string[] = []
  const shelf: Shelf = {
    read: async () => (log.push('look'), typeof record === 'function' ? record() : (record ?? undefined)),
    save: (token) => void log.push(`save ${token.value}`),
    forget: () => {},
    settled: async () => {},
  }
  const peers = {
    greeted: async () => log.push('greeted'),
    async alone(run: () => Promise<unknown>) {
      log.push('alone')
      const result = await run()
      log.push('released')
      return result
    },
    tellToken: (token: Token) => log.push(`tell ${token.value}`),
    tellFailure: ({ error }: { error: SessionError }) => log.push(`tell ${error.code}`),
  } as unknown as Peers
  const flights = createFlights(
    world.environment,
    createPolicy(options),
    (request) => (log.push('call'), source(request)),
    subject,
    record === null ? undefined : shelf,
  )
  const fly = (expected: Partial<Expectation> = {}, more: Partial<Order> = {}) =>
    flights.fly({
      expected: expecting(expected),
      attempt: 1,
      controller: new AbortController(),
      peers,
      judge: (error) => ({ error, retryAt: start + 750, attempt: 1, calls: [start] }),
      ...more,
    })
  return { world, log, flights, peers, fly }
}
const expecting = (more: Partial<Expectation> = {}): Expectation => ({
  user: ada,
  refused: [],
  reason: 'refresh',
  ...more,
})
const recordOf = (token: string, more: Partial<TokenRecord> = {}): TokenRecord => ({
  ...{ version: 1, user: ada, token, receivedAt: start, expiresIn: 3_600 },
  ...more,
})
/** What is wrong with it. */
const thrownBy = (work: () => unknown): SessionError => {
  try {
    work()
  } catch (error) {
    return error as SessionError
  }
  return expect.unreachable('nothing was thrown')
}

describe('an answer', () => {
  it('lives as long as it says, is spent 5 s earlier, and is due at the drawn time', () => {
    const { flights } = createScene()
    const adoption = flights.take({ token: 'new', expiresIn: 3_600, extra: { hash: 'h' } }, expecting())
    expect(adoption).toMatchObject({ spentAt: start + hour - 5_000, dueAt: start + 0.815 * hour, basis: 'expiresIn' })
    expect(adoption.token).toMatchObject({ user: ada, receivedAt: start, expiresAt: start + hour, generation: 1 })
    expect([adoption.token.value, adoption.token.extra]).toEqual(['new', { hash: 'h' }])
  })

  it('to a cold start is due earlier: a crowd is spread once', () => {
    const { flights } = createScene({ random: () => 0 })
    const dueAt = (reason: Expectation['reason']) =>
      flights.take({ token: 'new', expiresIn: 3_600 }, expecting({ reason })).dueAt - start
    expect(['initial', 'refresh', 'rejected', 'forced'].map((reason) => dueAt(reason as 'initial') / hour)).toEqual([
      0.1, 0.8, 0.8, 0.8,
    ])
  })

  it('is due when it is spent at the latest, however late a refresh is wanted', () => {
    const { flights } = createScene({ refreshAt: [0.98, 0.99] })
    const { dueAt, spentAt } = flights.take({ token: 'new', expiresIn: 60 }, expecting())
    expect([dueAt - start, spentAt - start]).toEqual([55_000, 55_000])
  })

  it('of a second is a token, of less it has ended', () => {
    const { flights } = createScene()
    expect(flights.take({ token: 'new', expiresIn: 1 }, expecting()).token.expiresAt).toBe(start + 1_000)
    const error = thrownBy(() => flights.take({ token: 'other', expiresIn: 0.999 }, expecting()))
    expect(error).toMatchObject({ code: 'expired_on_arrival', retryable: true })
  })

  it('has a number that rises with every one that is taken', () => {
    const { flights } = createScene()
    const generations = ['one', 'two', 'three'].map((value) => flights.take(value, expecting()).token.generation)
    expect(generations).toEqual([1, 2, 3])
  })

  it('without an end keeps none, and is never due', () => {
    const { flights } = createScene()
    const { token, dueAt, spentAt, basis } = flights.take('opaque', expecting())
    expect([token.expiresAt, dueAt, spentAt, basis]).toEqual([undefined, Infinity, Infinity, 'none'])
  })

  it('null says that nobody is signed in', () => {
    expect(thrownBy(() => createScene().flights.take(null, expecting()))).toMatchObject({ code: 'unauthorized' })
  })

  it('is saved where it can be', () => {
    const { flights, log } = createScene()
    flights.take('new', expecting())
    expect(log).toEqual(['save new'])
    expect(createScene({ record: null }).flights.take('new', expecting()).token.value).toBe('new')
  })

  it('of another user is neither taken nor saved, unless the app says so', () => {
    const { flights, log } = createScene()
    const foreign = tokenFor('bob', start)
    expect(thrownBy(() => flights.take(foreign, expecting()))).toMatchObject({
      ...{ code: 'subject_mismatch', retryable: false },
    })
    expect(log).toEqual([])
    expect(createScene({ subject: false }).flights.take(foreign, expecting()).token.value).toBe(foreign)
  })

  it('the provider refused is old: for good where nothing says that another one will come', () => {
    const { flights } = createScene()
    const opaque = thrownBy(() => flights.take('bad', expecting({ refused: ['other', 'bad'] })))
    expect(opaque).toMatchObject({ code: 'stale_token', retryable: false })
    const stated = thrownBy(() => flights.take({ token: 'bad', expiresIn: 60 }, expecting({ refused: ['bad'] })))
    expect(stated).toMatchObject({ code: 'stale_token', retryable: true })
  })

  it('that was issued before the last one is old, in the same second it is not', () => {
    const { flights } = createScene()
    const issued = (at: number) => tokenFor('ada', at)
    const last = flights.take(issued(start), expecting()).token
    expect(thrownBy(() => flights.take(issued(start - 1_000), expecting({ last }))).code).toBe('stale_token')
    expect(flights.take(issued(start), expecting({ last })).token.generation).toBe(2)
    expect(flights.take('opaque', expecting({ last })).token.value).toBe('opaque')
  })

  it('that was issued before one that has ended, or was refused, is not old: that one’s clock may have been wrong', () => {
    const { flights, world } = createScene()
    const [later, earlier] = [tokenFor('ada', start), tokenFor('ada', start - 1_000, 2 * 3_600)]
    const last = flights.take(later, expecting()).token
    expect(flights.take(earlier, expecting({ last, refused: [later] })).token.value).toBe(earlier)
    world.jump(hour - 1)
    expect(thrownBy(() => flights.take(earlier, expecting({ last }))).code).toBe('stale_token')
    world.jump(1)
    expect(flights.take(earlier, expecting({ last })).token.value).toBe(earlier)
  })

  it('whose time is right is old for a minute at most because the last one came from the future', () => {
    const { flights, world } = createScene()
    const { token: last } = flights.take(tokenFor('ada', start + hour), expecting())
    expect(thrownBy(() => flights.take(tokenFor('ada', start), expecting({ last }))).code).toBe('stale_token')
    world.jump(60_000)
    expect(flights.take(tokenFor('ada', start + 60_000), expecting({ last })).token.generation).toBe(2)
  })

  it('counts by its receipt where the backend’s clock is more than a minute ahead', () => {
    const { flights } = createScene()
    const { token: last } = flights.take(tokenFor('ada', start + hour), expecting())
    expect(flights.take(tokenFor('ada', start + 61_000), expecting({ last })).token.generation).toBe(2)
  })

  it('that was issued before one without an end is old for as long as that one serves', () => {
    const { flights, world } = createScene()
    const last = makeToken('endless', { claims: { iat: start / 1_000 }, expiresAt: undefined })
    world.jump(10 * hour)
    expect(thrownBy(() => flights.take(tokenFor('ada', start - 1_000, 9e5), expecting({ last }))).code).toBe(
      'stale_token',
    )
  })

  it('the same as before is old where tokens end, and the very same token where they do not', () => {
    const { flights } = createScene()
    const ending = flights.take({ token: 'same', expiresIn: 60 }, expecting()).token
    const again = thrownBy(() => flights.take({ token: 'same', expiresIn: 60 }, expecting({ last: ending })))
    expect(again).toMatchObject({ code: 'stale_token', retryable: true })
    const endless = flights.take('endless', expecting()).token
    expect(flights.take('endless', expecting({ last: endless })).token).toBe(endless)
    expect(flights.take('other', expecting({ last: endless })).token).toMatchObject({ generation: 3 })
  })

  it('the same as before lives anew where only the session gives tokens an end', async () => {
    const { flights, world } = createScene({ fallbackLifetime: minute })
    const last = flights.take('same', expecting()).token
    world.jump(30_000)
    const next = flights.take('same', expecting({ last })).token
    expect(next).toMatchObject({ generation: 2, receivedAt: start + 30_000, expiresAt: start + 90_000 })
  })

  it('the same as before, which had an end and says none now, is a new token', () => {
    const { flights } = createScene()
    const last = makeToken('same')
    expect(flights.take('same', expecting({ last })).token).not.toBe(last)
  })
})

describe('what was written down', () => {
  it('counts from its own receipt, and is due when it was due then', () => {
    const { flights, world } = createScene()
    world.jump(minute)
    const restored = flights.restore(recordOf('kept', { dueIn: 2 * minute }), expecting(), 'storage')
    expect(restored).toMatchObject({ from: 'storage', dueAt: start + 2 * minute, spentAt: start + hour - 5_000 })
    expect(restored!.token).toMatchObject({ receivedAt: start, expiresAt: start + hour })
  })

  it('without a time for the refresh gets one, as for a refresh', () => {
    const { flights } = createScene({ random: () => 0 })
    const restored = flights.restore(recordOf('kept'), expecting({ reason: 'initial' }), 'tab')
    expect(restored).toMatchObject({ from: 'tab', dueAt: start + 0.8 * hour })
  })

  it('is due neither before it came nor after it is spent, whatever was written', () => {
    const { flights } = createScene()
    const dueIn = (ms: number) => flights.restore(recordOf('kept', { dueIn: ms }), expecting(), 'tab')!.dueAt - start
    expect([dueIn(-minute), dueIn(0), dueIn(9 * hour)]).toEqual([0, 0, hour - 5_000])
  })

  it('by a clock that is a second ahead is believed, by one further ahead it is not', () => {
    const { flights } = createScene()
    const by = (ms: number) => flights.restore(recordOf('kept', { receivedAt: start + ms }), expecting(), 'tab')
    expect(by(1_000)).toBeDefined()
    expect(by(1_001)).toBeUndefined()
  })

  it('is as good as absent where it has ended, was refused, or is what there is', () => {
    const { flights, world } = createScene()
    expect(flights.restore(undefined, expecting(), 'tab')).toBeUndefined()
    expect(flights.restore(recordOf('bad'), expecting({ refused: ['bad'] }), 'tab')).toBeUndefined()
    const endless = recordOf('endless', { expiresIn: undefined })
    const last = flights.restore(endless, expecting(), 'tab')!.token
    expect(flights.restore(endless, expecting({ last }), 'tab')).toBeUndefined()
    world.jump(hour - 5_000)
    expect(flights.restore(recordOf('kept'), expecting(), 'tab')).toBeUndefined()
  })

  it('is looked at only where it is later than what there is', async () => {
    const { signal } = new AbortController()
    const look = (receivedAt: number, last?: Token) =>
      createScene({ record: recordOf('kept', { receivedAt }) }).flights.look(expecting({ last }), signal)
    const last = makeToken('last', { receivedAt: start - minute })
    expect(await look(start - minute, last)).toBeUndefined()
    expect(await look(start - 2 * minute, last)).toBeUndefined()
    expect(await look(start - minute + 1, last)).toMatchObject({ from: 'storage' })
    expect(await look(start - minute)).toMatchObject({ from: 'storage' })
    expect(await createScene({ record: null }).flights.look(expecting(), signal)).toBeUndefined()
  })
})

describe('a call', () => {
  it('looks, waits for the others, looks again when it is alone, saves, and then tells them', async () => {
    const { fly, log } = createScene()
    expect(await fly()).toMatchObject({ type: 'token', adoption: { token: { generation: 1 } } })
    expect(log).toEqual(['look', 'greeted', 'alone', 'look', 'call', 'save minted', 'tell minted', 'released'])
  })

  it('is not made where a good token was saved', async () => {
    const { fly, log } = createScene({ record: recordOf('kept') })
    expect(await fly()).toMatchObject({ type: 'token', adoption: { from: 'storage' } })
    expect(log).toEqual(['look'])
  })

  it('is not made where a good token was saved by the time it is alone', async () => {
    const records = [undefined, recordOf('kept')]
    const { fly, log } = createScene({ record: () => records.shift() })
    expect(await fly()).toMatchObject({ type: 'token', adoption: { from: 'storage' } })
    expect(log).toEqual(['look', 'greeted', 'alone', 'look', 'released'])
  })

  it('that somebody asked for does not look: what was saved before is not new', async () => {
    const { fly, log } = createScene({ record: recordOf('kept') })
    await fly({ reason: 'forced' })
    expect(log).toEqual(['greeted', 'alone', 'call', 'save minted', 'tell minted', 'released'])
  })

  it('tells the source who asks, why, how often, and what is to be replaced', async () => {
    const source = vi.fn<TokenSource>(() => 'minted')
    const controller = new AbortController()
    const last = makeToken('last')
    await createScene({ source, record: null }).fly({ last, reason: 'rejected' }, { controller, attempt: 4 })
    const { signal } = controller
    expect(source).toHaveBeenCalledWith({ user: ada, reason: 'rejected', attempt: 4, previous: 'last', signal })
    await createScene({ source, record: null }).fly()
    expect(source).toHaveBeenLastCalledWith(expect.objectContaining({ previous: undefined }))
  })

  it('is under way while the source runs, and waited for until it answers', async () => {
    const seen: unknown[] = []
    let answer = (_: string) => {}
    const source = () => (seen.push(flights.calling()), new Promise<string>((resolve) => (answer = resolve)))
    const { flights, fly, world } = createScene({ source })
    expect([flights.calling(), flights.waiting()]).toEqual([false, false])
    const flown = fly()
    await world.flush()
    expect([...seen, flights.calling(), flights.waiting()]).toEqual([true, false, true])
    answer('minted')
    await flown
    expect(flights.waiting()).toBe(false)
  })

  it('that throws at once is over, and the next one is made', async () => {
    const source = vi.fn<TokenSource>(() => {
      throw new Error('no')
    })
    const { flights, fly } = createScene({ source })
    expect(await fly()).toMatchObject({ type: 'failure', error: { code: 'source_failed' } })
    expect([flights.calling(), flights.waiting()]).toEqual([false, false])
    expect(await fly()).toMatchObject({ type: 'failure' })
    expect(source).toHaveBeenCalledTimes(2)
  })

  it('that fails is told to the others before they have their turn', async () => {
    const { fly, log } = createScene({ source: () => Promise.reject(new Error('no')) })
    expect(await fly()).toMatchObject({
      ...{ type: 'failure', retryAt: start + 750, attempt: 1, calls: [start] },
      error: { message: 'The source failed (Error: no)' },
    })
    expect(log.slice(-2)).toEqual(['tell source_failed', 'released'])
  })

  it('that takes too long is aborted, and told to the others', async () => {
    const source = () => new Promise<string>(() => {})
    const controller = new AbortController()
    const { fly, log, world } = createScene({ source, timeout: 2_000 })
    const flown = fly({}, { controller })
    await world.advance(1_999)
    expect(controller.signal.aborted).toBe(false)
    await world.advance(1)
    expect(controller.signal.aborted).toBe(true)
    const words = 'The source did not answer in time.'
    expect(await flown).toMatchObject({ type: 'failure', error: { code: 'timeout', message: words } })
    expect(log).toContain('tell timeout')
    expect(world.timers).toBe(0)
  })

  it('that nobody wants any more is told to nobody, and its answer goes nowhere', async () => {
    let answer = (_: string) => {}
    const { fly, log, world } = createScene({ source: () => new Promise((resolve) => (answer = resolve)) })
    const controller = new AbortController()
    const flown = fly({}, { controller })
    await world.flush()
    controller.abort()
    answer('late')
    expect(await flown).toMatchObject({ type: 'failure' })
    expect(log.slice(-2)).toEqual(['call', 'released'])
  })

  it('that is not wanted any more by the time it is alone is not made', async () => {
    const { fly, log, peers } = createScene()
    const controller = new AbortController()
    const { alone } = peers
    peers.alone = (run, signal) => (controller.abort(), alone(run, signal))
    expect(await fly({}, { controller })).toMatchObject({ type: 'failure' })
    expect(log).not.toContain('call')
    expect(log.filter((line) => line === 'look')).toHaveLength(1)
  })

  it('that is not wanted any more after the look is not made either', async () => {
    const controller = new AbortController()
    let looks = 0
    const record = () => void (++looks === 2 && controller.abort())
    const { fly, log } = createScene({ record: record as () => undefined })
    expect(await fly({}, { controller })).toMatchObject({ type: 'failure' })
    expect(log).toEqual(['look', 'greeted', 'alone', 'look', 'released'])
  })

  it('whose answer is not wanted any more once it is saved is not told', async () => {
    const controller = new AbortController()
    const { log, fly } = createScene()
    const push = log.push.bind(log)
    log.push = (...lines) => {
      if (lines[0]!.startsWith('save')) controller.abort()
      return push(...lines)
    }
    expect(await fly({}, { controller })).toMatchObject({ type: 'failure' })
    expect(log).not.toContain('tell minted')
  })

  it('fails, and rejects never, where the other tabs are not to be had', async () => {
    const { fly, peers } = createScene()
    peers.alone = () => Promise.reject(new TypeError('gone'))
    expect(await fly()).toMatchObject({ type: 'failure', error: { message: 'The source failed (TypeError: gone)' } })
  })

  it('whose answer a frozen page gets after its time limit gives way to what others saved meanwhile', async () => {
    let answer = (_: string) => {}
    const records: TokenRecord[] = []
    const source = () => new Promise<string>((resolve) => (answer = resolve))
    const { fly, world, log } = createScene({ source, record: () => records[0] })
    const flown = fly()
    await world.flush()
    world.jump(10_001)
    records.push(recordOf('kept', { receivedAt: start + 5_000 }))
    answer('late')
    expect(await flown).toMatchObject({ type: 'token', adoption: { from: 'storage' } })
    expect(log).not.toContain('save late')
  })

  it('counts the time from its beginning, not from its answer', async () => {
    let answer = (_: unknown) => {}
    const { fly, world } = createScene({ source: () => new Promise((resolve) => (answer = resolve as never)) })
    const flown = fly()
    await world.advance(8_000)
    answer({ token: 'minted', expiresIn: 60 })
    expect(await flown).toMatchObject({ adoption: { token: { receivedAt: start, expiresAt: start + minute } } })
  })

  it('whose token is spent when it comes has failed', async () => {
    let answer = (_: unknown) => {}
    const { fly, world } = createScene({ source: () => new Promise((resolve) => (answer = resolve as never)) })
    const late = (seconds: number) => {
      answer({ token: 'minted', expiresIn: seconds })
      return world.flush()
    }
    const flown = fly()
    await world.advance(9_000)
    await late(10)
    expect(await flown).toMatchObject({ type: 'failure', error: { code: 'expired_on_arrival' } })
  })
})
