import { createHash, createHmac } from 'node:crypto'
import type { Browser, Page } from 'puppeteer-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createNotifizzStandIn, type NotifizzStandIn } from '../../examples/demo/providers/notifizz.js'
import { hasChromium, launchChromium } from '../support/browser.js'
import { servePage } from '../support/serve.js'

// Notifizz publishes no package: a stand-in widget with its documented options, against a stand-in API of our own.
const apiKey = 'app-key'
const ready = hasChromium()

let browser: Browser
let site: Awaited<ReturnType<typeof servePage>>
let provider: NotifizzStandIn
let page: Page | undefined

beforeAll(async () => {
  provider = await createNotifizzStandIn({ apiKey })
  if (!ready) return
  ;[browser, site] = await Promise.all([launchChromium(), servePage('test/e2e/pages/notifizz.ts')])
})
afterEach(async () => {
  await page?.close()
  page = undefined
})
afterAll(async () => {
  await Promise.all([browser?.close(), site?.close(), provider.close()])
})

const open = async (userId: string) => {
  const opened = (page = await browser.newPage())
  await opened.exposeFunction('hash', (user: string) => provider.hashNotifizzToken(user))
  await opened.goto(site.url)
  await opened.evaluate((options) => window.startWidget(options), { apiKey, baseUrl: provider.url, userId })
  await expect.poll(() => provider.sockets(userId), { timeout: 5_000 }).toBe(1)
  return {
    page: opened,
    titles: () => opened.evaluate(() => window.widgets.titles()),
    mounted: () => opened.evaluate(() => window.widgets.mounted()),
  }
}

let sent = 0
const send = (userId: string, title: string) => provider.send(userId, { id: `m${++sent}`, title, body: 'Hello.' })

test.runIf(ready)('the widget lists what there was and shows what comes, each once and the newest first', async () => {
  send('ada', 'earlier')
  send('ada', 'early')
  const { titles, mounted } = await open('ada')
  send('ada', 'live')
  await expect.poll(titles).toEqual([['live', 'early', 'earlier']])
  expect(await mounted()).toBe(1)
})

test.runIf(ready)('a refresh that brings the same hash leaves the widget in its place', async () => {
  const { page, mounted } = await open('ada')
  await page.evaluate(() => window.widgets.session.refresh().catch(() => {}))
  expect(await mounted()).toBe(1)
  expect(provider.sockets('ada')).toBe(1)
})

test.runIf(ready)('a changed secret is noticed and mended within two seconds', async () => {
  const { mounted, titles } = await open('bea')
  provider.revoke()
  expect(provider.sockets('bea')).toBe(0)
  await expect.poll(() => provider.sockets('bea'), { timeout: 2_000, interval: 20 }).toBe(1)
  send('bea', 'after the change')
  await expect.poll(titles).toEqual([['after the change']])
  expect(await mounted()).toBe(2)
})

test.runIf(ready)('a switch of users shows nothing of the first', async () => {
  send('cleo', 'for cleo alone')
  send('dana', 'for dana alone')
  const { page, titles } = await open('cleo')
  await expect.poll(titles).toEqual([['for cleo alone']])
  const start = provider.seen.length
  await page.evaluate(() => window.widgets.session.signIn('dana'))
  await expect.poll(() => provider.sockets('dana')).toBe(1)
  send('cleo', 'for cleo, later')
  await expect.poll(titles).toEqual([['for dana alone']])
  expect(provider.sockets('cleo')).toBe(0)
  const asked = provider.seen.slice(start)
  expect(asked.length).toBeGreaterThan(0)
  expect(asked.filter(({ claimedUser, tokenUser }) => claimedUser !== 'dana' || tokenUser !== 'dana')).toEqual([])
})

test.runIf(ready)('signing out takes the widget off the page and closes its socket', async () => {
  const { page, titles } = await open('ada')
  await page.evaluate(() => window.widgets.session.signOut())
  await expect.poll(() => provider.sockets('ada')).toBe(0)
  expect(await titles()).toEqual([])
})

const ask = async ({ url, seen }: NotifizzStandIn, userId: string, token: string, key = apiKey) => {
  const headers = { authorization: `Bearer ${token}`, 'x-notifizz-api-key': key, 'x-notifizz-user': userId }
  const { status } = await fetch(`${url}v1/notifications`, { headers })
  return [status, seen.at(-1)?.reason, seen.at(-1)?.tokenUser]
}

test('the stand-in refuses what is missing, invented, another user’s, for another app or of an old secret', async () => {
  const token = provider.hashNotifizzToken('ada')
  expect(await ask(provider, 'ada', token)).toEqual([200, undefined, 'ada'])
  expect(await ask(provider, 'ada', '')).toEqual([401, 'missing', undefined])
  expect(await ask(provider, 'ada', 'deadbeef')).toEqual([401, 'signature', undefined])
  expect(await ask(provider, 'bea', token)).toEqual([401, 'user', 'ada'])
  expect(await ask(provider, 'ada', token, 'another-app')).toEqual([401, 'scope', 'ada'])
  provider.revoke()
  expect(await ask(provider, 'ada', token)).toEqual([401, 'revoked', 'ada'])
  expect(await ask(provider, 'ada', provider.hashNotifizzToken('ada'))).toEqual([200, undefined, 'ada'])
})

test('the hash is HMAC-SHA256 of the id, or whatever the app says it is', async () => {
  const secret = 'shared'
  const sha256 = (userId: string, key: string) =>
    createHash('sha256')
      .update(userId + key)
      .digest('hex')
  const [documented, php] = await Promise.all([
    createNotifizzStandIn({ apiKey, secret }),
    createNotifizzStandIn({ apiKey, secret, hash: sha256 }),
  ])
  const hmac = createHmac('sha256', secret).update('ada').digest('hex')
  const plain = sha256('ada', secret)
  expect((await ask(documented, 'ada', hmac))[0]).toBe(200)
  expect((await ask(documented, 'ada', plain))[0]).toBe(401)
  expect((await ask(php, 'ada', plain))[0]).toBe(200)
  expect((await ask(php, 'ada', hmac))[0]).toBe(401)
  await Promise.all([documented.close(), php.close()])
})
