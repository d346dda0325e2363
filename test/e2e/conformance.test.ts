import type { Browser, Page } from 'puppeteer-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hasChromium, launchChromium } from '../support/browser.js'
import { servePage } from '../support/serve.js'

const ready = hasChromium()

let browser: Browser
let site: Awaited<ReturnType<typeof servePage>>
let page: Page

beforeAll(async () => {
  if (!ready) return
  ;[browser, site] = await Promise.all([launchChromium(), servePage('test/e2e/pages/conformance.ts')])
  page = await browser.newPage()
  await page.goto(site.url)
})
afterAll(async () => {
  await Promise.all([browser?.close(), site?.close()])
})

test.runIf(ready)('our storages and the adapters with the providers’ SDKs pass the suites in a browser', async () => {
  const { passed, failed } = await page.evaluate(() => window.runSuites())
  expect(failed).toEqual([])
  expect(passed).toBeGreaterThan(80)
})

test.runIf(ready)('a rejection that an adapter leaves to nobody is seen in a browser', async () => {
  expect(await page.evaluate(() => window.runCareless())).toMatch(/unhandledrejection/)
})
