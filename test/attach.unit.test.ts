import { describe, expect, it, vi } from 'vitest'
import { type Adapter, type AdapterContext, type AdapterSignal, createAttachment } from '../src/attach.js'
import type { SessionError } from '../src/errors.js'
import { createPolicy, retryDelay } from '../src/policy.js'
import type { Token } from '../src/token.js'
import { ada, bob, makeToken } from './support/states.js'
import { createWorld } from './support/world.js'

// Comparisons do not see the value of a token: the generation tells them apart.
const one = makeToken('one', { generation: 1 })
const two = makeToken('two', { generation: 2 })
const three = makeToken('three', { generation: 3 })
const other = makeToken('other', { user: bob, generation: 4 })

/** An end of a call that the test decides on. */
function createGate() {
  let open!: (value?: unknown) => void
  const promise = new Promise<any>((resolve) => (open = resolve))
  return { promise, open }
}

type Calls = Partial<Adapter<any>>

/** An attachment whose adapter writes down what it is called with; `calls` says what it does. */
function createScene(calls: Calls = {}, pull = false) {
  const world = createWorld()
  const log: string[] = []
  const done: string[] = []
  const errors: SessionError[] = []
  const contexts: AdapterContext[] = []
  let running = 0
  let overlaps = 0
  const noted = async <T>(text: string, run: () => T | Promise<T>): Promise<T> => {
    log.push(text)
    if (running++) overlaps++
    try {
      return await run()
    } finally {
      running--
    }
  }
  const adapter: Adapter<any> = {
    name: 'sdk',
    attach(context) {
      contexts.push(context)
      return noted(`attach ${context.token.value}`, () => (calls.attach ? calls.attach(context) : 'handle'))
    },
    detach: (handle, reason, last) =>
      noted(`detach ${handle} ${reason} ${last.value}`, () => calls.detach?.(handle, reason, last)),
  }
  if (!pull)
    adapter.update = (handle, context) => {
      contexts.push(context)
      return noted(`update ${handle} ${context.token.value}`, () => calls.update?.(handle, context))
    }
  const report = vi.fn()
  const getToken = vi.fn(async () => one)
  const attachment = createAttachment(adapter, {
    environment: world.environment,
    delay: (attempt: number) =>
      world.environment.now() + retryDelay(createPolicy({}), attempt, world.environment.random()),
    wanted: () => expect.unreachable(),
    getToken,
    report,
    done(name, call, error) {
      done.push(`${name} ${call}${error ? ` ${error.code}` : ''}`)
      if (error) errors.push(error)
    },
  })
  return {
    ...{ world, log, done, errors, contexts, report, getToken, attachment },
    get overlaps() {
      return overlaps
    },
    /** Tells the attachment who is signed in, with which token. */
    want(token?: Token, reason: 'sign-out' | 'switch' | 'detach' = 'sign-out', user = token?.user) {
      attachment.want(user, token, reason)
      return world.flush()
    },
    say: (signal: AdapterSignal, context = contexts.at(-1)!) => context.report(signal),
  }
}

