import { generateKeyPair } from 'jose'
import type { Browser, Page } from 'puppeteer-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { ProviderStandIn } from '../../examples/demo/providers/provider.js'
import { createSuprSendStandIn, signSuprSendToken } from '../../examples/demo/providers/suprsend.js'
import { hasChromium, launchChromium } from '../support/browser.js'
import { servePage } from '../support/serve.js'

const publicKey = 'workspace-key'
const ready = hasChromium()
const keys = await generateKeyPair('ES256')

let browser: Browser
let site: Awaited<ReturnType<typeof servePage>>
let provider: ProviderStandIn
let pages: Page[] = []

beforeAll(async () => {
  provider = await createSuprSendStandIn({ publicKey, verifyKey: keys.publicKey })
  if (!ready) return
  ;[browser, site] = await Promise.all([launchChromium(), servePage('test/e2e/pages/suprsend.ts')])
})
afterEach(async () => {
  await Promise.all(pages.map((page) => page.close()))
  pages = []
})
afterAll(async () => {
  await Promise.all([browser?.close(), site?.close(), provider.close()])
})

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const mint = (userId: string, expiresIn?: number, tenant?: string) =>
  signSuprSendToken({ privateKey: keys.privateKey, userId, expiresIn, tenant })

const open = async (userId: string, settings: { life?: number; early?: boolean; bare?: boolean } = {}) => {
  const { life = 60, early = false, bare = false } = settings
  const page = await browser.newPage()
  pages.push(page)
  const minted: number[] = []
  const backend = { down: false }
  const faults: unknown[] = []
  page.on('pageerror', (fault) => faults.push(fault))
  await page.exposeFunction('mint', (user: string) => {
    if (backend.down) throw new Error('The backend is down.')
    minted.push(Date.now())
    return mint(user, life === Infinity ? undefined : life)
  })
  if (bare) await page.evaluateOnNewDocument(() => void Reflect.deleteProperty(Navigator.prototype, 'serviceWorker'))
  await page.goto(site.url)
  const options = { publicKey, host: new URL(provider.url).origin, userId, early }
  await page.evaluate((given) => void window.startSuprSend(given), options)
  await expect.poll(() => provider.sockets(userId), { timeout: 5_000 }).toBe(1)
  return { page, backend, minted, faults, seen: () => page.evaluate(() => window.suprsendInbox.seen()) }
}

let sent = 0
const send = (userId: string, title: string) => provider.send(userId, { id: `m${++sent}`, title, body: 'Hello.' })

/** Watches the sockets of a user: the most at one time, the longest time (ms) without one, and a message sent in each gap. */
const watch = (userId: string, inGap: () => void) => {
  let [most, longestGap, since] = [0, 0, 0]
  const timer = setInterval(() => {
    const count = provider.sockets(userId)
    most = Math.max(most, count)
    if (count) since = 0
    else if (!since) {
      since = Date.now()
      inGap()
    }
    if (since) longestGap = Math.max(longestGap, Date.now() - since)
  }, 1)
  return () => {
    clearInterval(timer)
    return { most, longestGap }
  }
}

test.runIf(ready)('an inbox outlives three tokens whose sockets are cut, and shows each message once', async () => {
  const start = provider.seen.length
  const { seen, minted, faults } = await open('ada', { life: 8 })
  const titles: string[] = []
  const post = (title: string) => {
    titles.unshift(title)
    send('ada', title)
  }
  const stop = watch('ada', () => post(`in gap ${titles.length}`))
  for (let round = 0; round < 13; round++) {
    await sleep(1_900)
    post(`message ${round}`)
    await expect.poll(async () => (await seen()).list, { timeout: 1_500 }).toEqual(titles)
  }
  const { most, longestGap } = stop()
  const { errors, asked } = await seen()
  expect(titles.filter((title) => title.startsWith('in gap')).length).toBeGreaterThanOrEqual(2)
  expect([most, errors, faults]).toEqual([1, [], []])
  expect(longestGap).toBeLessThan(1_000)
  expect(minted.length).toBeGreaterThanOrEqual(4)
  expect(asked).toBeLessThanOrEqual(minted.length)
  expect(provider.seen.slice(start).filter(({ status }) => status >= 400)).toEqual([])
})

