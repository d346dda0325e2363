import { setTimeout as sleep } from 'node:timers/promises'
import type { Browser, Page } from 'puppeteer-core'
import type { Plugin } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startExample, type Example } from '../../examples/react/start.js'
import { alias, root } from '../support/alias.js'
import { hasChromium, launchChromium } from '../support/browser.js'

/** Seconds. */
const life = 6
const inboxes = ['courier', 'engagespot', 'suprsend'] as const
type Inbox = (typeof inboxes)[number]

/** What the SDKs print whatever an app does; under StrictMode Engagespot's first socket is closed while it opens. */
const noise = [
  /^warn \[Engagespot \[ES1000\]: Its recommended to pass a userSignature for security purposes $/,
  /^warn react-i18next:: You will need to pass in an i18next instance by using initReactI18next$/,
  /^warn WebSocket connection to 'ws:\/\/127\.0\.0\.1:\d+\/socket\.io\/\?apiKey=engagespot_\w+&userId=\w+&userSignature=undefined&EIO=4&transport=websocket' failed: WebSocket is closed before the connection is established\.$/,
  // Courier's token stands in the address of its socket, which the browser prints when that is closed while it opens.
  /^warn WebSocket connection to 'ws:\/\/127\.0\.0\.1:\d+\/\?auth=\[token\]\S+' failed: WebSocket is closed before the connection is established\.$/,
  // SuprSend's feed adds what is pushed to a list that has it already, when that was loaded in the same moment.
  /^error Encountered two children with the same key, `%s`\. .* suprsend [\w ]+$/,
]
/** Until it hears of another one an SDK asks with the token that was just refused, and the browser writes that down. */
const refusal =
  /^error Failed to load resource: .* 401 \(Unauthorized\) http:\/\/127\.0\.0\.1:\d+\/(q|v1\/feed\/\S+|v3\/\S+)$/

async function until(holds: () => unknown, complaint: string, within = 12_000): Promise<void> {
  const end = Date.now() + within
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(complaint)
    await sleep(40)
  }
}

/** What a person can read of the inbox, shadow trees included. */
const readInbox = (page: Page): Promise<string> =>
  page.evaluate(`(function read(node) {
    if (!node || node.nodeName === 'STYLE') return ''
    if (node.nodeType === 3) return node.data + ' '
    return [node.shadowRoot, ...node.childNodes].map(read).join('')
  })(document.querySelector('.inbox'))`) as Promise<string>

const press = async (page: Page, words: string): Promise<void> => {
  const handle = await page.waitForSelector(`::-p-xpath(//*[self::button or self::label][starts-with(., '${words}')])`)
  await handle!.evaluate((element) => (element as HTMLElement).click())
}

/** Lets no request for a token through until the function it resolves to is called. */
async function holdTokens(page: Page): Promise<() => Promise<void>> {
  await page.evaluate(() => {
    const { fetch } = window
    const gate = new Promise<void>((resolve) => window.addEventListener('open-gate', () => resolve(), { once: true }))
    window.fetch = async (...request) => {
      if (String(request[0]).includes('/api/token/')) await gate
      return fetch(...request)
    }
  })
  return () => page.evaluate(() => void window.dispatchEvent(new Event('open-gate')))
}

