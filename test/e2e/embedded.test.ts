import { fileURLToPath } from 'node:url'
import type { Browser, Frame, Page } from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEmbedded, type EmbeddedExample } from '../../examples/embedded/start.js'
import { hasChromium, launchChromium } from '../support/browser.js'
import { piecesOf, shownPieces } from '../support/tokens.js'

/** Seconds. */
const life = 4
const sources = fileURLToPath(new URL('../../tsconfig.json', import.meta.url))

/** All that a document holds, and what its origin's storages do. */
function holdings(): string {
  const roots: ParentNode[] = [document]
  for (const root of roots)
    for (const { shadowRoot } of root.querySelectorAll('*')) if (shadowRoot) roots.push(shadowRoot)
  const html = roots.map((root) => [...root.children].map(({ outerHTML }) => outerHTML))
  const stored = [{ ...localStorage }, { ...sessionStorage }, document.cookie, window.name, history.state as unknown]
  return JSON.stringify([html, stored, location.href, performance.getEntries()])
}

describe.skipIf(!hasChromium())('the example of an app with an inbox in an iframe of another origin', () => {
  let example: EmbeddedExample
  let browser: Browser
  let page: Page
  const printed: string[] = []
  const thrown: string[] = []
  const tokens: string[] = []
  /** What the page inside asked for. */
  const insideAsked: string[] = []

  const poll = <T>(read: () => T | Promise<T>) => expect.poll(read, { timeout: 12_000, interval: 50 })
  const standIn = () => example.world.providers.courier.standIn
  const inner = (): Frame => page.frames().find((frame) => frame.url().startsWith(example.inboxOrigin))!
  const titles = (): Promise<string[]> =>
    inner().$$eval('courier-inbox-list-item .title', (found) => found.map(({ textContent }) => textContent))
  const visible = async (): Promise<string> =>
    (await Promise.all(page.frames().map((frame) => frame.$eval('body', ({ innerText }) => innerText)))).join('\n')
  const timeline = (): Promise<string[]> =>
    page.$$eval('#timeline li', (lines) => lines.map(({ innerText }) => innerText))
  const press = (name: string) => page.locator(`::-p-aria([name="${name}"][role="button"])`).click()
  const sentTo = (user: string): string[] =>
    example.backend.sent.flatMap((message) => (message.user === user ? message.title : []))
  const allOnce = (user: string) => poll(titles).toEqual(sentTo(user).reverse())
  const connections = () => ['ada', 'grace'].map((user) => standIn().sockets(user))
  /** Tells the backend how to behave from now on. */
  const tell = (what: 'life' | 'fault', body: object) =>
    fetch(`${example.url}api/${what}`, { method: 'POST', body: JSON.stringify(body) })
  const handshakes = () => standIn().seen.filter(({ kind, status }) => kind === 'socket' && status === 101)
  /** Presses the button, and looks that the message is there within a second, and once. */
  const send = async (user: string) => {
    const before = sentTo(user).length
    await press('Send a message')
    await poll(() => sentTo(user).length).toBe(before + 1)
    await expect.poll(titles, { timeout: 1_000, interval: 20 }).toContain(sentTo(user).at(-1))
    await allOnce(user)
  }
  /** Under these ids the stand-in knows the tokens that live longer. */
  const longTokens = (): unknown[] =>
    tokens
      .map((token) => JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>)
      .flatMap(({ iat, exp, jti }) => (Number(exp) - Number(iat) > life ? jti : []))
  const leaks = async (): Promise<string[]> => {
    const documents = await Promise.all(page.frames().map((frame) => frame.evaluate(holdings)))
    const kept = page.frames().map((frame) => frame.evaluate(() => Promise.all([indexedDB.databases(), caches.keys()])))
    expect((await Promise.all(kept)).flat(2)).toEqual([])
    expect(tokens.length).toBeGreaterThan(1)
    return shownPieces([...documents, ...printed].join('\n'), piecesOf(tokens))
  }

  beforeAll(async () => {
    const tsconfig = process.env.DIST ? undefined : sources
    ;[example, browser] = await Promise.all([startEmbedded({ life, tsconfig }), launchChromium()])
    page = await browser.newPage()
    page.on('pageerror', (error) => thrown.push(String(error)))
    // Courier's token stands in the address of its socket, which the browser prints when that is refused.
    page.on('console', (message) => printed.push(message.text().replace(/auth=[^&']+/, 'auth=[token]')))
    page.on('request', (request) => {
      if (request.frame()?.url().startsWith(example.inboxOrigin)) insideAsked.push(request.url())
    })
    page.on('response', async (response) => {
      if (!response.url().includes('/api/token/') || !response.ok()) return
      tokens.push(((await response.json()) as { token: string }).token)
    })
    await page.goto(example.url)
  })
  afterAll(async () => {
    await browser?.close()
    await example?.close()
  })

  it('shows nothing before the log-in, and the messages after it', async () => {
    await poll(() => inner().$eval('body', ({ innerText }) => innerText)).toContain('Nobody is signed in.')
    expect(standIn().seen).toEqual([])
    await press('Ada ada@example.com')
    await allOnce('ada')
    await poll(connections).toEqual([1, 0])
    expect(example.backend.requested).toHaveLength(1)
  })

  it('outlives two tokens without a refused one, and hears at once what is sent then', async () => {
    const began = Date.now()
    await poll(() => Date.now() - began).toBeGreaterThan(1.5 * life * 1_000)
    // The stand-in cuts a socket when its token ends: from the next one on, none is cut.
    await tell('life', { seconds: 600 })
    const opened = () => handshakes().map(({ tokenId }) => tokenId)
    await poll(() => longTokens().some((id) => opened().includes(id as string))).toBe(true)
    await poll(() => Date.now() - began).toBeGreaterThan(2 * life * 1_000)
    await poll(connections).toEqual([1, 0])
    await send('ada')
    expect(standIn().seen.filter(({ status }) => status >= 400)).toEqual([])
    expect(new Set(opened()).size).toBeGreaterThanOrEqual(3)
    expect(await leaks()).toEqual([])
  })

  it('gets another token when Courier refuses the one inside, and shows nothing twice', async () => {
    const before = handshakes().length
    await press('Let Courier refuse it')
    await poll(async () => (await timeline()).join()).toContain('Courier refused the last one')
    await poll(() => handshakes().length).toBe(before + 1)
    await poll(connections).toEqual([1, 0])
    await send('ada')
    expect(await leaks()).toEqual([])
  })

  it('has nothing of the last user left after a switch, also before the next one’s first token', async () => {
    await tell('fault', { fault: 'down' })
    await page.select('#person', 'grace')
    await poll(async () => inner().url()).toContain('user=grace')
    await poll(titles).toEqual([])
    await poll(connections).toEqual([0, 0])
    await tell('fault', { fault: 'none' })
    await allOnce('grace')
    await poll(connections).toEqual([0, 1])
    const seen = await visible()
    expect(sentTo('ada').filter((title) => seen.includes(title))).toEqual([])
    await send('grace')
  })

  it('is empty after the log-out, with no socket at Courier', async () => {
    await press('Log out')
    await poll(() => inner().$eval('body', ({ innerText }) => innerText)).toContain('Nobody is signed in.')
    expect(await titles()).toEqual([])
    await poll(connections).toEqual([0, 0])
    expect(await leaks()).toEqual([])
    await press('Grace grace@example.com')
    await allOnce('grace')
  })

  it('has the bridge as the only way inside to a token: no cookie, and no request to the app’s server', async () => {
    const client = await page.createCDPSession()
    const cookiesFor = async (url: string) => (await client.send('Network.getCookies', { urls: [url] })).cookies.length
    expect(await cookiesFor(`${example.url}api/`)).toBe(1)
    expect(await cookiesFor(`${example.inboxOrigin}/`)).toBe(0)
    const origins = new Set(insideAsked.map((url) => new URL(url).origin))
    expect([...origins].sort()).toEqual([example.inboxOrigin, new URL(standIn().url).origin].sort())
    expect(insideAsked.filter((url) => url.includes('/api/'))).toEqual([])
  })

  it('shows the inbox’s page to no other page, and says so to whoever opens it alone', async () => {
    const other = await browser.newPage()
    await other.setContent(`<iframe src="${example.inboxOrigin}/?user=ada"></iframe>`)
    await poll(() => other.frames()[1]?.url()).toMatch(/^chrome-error:/)
    await other.goto(`${example.inboxOrigin}/?user=ada`)
    await poll(() => other.$eval('body', ({ innerText }) => innerText)).toContain('Open it there')
    await other.close()
  })

  it('throws nothing and prints nothing but what the browser says of refusals and of the fault', () => {
    const expected = /Failed to load resource: the server responded with a status of (401|503)|WebSocket connection to/
    expect([...thrown, ...printed.filter((line) => !expected.test(line))]).toEqual([])
    expect(shownPieces(printed.join('\n'), piecesOf(tokens))).toEqual([])
  })
})
