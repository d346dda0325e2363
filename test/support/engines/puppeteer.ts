import { setTimeout as sleep } from 'node:timers/promises'
import puppeteer, { type LaunchOptions, type Page } from 'puppeteer-core'
import { chromiumOptions } from '../browser.js'
import { type Capabilities, type Engine, type Tab, cannot } from './engine.js'
import { createHousehold } from './processes.js'

type Driven = 'chromium' | 'firefox'

const capabilities: Record<Driven, Capabilities> = {
  chromium: { offline: true, activate: true, minimise: false, freeze: true, crash: true },
  firefox: { offline: true, activate: true, minimise: false, freeze: false, crash: false },
}

/** Chromium over CDP, or Firefox over WebDriver BiDi. */
export async function launchPuppeteer(name: Driven, path: string): Promise<Engine> {
  const household = createHousehold(name)
  const options: Record<Driven, LaunchOptions> = {
    chromium: { ...chromiumOptions, userDataDir: household.folder },
    firefox: { browser: 'firefox', executablePath: path, headless: true, userDataDir: household.folder },
  }
  try {
    const browser = await puppeteer.launch({ ...options[name], protocolTimeout: 30_000 })
    household.adopt(browser.process()!.pid!)
    return {
      name,
      version: await browser.version(),
      can: capabilities[name],
      async open(url) {
        const page = await browser.newPage()
        await page.goto(url)
        return tabOf(name, page)
      },
      async close() {
        await Promise.race([browser.close(), sleep(3_000, undefined, { ref: false })]).catch(() => {})
        await household.end()
      },
    }
  } catch (error) {
    await household.end()
    throw error
  }
}

function tabOf(name: Driven, page: Page): Tab {
  const chromium = name === 'chromium'
  return {
    eval: (run, ...args) => page.evaluate(run as (...given: any[]) => any, ...args),
    async goto(url) {
      await page.goto(url)
    },
    // page.goBack() waits for a load that a page out of the back/forward cache never has.
    async back() {
      await page.evaluate(() => void setTimeout(() => history.back()))
    },
    activate: () => page.bringToFront(),
    minimise: cannot(name, 'minimise'),
    offline: (cut) => page.setOfflineMode(cut),
    freeze: chromium
      ? async (frozen) => {
          const devtools = await page.createCDPSession()
          await devtools.send('Page.setWebLifecycleState', { state: frozen ? 'frozen' : 'active' })
          await devtools.detach()
        }
      : cannot(name, 'freeze'),
    crash: chromium
      ? async () => {
          const crashed = new Promise((resolve) => page.once('error', resolve))
          const devtools = await page.createCDPSession()
          devtools.send('Page.crash').catch(() => {})
          await crashed
        }
      : cannot(name, 'crash'),
    close: () => page.close(),
  }
}
