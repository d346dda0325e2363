import type { Browser, Page } from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startVueExample, type VueExample } from '../../examples/vue/start.js'
import { alias } from '../support/alias.js'
import { hasChromium, launchChromium } from '../support/browser.js'

declare global {
  interface Window {
    rendered: string[]
  }
}

const providers = ['courier', 'suprsend'] as const
const life = 6

describe.skipIf(!hasChromium())('the Vue example', () => {
  let example: VueExample
  let browser: Browser
  let page: Page
  const complaints: string[] = []

  const within = { timeout: 15_000, interval: 100 }
  const poll = <T>(read: () => T | Promise<T>) => expect.poll(read, within)
  const titles = (provider: (typeof providers)[number]): Promise<string[]> =>
    page.$$eval(provider === 'courier' ? 'courier-inbox-list-item .title' : '.messages h3', (elements) =>
      elements.map(({ textContent }) => textContent),
    )
  const sentTo = (user: string) =>
    example.backend.sent.filter((message) => message.user === user).map(({ title }) => title)
  const both = async (user: string) => {
    const wanted = sentTo(user).reverse()
    for (const provider of providers) await poll(() => titles(provider)).toEqual(wanted)
  }
  const send = async () => {
    const before = example.backend.sent.length
    await press('Send a message')
    await poll(() => example.backend.sent.length).toBe(before + 1)
  }
  const press = (name: string) => page.locator(`::-p-aria([name="${name}"][role="button"])`).click()
  /** Tells the backend how to behave from now on. */
  const tell = (what: 'life' | 'fault', body: object) =>
    fetch(`${example.url}api/${what}`, { method: 'POST', body: JSON.stringify(body) })
  const minted = (provider: string) => example.backend.requested.filter((call) => call.provider === provider).length
  const sockets = (user: string) => providers.map((name) => example.world.providers[name].standIn.sockets(user))
  const text = (of = page) => of.$eval('body', ({ innerText }) => innerText)

  beforeAll(async () => {
    ;[example, browser] = await Promise.all([startVueExample({ life: 60, alias }), launchChromium()])
    page = await browser.newPage()
    page.on('pageerror', (error) => complaints.push(String(error)))
    page.on('console', (message) => {
      const refused =
        / (401 \(Unauthorized\)|503 \(Service Unavailable\))$|HTTP Authentication failed|closed before the connection is established/
      // What Chromium says of refusals is told by the stand-ins and asked for here; Courier's address has the token in it.
      if (/warn|error/.test(message.type()) && !refused.test(message.text()))
        complaints.push(message.text().replace(/auth=[^&']+/, 'auth=[token]'))
    })
    await page.evaluateOnNewDocument(() => {
      window.rendered = []
      new PerformanceObserver((list) => {
        for (const { name } of list.getEntries()) if (/ render$/.test(name)) window.rendered.push(name)
      }).observe({ type: 'measure' })
    })
    await page.goto(example.url)
  })
  afterAll(async () => {
    await browser?.close()
    await example?.close()
    expect(complaints).toEqual([])
  })

  it('shows both inboxes after the log-in, with one request for each', async () => {
    await press('Ada ada@example.com')
    await both('ada')
    expect(providers.map(minted)).toEqual([1, 1])
    await send()
    await both('ada')
  })

  it('renders nothing when a hundred times the window gets the focus back', async () => {
    const rendered = await page.evaluate(async () => {
      const settled = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))
      await settled()
      window.rendered.length = 0
      for (let flip = 0; flip < 100; flip++) {
        for (const type of ['blur', 'focus', 'pageshow']) window.dispatchEvent(new Event(type))
        document.dispatchEvent(new Event('visibilitychange'))
        await Promise.resolve()
      }
      await settled()
      return window.rendered
    })
    // What shows the seconds left renders once a second, and a token may come in between.
    expect(rendered.filter((name) => !/TokenLife|TokenTimeline/.test(name))).toEqual([])
    expect(rendered.length).toBeLessThan(8)
  })

  it('tells of a refused token and goes on with a new one', async () => {
    const refused = () => page.$$eval('.timeline .bad', (entries) => entries.map(({ textContent }) => textContent))
    await tell('life', { seconds: life })
    await press('Revoke tokens')
    await poll(refused).toContainEqual(expect.stringMatching(/token \d+ refused by the provider/))
    await poll(() => sockets('ada')).toEqual([1, 1])
    await send()
    await both('ada')
  })

  it('outlives its tokens: what is sent after the sockets of the first ones were cut arrives', async () => {
    const calls = providers.map(minted)
    const began = Date.now()
    for (const [index, provider] of providers.entries())
      await poll(() => minted(provider)).toBeGreaterThanOrEqual(calls[index]! + 2)
    await poll(() => Date.now() - began).toBeGreaterThan((life + 0.5) * 1_000)
    await poll(() => sockets('ada')).toEqual([1, 1])
    await send()
    await both('ada')
  })

  it('shows nothing of the last user after a switch', async () => {
    await tell('fault', { fault: 'down' })
    await page.select('select', 'grace')
    await poll(() => page.$eval('select', ({ value }) => value)).toBe('grace')
    for (const provider of providers) await poll(() => titles(provider)).toEqual([])
    await tell('fault', { fault: 'none' })
    await both('grace')
    const shown = await text()
    for (const title of sentTo('ada')) expect(shown).not.toContain(title)
    await poll(() => [sockets('ada'), sockets('grace')]).toEqual([
      [0, 0],
      [1, 1],
    ])
  })

  it('leaves no socket and no message behind at the log-out, in another tab either', async () => {
    const other = await browser.newPage()
    await other.goto(example.url)
    await poll(() => sockets('grace')).toEqual([2, 2])
    await page.bringToFront()
    expect(await page.content()).not.toMatch(/eyJ/)
    await press('Log out')
    for (const tab of [page, other]) await poll(() => text(tab)).toContain('Who are you?')
    await poll(() => sockets('grace')).toEqual([0, 0])
    const shown = await text()
    for (const title of [...sentTo('ada'), ...sentTo('grace')]) expect(shown).not.toContain(title)
    for (const name of providers) {
      const reasons = example.world.providers[name].standIn.seen.map(({ reason }) => reason ?? 'fine')
      expect(new Set([...reasons, 'revoked'])).toEqual(new Set(['fine', 'revoked']))
    }
    await press('Mary mary@example.com')
    await both('mary')
    expect(await text()).toContain('signed out: the token is gone')
  })
})
