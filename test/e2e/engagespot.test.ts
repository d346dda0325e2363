import { generateKeyPair } from 'jose'
import type { Browser, Page } from 'puppeteer-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createEngagespotStandIn, signEngagespotToken } from '../../examples/demo/providers/engagespot.js'
import type { ProviderStandIn } from '../../examples/demo/providers/provider.js'
import { hasChromium, launchChromium } from '../support/browser.js'
import { servePage } from '../support/serve.js'

const apiKey = 'app-key'
const ready = hasChromium()
const keys = await generateKeyPair('RS256')

let browser: Browser
let site: Awaited<ReturnType<typeof servePage>>
let provider: ProviderStandIn
let pages: Page[] = []

beforeAll(async () => {
  provider = await createEngagespotStandIn({ apiKey, verifyKey: keys.publicKey })
  if (!ready) return
  ;[browser, site] = await Promise.all([launchChromium(), servePage('test/e2e/pages/engagespot.ts')])
})
afterEach(async () => {
  await Promise.all(pages.map((page) => page.close()))
  pages = []
})
afterAll(async () => {
  await Promise.all([browser?.close(), site?.close(), provider.close()])
})

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const mint = (userId: string, expiresIn: number, key = apiKey) =>
  signEngagespotToken({ privateKey: keys.privateKey, apiKey: key, userId, expiresIn })

interface Settings {
  life?: number
  connect?: boolean
  disableAutoStart?: boolean
  at?: ProviderStandIn
  /** Whether to wait for the connection. */
  live?: boolean
}

const open = async (userId: string, settings: Settings = {}) => {
  const { life = 60, connect = true, disableAutoStart = connect, at = provider, live = true } = settings
  const page = await browser.newPage()
  pages.push(page)
  const minted: number[] = []
  const backend = { down: false }
  await page.exposeFunction('mint', (user: string) => {
    if (backend.down) throw new Error('The backend is down.')
    minted.push(Date.now())
    return mint(user, life)
  })
  await page.goto(site.url)
  const options = { apiKey, baseUrl: at.url, userId, connect, disableAutoStart }
  await page.evaluate((given) => void window.startInbox(given), options)
  if (live) await expect.poll(() => at.sockets(userId), { timeout: 5_000 }).toBe(1)
  return {
    page,
    backend,
    minted,
    seen: () => page.evaluate(() => window.inbox.seen()),
  }
}

let sent = 0
const send = (userId: string, title: string) => provider.send(userId, { id: `m${++sent}`, title, body: 'Hello.' })

/** Watches how many sockets a user has: the most at one time, and the longest time (ms) without one. */
const watch = (userId: string) => {
  let [most, longestGap, since] = [0, 0, 0]
  const timer = setInterval(() => {
    const count = provider.sockets(userId)
    most = Math.max(most, count)
    since = count ? 0 : since || Date.now()
    if (since) longestGap = Math.max(longestGap, Date.now() - since)
  }, 10)
  return () => {
    clearInterval(timer)
    return { most, longestGap }
  }
}

test.runIf(ready)('an inbox outlives three tokens, connected all the time, and shows each message once', async () => {
  const life = 8
  const start = provider.seen.length
  const inboxes = await Promise.all([open('ada', { life, connect: false }), open('grace', { life, connect: true })])
  const users = ['ada', 'grace']
  const stops = users.map(watch)
  const titles: string[] = []
  for (let round = 0; round < 13; round++) {
    await sleep(1_900)
    titles.unshift(`message ${round}`)
    for (const user of users) send(user, titles[0]!)
    if (round % 4) continue
    for (const { seen } of inboxes)
      await expect.poll(async () => (await seen()).list, { timeout: 2_500 }).toEqual(titles)
  }
  await sleep(300)
  const watched = stops.map((stop) => stop())
  for (const { seen, minted } of inboxes) {
    const { list, live, statuses, errors } = await seen()
    expect(list).toEqual(titles)
    expect(new Set(live).size).toBe(live.length)
    expect(minted.length).toBeGreaterThanOrEqual(4)
    expect(errors).toEqual([])
    expect(new Set(statuses)).toEqual(new Set([200]))
  }
  for (const { most, longestGap } of watched) {
    expect(most).toBe(1)
    expect(longestGap).toBeLessThan(1_000)
  }
  const asked = provider.seen.slice(start)
  expect(asked.filter(({ status }) => status >= 400)).toEqual([])
})

