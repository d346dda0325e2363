import { isDeepStrictEqual } from 'node:util'
import type { Browser, Page } from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, test, type TestContext } from 'vitest'
import { createCourierStandIn, issueCourierToken } from '../../examples/demo/providers/courier.js'
import { hasChromium, launchChromium } from '../support/browser.js'
import { servePage } from '../support/serve.js'
import type {} from './pages/courier.js'

const apiKey = 'app-key'
const ready = hasChromium()
let browser: Browser
let site: Awaited<ReturnType<typeof servePage>>

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
/** Looks until it sees what is wanted; tests that run side by side cannot use expect.poll. */
async function until<T>(read: () => T | Promise<T>, wanted: T, within = 2_000): Promise<void> {
  const end = Date.now() + within
  for (;;) {
    const seen = await read()
    if (isDeepStrictEqual(seen, wanted)) return
    if (Date.now() > end) return void expect(seen).toEqual(wanted)
    await sleep(20)
  }
}

beforeAll(async () => {
  if (ready) [browser, site] = await Promise.all([launchChromium(), servePage('test/e2e/pages/courier.ts')])
})
afterAll(async () => {
  await Promise.all([browser?.close(), site?.close()])
})

type StartOptions = Partial<Parameters<Window['startCourier']>[0]>

interface Settings extends StartOptions {
  /** Seconds. */
  life?: number
  /** All tokens end with the first one, until the backend was down. */
  sameEnd?: boolean
  /** The page comes with a token that is refused. */
  dead?: boolean
}

/** A provider of its own and a page with an inbox of ada's. */
async function open({ onTestFinished }: TestContext, settings: Settings = {}) {
  const { life = 60, dead = false, sameEnd: untilDown = false, ...start } = settings
  let sameEnd = untilDown
  const provider = await createCourierStandIn({ apiKey })
  // Tabs of one browser would share ada's token, which another provider signed.
  const profile = await browser.createBrowserContext()
  const page: Page = await profile.newPage()
  onTestFinished(async () => {
    await profile.close()
    await provider.close()
  })
  let ends: number | undefined
  const mint = (userId: string) => {
    const second = Math.floor(Date.now() / 1_000)
    const expiresIn = sameEnd ? (ends ??= second + life) - second : life
    return issueCourierToken({ url: provider.url, apiKey, userId, expiresIn })
  }
  let minted = 0
  let down = false
  await page.exposeFunction('mintCourier', (userId: string) => {
    if (down) throw new Error('The backend is down.')
    minted += 1
    return mint(userId)
  })
  await page.goto(site.url)
  let sent = 0
  const titles: string[] = []
  const send = (title: string, userId = 'ada') => {
    provider.send(userId, { id: `m${++sent}`, title, body: 'Hello.' })
    if (userId === 'ada') titles.unshift(title)
  }
  send('welcome')
  if (dead) {
    start.initial = await mint('ada')
    const headers = { authorization: `Bearer ${start.initial}`, 'x-courier-user-id': 'ada' }
    await fetch(`${provider.url}q`, { method: 'POST', headers, body: JSON.stringify({ query: 'query Any { x }' }) })
    provider.revoke()
  }
  await page.evaluate((given) => window.startCourier(given), { url: provider.url, userId: 'ada', ...start })
  const inbox = <T>(ask: (inbox: Window['courierInbox']) => T) =>
    page.evaluate(`(${ask.toString()})(window.courierInbox)`) as Promise<Awaited<T>>
  const list = () => inbox((it) => it.list())
  const live = (within = 5_000) => until(() => provider.sockets('ada'), 1, within)
  const complete = (within?: number) => until(list, titles, within)
  // Several pages at once take their time to start; nothing is measured yet.
  await live(15_000)
  await complete(10_000)
  return {
    provider,
    page,
    inbox,
    list,
    titles,
    send,
    live,
    complete,
    minted: () => minted,
    setDown(value: boolean) {
      down = value
      sameEnd = false
    },
    refused: () => provider.seen.filter(({ status }) => status >= 400).map(({ what, reason }) => `${what}: ${reason}`),
  }
}

/** Watches how many sockets ada has: the most at one time, and the longest time (ms) without one. */
function watch(provider: { sockets(userId: string): number }) {
  let [most, longestGap, since] = [0, 0, 0]
  const timer = setInterval(() => {
    const count = provider.sockets('ada')
    most = Math.max(most, count)
    since = count ? 0 : since || Date.now()
    if (since) longestGap = Math.max(longestGap, Date.now() - since)
  }, 10)
  return () => {
    clearInterval(timer)
    return { most, longestGap }
  }
}

