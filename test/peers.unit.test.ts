import fc from 'fast-check'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Tabs } from '../src/environment/environment.js'
import { SessionError } from '../src/errors.js'
import { type News, type Peers, createPeers } from '../src/peers.js'
import { keyOf, writeRecord } from '../src/record.js'
import { type Token, type User, createToken, isNewer } from '../src/token.js'
import { watch } from './support/scene.js'
import { ada, bob, hour, makeToken, minute } from './support/states.js'
import { type Origin, type Tab, createOrigin } from './support/tabs.js'
import { piecesOf, shownPieces, tokenFor } from './support/tokens.js'
import { createWorld, start } from './support/world.js'

const held = makeToken('held')
const dueAt = start + 40 * minute
const patience = 10_000

interface Member {
  readonly tab: Tab
  readonly peers: Peers
  readonly heard: News[]
}

/** One user's tabs; each one's clock may be ahead. */
const meet = (...ahead: number[]): { origin: Origin; members: Member[] } => {
  const origin = createOrigin()
  return { origin, members: ahead.map((ms) => join(origin, ms)) }
}
const join = (origin: Origin, ahead = 0, user: User = ada, name = 'default'): Member => {
  const tab = origin.open({ ahead })
  const heard: News[] = []
  const peers = createPeers(
    tab.environment,
    name,
    user,
    patience,
    (news) => void heard.push(news),
    () => {},
  )
  onTestFinished(() => peers.close())
  return { tab, peers, heard }
}
const setbackOf = (error: SessionError) => ({
  ...{ error, retryAt: start + 4_000, attempt: 3 },
  calls: [start - 3_000, start - 1_000, start],
})
const busy = new SessionError('source_failed', 'The backend is busy.', { status: 503, retryAfter: 4_000 })

describe('what one tab tells', () => {
  const told = async (tell: (peers: Peers) => void) => {
    const { origin, members } = meet(0, 0)
    const [one, two] = members as [Member, Member]
    tell(one.peers)
    await origin.flush()
    await origin.advance(0)
    expect(one.heard).toEqual([])
    return two.heard
  }

  it('a token: with its lifetime, its due time and what came beside it', async () => {
    const token = makeToken('held', { extra: { hash: 'abc' } })
    const record = {
      ...{ version: 1, user: ada, token: 'held', receivedAt: start, expiresIn: 3_600 },
      ...{ dueIn: 40 * minute, extra: { hash: 'abc' } },
    }
    expect(await told((peers) => peers.tellToken(token, dueAt))).toEqual([{ type: 'token', record }])
  })

  it('a token without an end, that is never due', async () => {
    const token = makeToken('held', { expiresAt: undefined })
    const [news] = await told((peers) => peers.tellToken(token, Infinity))
    expect(news).toMatchObject({ type: 'token', record: { token: 'held', expiresIn: undefined, dueIn: undefined } })
  })

  it('a failure: the error with all it knows, when the next call may be, how many there were', async () => {
    const [news] = await told((peers) => peers.tellFailure(setbackOf(busy), held))
    expect(news).toEqual({ type: 'failure', receivedAt: start, setback: setbackOf(busy) })
    const { error } = (news as News & { type: 'failure' }).setback
    expect(error).toBeInstanceOf(SessionError)
    expect(error).toMatchObject({ message: busy.message, status: 503, retryAfter: 4_000, retryable: true })
  })

  it('a final failure of who never had a token', async () => {
    const refusal = new SessionError('unauthorized')
    const [news] = await told((peers) => peers.tellFailure(setbackOf(refusal), undefined))
    expect(news).toMatchObject({ receivedAt: 0, setback: { error: { code: 'unauthorized', retryable: false } } })
  })

  it('a failure whose code says final and which is not, and the other way round', async () => {
    for (const retryable of [true, false]) {
      const error = new SessionError('stale_token', 'old', { retryable })
      const [news] = await told((peers) => peers.tellFailure(setbackOf(error), held))
      expect(news).toMatchObject({ setback: { error: { retryable } } })
    }
  })

  it('a refusal, a sign-out, and the question who has more', async () => {
    expect(await told((peers) => peers.tellRefusal('bad'))).toEqual([{ type: 'refused', value: 'bad' }])
    expect(await told((peers) => peers.tellSignOut())).toEqual([{ type: 'signed-out' }])
    expect(await told((peers) => peers.ask(held, false))).toEqual([{ type: 'ask', receivedAt: start }])
    expect(await told((peers) => peers.ask(undefined, false))).toEqual([{ type: 'ask', receivedAt: 0 }])
  })

  it('is not told those of another user, tenant or session name', async () => {
    const { origin, members } = meet(0)
    const others = [
      join(origin, 0, bob),
      join(origin, 0, { id: 'ada', tenant: 'acme' }),
      join(origin, 0, ada, 'second'),
    ]
    members[0]!.peers.tellToken(held, dueAt)
    members[0]!.peers.tellSignOut()
    await origin.advance(10)
    expect(others.map(({ heard }) => heard)).toEqual([[], [], []])
  })

  it('a token whose companions cannot be written down: nothing, and no error', async () => {
    const token = createToken({ ...makeToken('x'), value: 'x', extra: { big: 1n } })
    expect(await told((peers) => peers.tellToken(token, dueAt))).toEqual([])
  })

  it('a refusal and a sign-out to tabs that are away as well, without a secret; and that they were away', async () => {
    const { origin, members } = meet(0, 0)
    const [one, two] = members as [Member, Member]
    const value = tokenFor('ada', start)
    two.tab.leave()
    one.peers.tellRefusal(value)
    one.peers.tellSignOut()
    one.peers.tellToken(makeToken(value), dueAt)
    await origin.advance(10)
    await two.tab.comeBack()
    expect(two.heard).toEqual([{ type: 'refused' }, { type: 'signed-out' }, { type: 'return' }])
    expect(
      shownPieces(
        [...origin.notes].join() + [...origin.notes.values()].flatMap((words) => [...words]).join(),
        piecesOf([value]),
      ),
    ).toEqual([])
  })
})

