import type { SessionOptions, TokenAnswer } from 'inbox-session'
import { describe, expect, it } from 'vitest'
import { createScene } from '../support/scene.js'
import { jwt, tokenFor } from '../support/tokens.js'
import { start } from '../support/world.js'

const second = 1_000
const hour = 3_600
const now = start / 1_000

/** Signs in with that answer. */
const receive = async (answer: unknown, options: Partial<SessionOptions> = {}) => {
  const scene = createScene(options)
  scene.backend.answer = () => answer
  scene.session.signIn('ann')
  await scene.world.flush()
  return scene
}
const secondsOf = async (answer: TokenAnswer, options?: Partial<SessionOptions>) => {
  const token = (await receive(answer, options)).token()
  expect(token).toBeDefined()
  return token!.expiresAt === undefined ? Infinity : (token!.expiresAt - token!.receivedAt) / second
}

describe('the lifetime of a token is', () => {
  it.each<[string, number, TokenAnswer]>([
    [
      'what the answer says in expiresIn, whatever the claims say',
      300,
      { token: tokenFor('ann', start), expiresIn: 300 },
    ],
    [
      'expiresIn even where the server’s clock is known',
      300,
      { token: tokenFor('ann', start), expiresIn: 300, serverTime: start - 50_000 },
    ],
    [
      'exp minus the server’s clock where that is known',
      600,
      { token: jwt({ sub: 'ann', exp: now + hour }), serverTime: start + 3_000_000 },
    ],
    [
      'expiresAt minus the server’s clock for an opaque token',
      200,
      { token: 'opaque', expiresAt: now - 800, serverTime: start - 1_000_000 },
    ],
    ['expiresAt minus the own clock where nothing else is known', 500, { token: 'opaque', expiresAt: now + 500 }],
    ['exp − iat where the client’s clock is behind (F17)', 60, tokenFor('ann', start + 3_600_000, 60)],
    ['exp − now where the backend answers a token it kept for 40 minutes', 1_200, tokenFor('ann', start - 2_400_000)],
    ['exp − iat where exp − now says dead on arrival (F16)', 60, tokenFor('ann', start - 3_600_000, 60)],
    ['exp − now without iat', 700, jwt({ sub: 'ann', exp: now + 700 })],
    ['endless where neither the token nor the answer says anything (F07)', Infinity, 'opaque'],
  ])('%s', async (_, seconds, answer) => {
    expect(await secondsOf(answer)).toBe(seconds)
  })

  it('fallbackLifetime where none is stated (F07)', async () => {
    expect(await secondsOf('opaque', { fallbackLifetime: 120_000 })).toBe(120)
    expect(await secondsOf(jwt({ sub: 'ann' }), { fallbackLifetime: 120_000 })).toBe(120)
    expect(await secondsOf(tokenFor('ann', start, 60), { fallbackLifetime: 120_000 })).toBe(60)
  })

  it('counted from the moment the call began, however late the answer comes', async () => {
    const { backend, session, world } = createScene()
    const answer = backend.hold()
    session.signIn('ann')
    await world.advance(8_000)
    await answer.resolve({ token: 'opaque', expiresIn: 60 })
    expect(session.state).toMatchObject({ token: { receivedAt: start, expiresAt: start + 60_000 } })
  })

  it('over when the answer reaches a page that slept through it', async () => {
    const { backend, session, world, errors } = createScene()
    const answer = backend.hold()
    session.signIn('ann')
    await world.flush()
    world.jump(7_200_000)
    await answer.resolve({ token: 'opaque', expiresIn: 3_600 })
    expect(session.state.status).not.toBe('fresh')
    await world.advance(2_000)
    expect(await session.getToken()).not.toBe('opaque')
    expect(errors()).toEqual(['expired_on_arrival'])
  })
})