describe('an adapter', () => {
  it('is attached with the token, updated with each newer one, and detached with the last', async () => {
    const { want, log, done, world } = createScene()
    await want(one)
    await want(two)
    await want(undefined, 'sign-out')
    expect(log).toEqual(['attach one', 'update handle two', 'detach handle sign-out two'])
    expect(done).toEqual(['sdk attach', 'sdk update', 'sdk detach'])
    expect(world.timers).toBe(0)
  })

  it('is not attached before there is a token', async () => {
    const { want, log } = createScene()
    await want(undefined, 'sign-out', ada)
    expect(log).toEqual([])
    await want(one)
    expect(log).toEqual(['attach one'])
  })

  it('keeps what it has while its user is without a token', async () => {
    const { want, log } = createScene()
    await want(one)
    await want(undefined, 'sign-out', ada)
    await want(two)
    expect(log).toEqual(['attach one', 'update handle two'])
  })

  it('does not get an equal token again (F100)', async () => {
    const { want, log } = createScene()
    await want(one)
    await want(one)
    await want(makeToken('one', { generation: 2 }))
    expect(log).toEqual(['attach one'])
  })

  it('whose update answers a new handle is called with that from then on', async () => {
    const update = vi.fn().mockReturnValueOnce('second').mockReturnValueOnce(Promise.resolve('third'))
    const { want, log } = createScene({ update })
    for (const token of [one, two, three, makeToken('four')]) await want(token)
    await want(undefined)
    expect(log.slice(1)).toEqual([
      'update handle two',
      'update second three',
      'update third four',
      'detach third sign-out four',
    ])
  })

  it('without update is left alone, and let go with the newest token', async () => {
    const { want, log } = createScene({}, true)
    for (const token of [one, two, three]) await want(token)
    await want(undefined, 'detach')
    expect(log).toEqual(['attach one', 'detach handle detach three'])
  })

  it('may have nothing but attach', async () => {
    const world = createWorld()
    const attach = vi.fn()
    const desk = {
      environment: world.environment,
      delay: (attempt: number) =>
        world.environment.now() + retryDelay(createPolicy({}), attempt, world.environment.random()),
      wanted: () => expect.unreachable(),
      getToken: vi.fn(),
      report: vi.fn(),
      done: vi.fn(),
    }
    const attachment = createAttachment({ name: 'least', attach }, desk)
    attachment.want(ada, one, 'detach')
    await world.flush()
    attachment.want(undefined, undefined, 'detach')
    await attachment.settled()
    expect(attach).toHaveBeenCalledTimes(1)
    expect(desk.done.mock.calls.map(([, call, error]) => [call, error])).toEqual([
      ['attach', undefined],
      ['detach', undefined],
    ])
  })
})

describe('calls', () => {
  it('wait for each other, and of the tokens that came meanwhile only the newest is handed on', async () => {
    const gate = createGate()
    const scene = createScene({ attach: () => gate.promise })
    await scene.want(one)
    await scene.want(two)
    await scene.want(three)
    expect(scene.log).toEqual(['attach one'])
    gate.open('handle')
    await scene.world.flush()
    expect(scene.log).toEqual(['attach one', 'update handle three'])
    expect(scene.overlaps).toBe(0)
  })

  it('never overlap, whatever comes in between', async () => {
    const gates: ReturnType<typeof createGate>[] = []
    const slow = () => gates[gates.push(createGate()) - 1]!.promise
    const scene = createScene({ attach: slow, update: slow, detach: slow })
    for (const token of [one, two, undefined, other, undefined, three, one]) {
      await scene.want(token, 'switch')
      gates.at(-1)!.open('handle')
      await scene.world.flush()
    }
    expect(scene.overlaps).toBe(0)
    expect(scene.log.length).toBeGreaterThan(5)
  })

  it('of one adapter that hangs or throws do not hold up another (F100)', async () => {
    const hanging = createScene({ attach: () => new Promise(() => {}) })
    const healthy = createScene()
    await Promise.all([hanging.want(one), healthy.want(one)])
    await healthy.want(two)
    expect(healthy.log).toEqual(['attach one', 'update handle two'])
  })

  it('that throw or reject are reported, without what they say of secrets, and the next token comes all the same', async () => {
    const secret = 'c2VjcmV0LW9mLWFkYQ'
    const update = vi.fn<(...given: any[]) => any>()
    update.mockImplementationOnce(() => {
      throw new TypeError(`socket of ${secret}`)
    })
    update.mockRejectedValueOnce('no')
    const { want, log, done, errors } = createScene({ update })
    for (const token of [one, two, three, makeToken('four')]) await want(token)
    expect(done).toEqual(['sdk attach', 'sdk update adapter_failed', 'sdk update adapter_failed', 'sdk update'])
    expect(log.at(-1)).toBe('update handle four')
    expect(errors[0]!.message).toBe('The adapter "sdk" failed to update (TypeError: socket of [redacted])')
  })
})

