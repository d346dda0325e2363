import { setTimeout as sleep } from 'node:timers/promises'
import type { Browser, BrowserContext, Page } from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasChromium, launchChromium } from '../support/browser.js'
import { servePage } from '../support/serve.js'
import { type Player, type Stage, type Step, play } from './pages/player.js'
import type {} from './pages/testing.js'

const ready = hasChromium()
const settling = 60
let chromium: Browser
let site: Awaited<ReturnType<typeof servePage>>
let laboratory: Page

const open = async (context: BrowserContext): Promise<Page> => {
  const page = await context.newPage()
  await page.goto(site.url)
  await page.waitForFunction(() => 'simulate' in window)
  return page
}

beforeAll(async () => {
  if (!ready) return
  ;[chromium, site] = await Promise.all([launchChromium(), servePage('test/e2e/pages/testing.ts')])
  laboratory = await open(chromium.defaultBrowserContext())
})
afterAll(async () => {
  await Promise.all([chromium?.close(), site?.close()])
})

/** Two real tabs. */
const stageIn = (pages: Page[]): Stage => ({
  async act(tab, act, args) {
    const page = pages[tab - 1]!
    if (act === 'close') await page.close()
    else if (act === 'crash') {
      const crashed = new Promise((resolve) => page.once('error', resolve))
      const devtools = await page.createCDPSession()
      devtools.send('Page.crash').catch(() => {})
      await crashed
    } else
      await page.evaluate(
        (act, args) => (window.player[act as keyof Player] as (...args: unknown[]) => void)(...args),
        act,
        args,
      )
    await sleep(settling)
  },
  look: (tab) => pages[tab - 1]!.evaluate(() => window.player.look()),
})

const rows: [title: string, steps: Step[]][] = [
  [
    'locks queue over tabs in the order they were asked for, and names do not meet',
    [
      [1, 'lock', 'a'],
      [2, 'lock', 'a'],
      [1, 'lock', 'a'],
      [2, 'lock', 'b'],
      [1, 'names'],
      [1, 'release', 'a'],
      [2, 'release', 'a'],
      [1, 'release', 'a'],
      [2, 'names'],
      [1, 'lock', 'a', { throws: true }],
      [2, 'lock', 'a'],
    ],
  ],
  [
    'a lock that is asked for if available is had at once or not at all',
    [
      [1, 'lock', 'a', { ifAvailable: true }],
      [2, 'lock', 'a', { ifAvailable: true }],
      [1, 'lock', 'a', { ifAvailable: true }],
      [2, 'names'],
      [1, 'release', 'a'],
      [2, 'lock', 'a', { ifAvailable: true }],
      [1, 'lock', 'a', { ifAvailable: true, abortable: true }],
      [1, 'lock', '-a'],
    ],
  ],
  [
    'who gives up a lock leaves the queue, and nobody gives up one that is held',
    [
      [1, 'lock', 'a', { abortable: true }],
      [2, 'lock', 'a', { abortable: true }],
      [1, 'lock', 'a'],
      [2, 'abort', 'a'],
      [2, 'names'],
      [1, 'abort', 'a'],
      [1, 'release', 'a'],
      [1, 'release', 'a'],
      [2, 'waver', 'a'],
      [2, 'lock', 'b'],
      [1, 'waver', 'b'],
      [1, 'names'],
    ],
  ],
  [
    'the locks and the places of a tab that is closed are free',
    [
      [1, 'lock', 'a'],
      [1, 'lock', 'b'],
      [2, 'lock', 'c'],
      [2, 'lock', 'a'],
      [1, 'lock', 'c'],
      [2, 'lock', 'c'],
      [1, 'close'],
      [2, 'names'],
      [2, 'release', 'c'],
      [2, 'names'],
    ],
  ],
  [
    'so are those of a tab that crashes',
    [
      [1, 'lock', 'a'],
      [2, 'lock', 'a'],
      [1, 'crash'],
      [2, 'names'],
    ],
  ],
  [
    'messages arrive as copies, in order, at every channel of that name but the one they were posted to',
    [
      [1, 'listen', 'a'],
      [1, 'post', 'a', 'to nobody'],
      [2, 'listen', 'a'],
      [2, 'listen', 'b'],
      [1, 'post', 'a', 1, { two: [2] }, null, '4'],
      [2, 'post', 'b', 'to nobody'],
      [2, 'postAndChange', 'a'],
      [1, 'listen', 'b'],
      [2, 'post', 'b', 1, 2],
      [1, 'listen', 'a'],
      [1, 'post', 'a', 'also to the same page'],
      [2, 'post', 'a', 'to both'],
      [2, 'hangUp', 'a'],
      [1, 'post', 'a', 'too late'],
      [2, 'post', 'a', 'closed'],
    ],
  ],
  [
    'only the other tab gets a storage event, and only for what changed',
    [
      [1, 'set', 'a', '1'],
      [1, 'set', 'a', '1'],
      [2, 'set', 'a', '1'],
      [2, 'read', 'a'],
      [2, 'set', 'a', '2'],
      [1, 'read', 'a'],
      [1, 'set', 'b', ''],
      [2, 'keys'],
      [1, 'remove', 'a'],
      [1, 'remove', 'a'],
      [2, 'remove', 'missing'],
      [2, 'read', 'a'],
      [2, 'read', 'b'],
      [2, 'keys'],
    ],
  ],
  ['timers fire in order, promises before them, and at once where 32 bits are too few', [[2, 'timers']]],
]

describe.skipIf(!ready)('the simulated browser does what Chromium does', () => {
  test.each(rows)('%s', async (_, steps) => {
    const context = await chromium.createBrowserContext()
    const expected = await play(stageIn(await Promise.all([open(context), open(context)])), steps)
    await context.close()
    const log = await laboratory.evaluate((steps, settling) => window.simulate(steps, settling), steps, settling)
    expect(log).toEqual(expected)
    expect(expected.join()).toMatch(/→ \d/)
  })
})