test.runIf(ready)(
  'an inbox comes back with the backend and with what was missed, and uses no spent token',
  async () => {
    const start = provider.seen.length
    const users = [
      { userId: 'ada', connect: false },
      { userId: 'grace', connect: true },
    ]
    const back = users.map(async ({ userId, connect }) => {
      const { backend, minted, seen } = await open(userId, { life: 4, connect })
      backend.down = true
      await expect.poll(() => provider.sockets(userId), { timeout: 6_000, interval: 20 }).toBe(0)
      await sleep(1_500)
      send(userId, 'sent during the outage')
      backend.down = false
      const mints = minted.length
      await expect.poll(() => provider.sockets(userId), { timeout: 8_000, interval: 20 }).toBe(1)
      expect(Date.now() - minted[mints]!).toBeLessThan(1_500)
      await expect.poll(async () => (await seen()).list[0]).toBe('sent during the outage')
    })
    await Promise.all(back)
    const refused = provider.seen.slice(start).filter(({ status }) => status >= 400)
    expect(refused.map(({ what, reason }) => [what, reason])).toEqual([])
  },
)

test.runIf(ready)('what is sent between the first list and the connection is shown as well', async () => {
  const slow = await createEngagespotStandIn({ apiKey, verifyKey: keys.publicKey, handshakeDelay: 600 })
  const { seen } = await open('ada', { at: slow, live: false })
  await expect.poll(async () => (await seen()).statuses).toEqual([200])
  expect(slow.sockets('ada')).toBe(0)
  slow.send('ada', { id: 'between', title: 'between the two', body: 'Hello.' })
  await expect.poll(() => slow.sockets('ada'), { timeout: 3_000 }).toBe(1)
  await expect.poll(async () => (await seen()).list).toEqual(['between the two'])
  await slow.close()
})

test.runIf(ready)('a revocation is noticed and mended within two seconds', async () => {
  const { seen, minted } = await open('ada')
  provider.revoke()
  expect(provider.sockets('ada')).toBe(0)
  await expect.poll(() => provider.sockets('ada'), { timeout: 2_000, interval: 20 }).toBe(1)
  send('ada', 'after the revocation')
  await expect.poll(async () => (await seen()).list[0]).toBe('after the revocation')
  expect(minted).toHaveLength(2)
})

test.runIf(ready)('a switch of users shows nothing of the first and leaves them no socket', async () => {
  send('grace', 'for grace alone')
  send('alan', 'for alan alone')
  const { page, seen } = await open('grace')
  await expect.poll(async () => (await seen()).list).toContain('for grace alone')
  const start = provider.seen.length
  await page.evaluate(() => {
    window.inbox.forget()
    window.inbox.session.signIn('alan')
  })
  await expect.poll(() => provider.sockets('alan')).toBe(1)
  expect(provider.sockets('grace')).toBe(0)
  send('grace', 'for grace, later')
  send('alan', 'for alan, later')
  await expect.poll(async () => (await seen()).list).toEqual(['for alan, later', 'for alan alone'])
  expect((await seen()).shown.filter((title) => title.includes('grace'))).toEqual([])
  const asked = provider.seen.slice(start)
  expect(asked.length).toBeGreaterThan(0)
  expect(new Set(asked.map(({ tokenUser }) => tokenUser))).toEqual(new Set(['alan']))
})

test.runIf(ready)('signing out closes the socket and empties the inbox', async () => {
  const { page, seen } = await open('ada')
  send('ada', 'for ada')
  await expect.poll(async () => (await seen()).list).toContain('for ada')
  await page.evaluate(() => window.inbox.session.signOut())
  await expect.poll(() => provider.sockets('ada')).toBe(0)
  expect((await seen()).list).toEqual([])
})

test.runIf(ready)('an app that forgot disableAutoStart still has one socket, and none after the sign-out', async () => {
  const { page } = await open('ada', { connect: true, disableAutoStart: false })
  await sleep(300)
  expect(provider.sockets('ada')).toBe(1)
  await page.evaluate(() => window.inbox.session.signOut())
  await expect.poll(() => provider.sockets('ada')).toBe(0)
})

test('the stand-in refuses what is missing, foreign, spent, revoked or made for another app', async () => {
  const ask = async (token?: string) => {
    const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {}
    const { status } = await fetch(`${provider.url}v3/notifications`, { headers })
    return [status, provider.seen.at(-1)?.reason]
  }
  const stranger = await generateKeyPair('RS256')
  const good = await mint('ada', 60)
  expect(await ask(good)).toEqual([200, undefined])
  expect(await ask()).toEqual([401, 'missing'])
  expect(await ask('no.jwt.atall')).toEqual([401, 'signature'])
  const forged = signEngagespotToken({ privateKey: stranger.privateKey, apiKey, userId: 'ada' })
  expect(await ask(await forged)).toEqual([401, 'signature'])
  expect(await ask(await mint('ada', 0))).toEqual([401, 'expired'])
  expect(await ask(await mint('ada', 60, 'another-app'))).toEqual([401, 'scope'])
  provider.revoke()
  expect(await ask(good)).toEqual([401, 'revoked'])
  expect(await ask(await mint('ada', 60))).toEqual([200, undefined])
})
