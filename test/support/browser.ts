import { existsSync } from 'node:fs'
import puppeteer, { type Browser, type LaunchOptions } from 'puppeteer-core'

export const chromiumPath = process.env.CHROMIUM_BIN ?? '/usr/bin/chromium'

/** False where Chromium is missing (says how to get it); with CI=true that is an error. */
export function hasChromium(): boolean {
  if (existsSync(chromiumPath)) return true
  const hint = `Chromium is not at ${chromiumPath}: apt-get install chromium, or set CHROMIUM_BIN.`
  if (process.env.CI) throw new Error(hint)
  console.warn(hint)
  return false
}

/** Headless Chromium whose hidden tabs are throttled as a person's are. */
export const chromiumOptions: LaunchOptions = {
  executablePath: chromiumPath,
  headless: true,
  ignoreDefaultArgs: [
    '--disable-background-timer-throttling',
    '--disable-backgrounding-occluded-windows',
    '--disable-renderer-backgrounding',
  ],
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
}

export function launchChromium(): Promise<Browser> {
  return puppeteer.launch(chromiumOptions)
}
