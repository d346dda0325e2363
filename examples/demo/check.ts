import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import puppeteer, { type Page } from 'puppeteer-core'
import { createBackend, users } from './backend.js'
import { buildPage } from './build.js'
import { checkTabs } from './check-tabs.js'
import { printReport, type Report } from './report.js'
import { createWatch, type Watch } from './watch.js'
import { createWorld, providerNames, type ProviderName } from './world.js'

/** What went wrong, without anything that could be a token: an SDK may quote its socket's address. */
const wordsOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/[\w-]{20,}/g, '[…]')

/** Seconds. */
const life = 10
const lifetimes = 3
const outage = 15
/** Milliseconds an inbox may be without its socket: while all is well, after the outage and a switch, and after a refusal. */
const limits = { healthy: 2_000, recovery: 5_000, refusal: 5_000 }
/** Milliseconds a message may take while the inbox is connected. */
const delivery = 5_000

const chromium = process.env.CHROMIUM_BIN ?? '/usr/bin/chromium'

const press = (page: Page, selector: string): Promise<void> =>
  page.evaluate((wanted) => {
    const button = document.querySelector<HTMLButtonElement>(wanted)
    if (!button) throw new Error(`no button ${wanted}`)
    button.click()
  }, selector)

/** What a person can read in each inbox, shadow trees included. No inner function: it runs in the page. */
const readInboxes = (page: Page): Promise<Record<string, string>> =>
  page.evaluate(() => {
    const result: Record<string, string> = {}
    for (const card of document.querySelectorAll<HTMLElement>('.card')) {
      const queue: Node[] = [card.querySelector('.inbox')!]
      const words: string[] = []
      for (let node = queue.pop(); node; node = queue.pop()) {
        if (node instanceof Text) words.push(node.data)
        else if (!(node instanceof Element) || node.checkVisibility()) {
          queue.push(...node.childNodes)
          if (node instanceof Element && node.shadowRoot) queue.push(node.shadowRoot)
        }
      }
      result[card.dataset.provider!] = words.join('\n')
    }
    return result
  })

async function drive(page: Page, watch: Watch, sent: readonly unknown[], log: (words: string) => void): Promise<void> {
  const send = async () => {
    const before = sent.length
    await press(page, '[data-action="send"]')
    for (let waited = 0; sent.length === before; waited += 10) {
      if (waited > 2_000) throw new Error('the button sent no message')
      await sleep(10)
    }
  }
  const sendWhile = async (seconds: number, gap: number) => {
    const end = Date.now() + seconds * 1000
    while (Date.now() < end) {
      await send()
      await sleep(Math.max(0, Math.min(gap * 1000, end - Date.now())))
    }
  }

  log('waiting for the four inboxes')
  await watch.allConnected(15_000, 'at the start')

  log(`${lifetimes} lifetimes of ${life} s in peace`)
  watch.phase('healthy', limits.healthy)
  await sendWhile(lifetimes * life, 2.7)

  log(`the backend is down for ${outage} s`)
  await press(page, '[data-action="down"]')
  watch.phase('outage')
  await sendWhile(outage, 4)
  await press(page, '[data-action="down"]')
  watch.phase('recovery')
  await watch.allConnected(limits.recovery, 'after the outage')
  await watch.allArrived(delivery, 'after the outage')
  watch.phase('healthy', limits.healthy)
  await sendWhile(5, 2)

  log('the providers refuse every token')
  await press(page, '[data-action="revoke"]')
  watch.phase('refusal')
  await sleep(300)
  await watch.allConnected(limits.refusal, 'after the refusal')
  watch.phase('healthy', limits.healthy)
  await sendWhile(6, 2)
  await watch.allArrived(delivery, 'before the switch')

  log('another user signs in')
  watch.switchTo(users[1].id)
  await press(page, `[data-user="${users[1].id}"]`)
  watch.phase('switch')
  await watch.allConnected(limits.recovery, 'after the switch')
  watch.switched()
  watch.phase('healthy', limits.healthy)
  await sendWhile(life, 3)
  await watch.allArrived(delivery, 'at the end')
  watch.phase('end')
}

/** Runs the demo headless through its troubles and prints a table. Resolves to the exit code: 0 if every inbox held. */
export async function runCheck({ port }: { port?: number | undefined } = {}): Promise<number> {
  if (!existsSync(chromium)) {
    console.error(`Chromium is not at ${chromium}: apt-get install chromium, or set CHROMIUM_BIN.`)
    return 2
  }
  const began = Date.now()
  const log = (words: string) =>
    console.log(`${String(Math.round((Date.now() - began) / 1000)).padStart(4)} s  ${words}`)
  const [files, world] = await Promise.all([buildPage(), createWorld()])
  const backend = await createBackend({ world, files, port, life })
  const launched = puppeteer.launch({
    executablePath: chromium,
    headless: true,
    // Tabs in the background are slowed down as a person's are.
    ignoreDefaultArgs: [
      '--disable-background-timer-throttling',
      '--disable-backgrounding-occluded-windows',
      '--disable-renderer-backgrounding',
    ],
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  })
  let report: Report
  try {
    const faults: string[] = []
    const open = async () => {
      const page = await (await launched).newPage()
      page.on('pageerror', (error) => faults.push(wordsOf(error)))
      await page.goto(backend.url)
      return page
    }
    const page = await open()
    const watch = createWatch({
      standIns: Object.fromEntries(providerNames.map((name) => [name, world.providers[name].standIn])) as never,
      sent: backend.sent,
      user: users[0].id,
      read: () => readInboxes(page) as Promise<Record<ProviderName, string>>,
      outageGrace: limits.recovery,
    })
    try {
      await drive(page, watch, backend.sent, log)
    } catch (error) {
      watch.violate('the check', wordsOf(error))
    }
    report = await watch.finish()
    await page.close()
    log('three tabs at once')
    try {
      report.tabs = await checkTabs(open, backend, world, users[1].id)
    } catch (error) {
      report.violations.push(`tabs: ${wordsOf(error)}`)
    }
    report.notes.push(...new Set(faults.map((words) => `the page threw: ${words.slice(0, 160)}`)))
  } finally {
    await launched.then((browser) => browser.close()).catch(() => {})
    await Promise.all([backend.close(), world.close()])
  }
  printReport(report, Math.round((Date.now() - began) / 1000))
  return report.violations.length ? 1 : 0
}
