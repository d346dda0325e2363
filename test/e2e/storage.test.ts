import type { Browser, Page } from 'puppeteer-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { hasChromium, launchChromium } from '../support/browser.js'
import { servePage } from '../support/serve.js'
import { tokenFor } from '../support/tokens.js'

const ready = hasChromium()
const kinds = ['localStorage', 'sessionStorage', 'indexedDB'] as const
const shared = ['localStorage', 'indexedDB'] as const
type Kind = (typeof kinds)[number]

let browser: Browser
let site: Awaited<ReturnType<typeof servePage>>
let context: Awaited<ReturnType<Browser['createBrowserContext']>>
let minted: string[] = []
let skew = 0

beforeAll(async () => {
  if (ready) [browser, site] = await Promise.all([launchChromium(), servePage('test/e2e/pages/storage.ts')])
})
afterEach(async () => {
  await context?.close()
  minted = []
  skew = 0
})
afterAll(async () => {
  await Promise.all([browser?.close(), site?.close()])
})

/** A tab of a profile that is new in each test. */
const open = async (first = true): Promise<Page> => {
  if (first) context = await browser.createBrowserContext()
  const page = await context.newPage()
  await page.exposeFunction('mint', (userId: string) => {
    const token = tokenFor(userId, Date.now() + skew, 3_600)
    minted.push(token)
    return token
  })
  await page.goto(site.url)
  return page
}
const start = (page: Page, kind: Kind, userId?: string) =>
  page.evaluate((...given) => window.start(...given), kind, userId)
const getToken = (page: Page) => page.evaluate(() => window.scene.session.getToken())
const signedIn = async (page: Page, kind: Kind, userId?: string) => {
  await start(page, kind, userId)
  return getToken(page)
}
const wrong = (page: Page) => page.evaluate(() => [...window.scene.errors, ...window.scene.thrown])
/** Writes what `spoil` makes of each record, or asks for the records. */
const records = (page: Page, kind: Kind, text?: string) =>
  page.evaluate(
    async (kind, text) => {
      const storage = window.storageOf(kind)
      const key = 'inbox-session:["default","ada",null]'
      if (text !== undefined) await storage.setItem(key, text)
      return storage.getItem(key)
    },
    kind,
    text,
  )

describe.runIf(ready).each(kinds)('%s', (kind) => {
  test('hands the token to the page after a reload; five reloads do not change its end, whatever the clocks say (F19)', async () => {
    const page = await open()
    skew = -40 * 60_000
    const token = await signedIn(page, kind)
    const ends = [await page.evaluate(() => window.scene.token())]
    await expect.poll(() => records(page, kind)).toContain(token)
    for (let reload = 0; reload < 5; reload++) {
      await page.reload()
      expect(await signedIn(page, kind)).toBe(token)
      ends.push(await page.evaluate(() => window.scene.token()))
      expect(await wrong(page)).toEqual([])
    }
    expect(ends).toEqual(Array(6).fill(ends[0]))
    expect(minted).toHaveLength(1)
    expect(await page.evaluate(() => performance.timeOrigin)).toBeGreaterThan(ends[0]!.receivedAt)
  })

  test('is empty when its user has signed out, and the next page makes a request of its own', async () => {
    const page = await open()
    const token = await signedIn(page, kind)
    await expect.poll(() => records(page, kind)).toContain(token)
    await page.evaluate(() => window.scene.session.signOut())
    expect(await records(page, kind)).toBeNull()
    await page.reload()
    expect(await signedIn(page, kind)).not.toBe(token)
  })

  test.each<[string, (good: string) => string]>([
    ['cut off', (good) => good.slice(0, -9)],
    ['another user’s', (good) => good.replace('"ada"', '"bob"')],
    ['of another version', (good) => good.replace('"version":1', '"version":2')],
    ['junk of 1 MB', () => 'x'.repeat(1_000_000)],
  ])('holds what is %s: it counts as absent and is overwritten (F83)', async (_, spoil) => {
    const page = await open()
    const token = await signedIn(page, kind)
    await expect.poll(() => records(page, kind)).toContain(token)
    const spoilt = spoil((await records(page, kind))!)
    await page.evaluate(() => window.scene.session.close())
    await records(page, kind, spoilt)
    await page.reload()
    expect(await signedIn(page, kind)).toBe(minted[1])
    await expect.poll(() => records(page, kind)).toContain(minted[1])
    expect(await wrong(page)).toEqual([])
  })

  test('is blocked: the session works without, and says so once (F81)', async () => {
    const page = await open()
    const outcome = await page.evaluate(async (kind) => {
      const frame = document.createElement('iframe')
      frame.sandbox.add('allow-scripts')
      const code = await (await fetch('/page.js')).text()
      const said = new Promise((resolve) => addEventListener('message', ({ data }) => resolve(data)))
      frame.srcdoc = `<script type="module">${code}
        window.mint = async () => 'opaque-' + Math.random()
        start('${kind}')
        const tokens = [await scene.session.getToken()]
        for (let refresh = 0; refresh < 2; refresh++) tokens.push(await scene.session.refresh())
        await scene.session.signOut()
        parent.postMessage([origin, new Set(tokens).size, ...scene.errors, ...scene.thrown], '*')
      </script>`
      document.body.append(frame)
      return said
    }, kind)
    expect(outcome).toEqual(['null', 3, 'storage_failed'])
  })
})

