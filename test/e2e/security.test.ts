import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, BrowserContext, Page } from 'puppeteer-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createCourierStandIn, issueCourierToken } from '../../examples/demo/providers/courier.js'
import { hasChromium, launchChromium } from '../support/browser.js'
import { bundleScript, emptyPage, servePage } from '../support/serve.js'
import { piecesOf, shownPieces, tokenFor } from '../support/tokens.js'
import type {} from './pages/courier.js'

const ready = hasChromium()
const patient = { timeout: 10_000 }
let code = ''
let minted: string[] = []

interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
}

/** An origin of its own that allows everybody everything, and remembers what it was sent. `?to=` redirects. */
async function openSite() {
  const seen: Seen[] = []
  const server = createServer(({ method = '', url = '', headers }, response) => {
    const { pathname, searchParams: query } = new URL(url, 'http://any')
    seen.push({ method, url, headers })
    response
      .setHeader('access-control-allow-origin', headers.origin ?? '*')
      .setHeader('access-control-allow-credentials', 'true')
      .setHeader('access-control-allow-headers', 'authorization, x-inbox-token, x-api-key')
    const say = (status: number, type: string, body = '', more = {}) =>
      void response.writeHead(status, { 'content-type': type, ...more }).end(body)
    if (method === 'OPTIONS') return say(204, 'text/plain')
    const to = query.get('to')
    if (to) return say(307, 'text/plain', '', { location: to })
    if (pathname === '/page.js') return say(200, 'text/javascript', code)
    if (pathname === '/token') {
      const user = query.get('user')!
      minted.push(user === 'opaque' ? opaque() : tokenFor(user, Date.now(), 3_600, { jti: opaque() }))
      return say(200, 'application/json', JSON.stringify({ token: minted.at(-1) }), {
        'cache-control': 'max-age=3600',
      })
    }
    const strict = "default-src 'none'; script-src 'self'; connect-src 'self'; require-trusted-types-for 'script'"
    say(200, 'text/html', emptyPage, pathname === '/strict' ? { 'content-security-policy': strict } : {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return { origin: `http://127.0.0.1:${port}`, host: `127.0.0.1:${port}`, seen, close }
}
const opaque = () => [...crypto.getRandomValues(new Uint8Array(24))].map((part) => part.toString(36)).join('')

let browser: Browser
let context: BrowserContext
let site: Awaited<ReturnType<typeof openSite>>
let other: typeof site

beforeAll(async () => {
  if (ready) [browser, code] = await Promise.all([launchChromium(), bundleScript('test/e2e/pages/security.ts')])
})
beforeEach(async () => {
  if (!ready) return
  ;[site, other, context] = await Promise.all([openSite(), openSite(), browser.createBrowserContext()])
  minted = []
})
afterEach(async () => {
  await context?.close()
  for (const open of [site, other]) open?.close()
})
afterAll(() => browser?.close())

const open = async (address = site.origin): Promise<Page> => {
  const page = await context.newPage()
  await page.goto(address)
  return page
}
/** A page with `user` signed in. */
const signedIn = async (user = 'ann', address?: string): Promise<Page> => {
  const page = await open(address)
  await page.evaluate(async (id) => {
    window.enter(id)
    await window.session.getToken()
  }, user)
  return page
}
/** All that the storages and caches of its origin hold. */
const storedIn = (page: Page): Promise<string> =>
  page.evaluate(async () => {
    const found: unknown[] = [{ ...localStorage }, { ...sessionStorage }, document.cookie, await caches.keys()]
    for (const { name } of await indexedDB.databases())
      found.push(
        await new Promise((resolve, reject) => {
          const opening = indexedDB.open(name!)
          opening.onerror = reject
          opening.onsuccess = () => {
            const database = opening.result
            const stores = [...database.objectStoreNames]
            const request = database.transaction(stores).objectStore(stores[0]!).getAll()
            request.onsuccess = () => {
              resolve(request.result)
              database.close()
            }
          }
        }),
      )
    return JSON.stringify(found)
  })
/** Whether the token, or a piece of it, stands in there. */
const shows = (value: unknown): boolean => shownPieces(JSON.stringify(value), piecesOf(minted)).length > 0
const arrived = ({ seen }: typeof site, path: string): Seen[] =>
  seen.filter(({ method, url }) => method !== 'OPTIONS' && url.startsWith(path))

describe.runIf(ready)('withToken', () => {
  test('a redirect to another origin does not take the token along in Authorization, though the other origin would let it', async () => {
    const page = await signedIn()
    await page.evaluate(
      async ([from, to]) => {
        const send = window.library.withToken(window.session, { origins: [from!] })
        await send(`/first?to=${to}/second`)
        await fetch(`${to}/direct`, { headers: { authorization: 'Bearer mine' } })
      },
      [site.origin, other.origin],
    )
    expect(arrived(site, '/first')[0]!.headers.authorization).toBe(`Bearer ${minted[0]}`)
    expect(arrived(other, '/second')).toHaveLength(1)
    expect(arrived(other, '/direct')[0]!.headers.authorization).toBe('Bearer mine')
    expect(shows(other.seen)).toBe(false)
  })

  test('a redirect is refused where the token goes in a header of another name, which browsers take along', async () => {
    const page = await signedIn()
    const ends = await page.evaluate(
      async ([from, to]) => {
        const header = 'x-inbox-token'
        const send = window.library.withToken(window.session, { origins: [from!], header, scheme: '' })
        const end = (sent: Promise<Response>) => sent.then(String, ({ name }: Error) => name)
        return [
          await end(send(`/first?to=${to}/second`, { redirect: 'follow' })),
          await end(send(`/first?to=/same`)),
          await end(fetch(`/bare?to=${to}/bare`, { headers: { [header]: 'mine' } })),
        ]
      },
      [site.origin, other.origin],
    )
    expect(ends).toEqual(['TypeError', 'TypeError', '[object Response]'])
    expect(arrived(site, '/first')[0]!.headers['x-inbox-token']).toContain(minted[0])
    expect(arrived(other, '/second')).toEqual([])
    expect(arrived(other, '/bare')[0]!.headers['x-inbox-token']).toBe('mine')
    expect(shows(other.seen)).toBe(false)
  })

  test('the token goes to the listed origin however its address is written, and to nothing that only looks like it', async () => {
    const page = await signedIn()
    const given = [site, other].map(({ host, origin }) => ({ host, origin }))
    const sent = await page.evaluate(async ([own, not]) => {
      const carried: [address: string, token: boolean][] = []
      const send = window.library.withToken(window.session, {
        origins: [own!.origin.toUpperCase()],
        fetch: async (input, init) => {
          const request = input instanceof Request ? input : undefined
          carried.push([request?.url ?? String(input), Boolean(request?.headers.has('authorization'))])
          return fetch(input, init)
        },
      })
      const frame = document.createElement('iframe')
      document.body.append(frame)
      const Foreign = (frame.contentWindow as unknown as typeof globalThis).Request
      const addresses = [
        '/relative',
        `HTTP://${own!.host}/case`,
        `//${own!.host}/scheme`,
        `\\\\${own!.host}\\slashes`,
        new URL(`${own!.origin}/url`),
        new Request('/request'),
        new Foreign(`${own!.origin}/realm`),
        '|',
        `${not!.origin}/${own!.host}`,
        `//${not!.host}/`,
        `\\\\${not!.host}\\`,
        `http:${not!.origin.slice(5)}/#${own!.origin}/`,
        `http://${own!.host}@${not!.host}/`,
        `http://user:word@${own!.host}/`,
        new Request(`${not!.origin}/request`),
        new Foreign(`${not!.origin}/realm`),
        'data:text/plain,x',
        URL.createObjectURL(new Blob(['x'])),
        'javascript:alert(1)',
        'about:blank',
        `filesystem:${own!.origin}/temporary/x`,
        `ws://${own!.host}/`,
        `http://[${own!.host}`,
      ]
      for (const address of addresses)
        if (address === '|') carried.push(['|', false])
        else await send(address).catch(() => {})
      return carried
    }, given)
    const middle = sent.findIndex(([address]) => address === '|')
    const listed = sent.slice(0, middle)
    expect(listed.map(([, token]) => token)).toEqual(Array(7).fill(true))
    expect(listed.every(([address]) => address.startsWith(`${site.origin}/`))).toBe(true)
    const unlisted = sent.slice(middle + 1)
    expect(unlisted).toHaveLength(15)
    expect(unlisted.filter(([, token]) => token)).toEqual([])
    expect(shows(other.seen)).toBe(false)
    expect(site.seen.filter(({ headers }) => shows(headers))).toHaveLength(7)
  })
})

describe.runIf(ready)('fromEndpoint', () => {
  test('sends cookies to its own origin only, and the page’s address with nothing in it but the origin to another', async () => {
    const page = await open(`${site.origin}/inbox?secret=of-the-page`)
    await page.evaluate(async (to) => {
      document.cookie = 'login=mine'
      for (const origin of ['', to]) {
        window.enter('ann', { source: window.library.fromEndpoint(`${origin}/token?user=ann`), name: origin })
        await window.session.getToken()
      }
    }, other.origin)
    const [own] = arrived(site, '/token')
    const [theirs] = arrived(other, '/token')
    expect([own!.headers.cookie, theirs!.headers.cookie]).toEqual(['login=mine', undefined])
    expect([own!.headers.referer, theirs!.headers.referer]).toEqual([
      `${site.origin}/inbox?secret=of-the-page`,
      `${site.origin}/`,
    ])
  })

  test('a redirect takes headers of your own along to another origin and its answer is believed, unless redirect is "error"', async () => {
    const page = await open()
    const ends = await page.evaluate(async (to) => {
      const ask = async (redirect: RequestRedirect) => {
        const url = `/token?to=${to}/token?user=ann`
        const source = window.library.fromEndpoint(url, { redirect, headers: { 'x-api-key': redirect } })
        window.enter('ann', { source, name: redirect })
        return window.session.getToken().then(
          () => 'a token',
          ({ code }: { code: string }) => code,
        )
      }
      return [await ask('follow'), await ask('error'), await ask('manual')]
    }, other.origin)
    expect(ends).toEqual(['a token', 'source_failed', 'invalid_answer'])
    expect(arrived(other, '/token').map(({ headers }) => headers['x-api-key'])).toEqual(['follow'])
  })
})

describe.runIf(ready)('what a page leaves behind', () => {
  test('the token stands in no address, no referrer, no timing entry and no cache, though the backend asked for one', async () => {
    const page = await signedIn('ann', `${site.origin}/inbox`)
    const left = await page.evaluate(
      async ([from, to]) => {
        const send = window.library.withToken(window.session, { origins: [from!] })
        await (await send('/messages')).text()
        await (await fetch(`${to}/image`)).text()
        const cached = await fetch('/token?user=ann', { cache: 'only-if-cached', mode: 'same-origin' }).then(
          () => true,
          () => false,
        )
        const entries = performance.getEntries().map((entry) => JSON.stringify(entry))
        return { cached, entries, href: location.href, history: history.state as unknown }
      },
      [site.origin, other.origin],
    )
    expect(left).toMatchObject({ cached: false })
    expect(left.entries.join()).toContain('/messages')
    expect(shows([left, await storedIn(page)])).toBe(false)
    const sent = [...site.seen, ...other.seen].map(({ url, headers }) => [url, headers.referer])
    expect(shows(sent)).toBe(false)
    expect(shows(arrived(site, '/messages')[0]!.headers)).toBe(true)
  })

  test('the console shows no token of a session, a snapshot, a token, an event or an error, folded or not', async () => {
    const page = await open()
    const client = await page.createCDPSession()
    const said: unknown[] = []
    const ids: string[] = []
    client.on('Runtime.consoleAPICalled', ({ args }) => {
      said.push(args)
      for (const { objectId } of args) if (objectId) ids.push(objectId)
    })
    await client.send('Runtime.enable')
    await page.evaluate(async () => {
      window.enter('ann')
      const { session } = window
      for (const event of ['change', 'token', 'trace', 'error'] as const) session.on(event, (it) => console.log(it))
      await session.getToken()
      const { state } = session as unknown as { state: { token: object } }
      console.log(session, state, state.token, [state.token], { ...state }, new Map([[state, state]]))
      console.table([state, state.token])
      session.attach({ name: 'sdk', attach: ({ token }) => Promise.reject(new Error(`refused ${token.value}`)) })
      console.dir(session)
      await session.refresh().then(() => {}, console.warn)
      await session.signOut()
      console.warn(await session.getToken().catch((error: unknown) => error))
    })
    await expect.poll(() => ids.length, patient).toBeGreaterThan(12)
    // What unfolding shows, two steps deep; an accessor shows its value only when it is clicked.
    for (let depth = 0, at = ids.splice(0); depth < 2; depth++, at = ids.splice(0))
      for (const objectId of at) {
        const given = { objectId, ownProperties: true, generatePreview: true, nonIndexedPropertiesOnly: true }
        const { result } = await client.send('Runtime.getProperties', given)
        said.push(result)
        for (const { enumerable, value } of result)
          if (enumerable && value?.objectId && value.type === 'object') ids.push(value.objectId)
      }
    expect(JSON.stringify(said)).toContain('receivedAt')
    expect(minted.length).toBeGreaterThan(1)
    expect(shows(said)).toBe(false)
  })

  test('marks in localStorage name neither user nor token; the lock and the channel are named after the user', async () => {
    const page = await open()
    const found = await page.evaluate(async () => {
      const names: string[] = []
      const source = async () => {
        const { held } = await navigator.locks.query()
        names.push(...held!.map(({ name }) => name!))
        return (await (await fetch('/token?user=ann')).json()) as { token: string }
      }
      window.enter('ann', { source })
      await window.session.getToken()
      await window.session.signOut()
      window.enter('bob')
      await window.session.getToken()
      return { names, marks: { ...localStorage } as Record<string, string>, session: { ...sessionStorage } as object }
    })
    expect(found.names).toEqual(['inbox-session:["default","ann",null]'])
    const marks = Object.entries(found.marks)
    expect(marks.length).toBeGreaterThan(1)
    for (const [name, value] of marks) {
      expect(name).toMatch(/^inbox-session:\w+:(here|note):[\w-]+$/)
      expect(value).toMatch(/^(\w+ )?\d+$/)
    }
    expect(JSON.stringify(marks)).not.toMatch(/ann|bob/)
    expect(found.session).toEqual({})
    expect(shows(found)).toBe(false)
  })

  test('without a storage the token is in none: not while it is held, not through a refresh', async () => {
    const page = await signedIn()
    const stored = [await storedIn(page)]
    await page.evaluate(() => window.session.refresh().then(() => {}))
    stored.push(await storedIn(page))
    expect(minted).toHaveLength(2)
    expect(shows(stored)).toBe(false)
    expect(await page.evaluate(async () => (await indexedDB.databases()).length)).toBe(0)
  })

  test('a page under a strict Content-Security-Policy with Trusted Types needs no exception', async () => {
    const page = await open(`${site.origin}/strict`)
    const end = await page.evaluate(async () => {
      const broken: string[] = []
      addEventListener('securitypolicyviolation', ({ violatedDirective }) => broken.push(violatedDirective))
      for (const storage of [window.library.webStorage('localStorage'), window.library.indexedDBStorage()]) {
        window.enter('ann', { storage })
        await window.session.getToken()
        await window.session.signOut()
      }
      return [window.session.state.status, ...broken]
    })
    expect(end).toEqual(['signed-out'])
    expect(minted).toHaveLength(2)
  })
})

describe.runIf(ready)('who listens', () => {
  /** Asks on the channel of `ann`, as any script can, and notes what comes in that time. */
  const eavesdrop = (page: Page, time = 2_000): Promise<string> =>
    page.evaluate(async (ms) => {
      const heard: unknown[] = []
      const channel = new BroadcastChannel('inbox-session:["default","ann",null]')
      channel.onmessage = ({ data }) => heard.push(data)
      channel.postMessage({ id: 'x', sentAt: Date.now(), message: { version: 1, type: 'ask', at: Date.now() } })
      await new Promise((resolve) => setTimeout(resolve, ms))
      channel.close()
      return JSON.stringify(heard)
    }, time)

  test('a page of another origin hears nothing on a channel of the same name', async () => {
    const page = await signedIn()
    const [script, stranger] = [await open(), await open(other.origin)]
    const [near, far] = await Promise.all([
      eavesdrop(script),
      eavesdrop(stranger),
      page.evaluate(() => window.session.refresh().then(() => {})),
    ])
    expect([shows(near), far]).toEqual([true, '[]'])
    expect(minted).toHaveLength(2)
  })

  test('a script of the origin that has no session gets the token by asking on the channel, and from the backend', async () => {
    await signedIn()
    const script = await open()
    expect(shows(await eavesdrop(script))).toBe(true)
    const asked = await script.evaluate(async () => (await fetch('/token?user=ann')).text())
    expect(shows(asked)).toBe(true)
  })

  test('a path is no border: another app of the origin shares the token, unless its session has another name', async () => {
    await signedIn('ann', `${site.origin}/one-app`)
    const another = await open(`${site.origin}/another-app`)
    const same = await another.evaluate(async () => {
      window.enter('ann')
      return window.session.getToken()
    })
    expect([minted.length, same === minted[0]]).toEqual([1, true])
    await another.evaluate(async () => {
      window.enter('ann', { name: 'another' })
      await window.session.getToken()
    })
    expect(minted).toHaveLength(2)
  })

  test('nothing is to be had on the channel after signOut', async () => {
    const page = await signedIn()
    const script = await open()
    await page.evaluate(() => window.session.signOut())
    expect(await eavesdrop(script, 500)).toBe('[]')
  })
})

describe.runIf(ready)('after signOut', () => {
  /** Everything the page's memory holds. */
  const memoryOf = async (page: Page): Promise<string> => {
    const client = await page.createCDPSession()
    const chunks: string[] = []
    client.on('HeapProfiler.addHeapSnapshotChunk', ({ chunk }) => chunks.push(chunk))
    await client.send('HeapProfiler.enable')
    await client.send('HeapProfiler.collectGarbage')
    await client.send('HeapProfiler.takeHeapSnapshot', { reportProgress: false })
    await client.detach()
    return chunks.join('')
  }

  test.each(['ann', 'opaque'])('the token is nowhere in the memory of the page (%s)', async (user) => {
    const page = await signedIn(user)
    await page.evaluate(() => window.session.refresh().then(() => {}))
    // The end of the payload, which no other token shares; of an opaque one, its own.
    const [old, held] = minted.map((token) => (token.split('.')[1] ?? token).slice(-32))
    const before = await memoryOf(page)
    expect([before.includes(old!), before.includes(held!)]).toEqual([false, true])
    await page.evaluate(() => window.session.signOut())
    const after = await memoryOf(page)
    expect([after.length > 1e6, after.includes(old!), after.includes(held!)]).toEqual([true, false, false])
  })

  test.each(['localStorage', 'sessionStorage', 'indexedDB'] as const)(
    'no storage of the origin holds the token in any tab; before it, every script could read it there (%s)',
    async (kind) => {
      const pages = [await open(), await open()]
      for (const page of pages)
        await page.evaluate(async (kind) => {
          const { webStorage, indexedDBStorage } = window.library
          window.enter('ann', { storage: kind === 'indexedDB' ? indexedDBStorage() : webStorage(kind) })
          await window.session.getToken()
        }, kind)
      await expect.poll(async () => shows(await storedIn(pages[0]!)), patient).toBe(true)
      await pages[0]!.evaluate(() => window.session.signOut())
      await expect.poll(() => pages[1]!.evaluate(() => window.session.state.status), patient).toBe('signed-out')
      await pages[1]!.evaluate(() => window.session.signOut())
      for (const page of pages) expect(shows(await storedIn(page))).toBe(false)
    },
  )

  test('the page comes out of the back/forward cache signed out, and asks nobody', async () => {
    const page = await signedIn()
    await page.evaluate(async () => {
      addEventListener('pageshow', ({ persisted }) => {
        document.title = String(persisted)
        void window.session.getToken().then(
          () => (document.title += ' a token'),
          ({ code }: { code: string }) => (document.title += ` ${code}`),
        )
      })
      await window.session.signOut()
    })
    await page.goto(`${site.origin}/elsewhere`)
    await page.goBack()
    await expect.poll(() => page.title(), patient).toBe('true signed_out')
    expect(minted).toHaveLength(1)
  })
})

describe.runIf(ready)('a vendor’s SDK does with the token what it likes', () => {
  test('Courier’s puts it into the address of its socket', async ({ onTestFinished }) => {
    const [page, provider, inbox] = await Promise.all([
      context.newPage(),
      createCourierStandIn({ apiKey: 'key' }),
      servePage('test/e2e/pages/courier.ts'),
    ])
    onTestFinished(async () => void (await Promise.all([provider.close(), inbox.close()])))
    const client = await page.createCDPSession()
    const sockets: string[] = []
    client.on('Network.webSocketCreated', ({ url }) => sockets.push(url))
    await client.send('Network.enable')
    await page.exposeFunction('mintCourier', async (userId: string) => {
      minted.push(await issueCourierToken({ url: provider.url, apiKey: 'key', userId, expiresIn: 60 }))
      return minted.at(-1)
    })
    await page.goto(inbox.url)
    await page.evaluate((url) => window.startCourier({ url, userId: 'ada' }), provider.url)
    await expect.poll(() => sockets.some((url) => url.includes(`auth=${minted[0]}`)), patient).toBe(true)
  })
})
