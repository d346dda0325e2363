import type { Token, TokenAnswer } from 'inbox-session'
import { describe, expect, it } from 'vitest'
import { type Scene, claimsOf, watch } from '../failures/scene.js'
import { tokenFor } from '../support/tokens.js'
import { type Page, createBridgeScene, openPage } from './support.js'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

interface Night {
  scene: Scene
  page: Page
  /** The token of the evening; it ends after an hour. */
  token: string
}

const evening = async (): Promise<Night> => {
  const scene = createBridgeScene()
  const page = openPage(scene)
  await scene.advance(100)
  const token = tokenFor('ann', scene.browser.now)
  page.native.answer({ token, expiresIn: 3_600 })
  await scene.advance(100)
  return { scene, page, token }
}

/** Ways to be away for so long that no event tells of. */
const ways: [way: string, away: (night: Night, ms: number) => Promise<void>][] = [
  ['asleep', ({ scene }, ms) => scene.browser.sleep(ms)],
  [
    'asleep, which the clock of the page did not count',
    ({ scene }, ms) => scene.browser.sleep(ms, { monotonic: false }),
  ],
  [
    'stopped',
    async ({ scene, page: { tab } }, ms) => {
      tab.freeze({ silently: true })
      await scene.advance(ms)
      tab.resume()
    },
  ],
]

/** The end of a token: by what it says itself, else by what the session made of it. */
const endOf = ({ value, expiresAt }: Token): number => (claimsOf(value).exp ?? NaN) * 1_000 || expiresAt!
const isEnded = (token: Token | undefined): boolean => token !== undefined && endOf(token) <= Date.now()

/** Lets time pass until the page has asked so often, and gives how long that took. */
const untilAsked = async ({ scene, page }: Night, times: number): Promise<number> => {
  let ms = 0
  for (; page.native.asks.length < times && ms < 10 * minute; ms += second) await scene.advance(second)
  return ms
}

describe.each(ways)('a page that was %s for hours', (_way, away) => {
  it('asks anew when somebody wants a token, and hands out none that has ended', async () => {
    const night = await evening()
    const { scene, page, token } = night
    await away(night, 8 * hour)
    const asked = watch(page.session.getToken())
    await scene.advance(0)
    expect(asked.ended).toBe(false)
    expect(page.token()).toBeUndefined()
    expect(page.native.asks).toHaveLength(2)
    const next = tokenFor('ann', scene.browser.now)
    page.native.answer({ token: next })
    await scene.advance(0)
    expect(asked.value).toBe(next)
    expect(page.applied.map(({ token }) => token?.value)).toEqual([token, next])
  })

  it('asks by itself when its late timer fires, within a minute, and shows no ended token from then on', async () => {
    const night = await evening()
    const { page } = night
    await away(night, 8 * hour)
    expect(await untilAsked(night, 2)).toBeLessThanOrEqual(minute)
    expect(page.session.state).toEqual({ status: 'fetching', user: { id: 'ann' } })
    expect(page.of('expired')).toHaveLength(1)
  })

  it('shows no ended token before that either', async () => {
    const night = await evening()
    await away(night, 8 * hour)
    expect(isEnded(night.page.token())).toBe(false)
    expect(night.page.session.state).toBe(night.page.session.state)
    // What was seen is told when the timer fires.
    await untilAsked(night, 2)
  })

  it('gives none to an SDK that comes then', async () => {
    const night = await evening()
    const { scene, page } = night
    await away(night, 8 * hour)
    const got: Token[] = []
    page.session.attach({ name: 'sdk', attach: ({ token }) => void got.push(token) })
    await scene.advance(second)
    expect(got.filter(isEnded)).toEqual([])
  })

  it('signs out if that was said meanwhile, before anybody gets the token', async () => {
    const night = await evening()
    const { scene, page } = night
    await away(night, 10 * minute)
    page.native.say({ type: 'signed-out', user: { id: 'ann' } })
    await expect(page.session.getToken()).rejects.toMatchObject({ code: 'signed_out' })
    await scene.advance(minute)
    expect(page.native.asks).toHaveLength(1)
  })

  it('takes no answer that has ended since, and asks again', async () => {
    const scene = createBridgeScene()
    const page = openPage(scene)
    await scene.advance(100)
    const answer = { token: 'opaque', expiresIn: 3_600, sentAt: Date.now() / 1_000 }
    const night = { scene, page, token: '' }
    await away(night, 8 * hour)
    page.native.answer(answer)
    expect(await untilAsked(night, 2)).toBeLessThanOrEqual(2 * second)
    expect(page.of('token')).toEqual([])
    page.native.answer({ token: 'second', expiresIn: 3_600, sentAt: Date.now() / 1_000 })
    await scene.advance(0)
    expect(page.token()?.value).toBe('second')
  })

  const pushes: [what: string, answer: (now: number) => Exclude<TokenAnswer, string> & { sentAt?: number }][] = [
    ['a JWT', (now) => ({ token: tokenFor('ann', now) })],
    ['a JWT with expiresIn', (now) => ({ token: tokenFor('ann', now), expiresIn: 3_600 })],
    ['a JWT with sentAt', (now) => ({ token: tokenFor('ann', now), expiresIn: 3_600, sentAt: now / 1_000 })],
    ['an opaque one with expiresIn and sentAt', (now) => ({ token: 'opaque', expiresIn: 3_600, sentAt: now / 1_000 })],
    ['an opaque one with expiresAt', (now) => ({ token: 'opaque', expiresAt: now / 1_000 + 3_600 })],
  ]

  it.each(pushes)('does not take a token that was pushed in the night and has ended since: %s', async (_what, make) => {
    const night = await evening()
    const { scene, page } = night
    await away(night, 4 * hour)
    const push = make(scene.browser.now)
    await away(night, 4 * hour)
    page.native.say({ type: 'token', user: { id: 'ann' }, ...push })
    const asked = watch(page.session.getToken())
    await scene.advance(second)
    expect(asked.ended).toBe(false)
    expect(page.token()).toBeUndefined()
    expect(page.applied.map(({ token }) => token?.value)).toEqual([night.token])
    expect(page.of('token')).toHaveLength(1)
  })

  it.each(pushes)('uses one that is still good, and not beyond its end: %s', async (_what, make) => {
    const night = await evening()
    const { scene, page } = night
    await away(night, 4 * hour)
    const pushedAt = scene.browser.now
    const push = make(pushedAt)
    await away(night, hour / 2)
    const before = page.native.asks.length
    page.native.say({ type: 'token', user: { id: 'ann' }, ...push })
    expect(await page.session.getToken()).toBe(push.token)
    expect(page.native.asks).toHaveLength(before)
    expect(page.token()!.expiresAt! - pushedAt).toBeLessThanOrEqual(hour)
    for (const end = pushedAt + 1.1 * hour; scene.browser.now < end; await scene.advance(10 * second))
      expect(isEnded(page.token())).toBe(false)
    expect(page.token()).toBeUndefined()
    expect(page.of('token').filter(({ expiresAt }) => expiresAt! > pushedAt + hour)).toEqual([])
  })
})

it('an opaque push that says neither when it was sent nor when it ends is taken at its word, however late it comes', async () => {
  const night = await evening()
  const { scene, page } = night
  await scene.browser.sleep(8 * hour)
  page.native.say({ type: 'token', user: { id: 'ann' }, token: 'opaque', expiresIn: 3_600 })
  expect(page.token()!.expiresAt! - scene.browser.now).toBe(hour)
})
