import { describe, expect, it } from 'vitest'
import { createScene, failureOf } from '../support/scene.js'
import { jwt, tokenFor } from '../support/tokens.js'
import { start } from '../support/world.js'

const hour = 3_600_000
const now = start / 1_000

describe('a token of somebody else (F76)', () => {
  const iat = now
  const exp = now + 3_600
  const user = { id: 'ann', tenant: 't1' }

  it.each<[string, object]>([
    ['sub', { sub: 'bob' }],
    ['entity_id', { entity_id: 'bob' }],
    ['user_id', { user_id: 'bob' }],
    ['Courier’s scope', { scope: 'user_id:bob inbox:read:messages' }],
    ['Engagespot’s subject', { sub: 'user:bob' }],
    ['tenant', { sub: 'ann', tenant: 't2' }],
    ['tenant_id', { sub: 'ann', tenant_id: 't2' }],
    ['the tenant in SuprSend’s scope', { entity_id: 'ann', scope: { tenant_id: 't2' } }],
    ['a longer id that begins alike', { sub: 'ann2' }],
    ['an id that ends alike', { scope: 'user_id:joann inbox:read:messages' }],
  ])('by its %s is refused for good, and nobody gets to see it', async (_, claims) => {
    const { backend, session, world, of } = createScene()
    const value = jwt({ ...claims, iat, exp })
    backend.answer = () => value
    session.signIn(user)
    expect(await failureOf(session.getToken())).toMatchObject({ code: 'subject_mismatch', retryable: false })
    await world.advance(hour)
    expect(backend.calls).toHaveLength(1)
    expect(of('token')).toEqual([])
    expect(session.state).toMatchObject({ status: 'failed', error: { code: 'subject_mismatch' } })
  })

  it('that comes with signIn is refused: the source is asked instead', async () => {
    const { backend, session, errors } = createScene()
    session.signIn('ann', tokenFor('bob', start))
    expect(await session.getToken()).toBe(backend.minted[0])
    expect(errors()).toEqual(['subject_mismatch'])
  })

  it('that a refresh brings leaves the own token serving', async () => {
    const { backend, session, world } = createScene()
    session.signIn('ann')
    const own = await session.getToken()
    backend.answer = () => tokenFor('bob', world.environment.now())
    const refreshed = failureOf(session.refresh())
    await world.advance(1_000)
    expect((await refreshed).code).toBe('subject_mismatch')
    expect(await session.getToken()).toBe(own)
  })

  it.each<[string, object]>([
    ['sub', { sub: 'ann' }],
    ['sub with Engagespot’s prefix', { sub: 'user:ann' }],
    ['entity_id, whatever else', { entity_id: 'ann', scope: { tenant_id: 't1' } }],
    ['Courier’s scope', { scope: 'inbox:read:messages user_id:ann', tenant_id: 't1' }],
    ['nothing at all', {}],
    ['sub, without a tenant', { sub: 'ann' }],
  ])('is not one that names the user by %s', async (_, claims) => {
    const { backend, session } = createScene()
    const value = jwt({ ...claims, iat, exp })
    backend.answer = () => value
    session.signIn(user)
    expect(await session.getToken()).toBe(value)
  })
})

describe('the option subject', () => {
  const exp = now + 3_600

  it.each<[string, object, boolean]>([
    ['the right id', { uid: 'ann' }, true],
    ['another id', { uid: 'bob' }, false],
    ['no id (F76)', {}, false],
    ['the right id and another in sub', { uid: 'ann', sub: 'bob' }, true],
  ])('that reads a claim of its own decides: %s', async (_, claims, accepted) => {
    const { backend, session, world } = createScene({ subject: ({ uid }) => ({ id: uid as string }) })
    backend.answer = () => jwt({ ...claims, exp })
    session.signIn('ann')
    await world.flush()
    expect(session.state.status).toBe(accepted ? 'fresh' : 'failed')
  })

  it('may ask for the tenant too', async () => {
    const { backend, session, world } = createScene({ subject: ({ org }) => ({ tenant: org as string }) })
    backend.answer = () => jwt({ org: 't2', exp })
    session.signIn({ id: 'ann', tenant: 't1' })
    await world.flush()
    expect(session.state).toMatchObject({ status: 'failed', error: { code: 'subject_mismatch' } })
  })

  it('that throws refuses the token, without a word of it', async () => {
    const subject = () => {
      throw new Error(`no such claim in ${jwt({ sub: 'ann' })}`)
    }
    const { session } = createScene({ subject })
    session.signIn('ann')
    expect((await failureOf(session.getToken())).code).toBe('subject_mismatch')
  })

  it('false switches the check off', async () => {
    const { backend, session, world } = createScene({ subject: false })
    backend.answer = () => jwt({ email: 'bob@example.org', user_id: 'bob', exp })
    session.signIn('ann')
    await world.flush()
    expect(session.state).toMatchObject({ status: 'fresh', user: { id: 'ann' }, token: { user: { id: 'ann' } } })
  })
})