describe('a call has five seconds', () => {
  it.each(['update', 'detach'] as const)('then it is reported and the next one is made: %s', async (call) => {
    const { want, world, done, log } = createScene({ [call]: () => new Promise<void>(() => {}) })
    await want(one)
    await want(call === 'update' ? two : undefined)
    await world.advance(4_999)
    expect(done).toEqual(['sdk attach'])
    await world.advance(1)
    expect(done.at(-1)).toBe(`sdk ${call} adapter_failed`)
    await want(call === 'update' ? undefined : two)
    expect(log.at(-1)).toBe(call === 'update' ? 'detach handle sign-out two' : 'attach two')
  })

  it('for all that is to be done a sign-out waits no longer than that', async () => {
    const { want, attachment, world } = createScene({ detach: () => new Promise<void>(() => {}) })
    await want(one)
    await want(undefined)
    const settled = vi.fn()
    void attachment.settled().then(settled)
    await world.advance(4_999)
    expect(settled).not.toHaveBeenCalled()
    await world.advance(1)
    expect(settled).toHaveBeenCalled()
    expect(world.timers).toBe(0)
  })

  it('a handle that comes later is let go at once, and is not taken for the attached one', async () => {
    const gate = createGate()
    const attach = vi.fn().mockReturnValueOnce(gate.promise).mockReturnValue('second')
    const { want, world, log, contexts } = createScene({ attach })
    await want(one)
    await world.advance(5_000)
    expect(contexts[0]!.signal.aborted).toBe(true)
    await world.advance(1_000)
    gate.open('late')
    await world.flush()
    await want(two)
    expect(log).toEqual(['attach one', 'attach one', 'detach late detach one', 'update second two'])
  })

  it('an update that ends later does not replace the handle of a newer one', async () => {
    const gate = createGate()
    const update = vi.fn().mockReturnValueOnce(gate.promise).mockReturnValue('newer')
    const { want, world, log } = createScene({ update })
    await want(one)
    await want(two)
    await want(three)
    await world.advance(5_000)
    gate.open('older')
    await world.flush()
    await want(undefined)
    expect(log.at(-1)).toBe('detach newer sign-out three')
  })

  it('a handle that an update answers after the user has left is let go', async () => {
    const gate = createGate()
    const { want, world, log } = createScene({ update: () => gate.promise })
    await want(one)
    await want(two)
    await want(undefined)
    await world.advance(5_000)
    gate.open('late')
    await world.flush()
    expect(log.filter((line) => line.startsWith('detach late'))).toHaveLength(1)
  })
})

describe('an attach that failed', () => {
  const failing = (times: number) => {
    const attach = vi.fn<() => string>(() => 'handle')
    for (let time = 0; time < times; time++)
      attach.mockImplementationOnce(() => {
        throw new Error('no')
      })
    return attach
  }
  /** Milliseconds between the calls. */
  const gapsOf = async (scene: ReturnType<typeof createScene>, attach: ReturnType<typeof failing>, ms: number) => {
    const times: number[] = []
    let calls = attach.mock.calls.length
    for (let passed = 0; passed <= ms; passed += 50) {
      if (attach.mock.calls.length > calls) times.push(passed)
      calls = attach.mock.calls.length
      await scene.world.advance(50)
    }
    return times.map((time, index) => time - (times[index - 1] ?? 0))
  }

  it('is tried again at growing distances until it succeeds', async () => {
    const attach = failing(5)
    const scene = createScene({ attach })
    await scene.want(one)
    expect(scene.done).toEqual(['sdk attach adapter_failed'])
    expect(await gapsOf(scene, attach, 60_000)).toEqual([750, 1_500, 3_000, 6_000, 12_000])
    expect(scene.done.at(-1)).toBe('sdk attach')
    expect(scene.world.timers).toBe(0)
  })

  it('is tried again at once with a new token', async () => {
    const { want, log, world } = createScene({ attach: failing(1) })
    await want(one)
    await want(two)
    expect(log).toEqual(['attach one', 'attach two'])
    expect(world.timers).toBe(0)
  })

  it('is not tried again when the user has left', async () => {
    const { want, log, world } = createScene({ attach: failing(1) })
    await want(one)
    await want(undefined)
    await world.advance(60_000)
    expect(log).toEqual(['attach one'])
    expect(world.timers).toBe(0)
  })

  it('aborts what it was given', async () => {
    const { want, contexts } = createScene({ attach: failing(1) })
    await want(one)
    expect(contexts[0]!.signal.aborted).toBe(true)
  })

  it('because the user was switched does not keep the next user waiting', async () => {
    const attach = ({ signal, token }: AdapterContext) =>
      token === other
        ? 'handle'
        : new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
    const { want, log } = createScene({ attach })
    await want(one)
    await want(other, 'switch')
    expect(log).toEqual(['attach one', 'attach other'])
  })
})