describe.runIf(ready)('over the lifetimes of tokens', { concurrent: true }, () => {
  for (const mountedFirst of [true, false]) {
    const when = mountedFirst ? 'before' : 'after'
    test(`an inbox mounted ${when} the sign-in outlives three tokens and shows each message once`, async (context) => {
      const { provider, send, complete, refused, minted, inbox } = await open(context, { life: 8, mountedFirst })
      const stop = watch(provider)
      // Fewer than the SDK's page of 24, since fetching again goes back to the first page.
      for (let round = 0; round < 20; round++) {
        await sleep(1_300)
        send(`message ${round}`)
        if (round % 4 === 0) await complete()
      }
      await complete()
      const { most, longestGap } = stop()
      expect(most).toBe(1)
      expect(longestGap).toBeLessThan(1_000)
      expect(minted()).toBeGreaterThanOrEqual(4)
      expect(refused()).toEqual([])
      expect(await inbox((it) => it.errors)).toEqual([])
      expect(await inbox((it) => it.signIns)).toEqual(['ada'])
    })
  }

  test('where the SDK does not let its options be written each token signs in anew, and what falls between comes with the next', async (context) => {
    const { send, complete, minted, inbox } = await open(context, { life: 8, frozen: true })
    for (let round = 0; round < 18; round++) {
      await sleep(1_000)
      send(`message ${round}`)
    }
    // The SDK drops what is pushed between its list and its subscription; the next sign-in, within one life, fetches it.
    await complete(9_000)
    await until(async () => (await inbox((it) => it.signIns)).filter(Boolean).length - minted(), 0)
    expect(minted()).toBeGreaterThanOrEqual(3)
  })

  test('what came while the backend was down for two lifetimes is there a second after it is back', async (context) => {
    const { provider, send, live, complete, setDown, minted, refused } = await open(context, { life: 4 })
    setDown(true)
    await until(() => provider.sockets('ada'), 0, 6_000)
    for (let round = 0; round < 4; round++) {
      await sleep(1_000)
      send(`unheard ${round}`)
    }
    const before = minted()
    setDown(false)
    await until(() => minted() > before, true, 10_000)
    await live(2_000)
    await complete()
    send('heard again')
    await complete()
    expect(refused()).toEqual([])
  })
})

describe.runIf(ready)('when a later token ends with the one before', () => {
  test('a socket that ends with its token is not opened with a later token that ended at that moment too', async (context) => {
    const settings = { life: 8, sameEnd: true }
    const { provider, live, complete, send, setDown, minted, refused, inbox } = await open(context, settings)
    await inbox((it) => it.session.refresh())
    expect(minted()).toBeGreaterThan(1)
    setDown(true)
    await until(() => provider.sockets('ada'), 0, 9_000)
    await sleep(500)
    expect(refused()).toEqual([])
    send('unheard')
    setDown(false)
    await live(10_000)
    await complete()
    expect(refused()).toEqual([])
  })
})

describe.runIf(ready)('when the provider refuses a token', () => {
  test('the inbox is live again within two seconds and misses nothing', async (context) => {
    const { provider, send, live, complete, minted, inbox } = await open(context)
    for (const round of [1, 2]) {
      const before = Date.now()
      provider.revoke()
      expect(provider.sockets('ada')).toBe(0)
      send(`unheard ${round}`)
      await live()
      expect(Date.now() - before).toBeLessThan(2_000)
      await complete()
      expect(minted()).toBe(1 + round)
    }
    expect((await inbox((it) => it.errors)).filter((text) => text.startsWith('unhandled'))).toEqual([])
  })

  for (const mountedFirst of [true, false]) {
    const when = mountedFirst ? 'before' : 'after'
    test(`an inbox mounted ${when} a sign-in with a dead token shows its messages`, async (context) => {
      const { inbox, minted } = await open(context, { dead: true, mountedFirst })
      expect(minted()).toBe(1)
      expect(await inbox((it) => it.errors)).toEqual([])
    })
  }

  test('a message can still be marked as read, and the inbox does not turn into an error', async (context) => {
    const { provider, send, inbox, complete, titles } = await open(context)
    send('read me')
    await complete()
    provider.revoke()
    await inbox((it) => it.read('read me'))
    expect(await inbox((it) => it.readTitles())).toEqual(['read me'])
    expect(await inbox((it) => it.list())).toEqual(titles)
    await inbox((it) => it.reload())
    expect(await inbox((it) => it.readTitles())).toEqual(['read me'])
  })
})