describe('exp of a wrong kind', () => {
  it('in milliseconds is read as such: one call, and a lifetime of an hour (F06)', async () => {
    const { backend, token, world } = await receive(jwt({ sub: 'ann', exp: start + 3_600_000 }))
    expect(token()!.expiresAt! - token()!.receivedAt).toBe(3_600_000)
    await world.advance(60_000)
    expect(backend.calls).toHaveLength(1)
  })

  it.each<[string, unknown, unknown]>([
    ['in milliseconds (F06)', start + 3_600_000, now + hour],
    ['as a numeric string', String(now + hour), now + hour],
    ['beyond reason (F08)', 1e308, undefined],
    ['null (F08)', null, undefined],
  ])('%s is told in the trace', async (_, wrong, right) => {
    const shape = async (exp: unknown) => {
      const { of } = await receive(jwt({ sub: 'ann', ...(exp !== undefined && { exp }) }))
      return JSON.stringify(of('trace'))
    }
    expect(await shape(wrong)).not.toEqual(await shape(right))
  })

  it.each([['1700000000'], ['soon'], [-1], [0], [1e308], [null], [1.7e9 + 0.5], [true], [[]], [{}]])(
    'of %j leads to no loop and to no token for a thousand years (F08)',
    async (exp) => {
      const { backend, session, token, world } = await receive(jwt({ sub: 'ann', iat: now, exp }))
      expect(token()?.expiresAt ?? start).toBeLessThan(start + 100 * 365 * 86_400_000)
      await world.advance(600_000)
      expect(backend.calls.length).toBeLessThanOrEqual(25)
      expect(['fresh', 'waiting']).toContain(session.state.status)
    },
  )

  it('with a fraction of a second is a time like any other (F08)', async () => {
    const { token } = await receive(jwt({ sub: 'ann', exp: now + 60.5 }))
    expect(token()!.expiresAt).toBe(start + 60_500)
  })

  const nonsense = [NaN, Infinity, '', 'soon', null, {}] as unknown as number[]

  it.each(nonsense)('says nothing as expiresIn and expiresAt of %j (F08)', async (value) => {
    expect(await secondsOf({ token: 'opaque', expiresIn: value, expiresAt: value })).toBe(Infinity)
  })

  it.each(nonsense.filter((value) => value !== null))(
    'as expiresAt of %j leaves it to the claims to say when the token ends (F08)',
    async (value) => {
      expect(await secondsOf({ token: tokenFor('ann', start, 60), expiresIn: value, expiresAt: value })).toBe(60)
    },
  )
})

describe('claims', () => {
  it.each(['', 'x', 'xx', 'xxx'])(
    'in any script and with any padding are decoded exactly (F09, %j)',
    async (padding) => {
      const claims = { sub: 'ann', name: 'Žluťoučký 贾翼 😀', marks: '???>>>~~~ÿÿÿ', padding, exp: now + 60 }
      const value = jwt(claims)
      expect(value.split('.')[1]).toMatch(/[-_]/)
      const { token } = await receive(value)
      expect(token()!.claims).toEqual(claims)
      expect(token()!.expiresAt).toBe(start + 60_000)
    },
  )

  it.each(['abc.def', 'opaque', 'a.b.c', '..', jwt([] as never), jwt(7 as never)])(
    'are not to be had from an opaque token, and that harms nothing (F07)',
    async (value) => {
      const { backend, session, token, world, errors } = await receive(value)
      expect(token()).toMatchObject({ user: { id: 'ann' } })
      expect(token()!.claims).toBeUndefined()
      const values = await Promise.all(Array.from({ length: 1_000 }, () => session.getToken()))
      expect(new Set(values)).toEqual(new Set([value]))
      await world.advance(86_400_000)
      expect(backend.calls).toHaveLength(1)
      expect(world.timers).toBe(0)
      expect(errors()).toEqual([])
    },
  )

  it('of an opaque token with expiresIn are not missed: it is refreshed like any other (F07)', async () => {
    const scene = createScene()
    const { backend, session, world } = scene
    backend.answer = () => ({ token: `opaque-${backend.calls.length}`, expiresIn: 300 })
    session.signIn('ann')
    await world.advance(249_000)
    expect(backend.calls).toHaveLength(2)
    await world.advance(250_000)
    expect(backend.calls).toHaveLength(3)
    expect(scene.gaps()[1]).toBeGreaterThanOrEqual(240_000)
    expect(scene.gaps()[1]).toBeLessThanOrEqual(249_000)
  })
})

describe('a token that is not valid yet', () => {
  it.each([2, 90])('by a clock that is %i s behind the server’s is accepted (F18)', async (seconds) => {
    const iat = now + seconds
    const { backend, session, world } = await receive(jwt({ sub: 'ann', iat, nbf: iat, exp: iat + hour }))
    expect(session.state.status).toBe('fresh')
    await world.advance(60_000)
    expect(backend.calls).toHaveLength(1)
  })

  it('for 30 s after it was issued is not handed out before, with two calls at most (F18)', async () => {
    const { backend, session, world, errors } = await receive(
      jwt({ sub: 'ann', iat: now, nbf: now + 30, exp: now + hour }),
    )
    for (let passed = 0; passed < 29; passed++) {
      await expect(session.getToken()).rejects.toMatchObject({ code: 'invalid_answer' })
      await world.advance(second)
    }
    expect(errors()).toEqual(['invalid_answer'])
    expect(backend.calls).toHaveLength(1)
  })

  it('serves once its time has come (F18)', async () => {
    const { backend, session, world } = await receive(jwt({ sub: 'ann', iat: now, nbf: now + 30, exp: now + hour }))
    await world.advance(45_000)
    expect(session.state.status).toBe('fresh')
    expect(backend.calls).toHaveLength(2)
  })
})