describe('a switch', () => {
  it('lets the old user go, with the old token, before the new one is attached (G3)', async () => {
    const gate = createGate()
    const { want, log, world } = createScene({ detach: () => gate.promise })
    await want(one)
    await want(other, 'switch')
    expect(log).toEqual(['attach one', 'detach handle switch one'])
    gate.open()
    await world.flush()
    expect(log.at(-1)).toBe('attach other')
  })

  it('aborts before it detaches', async () => {
    const aborted: boolean[] = []
    const scene = createScene({ detach: () => void aborted.push(scene.contexts[0]!.signal.aborted) })
    await scene.want(one)
    expect(scene.contexts[0]!.signal.aborted).toBe(false)
    await scene.want(other, 'switch')
    expect(aborted).toEqual([true])
    expect(scene.contexts[1]!.signal.aborted).toBe(false)
  })

  it('during an attach aborts it, lets its handle go, and attaches the new user then', async () => {
    const gate = createGate()
    const attach = vi.fn().mockReturnValueOnce(gate.promise).mockReturnValue('second')
    const { want, log, world, contexts } = createScene({ attach })
    await want(one)
    await want(other, 'switch')
    expect(contexts[0]!.signal.aborted).toBe(true)
    expect(log).toEqual(['attach one'])
    gate.open('first')
    await world.flush()
    expect(log).toEqual(['attach one', 'detach first switch one', 'attach other'])
  })

  it('there and back is a sign-in anew: nothing of the first time is kept', async () => {
    const { want, log } = createScene()
    await want(one)
    await want(other, 'switch')
    await want(makeToken('again', { user: { ...ada } }), 'switch')
    expect(log.slice(2)).toEqual(['attach other', 'detach handle switch other', 'attach again'])
  })

  it('to oneself, out and in during one call, is a new sign-in too', async () => {
    const gate = createGate()
    const { want, log, world } = createScene({ update: () => gate.promise })
    await want(one)
    await want(two)
    await want(undefined, 'sign-out')
    await want(makeToken('again', { user: { ...ada } }), 'sign-out')
    gate.open()
    await world.flush()
    expect(log.slice(2)).toEqual(['detach handle sign-out two', 'attach again'])
  })

  it('that comes twice during one call shows the adapter only the last user', async () => {
    const gate = createGate()
    const { want, log, world } = createScene({ update: () => gate.promise })
    await want(one)
    await want(two)
    await want(other, 'switch')
    await want(makeToken('again', { user: { id: 'eve' } }), 'switch')
    gate.open()
    await world.flush()
    expect(log.slice(2)).toEqual(['detach handle switch two', 'attach again'])
  })
})

