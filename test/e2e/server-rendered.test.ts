import { fileURLToPath } from 'node:url'
import puppeteer, { type Browser, type HTTPRequest, type Page } from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { embed } from '../../examples/server-rendered/embed.js'
import { startServerRendered, type ServerRenderedExample } from '../../examples/server-rendered/start.js'
import { nextMessage } from '../../examples/demo/world.js'
import { chromiumOptions, hasChromium } from '../support/browser.js'

const life = 6
const jwt = /eyJ[\w-]+\.[\w-]+\.[\w-]+/g
const element = /<script type="application\/json" id="first-token">(.*?)<\/script>/s
const sources = fileURLToPath(new URL('../../tsconfig.json', import.meta.url))

declare global {
  interface Window {
    told: string[]
  }
}

/** Writes down what the page says of its token, one after the other. */
function writeDown(): void {
  window.told = []
  new MutationObserver(() => {
    const text = document.querySelector('.life')?.textContent
    if (text && text !== window.told.at(-1)) window.told.push(text)
  }).observe(document, { subtree: true, childList: true, characterData: true })
}

describe.skipIf(!hasChromium())('the server-rendered example', () => {
  let example: ServerRenderedExample
  let browser: Browser
  let page: Page
  let stored: string
  let left = 0
  const complaints: string[] = []

  const within = { timeout: 12_000, interval: 50 }
  const poll = <T>(read: () => T | Promise<T>) => expect.poll(read, within)
  const standIn = () => example.world.providers.engagespot.standIn
  const refusals = () => standIn().seen.flatMap(({ reason }) => reason ?? [])
  const titles = (of = page) => of.$$eval('.messages h2', (found) => found.map(({ textContent }) => textContent))
  const tokenText = (of = page) => of.$eval('.life p', ({ textContent }) => textContent)
  const secondsLeft = (text: string | null) => Number(/(\d+) s left/.exec(text ?? '')?.[1])
  /** The first thing a page said of its token. A refresh may follow soon. */
  const firstTold = (of = page) => of.evaluate(() => window.told.find((text) => text.startsWith('The token')))
  const submit = (name: string) =>
    Promise.all([page.waitForNavigation(), page.locator(`::-p-aria([name="${name}"][role="button"])`).click()])
  const send = (user = 'ada') => {
    const message = nextMessage()
    standIn().send(user, message)
    return message.title
  }

  /** The page as it leaves the server, for somebody who is logged in. */
  async function fetchPage(cookie: string): Promise<Response> {
    return fetch(example.url, { headers: { cookie } })
  }
  async function logIn(user: string): Promise<string> {
    const body = new URLSearchParams({ user })
    const answer = await fetch(`${example.url}log-in`, { method: 'POST', body, redirect: 'manual' })
    return answer.headers.get('set-cookie')!.split(';')[0]!
  }
  async function open(of: Pick<Browser, 'newPage'>): Promise<Page> {
    const opened = await of.newPage()
    await opened.evaluateOnNewDocument(writeDown)
    opened.on('pageerror', (error) => complaints.push(String(error)))
    opened.on('console', (message) => {
      const known = /^\[Engagespot \[ES1000\]: Its recommended to pass a userSignature/
      if (/warn|error/.test(message.type()) && !known.test(message.text()))
        complaints.push(message.text().replace(jwt, '…'))
    })
    return opened
  }
  /** A page of somebody else, whose requests are answered as told, on a device whose clock is so many ms behind. */
  async function openWith(answer: (request: HTTPRequest) => Promise<void> | undefined, behind = 0) {
    const profile = await browser.createBrowserContext()
    const [name, value] = (await logIn('mary')).split('=')
    await profile.setCookie({ name: name!, value: value!, domain: '127.0.0.1', path: '/' })
    const other = await open(profile)
    await other.evaluateOnNewDocument((behind) => {
      const { now } = Date
      Date.now = () => now() - behind
    }, behind)
    await other.setRequestInterception(true)
    other.on('request', (request) => void (answer(request) ?? request.continue()))
    // Not waited for: what is held back holds up the load.
    void other.goto(example.url).catch(() => undefined)
    await other.waitForSelector('.life p')
    return { other, close: () => profile.close() }
  }

  beforeAll(async () => {
    const tsconfig = process.env.DIST ? undefined : sources
    // A page that the test answers itself has no address; without this it may not reach 127.0.0.1.
    const args = [...chromiumOptions.args!, '--disable-features=LocalNetworkAccessChecks']
    const launched = puppeteer.launch({ ...chromiumOptions, args })
    ;[example, browser] = await Promise.all([startServerRendered({ life, tsconfig }), launched])
    page = await open(browser)
    stored = await (await fetchPage(await logIn('mary'))).text()
  })
  afterAll(async () => {
    await browser?.close()
    await example?.close()
    expect(complaints).toEqual([])
  })

  it('puts the messages into the HTML, and the token into one element of a page that nobody keeps', async () => {
    const answer = await fetchPage(await logIn('ada'))
    const html = await answer.text()
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('content-security-policy')).not.toMatch(/unsafe|nonce/)
    expect(html).toMatch(/<h2>.+<\/h2>/)
    expect(html.match(jwt)).toHaveLength(1)
    expect(html.replace(element, '')).not.toMatch(/eyJ/)
    expect(JSON.parse(element.exec(html)![1]!)).toMatchObject({ expiresIn: life })
    expect(example.requested).toEqual([])
  })

  it('gives each of many pages that are rendered at the same time the token of its own person', async () => {
    const cookies = { ada: await logIn('ada'), grace: await logIn('grace') }
    const order = Array.from({ length: 20 }, (_, index) => (index % 2 ? 'ada' : 'grace') as 'ada' | 'grace')
    const subjects = order.map(async (user) => {
      const html = await (await fetchPage(cookies[user])).text()
      const payload = html.match(jwt)![0].split('.')[1]!
      const { sub } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { sub: string }
      return [sub, /<h1>(\w+)/.exec(html)![1]!.toLowerCase()]
    })
    expect(await Promise.all(subjects)).toEqual(order.map((user) => [`user:${user}`, user]))
  })

  it('takes the token over without a request, and leaves it nowhere on the page', async () => {
    await page.goto(example.url)
    await submit('Ada')
    await poll(() => firstTold()).toMatch(/came with the page.*from this page: 0$/)
    await poll(() => standIn().sockets('ada')).toBe(1)
    expect(await page.$$('script[type="application/json"]')).toEqual([])
    expect(await page.evaluate(tokensInReach)).toEqual([])
    await page.locator('::-p-aria([name="Send a message"][role="button"])').click()
    await poll(async () => (await titles()).length).toBe(4)
  })

  it('refreshes it by the endpoint, and hears what is sent after the first token has ended', async () => {
    const began = await page.evaluate(() => performance.timeOrigin)
    await poll(() => tokenText()).toContain('came from the endpoint')
    await poll(() => Date.now() - began).toBeGreaterThan((life + 0.5) * 1_000)
    const title = send()
    await poll(titles).toContain(title)
    expect(refusals()).toEqual([])
  })

  it('counts the time that the page was under way, also where the clock is behind', async () => {
    // Meanwhile the first page is left: see below.
    await page.goto('about:blank')
    left = Date.now()
    const held = 3_000
    const late = async (request: HTTPRequest) => {
      await new Promise((resolve) => setTimeout(resolve, held))
      await request.continue()
    }
    const { other, close } = await openWith(
      (request) => (request.url().endsWith('client.js') ? late(request) : undefined),
      3_600_000,
    )
    await poll(() => firstTold(other)).toContain('came with the page')
    expect(secondsLeft((await firstTold(other))!)).toBeLessThanOrEqual(life - held / 1_000)
    await close()
  })

  it('takes no token out of a page that was kept somewhere for longer than it lives', async () => {
    const { other, close } = await openWith((request) =>
      request.isNavigationRequest() ? request.respond({ contentType: 'text/html', body: stored }) : undefined,
    )
    await poll(() => firstTold(other)).toMatch(/came from the endpoint.*from this page: 1$/)
    await poll(() => standIn().sockets('mary')).toBe(1)
    expect(refusals()).toEqual([])
    await close()
  })

  it('gets a good token when the person comes back to the page long after', async () => {
    await poll(() => Date.now() - left).toBeGreaterThan(life * 1_000)
    await page.evaluate(() => void setTimeout(() => history.back()))
    await poll(() => page.url()).toBe(example.url)
    await poll(async () => secondsLeft(await tokenText())).toBeGreaterThan(0)
    const title = send()
    await poll(titles).toContain(title)
    expect(refusals()).toEqual([])
  })

  it('shows nothing of the last person after a switch, and leaves no socket behind at the log-out', async () => {
    const last = await titles()
    await page.select('select', 'grace')
    await submit('Switch')
    await poll(() => standIn().sockets('grace')).toBe(1)
    const now = await titles()
    expect(now).toHaveLength(3)
    expect(last.filter((title) => now.includes(title))).toEqual([])
    await submit('Log out')
    await poll(() => standIn().sockets('grace')).toBe(0)
    expect(await page.$eval('body', ({ innerText }) => innerText)).toContain('Who are you?')
    expect(await page.content()).not.toMatch(/eyJ/)
  })

  it('embeds any answer so that it neither ends its element nor begins another', async () => {
    const hostile = { token: '</script><script>document.title="run"</script><!--', extra: { note: ']]>\u2028&lt;' } }
    const blank = await browser.newPage()
    await blank.setContent(`<title>calm</title>${embed('first-token', hostile)}<p>after</p>`)
    const read = await blank.$eval('#first-token', ({ textContent }) => JSON.parse(textContent) as unknown)
    expect(read).toEqual(hostile)
    expect(await blank.title()).toBe('calm')
    expect(await blank.$$('script')).toHaveLength(1)
    expect(await blank.$eval('p', ({ textContent }) => textContent)).toBe('after')
    await blank.close()
  })
})

/** Where on the page a script finds something that looks like a token: names, never what was found. */
function tokensInReach(): string[] {
  const found: string[] = []
  const seen = new Set<unknown>()
  const look = (value: unknown, path: string, depth: number): void => {
    if (typeof value === 'string') {
      if (/eyJ[\w-]+\./.test(value)) found.push(path)
    } else if (value && typeof value === 'object' && depth < 4 && !seen.has(value)) {
      seen.add(value)
      for (const name of Object.getOwnPropertyNames(value)) {
        try {
          look((value as Record<string, unknown>)[name], `${path}.${name}`, depth + 1)
        } catch {
          // Nobody else can read it either.
        }
      }
    }
  }
  look(window, 'window', 0)
  look(document.documentElement.outerHTML, 'html', 0)
  look({ ...localStorage, ...sessionStorage, url: location.href, state: history.state as unknown }, 'stored', 0)
  look(JSON.stringify(performance.getEntries()), 'performance', 0)
  return found
}