describe('clocks that differ', () => {
  const news = async (ahead: number, latency = 0) => {
    const { origin, members } = meet(0, ahead)
    const [one, two] = members as [Member, Member]
    two.tab.latency = () => latency
    one.peers.tellToken(held, dueAt)
    one.peers.tellFailure(setbackOf(busy), held)
    one.peers.ask(held, false)
    await origin.advance(latency)
    return two.heard as [News & { type: 'token' }, News & { type: 'failure' }, News & { type: 'ask' }]
  }

  it.each([
    [hour, 0],
    [-hour, 0],
    [hour, 5_000],
    [-2_000, 700],
  ])('by %s ms: times are told in the hearer’s, however long a message takes (%s ms)', async (ahead, latency) => {
    const [token, failure, ask] = await news(ahead, latency)
    expect(token.record).toMatchObject({ receivedAt: start + ahead, expiresIn: 3_600, dueIn: 40 * minute })
    const { setback, receivedAt } = failure
    expect([receivedAt, ask.receivedAt]).toEqual([start + ahead, start + ahead])
    expect(setback).toMatchObject({
      retryAt: start + ahead + 4_000,
      calls: setbackOf(busy).calls.map((time) => time + ahead),
    })
  })

  it.each([
    [900, 0],
    [-900, 0],
    [0, 20_000],
  ])('by less than a second (%s ms), after %s ms: times are left as they are', async (ahead, latency) => {
    const [token, failure, ask] = await news(ahead, latency)
    expect([token.record.receivedAt, failure.receivedAt, ask.receivedAt]).toEqual([start, start, start])
    expect(failure.setback).toMatchObject({ retryAt: start + 4_000, calls: setbackOf(busy).calls })
  })

  it.each([hour, -hour])('by %s ms: who never had a token has none that is old or new', async (ahead) => {
    const { origin, members } = meet(0, ahead)
    members[0]!.peers.ask(undefined, false)
    members[0]!.peers.tellFailure(setbackOf(busy), undefined)
    await origin.advance(0)
    expect(members[1]!.heard).toMatchObject([{ receivedAt: 0 }, { receivedAt: 0 }])
  })
})