describe.runIf(ready)('when the user leaves', () => {
  for (const recreates of [true, false]) {
    const how = recreates ? 'that the app re-creates' : 'that stays in the page'
    test(`the next user sees nothing of the first in an element ${how}`, async (context) => {
      const { provider, send, page, inbox } = await open(context, { recreates })
      send('for grace', 'grace')
      await page.evaluate(() => {
        window.courierInbox.session.signIn('grace')
        requestAnimationFrame(() => window.courierInbox.forget())
      })
      await until(() => provider.sockets('grace'), 1)
      expect(provider.sockets('ada')).toBe(0)
      const start = provider.seen.length
      send('for ada, later')
      send('for grace, later', 'grace')
      await until(() => inbox((it) => it.list()), ['for grace, later', 'for grace'])
      expect(provider.seen.slice(start).filter(({ tokenUser }) => tokenUser !== 'grace')).toEqual([])
    })
  }

  test('an answer that comes after the switch is shown to nobody', async (context) => {
    const { page, inbox, provider, send } = await open(context, { slowUser: 'ada', recreates: false })
    send('for grace', 'grace')
    await page.evaluate(async () => {
      void window.courierInbox.reload()
      await new Promise((resolve) => setTimeout(resolve, 100))
      window.courierInbox.session.signIn('grace')
    })
    await until(() => provider.sockets('grace'), 1)
    await inbox((it) => it.forget())
    await sleep(1_500)
    expect(await inbox((it) => it.list())).toEqual(['for grace'])
    expect(await inbox((it) => it.shown())).not.toContain('welcome')
  })

  test('signing out closes the socket and empties the page', async (context) => {
    const { provider, inbox } = await open(context)
    await inbox((it) => it.session.signOut())
    expect(await inbox((it) => it.list())).toEqual([])
    await until(() => provider.sockets('ada'), 0)
  })
})

test('the stand-in refuses what is missing, foreign, spent, revoked or made for something else', async ({
  onTestFinished,
}) => {
  const provider = await createCourierStandIn({ apiKey })
  onTestFinished(() => provider.close())
  const issue = async (scope: string, expires_in?: string, key = apiKey) => {
    const headers = { authorization: `Bearer ${key}` }
    const body = JSON.stringify({ scope, expires_in })
    const answer = await fetch(`${provider.url}auth/issue-token`, { method: 'POST', headers, body })
    return answer.ok ? ((await answer.json()) as { token: string }).token : String(answer.status)
  }
  const ask = async (token?: string, query = 'query GetInboxMessages { x }', user = 'ada') => {
    const headers = { 'x-courier-user-id': user, ...(token && { authorization: `Bearer ${token}` }) }
    const body = JSON.stringify({ query })
    const { status } = await fetch(`${provider.url}q`, { method: 'POST', headers, body })
    return [status, provider.seen.at(-1)?.reason]
  }
  const scope = 'user_id:ada inbox:read:messages inbox:write:events'
  const good = await issue(scope, '1m')
  expect(await ask(good)).toEqual([200, undefined])
  expect(await ask()).toEqual([401, 'missing'])
  expect(await ask('no.jwt.atall')).toEqual([401, 'signature'])
  expect(await ask(await issue(scope, '0 seconds'))).toEqual([401, 'expired'])
  expect(await ask(good, undefined, 'grace')).toEqual([401, 'user'])
  const reader = await issue('user_id:ada inbox:read:messages', '2.5 hrs')
  expect(await ask(reader)).toEqual([200, undefined])
  expect(await ask(reader, 'mutation TrackEvent { read(messageId: "m1") }')).toEqual([401, 'scope'])
  provider.revoke()
  expect(await ask(good)).toEqual([401, 'revoked'])
  const endless = await issue(scope)
  expect(await ask(endless)).toEqual([200, undefined])
  expect(JSON.parse(Buffer.from(endless.split('.')[1]!, 'base64url').toString())).not.toHaveProperty('exp')
  expect(await issue(scope, 'soon')).toBe('400')
  expect(await issue(scope, '1m', 'stolen key')).toBe('401')
})
