import { memoryStorage } from 'inbox-session'
import type { TokenStorage } from 'inbox-session'
import { describe, expect, it } from 'vitest'
import { openStorage, signedIn } from '../support/storage.js'

const hour = 3_600_000

describe('a corrupt record counts as absent (F83)', () => {
  it.each<[string, (good: string) => string]>([
    ['undefined', () => 'undefined'],
    ['null', () => 'null'],
    ['a bracket', () => '{'],
    ['a list', () => '[]'],
    ['a number', () => '7'],
    ['nothing', () => ''],
    ['cut off', (good) => good.slice(0, -20)],
    ['of another version', (good) => good.replace(/"version":\d+/, '"version":99')],
    ['junk of 1 MB', () => 'x'.repeat(1_000_000)],
    [
      'from the future',
      (good) => good.replace(/(?<="(receivedAt|expiresAt)":)\d+/g, (time) => `${Number(time) + 9 * hour}`),
    ],
    ['without its times', (good) => good.replace(/"receivedAt":\d+,/, '')],
    ['with a wrong end', (good) => good.replace(/"expiresIn":\d+/, '"expiresIn":"soon"')],
    ['with a key for the prototype', (good) => good.replace('{', '{"__proto__":{"token":"x"},')],
    ['longer than 64 kB', (good) => good + ' '.repeat(65_536)],
    ['with no token in it', (good) => good.replace(/"token":"[^"]+"/, '"token":7')],
  ])('%s', async (_, spoil) => {
    const { storage, items } = openStorage()
    const before = await signedIn({ storage })
    await before.session.close()
    const [[key, good]] = [...items] as [[string, string]]
    const spoilt = spoil(good)
    expect(spoilt).not.toBe(good)
    items.set(key, spoilt)
    const { backend, session, errors } = await signedIn({ storage })
    expect(await session.getToken()).toBe(backend.minted[0])
    expect(backend.calls).toHaveLength(1)
    expect(items.get(key)).not.toBe(spoilt)
    expect(errors()).toEqual([])
  })
})

describe('a storage that', () => {
  const broken = (more: Partial<TokenStorage>) => ({ ...memoryStorage(), ...more })
  const quota = () => {
    throw new DOMException('the quota has been exceeded', 'QuotaExceededError')
  }

  it.each<[string, Partial<TokenStorage>]>([
    ['is full (F82)', { setItem: quota }],
    ['is blocked (F81)', { getItem: quota, setItem: quota, removeItem: quota }],
    ['rejects what is written (F84)', { setItem: () => Promise.reject(new Error('closed')) }],
    ['cannot be read', { getItem: quota }],
    ['rejects what is read', { getItem: () => Promise.reject(new Error('closed')) }],
  ])('%s costs nobody the token, and is reported', async (_, more) => {
    const { backend, session, world, errors } = await signedIn({ storage: broken(more) })
    expect(await session.getToken()).toBe(backend.minted[0])
    expect(errors()).toEqual(['storage_failed'])
    for (let refresh = 1; refresh < 30; refresh++) {
      await Promise.all([session.refresh(), world.advance(1_000)])
      expect(await session.getToken()).toBe(backend.minted[refresh])
    }
    expect(errors()).toEqual(['storage_failed'])
  })

  it('cannot remove does not keep signOut from ending', async () => {
    const { session, errors } = await signedIn({ storage: broken({ removeItem: quota }) })
    await session.signOut()
    expect(errors()).toEqual(['storage_failed'])
  })

  it('never answers is waited for 2 s at most (F84)', async () => {
    const hangs = { getItem: () => new Promise<never>(() => {}) }
    const { backend, session, world, errors } = await signedIn({ storage: broken(hangs) })
    expect(backend.calls).toEqual([])
    await world.advance(2_000)
    expect(await session.getToken()).toBe(backend.minted[0])
    await world.advance(1_000)
    await Promise.all([session.refresh(), world.advance(1)])
    expect(await session.getToken()).toBe(backend.minted[1])
    await world.advance(2 * hour)
    expect(errors()).toEqual(['storage_failed'])
  })

  it('never ends a write or a removal holds up nobody', async () => {
    const hangs = () => new Promise<never>(() => {})
    const { backend, session, world } = await signedIn({ storage: broken({ setItem: hangs, removeItem: hangs }) })
    expect(await session.getToken()).toBe(backend.minted[0])
    let out = false
    void session.signOut().then(() => (out = true))
    await world.advance(2_500)
    expect(out).toBe(true)
  })
})