describe('a message that is malformed', () => {
  const at = start
  const record = writeRecord(held, dueAt)
  const failure = {
    ...{ retryAt: start + 4_000, attempt: 2, calls: [start] },
    error: { code: 'source_failed', message: 'down', retryable: true },
  }
  const good = {
    ask: { version: 1, type: 'ask', at, receivedAt: start },
    token: { version: 1, type: 'token', at, record },
    failure: { version: 1, type: 'failure', at, receivedAt: start, failure },
    refused: { version: 1, type: 'refused', at, value: 'bad' },
    'signed-out': { version: 1, type: 'signed-out', at },
  }
  const hear = async (...messages: unknown[]) => {
    const { origin, members } = meet(0)
    for (const message of messages) origin.forge(keyOf('default', ada), message)
    await origin.advance(0)
    return members[0]!.heard
  }

  it('is one of a few things: those that are sound are all heard', async () => {
    expect((await hear(...Object.values(good))).map(({ type }) => type)).toEqual(Object.keys(good))
  })

  const { token, refused } = good
  const bad: [string, unknown][] = [
    ['null', null],
    ['a number', 5],
    ['an unknown note', 'sign-in'],
    ['a note in capitals', 'REFUSED'],
    ['a list', [good.ask]],
    ['empty', {}],
    ['of another version', { ...good.ask, version: 2 }],
    ['of a version in letters', { ...good.ask, version: '1' }],
    ['of no version', { ...good.ask, version: undefined }],
    ['of no type', { ...good.ask, type: undefined }],
    ['of an unknown type', { ...good.ask, type: 'steal' }],
    ['a return that somebody sent', { ...good.ask, type: 'return' }],
    ['of the type of a method', { ...good.ask, type: 'constructor' }],
    ['of no time', { ...good['signed-out'], at: undefined }],
    ['of a time in letters', { ...good['signed-out'], at: `${start}` }],
    ['of a time that is none', { ...good['signed-out'], at: NaN }],
    ['of a time without end', { ...good['signed-out'], at: Infinity }],
    ['a question about a time that is none', { ...good.ask, receivedAt: NaN }],
    ['a question about a time in letters', { ...good.ask, receivedAt: 'now' }],
    ['a question about tomorrow', { ...good.ask, receivedAt: start + 24 * hour }],
    ['a token without a record', { ...token, record: undefined }],
    ['a token with an object for a record', { ...token, record: JSON.parse(record) as unknown }],
    ['a token with a record cut off', { ...token, record: record.slice(0, -5) }],
    ['a token of somebody else', { ...token, record: writeRecord(makeToken('x', { user: bob }), dueAt) }],
    ['a token without end in size', { ...token, record: writeRecord(makeToken('x'.repeat(70_000)), dueAt) }],
    ['a refusal of nothing', { ...refused, value: undefined }],
    ['a refusal of a number', { ...refused, value: 7 }],
    ['a refusal of a list', { ...refused, value: ['bad'] }],
    ['a failure without one', { ...good.failure, failure: undefined }],
    ['a failure that is null', { ...good.failure, failure: null }],
    ['a failure that is a text', { ...good.failure, failure: 'down' }],
    ...(['error', 'retryAt', 'attempt', 'calls'] as const).flatMap((part): [string, unknown][] =>
      [undefined, null, NaN, Infinity, 'x', {}].map((junk) => [
        `a failure whose ${part} is ${JSON.stringify(junk) ?? 'absent'} (${String(junk)})`,
        { ...good.failure, failure: { ...failure, [part]: junk } },
      ]),
    ),
    ['a failure of no code', { ...good.failure, failure: { ...failure, error: { message: 'down' } } }],
    ['a failure of no words', { ...good.failure, failure: { ...failure, error: { code: 'timeout' } } }],
    ['a failure with a call at no time', { ...good.failure, failure: { ...failure, calls: [start, null] } }],
  ]
  it.each(bad)('%s: is ignored', async (_, message) => {
    expect(await hear(message)).toEqual([])
  })

  it('by its length (a million calls) is no error', async () => {
    const calls = Array<number>(1e6).fill(start)
    const [news] = await hear({ ...good.failure, failure: { ...failure, calls } })
    expect((news as (News & { type: 'failure' }) | undefined)?.setback.calls.length ?? 0).toBeLessThanOrEqual(1e6)
  })

  it('by a wait of a year: nobody waits longer than a backend may ask for', async () => {
    const retryAt = start + 365 * 24 * hour
    const [news] = await hear({ ...good.failure, failure: { ...failure, retryAt } })
    expect((news as News & { type: 'failure' }).setback.retryAt).toBeLessThanOrEqual(start + 15 * minute)
  })

  it('by a token in its words: it is not passed on (G4)', async () => {
    const secret = tokenFor('ada', start)
    const error = { code: 'source_failed', message: `with ${secret}`, retryable: true }
    const [news] = await hear({ ...good.failure, failure: { ...failure, error } })
    const { message, stack } = (news as News & { type: 'failure' }).setback.error
    expect(shownPieces(`${message} ${stack}`, piecesOf([secret]))).toEqual([])
  })

  it('in whatever way is ignored or sound', async () => {
    const junk = fc.oneof(
      fc.constantFrom(undefined, null, NaN, Infinity, -1, 0, 1e300, '', 'x', [], {}, true),
      fc.anything(),
    )
    const mutated = fc
      .tuple(fc.constantFrom(...Object.values(good)), fc.nat(9), junk)
      .map(([message, index, value]) => {
        const keys = Object.keys(message)
        return { ...message, [keys[index % keys.length]!]: value }
      })
    const sound = (news: News): boolean => {
      switch (news.type) {
        case 'ask':
          return Number.isFinite(news.receivedAt)
        case 'token':
          return typeof news.record.token === 'string' && Number.isFinite(news.record.receivedAt)
        case 'failure': {
          const { error, retryAt, attempt, calls } = news.setback
          return error instanceof SessionError && [retryAt, attempt, news.receivedAt, ...calls].every(Number.isFinite)
        }
        case 'refused':
          return typeof news.value === 'string'
        default:
          return news.type === 'signed-out'
      }
    }
    await fc.assert(
      fc.asyncProperty(fc.array(mutated, { maxLength: 8 }), async (messages) => {
        const cloneable = messages.filter((message) => {
          try {
            return Boolean(structuredClone(message))
          } catch {
            return false
          }
        })
        expect((await hear(...cloneable)).filter((news) => !sound(news))).toEqual([])
      }),
      { numRuns: 200, seed: 7 },
    )
  })
})

