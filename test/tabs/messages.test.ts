import { describe, expect, it } from 'vitest'
import { createTabs, oneToken } from '../support/tabs-scene.js'
import { tokenFor } from '../support/tokens.js'

/** Two tabs, and every kind of message that was ever sent between such tabs. */
const listening = async () => {
  const scene = createTabs()
  const [one, two] = scene.openAll(2) as [any, any]
  await scene.advance(20_000)
  scene.refuse(one)
  await scene.advance(20_000)
  scene.backend.fail()
  two.session.refresh().catch(() => {})
  await scene.advance(1_000)
  scene.backend.mend()
  await scene.advance(60_000)
  const sent = [...scene.origin.posted]
  const [key] = scene.origin.keys as [string]
  const quiet = { sent, key, scene, one, two }
  return quiet
}

/** All objects and texts inside a message, with what puts something else in their place. */
const places = (message: any): { value: unknown; put(value: unknown): unknown }[] => {
  const found: { value: unknown; put(value: unknown): unknown }[] = []
  const walk = (path: string[], value: unknown) => {
    found.push({
      value,
      put(other) {
        if (!path.length) return other
        const copy = structuredClone(message)
        let inner = copy
        for (const name of path.slice(0, -1)) inner = inner[name]
        inner[path.at(-1)!] = other
        return copy
      },
    })
    if (value && typeof value === 'object')
      for (const name of Object.keys(value)) walk([...path, name], (value as any)[name])
  }
  walk([], message)
  return found
}

const nonsense = [
  ...[undefined, null, true, 0, -1, 1e308, -1e308, NaN, Infinity, 42n, '', '{', 'null', '<p>no</p>'],
  ...[[], {}, [[]], new Date(NaN), new Map(), { length: 3 }],
  JSON.parse('{"__proto__":{"type":"token","version":1}}'),
  JSON.parse('{"constructor":{"prototype":{"polluted":true}}}'),
]