describe.skipIf(!hasChromium())('the React example', () => {
  let example: Example
  let browser: Browser
  let edit = (code: string) => code
  const editor: Plugin = {
    name: 'editor',
    enforce: 'pre',
    // A page that is loaded again because somebody saves a file is not what is tested.
    config: () => ({ server: { watch: { ignored: ['**'] } } }),
    transform: (code, id) => (id.endsWith('/header.tsx') ? edit(code) : undefined),
  }

  beforeAll(async () => {
    const cacheDir = `${root}.cache/example-react-test`
    ;[example, browser] = await Promise.all([
      startExample({ life, alias, cacheDir, plugins: [editor] }),
      launchChromium(),
    ])
  })
  afterAll(async () => {
    await browser?.close()
    await example?.close()
  })

  /** A browser profile of its own with the page in it, logged in, one inbox on it. */
  async function open(user: string, inbox: Inbox) {
    const context = await browser.createBrowserContext()
    const page = await context.newPage()
    const printed: string[] = []
    const tokens: string[] = []
    let loads = 0
    page.on('framenavigated', () => loads++)
    page.on('pageerror', (error) => printed.push(`thrown ${(error as Error).message}`))
    page.on('console', (message) => {
      const type = message.type()
      const where = /^Failed to load/.test(message.text()) ? ` ${message.location().url}` : ''
      const text = message.text().replace(/auth=[^&']+/, 'auth=[token]')
      if (type === 'warn' || type === 'error') printed.push(`${type} ${text}${where}`)
    })
    page.on('response', async (response) => {
      if (!response.url().includes('/api/token/') || !response.ok()) return
      const { token } = (await response.json().catch(() => ({}))) as { token?: string }
      if (token) tokens.push(token)
    })
    await page.goto(example.url)
    await press(page, user)
    await press(page, inbox === 'courier' ? 'Courier' : inbox === 'engagespot' ? 'Engagespot' : 'SuprSend')
    return {
      page,
      tokens,
      loads: () => loads,
      unexpected: (...known: RegExp[]) =>
        printed.filter((line) => ![...noise, ...known].some((text) => text.test(line))),
      close: () => context.close(),
    }
  }

  it.concurrent.for(inboxes)(
    'keeps %s alive over its tokens and a refusal, lets go of a user who leaves, and prints nothing',
    { timeout: 50_000 },
    async (inbox, { onTestFinished }) => {
      const { standIn } = example.world.providers[inbox]
      const { page, tokens, unexpected, close } = await open('Ada', inbox)
      onTestFinished(close)
      const shows = (title: string) => async () => (await readInbox(page)).includes(title)
      const handshakes = () => standIn.seen.filter(({ kind, status }) => kind === 'socket' && status === 101)
      const titles = (user: string) =>
        example.backend.sent.filter((sent) => sent.user === user).map(({ title }) => title)
      // What is pushed in the moment in which SuprSend's list is loaded again shows twice, whoever loads it.
      const quiet = async () => {
        for (let seen = -1; seen !== standIn.seen.length; await sleep(400)) seen = standIn.seen.length
      }
      const send = async (user: string, title: string) => {
        await quiet()
        standIn.send(user, { id: `${inbox} ${title}`, title, body: 'It came over the socket.' })
        const once = async () => (await readInbox(page)).split(title).length === 2
        await until(once, `${inbox} did not show once what was sent: ${title}`, 4_000)
      }

      await until(() => standIn.sockets('ada') === 1, `${inbox} did not connect`)
      await until(shows(titles('ada')[0]!), `${inbox} did not show the list`)
      const opened = Date.now()
      await send('ada', 'With the first token')

      // The stand-in cuts a socket when its token ends.
      await until(
        () => Date.now() > opened + 2 * life * 1_000 && standIn.sockets('ada') === 1,
        `${inbox} was not connected after two lifetimes`,
        20_000,
      )
      expect(new Set(handshakes().map(({ tokenId }) => tokenId)).size).toBeGreaterThanOrEqual(3)
      await send('ada', 'After two lifetimes')

      const release = await holdTokens(page)
      await page.select('select', 'grace')
      const left = [...titles('ada'), 'With the first token', 'After two lifetimes']
      await until(async () => (await page.content()).includes('Another user'), `${inbox} was not switched`)
      await until(
        async () => {
          const shown = await readInbox(page)
          return !left.some((title) => shown.includes(title))
        },
        `${inbox} still shows what belongs to the last user`,
        2_000,
      )
      await release()
      await until(shows(titles('grace')[0]!), `${inbox} did not show the next user's list`)
      const seen = await readInbox(page)
      expect(left.filter((title) => seen.includes(title))).toEqual([])
      await until(() => standIn.sockets('grace') === 1, `${inbox} did not connect for the next user`)
      expect(standIn.sockets('ada')).toBe(0)
      await send('grace', 'For the next user')

      expect(unexpected()).toEqual([])
      const refused = handshakes().at(-1)!.tokenId
      standIn.revoke()
      await until(
        () => standIn.sockets('grace') === 1 && handshakes().at(-1)!.tokenId !== refused,
        `${inbox} did not come back with another token`,
      )
      await send('grace', 'After the refusal')

      const html = await page.content()
      const pieces = tokens.flatMap((token) => token.match(/.{12}/g) ?? [])
      expect(pieces.length).toBeGreaterThan(50)
      expect(pieces.filter((piece) => html.includes(piece)).length, 'pieces of tokens in the page').toBe(0)

      await press(page, 'Log out')
      await until(() => standIn.sockets('grace') === 0, `${inbox} kept its socket after the log out`)
      await page.waitForSelector('.log-in')
      expect(unexpected(refusal)).toEqual([])
    },
  )

  it('keeps its session and its one request when a component is edited', async ({ onTestFinished }) => {
    await fetch(`${example.url}api/life`, { method: 'POST', body: JSON.stringify({ seconds: 600 }) })
    const before = example.backend.requested.length
    const { page, loads, unexpected, close } = await open('Mary', 'courier')
    onTestFinished(close)
    const { standIn } = example.world.providers.courier
    await until(() => standIn.sockets('mary') === 1, 'Courier did not connect')
    const opened = standIn.seen.filter(({ kind }) => kind === 'socket').length

    edit = (code) => code.replace('<h1>Inbox</h1>', '<h1>Post</h1>')
    example.vite.watcher.emit('change', `${root}examples/react/source/header.tsx`)
    await until(
      () => page.evaluate(() => document.querySelector('h1')?.textContent === 'Post'),
      'The edit did not show',
    )

    expect(loads()).toBe(1)
    expect(
      example.backend.requested
        .slice(before)
        .map(({ provider }) => provider)
        .sort(),
    ).toEqual([...inboxes])
    expect(standIn.seen.filter(({ kind }) => kind === 'socket')).toHaveLength(opened)
    expect(unexpected()).toEqual([])
  })
})
