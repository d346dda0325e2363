import { describe, expect, it } from 'vitest'
import { type Window, createTabs, watch } from '../support/tabs-scene.js'
import { tokenFor } from '../support/tokens.js'

const pair = async () => {
  const scene = createTabs({ faulty: true })
  const windows = scene.openAll(2, { user: { id: 'ann', email: 'ann@example.com' } as never }) as [Window, Window]
  await scene.advance(5_000)
  const [key] = scene.origin.keys as [string]
  const forge = async (message: object, under = key): Promise<void> => {
    scene.origin.forge(under, { version: 1, at: scene.origin.now, ...message })
    await scene.advance(1_000)
  }
  const record = (token: string, id = 'ann') =>
    JSON.stringify({ version: 1, user: { id }, token, receivedAt: scene.origin.now, expiresIn: 3_600 })
  return { scene, windows, key, forge, record }
}
const statuses = (windows: readonly Window[]) => windows.map(({ status }) => status())

describe('a script of the origin that posts to the channel', () => {
  it('can sign its user out of all tabs, and nobody else', async () => {
    const { scene, windows, forge } = await pair()
    const bob = scene.open({ user: 'bob' })
    await scene.advance(1_000)
    await forge({ type: 'signed-out' })
    expect(statuses([...windows, bob])).toEqual(['signed-out', 'signed-out', 'fresh'])
  })

  it('can put in a token of that user or of nobody, and none that names another user', async () => {
    const { scene, windows, forge, record } = await pair()
    const held = windows[0].token()!.value
    await forge({ type: 'token', record: record(tokenFor('bob', scene.origin.now + 60_000)) })
    await forge({ type: 'token', record: record(tokenFor('ann', scene.origin.now + 60_000), 'bob') })
    expect(windows.every((window) => window.token()!.value === held)).toBe(true)
    const planted = tokenFor('ann', scene.origin.now + 60_000)
    await forge({ type: 'token', record: record(planted) })
    expect(windows.every((window) => window.token()!.value === planted)).toBe(true)
  })

  it('can make tabs wait with their calls, for 12.5 minutes at most each time', async () => {
    const { scene, windows, forge } = await pair()
    const failure = {
      error: { code: 'source_failed', message: 'down' },
      retryAt: scene.origin.now + 1e9,
      attempt: 1e9,
      calls: [scene.origin.now],
    }
    await forge({ type: 'failure', failure, receivedAt: windows[0].token()!.receivedAt })
    expect(statuses(windows)).toEqual(['waiting', 'waiting'])
    expect(windows.every(({ token }) => Boolean(token()))).toBe(true)
    await scene.advance(750_000)
    expect(statuses(windows)).toEqual(['fresh', 'fresh'])
  })

  it('can have a token dropped as refused, for one new call', async () => {
    const { scene, windows, forge } = await pair()
    const calls = scene.calls.length
    const held = windows[0].token()!.value
    await forge({ type: 'refused', value: held })
    await scene.advance(5_000)
    expect(statuses(windows)).toEqual(['fresh', 'fresh'])
    expect(windows.some((window) => window.token()!.value === held)).toBe(false)
    expect(scene.calls.length - calls).toBe(1)
  })
})

describe('what goes over the channel', () => {
  it('holds the token, the user’s id and tenant, and neither email nor anything of other users', async () => {
    const { scene, windows, key } = await pair()
    scene.open({ user: 'bob' })
    await scene.advance(3_600_000)
    const texts = scene.origin.posted.map(({ key: under, message }) => [under, JSON.stringify(message)] as const)
    const mine = texts.filter(([under]) => under === key).map(([, text]) => text)
    expect(mine.some((text) => text.includes(windows[0].token()!.value))).toBe(true)
    expect(mine.join()).not.toMatch(/example\.com|bob/)
    const carrying = texts.filter(([, text]) => scene.backend.minted.some((token) => text.includes(token)))
    expect(new Set(carrying.map(([, text]) => (JSON.parse(text) as { type: string }).type))).toEqual(new Set(['token']))
  })

  it('ends with signOut: no question is answered with a token after it', async () => {
    const { scene, windows, forge } = await pair()
    await Promise.all(windows.map(({ session }) => session.signOut()))
    await scene.advance(1_000)
    const { length } = scene.origin.posted
    await forge({ type: 'ask', receivedAt: 0 })
    const asked = watch(windows[1].session.getToken())
    await scene.advance(1_000)
    expect(asked.error?.code).toBe('signed_out')
    expect(scene.origin.posted).toHaveLength(length)
  })
})