describe.runIf(ready).each(shared)('%s in two tabs', (kind) => {
  test('gives the second the first one’s token without a request, and users do not meet', async () => {
    const [one, two] = [await open(), await open(false)]
    const token = await signedIn(one, kind)
    await expect.poll(() => records(one, kind)).toContain(token)
    expect(await signedIn(two, kind)).toBe(token)
    expect(minted).toHaveLength(1)
    await two.reload()
    expect(await signedIn(two, kind, 'bob')).toBe(minted[1])
    expect([await wrong(one), await wrong(two)]).toEqual([[], []])
  })
})

describe.runIf(ready)('a storage of a real browser', () => {
  test('that is full costs nobody the token (F82)', async () => {
    const page = await open()
    await page.evaluate(() => {
      for (let size = 2 ** 22; size >= 1; size = size === 1 ? 0 : size >> 1)
        try {
          for (let index = 0; ; index++) localStorage.setItem(`${size}.${index}`, 'x'.repeat(size))
        } catch {
          // Full at this size.
        }
    })
    expect(await signedIn(page, 'localStorage')).toBe(minted[0])
    await page.evaluate(() => window.scene.session.refresh())
    expect(await getToken(page)).toBe(minted[1])
    expect(await wrong(page)).toEqual(['storage_failed'])
  })

  test('that hangs is waited for two seconds, once, and serves again when it is free (F84)', async () => {
    const page = await open()
    // A connection that does not make way for a deletion keeps every later opening waiting.
    await page.evaluate(async () => {
      const blocker = await new Promise<IDBDatabase>((resolve) => {
        const opening = indexedDB.open('inbox-session')
        opening.onsuccess = () => resolve(opening.result)
      })
      indexedDB.deleteDatabase('inbox-session')
      addEventListener('free', () => blocker.close())
    })
    const from = Date.now()
    expect(await signedIn(page, 'indexedDB')).toBe(minted[0])
    expect(Date.now() - from).toBeGreaterThan(1_900)
    expect(Date.now() - from).toBeLessThan(4_000)
    expect(await wrong(page)).toEqual(['storage_failed'])
    await page.evaluate(() => dispatchEvent(new Event('free')))
    await expect.poll(() => records(page, 'indexedDB')).toContain(minted[0])
    await page.evaluate(() => window.scene.session.refresh())
    await expect.poll(() => records(page, 'indexedDB')).toContain(minted[1])
    expect(await wrong(page)).toEqual(['storage_failed'])
  })

  test('holds no connection at rest: another tab may delete or upgrade the database, and the next use opens it again', async () => {
    const [one, two] = [await open(), await open(false)]
    await signedIn(one, 'indexedDB')
    await expect.poll(() => records(one, 'indexedDB')).toContain(minted[0])
    const events = await two.evaluate(
      () =>
        new Promise<string[]>((resolve) => {
          const events: string[] = []
          const deleting = indexedDB.deleteDatabase('inbox-session')
          deleting.onblocked = () => events.push('blocked')
          deleting.onsuccess = () => resolve([...events, 'deleted'])
        }),
    )
    expect(events).toEqual(['deleted'])
    await one.evaluate(() => window.scene.session.refresh())
    await expect.poll(() => records(one, 'indexedDB')).toContain(minted[1])
    expect(await wrong(one)).toEqual([])
  })

  test('that is somebody else’s database is reported once and left as it was', async () => {
    const page = await open()
    const stores = () =>
      page.evaluate(
        () =>
          new Promise<string[]>((resolve) => {
            const opening = indexedDB.open('inbox-session', 7)
            opening.onupgradeneeded = () => opening.result.createObjectStore('theirs')
            opening.onsuccess = () => {
              resolve([...opening.result.objectStoreNames])
              opening.result.close()
            }
          }),
      )
    expect(await stores()).toEqual(['theirs'])
    expect(await signedIn(page, 'indexedDB')).toBe(minted[0])
    await page.evaluate(() => window.scene.session.refresh())
    expect(await stores()).toEqual(['theirs'])
    expect(await wrong(page)).toEqual(['storage_failed'])
  })
})
