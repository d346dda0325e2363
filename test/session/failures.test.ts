import { SessionError } from 'inbox-session'
import { describe, expect, it } from 'vitest'
import { http, nextCall, onItsWay } from '../support/failing.js'
import { createScene, failureOf, watch } from '../support/scene.js'
import { jwt, tokenFor } from '../support/tokens.js'
import { seeded, start } from '../support/world.js'

const minute = 60_000
const hour = 60 * minute
const now = start / 1_000

describe('a passing failure is not a sign-out: the good token serves, and another try is planned (F57)', () => {
  it.each<[string, () => unknown]>([
    ['a network error', () => Promise.reject(new TypeError('Failed to fetch'))],
    ...[400, 404, 408, 425, 429, 500, 502, 503, 504, 520].map((status): [string, () => unknown] => [
      `status ${status}`,
      http(status),
    ]),
    [
      'an error that is thrown at once',
      () => {
        throw new Error('broken')
      },
    ],
    ['something else that is thrown', () => Promise.reject('broken')],
    ['nothing that is thrown', () => Promise.reject(undefined)],
    ['undefined', () => undefined],
    ['a promise of undefined', async () => undefined],
    ['a number', () => 7],
    ['an object without a token', () => ({ user: 'ann' })],
    ['an empty token', () => ({ token: '' })],
    ['a token of null', () => ({ token: null })],
    ['a list', () => ['token']],
    ['200 kB of text', () => 'x'.repeat(200_000)],
    ['a sentence', () => 'not signed in'],
    ['HTML from the endpoint', http(200, { 'content-type': 'text/html' }, '<!doctype html>')],
    ['nothing from the endpoint', http(200, {}, '')],
    ['an ended token', async () => jwt({ sub: 'ann', exp: now - 10 })],
  ])('%s', async (_, answer) => {
    const running = await onItsWay()
    const { backend, session, first, world } = running
    backend.answer = answer as never
    await nextCall(running)
    expect(session.state).toMatchObject({ status: 'waiting', token: { generation: 1 } })
    expect((session.state as { retryAt: number }).retryAt).toBeGreaterThan(world.environment.now())
    expect(await session.getToken()).toBe(first)
    expect(running.errors()).toHaveLength(1)
    backend.mend()
    await world.advance(2_000)
    expect(session.state.status).toBe('fresh')
    expect(await session.getToken()).not.toBe(first)
  })
})

describe('the error of a source', () => {
  it.each<[string, unknown, object]>([
    [
      'that throws at once is source_failed (F73)',
      () => {
        throw new Error('broken')
      },
      { code: 'source_failed' },
    ],
    ['that answers a number is invalid_answer (F73)', () => 7, { code: 'invalid_answer' }],
    ['that answers undefined is invalid_answer (F73)', () => undefined, { code: 'invalid_answer' }],
    ['that answers an object without a token is invalid_answer (F73)', () => ({}), { code: 'invalid_answer' }],
    ['that answers 200 kB is invalid_answer (F73)', () => 'x'.repeat(200_000), { code: 'invalid_answer' }],
    ['of an endpoint has the status', http(503), { code: 'source_failed', status: 503 }],
    ['with Retry-After says how long to wait', http(429, { 'retry-after': '7' }), { status: 429, retryAfter: 7_000 }],
    [
      'may be made by the source itself',
      () => {
        throw new SessionError('offline', 'flight mode')
      },
      { code: 'offline' },
    ],
  ])('%s', async (_, answer, error) => {
    const { backend, session, errors } = createScene()
    backend.answer = answer as never
    session.signIn('ann')
    const thrown = await failureOf(session.getToken())
    expect(thrown).toBeInstanceOf(SessionError)
    expect(thrown).toMatchObject({ ...error, retryable: true })
    expect(session.state).toMatchObject({ status: 'waiting', error: thrown })
    expect(errors()).toHaveLength(1)
  })

  it('a plain string that comes without a promise is an answer like any other (F73)', async () => {
    const { backend, session } = createScene()
    backend.answer = () => 'opaque'
    session.signIn('ann')
    expect(await session.getToken()).toBe('opaque')
  })
})