describe('a greeting', () => {
  /** Whoever shares a token: marked, and answers unless it is silent. */
  const sharing = async (origin: Origin, silent = false) => {
    const member = join(origin)
    member.peers.mark(true)
    if (silent) member.tab.freeze()
    await origin.flush()
    return member
  }
  const greeted = (peers: Peers) => watch(peers.greeted())

  it('takes no time where nobody has left a mark', async () => {
    const { origin, members } = meet(0, 0)
    const [one] = members as [Member, Member]
    const before = greeted(one.peers)
    one.peers.ask(undefined, false)
    const after = greeted(one.peers)
    await Promise.resolve()
    await Promise.resolve()
    expect([before.ended, after.ended, one.tab.timers]).toEqual([true, true, 0])
    expect(origin.posted).toHaveLength(1)
  })

  it('takes no time for who holds a good token: what the others have is only a matter of being newer', async () => {
    const { origin, members } = meet(0)
    await sharing(origin)
    members[0]!.peers.ask(held, true)
    const result = greeted(members[0]!.peers)
    await Promise.resolve()
    await Promise.resolve()
    expect([result.ended, members[0]!.tab.timers, origin.posted.length]).toEqual([true, 0, 1])
  })

  it.each<[string, (peers: Peers) => void]>([
    ['a token', (peers) => peers.tellToken(held, dueAt)],
    ['a failure', (peers) => peers.tellFailure(setbackOf(busy), undefined)],
  ])('ends with the first answer, %s, after it has been heard', async (_, answer) => {
    const { origin, members } = meet(0)
    const one = members[0]!
    const other = await sharing(origin)
    one.peers.ask(undefined, false)
    const heard: number[] = []
    void one.peers.greeted().then(() => heard.push(one.heard.length))
    await origin.advance(20)
    answer(other.peers)
    await origin.advance(0)
    expect(heard).toEqual([1])
    expect([one.tab.timers, origin.marks]).toEqual([0, 1])
    await origin.advance(1_000)
    expect(origin.marks).toBe(1)
  })

  it('does not end with what is no answer', async () => {
    const { origin, members } = meet(0)
    const other = await sharing(origin)
    members[0]!.peers.ask(undefined, false)
    const result = greeted(members[0]!.peers)
    other.peers.tellRefusal('bad')
    other.peers.ask(undefined, false)
    origin.forge(keyOf('default', ada), { version: 1, type: 'token', at: start, record: '{}' })
    await origin.advance(299)
    expect(result.ended).toBe(false)
    await origin.advance(1)
    expect(result.ended).toBe(true)
  })

  it('nobody answers is over after 300 ms, and the marks are taken back: the next loses no time', async () => {
    const { origin, members } = meet(0)
    await sharing(origin, true)
    await sharing(origin, true)
    members[0]!.peers.mark(true)
    members[0]!.peers.ask(undefined, false)
    const result = greeted(members[0]!.peers)
    await origin.advance(299)
    expect([result.ended, origin.marks]).toEqual([false, 3])
    await origin.advance(1)
    expect([result.ended, origin.marks]).toEqual([true, 1])
    const next = join(origin)
    members[0]!.peers.mark(false)
    next.peers.ask(undefined, false)
    const again = greeted(next.peers)
    await origin.flush()
    expect(again.ended).toBe(true)
  })

  it('asked for twice and answered once takes back nobody’s mark', async () => {
    const { origin, members } = meet(0)
    const other = await sharing(origin)
    members[0]!.peers.ask(undefined, false)
    await origin.advance(50)
    members[0]!.peers.ask(undefined, false)
    other.peers.tellToken(held, dueAt)
    await origin.advance(2_000)
    expect(origin.marks).toBe(1)
  })

  it('ends with the session: close leaves no timer and no mark of others is taken', async () => {
    const { origin, members } = meet(0)
    await sharing(origin, true)
    members[0]!.peers.ask(undefined, false)
    const result = greeted(members[0]!.peers)
    members[0]!.peers.close()
    await origin.flush()
    expect([result.ended, members[0]!.tab.timers, members[0]!.tab.ports]).toEqual([true, 0, 0])
    await origin.advance(1_000)
    expect(origin.marks).toBe(1)
  })
})