test.runIf(ready)('an inbox comes back with the backend and shows what it missed', async () => {
  const start = provider.seen.length
  const { backend, minted, seen } = await open('grace', { life: 5 })
  backend.down = true
  await expect.poll(() => provider.sockets('grace'), { timeout: 8_000, interval: 20 }).toBe(0)
  await sleep(1_500)
  send('grace', 'sent during the outage')
  backend.down = false
  const mints = minted.length
  await expect.poll(() => provider.sockets('grace'), { timeout: 8_000, interval: 20 }).toBe(1)
  expect(Date.now() - minted[mints]!).toBeLessThan(1_500)
  await expect.poll(async () => (await seen()).list).toContain('sent during the outage')
  expect(provider.seen.slice(start).filter(({ status }) => status >= 400)).toEqual([])
})

test.runIf(ready)('a revocation is noticed and mended within two seconds', async () => {
  const { seen, minted } = await open('alan')
  provider.revoke()
  expect(provider.sockets('alan')).toBe(0)
  await expect.poll(() => provider.sockets('alan'), { timeout: 2_000, interval: 20 }).toBe(1)
  send('alan', 'after the revocation')
  await expect.poll(async () => (await seen()).list[0]).toBe('after the revocation')
  expect(minted).toHaveLength(2)
})

test.runIf(ready)('an inbox survives a restart of the provider and shows what was sent meanwhile', async () => {
  const port = Number(new URL(provider.url).port)
  const { seen, minted } = await open('edith')
  await provider.close()
  provider = await createSuprSendStandIn({ publicKey, verifyKey: keys.publicKey, port })
  send('edith', 'sent while the socket was away')
  await expect.poll(() => provider.sockets('edith'), { timeout: 5_000 }).toBe(1)
  await expect.poll(async () => (await seen()).list).toEqual(['sent while the socket was away'])
  expect(minted).toHaveLength(1)
})

test.runIf(ready)('a switch of users shows nothing of the first and leaves them no socket', async () => {
  send('joan', 'for joan alone')
  send('kurt', 'for kurt alone')
  const { page, seen, faults } = await open('joan')
  await expect.poll(async () => (await seen()).list).toEqual(['for joan alone'])
  // An answer for the first user is under way while the second signs in.
  await page.evaluate(() => {
    window.suprsendInbox.delayList(500)
    void window.suprsendInbox.client.feeds.feedInstances[0]?.fetch()
    window.suprsendInbox.delayList(0)
  })
  await sleep(100)
  const start = provider.seen.length
  await page.evaluate(() => {
    window.suprsendInbox.session.signIn('kurt')
    window.suprsendInbox.forget()
  })
  await expect.poll(() => provider.sockets('kurt')).toBe(1)
  expect(provider.sockets('joan')).toBe(0)
  send('joan', 'for joan, later')
  send('kurt', 'for kurt, later')
  await expect.poll(async () => (await seen()).list).toEqual(['for kurt, later', 'for kurt alone'])
  await sleep(700)
  const { shown, errors } = await seen()
  expect([shown.filter((title) => title.includes('joan')), errors, faults]).toEqual([[], [], []])
  const requests = provider.seen.slice(start)
  expect(requests.length).toBeGreaterThan(0)
  expect(requests.filter((entry) => entry.tokenUser !== 'kurt' || entry.claimedUser !== 'kurt')).toEqual([])
})

