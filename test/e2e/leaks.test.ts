import type { Browser, CDPSession, Page } from 'puppeteer-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hasChromium, launchChromium } from '../support/browser.js'
import { servePage } from '../support/serve.js'

const ready = hasChromium()
let browser: Browser
let site: Awaited<ReturnType<typeof servePage>>

beforeAll(async () => {
  if (ready) [browser, site] = await Promise.all([launchChromium(), servePage('test/e2e/pages/leaks.ts')])
})
afterAll(async () => {
  await Promise.all([browser?.close(), site?.close()])
})

const measure = async (page: Page, devtools: CDPSession) => {
  for (let times = 0; times < 3; times++) await devtools.send('HeapProfiler.collectGarbage')
  const { JSHeapUsedSize: heap = 0, JSEventListeners: listeners = 0 } = await page.metrics()
  const marks = await page.evaluate(() => Object.keys(localStorage))
  return { heap, listeners, marks }
}

test.skipIf(!ready)(
  'a thousand sessions in one page leave no listener, lock, mark or memory behind (F91)',
  async () => {
    const page = await browser.newPage()
    await page.goto(site.url)
    const devtools = await page.createCDPSession()
    await page.evaluate(() => window.cycles(200))
    const before = await measure(page, devtools)
    const locks = await page.evaluate(() => window.cycles(1_000))
    const after = await measure(page, devtools)
    console.log(`1 000 sessions: heap ${Math.round((after.heap - before.heap) / 1_000)} kB more`)
    expect(locks).toEqual([])
    expect(after.marks).toEqual([])
    expect(after.listeners).toBe(before.listeners)
    expect(after.heap - before.heap).toBeLessThan(1_000_000)
  },
)