describe('a run', () => {
  const signal = new AbortController().signal

  it('is alone over all tabs', async () => {
    const { origin, members } = meet(0, 0, 0)
    let most = 0
    let busyNow = 0
    const all = members.map(({ peers }, index) =>
      peers.alone(async () => {
        most = Math.max(most, ++busyNow)
        await origin.wait(50)
        busyNow--
        return index
      }, signal),
    )
    await origin.advance(1_000)
    expect(await Promise.all(all)).toEqual([0, 1, 2])
    expect(most).toBe(1)
  })

  it('waits no longer for the others than the patience', async () => {
    const { origin, members } = meet(0)
    origin.detour = Infinity
    origin.occupy()
    const result = watch(members[0]!.peers.alone(async () => 7, signal))
    await origin.advance(patience - 1)
    expect(result.ended).toBe(false)
    await origin.advance(1)
    expect(result.value).toBe(7)
  })

  it('that is no longer wanted never begins', async () => {
    const { origin, members } = meet(0)
    origin.occupy()
    const controller = new AbortController()
    const run = vi.fn(async () => 7)
    const result = watch(members[0]!.peers.alone(run, controller.signal))
    await origin.advance(100)
    controller.abort(new Error('enough'))
    await origin.advance(100)
    expect(result.error).toEqual(new Error('enough'))
    expect(run).not.toHaveBeenCalled()
  })
})