test.runIf(ready)('signing out closes the socket, empties the inbox and takes the token from the SDK', async () => {
  const { page, seen } = await open('ada')
  send('ada', 'for ada')
  await expect.poll(async () => (await seen()).list).toContain('for ada')
  await page.evaluate(() => window.suprsendInbox.session.signOut())
  await expect.poll(() => provider.sockets('ada')).toBe(0)
  expect((await seen()).list).toEqual([])
  expect(
    await page.evaluate(() => [window.suprsendInbox.client.isIdentified(), window.suprsendInbox.client.userToken]),
  ).toEqual([false, ''])
  const start = provider.seen.length
  await sleep(1_500)
  expect(provider.seen.slice(start)).toEqual([])
})

test.runIf(ready)('signing out works where there are no service workers', async () => {
  const { page, seen } = await open('ada', { bare: true })
  await page.evaluate(() => window.suprsendInbox.session.signOut())
  await expect.poll(() => provider.sockets('ada')).toBe(0)
  expect(await page.evaluate(() => window.suprsendInbox.client.isIdentified())).toBe(false)
  expect((await seen()).errors).toEqual([])
})

test.runIf(ready)('feeds made before the sign-in come alive, and feeds made later are mended too', async () => {
  send('emmy', 'from before')
  const { page, seen, minted } = await open('emmy', { early: true })
  await expect.poll(async () => (await seen()).list).toEqual(['from before'])
  await page.evaluate(() => window.suprsendInbox.openFeed())
  await expect.poll(() => provider.sockets('emmy')).toBe(2)
  provider.revoke()
  await expect.poll(() => provider.sockets('emmy'), { timeout: 2_500, interval: 20 }).toBe(2)
  expect(minted).toHaveLength(2)
})

test.runIf(ready).each([
  ['thirty days', 30 * 86_400, 1],
  ['for ever', Infinity, 0],
])('a token that lives %s is minted once, asked for hardly, and replaced when it is refused', async (_, life, asks) => {
  const { seen, minted } = await open('mary', { life })
  await sleep(500)
  expect([minted.length, (await seen()).asked]).toEqual([1, asks])
  provider.revoke()
  await expect.poll(() => provider.sockets('mary'), { timeout: 2_000, interval: 20 }).toBe(1)
  expect([minted.length, (await seen()).asked]).toEqual([2, 2 * asks])
})

test('the stand-in refuses what is missing, foreign, spent, revoked or for another tenant', async () => {
  const ask = async (token?: string, query = 'distinct_id=ada&tenant_id=default', key = publicKey) => {
    const headers: Record<string, string> = { authorization: key, ...(token && { 'x-ss-signature': token }) }
    const { status } = await fetch(`${provider.url}v1/feed/notifications?${query}`, { headers })
    return [status, provider.seen.at(-1)?.reason]
  }
  const stranger = await generateKeyPair('ES256')
  const good = await mint('ada', 60)
  expect(await ask(good)).toEqual([200, undefined])
  expect(await ask()).toEqual([401, 'missing'])
  expect(await ask(good, undefined, 'another-key')).toEqual([401, 'missing'])
  expect(await ask('no.jwt.atall')).toEqual([401, 'signature'])
  expect(await ask(await signSuprSendToken({ privateKey: stranger.privateKey, userId: 'ada' }))).toEqual([
    401,
    'signature',
  ])
  expect(await ask(await mint('ada', 0))).toEqual([401, 'expired'])
  expect(await ask(await mint('grace', 60))).toEqual([403, 'user'])
  expect(await ask(await mint('ada', 60, 'acme'))).toEqual([403, 'scope'])
  expect(await ask(await mint('ada', 60, 'acme'), 'distinct_id=ada&tenant_id=acme')).toEqual([200, undefined])
  expect(await ask(await mint('ada'))).toEqual([200, undefined])
  provider.revoke()
  expect(await ask(good)).toEqual([401, 'revoked'])
  expect(await ask(await mint('ada', 60))).toEqual([200, undefined])
})