describe('a source that hangs', () => {
  it('is aborted at 10 s, those who wait get a timeout, and a later getToken starts anew (F62)', async () => {
    const { backend, session, world, of } = createScene()
    const late = backend.hold()
    session.signIn('ann')
    const asked = watch(session.getToken())
    await world.advance(9_999)
    expect(asked.ended).toBe(false)
    expect(backend.calls[0]!.signal.aborted).toBe(false)
    await world.advance(1)
    expect(backend.calls[0]!.signal.aborted).toBe(true)
    expect(asked.error).toMatchObject({ code: 'timeout', retryable: true })
    backend.mend()
    await world.advance(1_000)
    const value = await session.getToken()
    expect(backend.calls).toHaveLength(2)
    await late.resolve(tokenFor('ann', world.environment.now()))
    expect(await session.getToken()).toBe(value)
    expect(of('token')).toHaveLength(1)
  })

  it('for ever never has two calls under way, and nobody waits longer than its limit (G2, G7)', async () => {
    const { backend, session, world } = createScene({ random: seeded(2) })
    backend.answer = () => new Promise(() => {})
    session.signIn('ann')
    for (let time = 0; time < 40; time++) {
      const asked = watch(session.getToken())
      await world.advance(15_000)
      expect(asked.ended).toBe(true)
    }
    expect(backend.mostInFlight).toBe(1)
    expect(backend.calls.length).toBeLessThanOrEqual(25)
  })
})

describe('an answer that brings nothing newer', () => {
  it.each<[string, () => unknown]>([
    ['by its own clock', () => jwt({ sub: 'ann', exp: now - 10 })],
    ['by the server’s clock', () => ({ token: jwt({ sub: 'ann', iat: now - 70, exp: now - 10 }), serverTime: start })],
    ['by its expiresIn', () => ({ token: jwt({ sub: 'ann' }), expiresIn: 0 })],
  ])('because it has ended %s is retried like a failure (F03)', async (_, answer) => {
    const { backend, session, world, gaps, of } = createScene({ random: seeded(6) })
    backend.answer = answer
    session.signIn('ann')
    expect(await failureOf(session.getToken())).toMatchObject({ code: 'expired_on_arrival', retryable: true })
    await world.advance(minute)
    expect(backend.calls.length).toBeLessThanOrEqual(7)
    gaps().forEach((gap, index) => expect(gap).toBeGreaterThanOrEqual(500 * 2 ** index))
    expect(of('token')).toEqual([])
  })

  it('because it is the very token that was to be replaced is retried, and the old one serves (F04)', async () => {
    const { backend, session, world, of, errors, gaps } = createScene({ seconds: 250 })
    let current = ''
    let end = 0
    backend.answer = () => {
      const time = world.environment.now()
      if (time >= end) [current, end] = [tokenFor('ann', time, 250), time + 250_000]
      return current
    }
    session.signIn('ann')
    const first = await session.getToken()
    await world.advance(244_000)
    expect(await session.getToken()).toBe(first)
    expect(new Set(errors())).toEqual(new Set(['stale_token']))
    const [one, two, three] = gaps().slice(1)
    expect(two! / one!).toBeCloseTo(2, 1)
    expect(three! / two!).toBeCloseTo(2, 1)
    await world.advance(250_000 - 244_000 + minute)
    expect(await session.getToken()).toBe(current)
    expect(current).not.toBe(first)
    expect(of('change').map(({ status }) => status)).not.toContain('failed')
    expect(of('signed-out')).toEqual([])
  })

  it('because a cache kept it from before the held token is refused (F66)', async () => {
    const running = await onItsWay()
    const { backend, session, first, world } = running
    backend.answer = () => tokenFor('ann', start - minute)
    await nextCall(running)
    expect(session.state).toMatchObject({ status: 'waiting', error: { code: 'stale_token' } })
    expect(await session.getToken()).toBe(first)
    backend.mend()
    await world.advance(2_000)
    expect(session.state.status).toBe('fresh')
  })
})

it('an outage leaves the token serving to its end, then says what is wrong, then mends by itself', async () => {
  const running = await onItsWay(seeded(8))
  const { backend, session, first, world, of } = running
  backend.fail()
  await world.advance(0.9 * hour - 10_000)
  expect(await session.getToken()).toBe(first)
  await world.advance(20_000)
  expect(of('expired')).toMatchObject([{ reason: 'expired' }])
  expect(session.state).toMatchObject({ status: 'waiting', error: { code: 'source_failed' } })
  expect(session.state).not.toHaveProperty('token')
  await failureOf(session.getToken())
  backend.mend()
  await world.advance(minute)
  expect(await session.getToken()).not.toBe(first)
})