describe('tabs that fail', () => {
  const refuse = (): never => {
    throw new DOMException('no', 'SecurityError')
  }
  const unhandled = vi.fn()
  afterEach(() => {
    process.off('unhandledRejection', unhandled)
    const rejections = unhandled.mock.calls.length
    unhandled.mockClear()
    expect(rejections, 'rejections nobody handled').toBe(0)
  })
  const broken: Tabs = {
    ...{
      exclusive: refuse,
      post: refuse,
      onMessage: refuse,
      note: refuse,
      mark: refuse,
      others: refuse,
      close: refuse,
    },
  }
  const createWith = (tabs: ((key: string) => Tabs) | undefined) => {
    process.on('unhandledRejection', unhandled)
    const world = createWorld()
    const environment = Object.assign(world.environment, tabs && { tabs })
    const peers = createPeers(
      environment,
      'default',
      ada,
      patience,
      () => expect.unreachable(),
      () => {},
    )
    return { peers, world }
  }
  const useAll = (peers: Peers) => {
    peers.tellToken(held, dueAt)
    peers.tellFailure(setbackOf(busy), held)
    peers.tellRefusal('bad')
    peers.tellSignOut()
    peers.mark(true)
    peers.ask(held, false)
  }
  const signal = new AbortController().signal

  it.each<[string, ((key: string) => Tabs) | undefined]>([
    ['there are none', undefined],
    ['they cannot be had', refuse],
    ['each of their methods throws', () => broken],
    ['they give back what throws', () => ({ ...broken, onMessage: () => refuse, others: () => refuse })],
    ['they are nothing', () => undefined as never],
    [
      'they have only what they must',
      () => ({ exclusive: (run) => run(), post() {}, onMessage: () => () => {}, close() {} }),
    ],
  ])('(%s) change nothing: all is as if alone', async (_, tabs) => {
    const { peers, world } = createWith(tabs)
    const run = vi.fn(async () => 7)
    expect(() => useAll(peers)).not.toThrow()
    await world.advance(1_000)
    expect(await watchOut(peers.greeted())).toBe('fulfilled')
    expect(await peers.alone(run, signal)).toBe(7)
    expect(run).toHaveBeenCalledTimes(1)
    expect(() => peers.close()).not.toThrow()
    await world.advance(1_000)
    expect(world.timers).toBe(0)
  })
  const watchOut = async (work: Promise<unknown>) => (await Promise.allSettled([work]))[0].status

  it.each<[string, Tabs['exclusive']]>([
    ['before the run', async () => refuse()],
    ['at once', refuse],
    ['after the run', async (run) => (await run(), refuse())],
    ['while the run is under way', async (run) => (void run(), refuse())],
  ])('%s: it runs once, and its result counts', async (_, exclusive) => {
    const { peers, world } = createWith(() => ({ ...broken, exclusive }))
    const run = vi.fn(() => new Promise<number>((resolve) => setImmediate(() => resolve(7))))
    const result = watch(peers.alone(run, signal))
    await world.advance(10)
    await world.flush()
    expect(result).toEqual({ value: 7, ended: true })
    expect(run).toHaveBeenCalledTimes(1)
  })

  it('and a run that fails as well: its error counts, and it is not repeated', async () => {
    const { peers, world } = createWith(() => ({ ...broken, exclusive: (run) => run() }))
    const run = vi.fn(() => Promise.reject(new Error('down')))
    const result = watch(peers.alone(run, signal))
    await world.flush()
    expect(result.error).toEqual(new Error('down'))
    expect(run).toHaveBeenCalledTimes(1)
  })

  it('while nobody wants the run any more: it does not begin', async () => {
    const { peers, world } = createWith(() => broken)
    const run = vi.fn(async () => 7)
    const result = watch(peers.alone(run, AbortSignal.abort(new Error('enough'))))
    await world.flush()
    expect(result.ended).toBe(true)
    expect(result.error).toBeDefined()
    expect(run).not.toHaveBeenCalled()
  })
})

describe('which of two tokens is newer', () => {
  const time = fc.integer({ min: start - 3, max: start + 3 })
  /** The text of a token tells what its claims say. */
  const tokens = (iat: fc.Arbitrary<unknown>) =>
    fc.record({ name: fc.constantFrom('a', 'b', 'c'), receivedAt: time, iat }).map(({ name, receivedAt, iat }) =>
      makeToken(`${name} ${String(iat)} ${typeof iat}`, {
        receivedAt,
        claims: iat === undefined ? undefined : { iat },
      }),
    )
  const same = (one: Token, other: Token) => one.value === other.value && one.receivedAt === other.receivedAt
  const isOrder = (token: fc.Arbitrary<Token>) =>
    fc.assert(
      fc.property(token, token, token, (one, two, three) => {
        expect(isNewer(one, one), 'than itself').toBe(false)
        if (!same(one, two)) expect(isNewer(one, two), 'one of two').toBe(!isNewer(two, one))
        if (isNewer(one, two) && isNewer(two, three)) expect(isNewer(one, three), 'the first of three').toBe(true)
      }),
      { numRuns: 5_000, seed: 11 },
    )

  it('any, where there was none', () => {
    expect(isNewer(held, undefined)).toBe(true)
  })

  it('by its issue, then its receipt, then its text', () => {
    const token = (value: string, iat: number, receivedAt: number) => makeToken(value, { receivedAt, claims: { iat } })
    expect(isNewer(token('a', 5, 1), token('b', 4, 2))).toBe(true)
    expect(isNewer(token('a', 5, 2), token('b', 5, 1))).toBe(true)
    expect(isNewer(token('b', 5, 1), token('a', 5, 1))).toBe(true)
  })

  it.each<[string, fc.Arbitrary<unknown>]>([
    ['say when they were issued', fc.integer({ min: -2, max: 2 })],
    ['say it in parts of a second', fc.double({ min: -2, max: 2, noNaN: true })],
    ['do not say it', fc.constant(undefined)],
    ['say it sometimes', fc.option(fc.integer({ min: -2, max: 2 }), { nil: undefined })],
    ['say anything', fc.constantFrom<unknown>(undefined, null, 1, 2, '1', 'x', NaN, Infinity, true)],
  ])('is a strict order of all tokens that %s: every tab ends with the same', (_, iat) => {
    isOrder(tokens(iat))
  })
})