describe('messages that are none of ours (F49)', () => {
  it('of any shape: nothing is thrown, and nothing happens', async () => {
    const { scene, key, one, two } = await listening()
    const before = [one.happened.length, two.happened.length]
    for (const message of nonsense) if (message !== undefined) scene.origin.forge(key, message)
    scene.origin.forge(key, 'x'.repeat(5_000_000))
    scene.origin.forge(key, { type: 'token', version: 1, token: 'x'.repeat(5_000_000) })
    const failure = {
      error: { code: 'source_failed', message: 'x' },
      retryAt: 1,
      attempt: 1,
      calls: Array(600_000).fill(1),
    }
    scene.origin.forge(key, {
      type: 'failure',
      version: 1,
      at: scene.origin.now,
      receivedAt: scene.origin.now,
      failure,
    })
    await scene.advance(1_000)
    expect([one.happened.length, two.happened.length]).toEqual(before)
    expect(({} as any).polluted).toBeUndefined()
  })

  it('like ours, with any part of them missing or of the wrong kind: no error, and the token stays good', async () => {
    const { scene, key, sent, one, two } = await listening()
    const errors = [one.errors().length, two.errors().length]
    const posted = scene.origin.posted.length
    const kinds = new Map(sent.map((one) => [JSON.stringify(Object.keys(one.message as object)), one]))
    expect(kinds.size).toBeGreaterThan(2)
    for (const { message, at } of kinds.values())
      for (const { put } of places(message))
        for (const value of nonsense) {
          scene.origin.forge(key, put(value), scene.origin.now - at)
          await scene.flush()
        }
    await scene.advance(5_000)
    expect(scene.origin.posted.length - posted).toBeLessThan(2_000)
    expect([one.errors().length, two.errors().length]).toEqual(errors)
    expect([one.status(), two.status()]).toEqual(['fresh', 'fresh'])
    oneToken([one, two])
    expect(({} as any).polluted).toBeUndefined()
  })

  it('of another version are not understood', async () => {
    const { scene, key, sent, one, two } = await listening()
    const before = [one.happened.length, two.happened.length]
    const posted = scene.origin.posted.length
    for (const { message } of sent) scene.origin.forge(key, { ...(message as object), version: 2 })
    await scene.advance(1_000)
    expect([one.happened.length, two.happened.length]).toEqual(before)
    expect(scene.origin.posted).toHaveLength(posted)
  })

  it('of another user or tenant under this user’s key are not taken', async () => {
    const { scene, key, one, two } = await listening()
    for (const user of ['bob', { id: 'ann', tenant: 'acme' }]) scene.open({ user })
    await scene.advance(5_000)
    const others = scene.origin.posted.filter((posted) => posted.key !== key)
    expect(others.length).toBeGreaterThan(0)
    const before = [one.token(), two.token()]
    const told = one.of('token').length
    for (const { message } of others) if (JSON.stringify(message).includes('ey')) scene.origin.forge(key, message)
    await scene.advance(5_000)
    expect([one.token(), two.token()]).toEqual(before)
    expect(one.of('token')).toHaveLength(told)
  })

  it('that repeat what was said long ago bring nothing back', async () => {
    const { scene, key, sent, one, two } = await listening()
    const token = oneToken([one, two])
    for (const { message, at } of sent)
      if (JSON.stringify(message).includes('ey')) scene.origin.forge(key, message, scene.origin.now - at)
    await scene.advance(5_000)
    expect(oneToken([one, two])).toBe(token)
  })

  it('a token with an end in a thousand years, or from long ago, does not stop the refreshing', async () => {
    const { scene, key, sent, one, two } = await listening()
    const told = [...sent].reverse().find(({ message }) => JSON.stringify(message).includes('ey'))!
    const text = JSON.stringify(told.message)
    const [mine] = scene.backend.minted.filter((token) => text.includes(token))
    const now = scene.origin.now
    for (const forged of [tokenFor('ann', now, 1e12), tokenFor('ann', now - 1e12, 3_600)])
      scene.origin.forge(key, JSON.parse(text.replaceAll(mine!, forged)))
    const { length } = scene.calls
    await scene.advance(3_600_000)
    expect(scene.calls.length).toBeGreaterThan(length)
    expect([one.status(), two.status()]).toEqual(['fresh', 'fresh'])
  })

  it('a failure from the future changes nothing', async () => {
    const { scene, key, sent, one, two } = await listening()
    const told = [...sent].reverse().find(({ message }) => JSON.stringify(message).includes('retryAt'))!
    const { failure } = told.message as { failure: object }
    const at = scene.origin.now
    const later = at + 3_600_000
    const before = [one.happened.length, two.happened.length]
    scene.origin.forge(key, {
      ...(told.message as object),
      at,
      receivedAt: later,
      failure: { ...failure, retryAt: later, calls: [later] },
    })
    await scene.advance(1_000)
    expect([one.happened.length, two.happened.length]).toEqual(before)
  })

  it('a failure that asks to wait for a year is waited for no longer than a backend’s', async () => {
    const { scene, key, sent, one, two } = await listening()
    const told = [...sent].reverse().find(({ message }) => JSON.stringify(message).includes('retryAt'))!
    const year = 31_536_000_000
    const { failure } = told.message as { failure: object }
    scene.backend.fail()
    one.session.refresh().catch(() => {})
    await scene.advance(100)
    expect(one.status()).toBe('waiting')
    await scene.advance(400)
    const { now } = scene.origin
    const far = { ...failure, retryAt: now + year, calls: [now] }
    scene.origin.forge(key, { ...(told.message as object), at: now, receivedAt: now, failure: far })
    await scene.advance(1_000)
    scene.backend.mend()
    await scene.advance(3_600_000)
    expect([one.status(), two.status()]).toEqual(['fresh', 'fresh'])
  })
})