describe('what the SDK says', () => {
  it('goes to the session with the token it was given last', async () => {
    const { want, say, report } = createScene()
    await want(one)
    say({ kind: 'rejected', status: 401 })
    expect(report).toHaveBeenLastCalledWith('sdk', { kind: 'rejected', status: 401 }, one)
    await want(two)
    say({ kind: 'expired' })
    expect(report).toHaveBeenLastCalledWith('sdk', { kind: 'expired' }, two)
  })

  it('of a kind that only reads like one goes nowhere: who knows what else is in it', async () => {
    const { want, say, report } = createScene()
    await want(one)
    for (const kind of [['expired'], { toString: () => 'expired', secret: one.value }, 'expired!'])
      say({ kind } as never)
    expect(report).not.toHaveBeenCalled()
  })

  it('is about the newest token where the SDK fetches it by itself', async () => {
    const { want, say, report } = createScene({}, true)
    await want(one)
    await want(two)
    say({ kind: 'expired' })
    expect(report).toHaveBeenLastCalledWith('sdk', { kind: 'expired' }, two)
  })

  it('during the attach is heard too', async () => {
    const { want, report } = createScene({ attach: (context) => context.report({ kind: 'accepted' }) })
    await want(one)
    expect(report).toHaveBeenCalledWith('sdk', { kind: 'accepted' }, one)
  })

  it('after it was let go is not heard (G3)', async () => {
    const { want, say, report, contexts } = createScene()
    await want(one)
    const [context] = contexts
    await want(other, 'switch')
    say({ kind: 'rejected' }, context)
    say({ kind: 'session-lost' }, context)
    expect(report).not.toHaveBeenCalled()
  })

  it('when it asks for a token is asked for its own user', async () => {
    const { want, getToken, contexts } = createScene()
    await want(one)
    expect(await contexts[0]!.getToken({ minValidity: 7 })).toBe(one)
    expect(getToken).toHaveBeenLastCalledWith(ada, { minValidity: 7 })
    await want(other, 'switch')
    await contexts[0]!.getToken()
    expect(getToken).toHaveBeenLastCalledWith(ada, undefined)
  })
})

describe('an SDK that lost its session', () => {
  it('gets the same token once more, at once', async () => {
    const { want, say, log, world } = createScene()
    await want(one)
    say({ kind: 'session-lost' })
    await world.advance(1)
    expect(log).toEqual(['attach one', 'update handle one'])
    await world.advance(60_000)
    expect(log).toHaveLength(2)
    expect(world.timers).toBe(0)
  })

  it('and says so many times at once gets it once', async () => {
    const { want, say, log, world } = createScene()
    await want(one)
    for (let time = 0; time < 20; time++) say({ kind: 'session-lost' })
    await world.advance(1)
    expect(log).toEqual(['attach one', 'update handle one'])
  })

  it('again and again gets it at growing distances; a new token starts over', async () => {
    const scene = createScene({ update: (_, context) => context.report({ kind: 'session-lost' }) })
    const count = async (ms: number) => {
      const before = scene.log.length
      await scene.world.advance(ms)
      return scene.log.length - before
    }
    await scene.want(one)
    scene.say({ kind: 'session-lost' })
    expect(await count(10_000)).toBeLessThanOrEqual(6)
    expect(await count(60_000)).toBeLessThanOrEqual(4)
    expect(await count(600_000)).toBeLessThanOrEqual(21)
    await scene.want(two)
    expect(await count(10_000)).toBeGreaterThanOrEqual(3)
  })

  it('and cannot be updated is detached and attached anew, with a signal of its own', async () => {
    const detach = () => void expect(contexts[0]!.signal.aborted).toBe(true)
    const { want, say, log, world, contexts, errors } = createScene({ detach }, true)
    await want(one)
    say({ kind: 'session-lost' })
    await world.advance(1)
    expect(log.map((line) => line.split(' ')[0])).toEqual(['attach', 'detach', 'attach'])
    expect(errors).toEqual([])
    expect(contexts[1]!.signal.aborted).toBe(false)
  })

  it('and cannot be updated is not told that somebody signed out', async () => {
    const { want, say, log, world } = createScene({}, true)
    await want(one, 'switch')
    say({ kind: 'session-lost' })
    await world.advance(1)
    expect(log[1]).toBe('detach handle detach one')
  })
})
