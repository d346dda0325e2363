import { afterAll, beforeAll, expect } from 'vitest'
import { launchChromium } from '../../support/browser.js'
import { piecesOf, shownPieces } from '../../support/tokens.js'
import { type Embedding, openEmbedding } from './bridge/embed.js'
import { play } from './bridge/play.js'
import { type Sites, createSites } from './bridge/sites.js'
import { browserTest, print, useFleet } from './setup.js'

const fleet = useFleet()
const patient = { timeout: 5_000, interval: 25 }
let sites: Sites
let page: Embedding

// The tokens of one user end every two seconds, while the tests go on.
const life = 2
const lifetimes = 4

beforeAll(async () => {
  sites = await createSites()
  if (!fleet()) return
  page = await openEmbedding(fleet().engine.open, sites.origins[0])
  await enter('lasting', { seconds: life })
})
afterAll(async () => {
  await page?.close()
  await sites.close()
})

const hosts = [
  'React Native on iOS',
  'React Native on Android',
  'React Native on an Android without WebMessageListener',
  'a WKWebView message handler',
  'a WKWebView message handler with text for a reply',
  'a WKWebView message handler with an object for a reply',
  'a WKWebView message handler whose first reply is an error',
  'an Android JavaScript interface',
  'an Android WebMessageListener',
  'a channel of webview_flutter on iOS',
  'Flutter InAppWebView',
  'Capacitor on Android',
  'Capacitor on Android by its legacy bridge, answers as events',
  'Capacitor on iOS',
]
let stories: ReturnType<typeof play> | undefined

browserTest.for(hosts)(
  '%s: tokens come, asked and unasked, a sign-out too, and a foreign frame changes nothing',
  async (host) => {
    const failures = host.endsWith('error') ? 1 : 0
    expect((await (stories ??= play(page.tab, sites, hosts)))[host]).toEqual({
      first: 1 + failures,
      afterForgery: `fresh ${1 + failures}`,
      pushed: 2 + failures,
      refreshed: 3 + failures,
      left: 'signed-out',
      asked: [...Array<string>(1 + failures).fill('initial'), 'refresh'],
      errors: Array(failures).fill('source_failed'),
    })
  },
)

const addressOf = (inner: string, outer = sites.origins[0]) => `${inner}/embedded?outer=${outer}`

/** A user with a frame of another origin in `home`, which is served at once. */
async function enter(user: string, { home = page, seconds = 60, sandbox = '' } = {}) {
  const inner = sites.origins[1]
  await home.enter(user, seconds, addressOf(inner), sandbox)
  await home.show(user, inner)
}

const inside = async (user: string, home = page) => (await home.look(user)).inside

/** Waits until the page inside and the one around it have this token, and nobody has asked for more. */
async function bothHold(user: string, number: number, home = page) {
  const numbers = async () => {
    const { inside, ...outside } = await home.look(user)
    return [outside.number, inside.number, sites.mintsOf(user).length]
  }
  await expect.poll(numbers, patient).toEqual([number, number, number])
}

/** Waits for what the frame says later than now: everything that was sent to it before has come. */
async function later(user: string, home = page) {
  const { reports = 0 } = await inside(user, home)
  await expect.poll(async () => (await inside(user, home)).reports, patient).toBeGreaterThan(reports + 2)
}

/** Waits for so many more texts from the frame, which a stranger posts by the half-dozen. */
async function moreTexts(user: string, count: number) {
  const texts = async () => (await page.look(user)).origins.length
  const before = await texts()
  await expect.poll(texts, patient).toBeGreaterThan(before + count)
}

browserTest(
  'a page in an iframe of another origin has the token of the page around it, one request for both',
  async () => {
    await enter('ann')
    await bothHold('ann', 1)
    expect((await page.look('ann')).early).toBe(0)
  },
)

browserTest('a token that is refused inside is replaced outside too, by one request', async () => {
  await page.tell('ann', 'refuse')
  await bothHold('ann', 2)
})

browserTest('an iframe that is loaded again has the token that is there', async () => {
  const { born } = await inside('ann')
  await page.go('ann', `${addressOf(sites.origins[1])}&user=ann&again`)
  await expect.poll(async () => (await inside('ann')).born, patient).not.toBe(born)
  await bothHold('ann', 2)
  expect((await inside('ann')).numbers).toEqual([2])
})

browserTest('a stranger in the page learns nothing, and what it says to both sides changes nothing', async () => {
  const before = (await inside('ann')).heard!
  await page.enter('bob', 60, `${sites.origins[2]}/stranger?of=ann`)
  await page.show('bob')
  await moreTexts('bob', 18)
  await later('ann')
  expect((await inside('ann')).heard).toBeGreaterThan(before)
  await bothHold('ann', 2)
  expect((await inside('bob')).heard).toBe(0)
  await page.remove('bob')
})

browserTest('a page that is served long after it was loaded has a token at once', async () => {
  await page.enter('cid', 60, addressOf(sites.origins[1]))
  await page.show('cid')
  // A greeting and a question.
  await expect.poll(async () => (await page.look('cid')).origins.length, patient).toBe(2)
  expect((await inside('cid')).status).toBe('fetching')
  await page.serve('cid', sites.origins[1])
  await bothHold('cid', 1)
})

browserTest('a sign-out outside is one inside', async () => {
  await page.signOut('cid')
  await expect.poll(() => inside('cid'), patient).toMatchObject({ status: 'signed-out', number: 0 })
})

browserTest('a frame that shows a stranger now is told nothing any more', async () => {
  const [, , stranger] = sites.origins
  await enter('dan')
  await bothHold('dan', 1)
  await page.go('dan', `${stranger}/stranger?of=dan`)
  await expect.poll(async () => (await page.look('dan')).origins, patient).toContain(stranger)
  await page.renew('dan')
  await moreTexts('dan', 12)
  const { status, number, inside } = await page.look('dan')
  expect({ status, number, inside }).toEqual({ status: 'fresh', number: 2, inside: { heard: 0 } })
  expect(sites.mintsOf('dan')).toHaveLength(2)
  await page.remove('dan')
})

browserTest('a page in a sandbox, whose origin is nobody’s, gets nothing', async () => {
  await enter('eve', { sandbox: 'allow-scripts' })
  await expect.poll(async () => (await page.look('eve')).origins, patient).toEqual(['null', 'null'])
  await expect.poll(async () => (await page.look('eve')).number, patient).toBe(1)
  await page.renew('eve')
  await later('eve')
  expect(await inside('eve')).toMatchObject({ status: 'fetching', numbers: [], heard: 0 })
})

browserTest(
  'over some lifetimes the page inside has each token, never one that has ended, for one request each',
  async () => {
    const held = async () => (await inside('lasting')).numbers?.length
    await expect.poll(held, { ...patient, timeout: 15_000 }).toBeGreaterThan(lifetimes)
    const { number, numbers, samples, expired, errors } = await inside('lasting')
    const mints = sites.mintsOf('lasting').slice(0, number)
    const gaps = mints.slice(1).map(({ at }, index) => at - mints[index]!.at)
    print(
      `in a frame: tokens ${numbers} of ${mints.length} requests, ${gaps.join(', ')} ms apart, ` +
        `${expired} expired of ${samples} samples, errors: ${errors}`,
    )
    // The very first may be replaced before the page inside is there.
    expect(numbers).toEqual(Array.from(numbers!, (_, index) => number! - numbers!.length + 1 + index))
    expect(expired).toBe(0)
    expect(samples).toBeGreaterThan(10 * lifetimes)
    // The first refresh after the start comes early; a lifetime begins with the question for the token.
    for (const gap of gaps.slice(1)) expect(gap).toBeGreaterThan(life * 600)
  },
)

browserTest('no address, element, console line or storage of either page has a piece of a token', async () => {
  await page.tell('ann', 'traces')
  await expect.poll(async () => (await inside('ann')).traces, patient).toBeDefined()
  const traces = [(await inside('ann')).traces!, await page.tab.eval(() => window.embedding.traces())]
  const tokens = ['lasting', 'ann', 'cid', 'dan'].flatMap((user) => sites.mintsOf(user).map(({ token }) => token))
  const pieces = piecesOf(tokens)
  expect(tokens.length).toBeGreaterThan(8)
  for (const text of [...traces, ...sites.addresses]) expect(shownPieces(text, pieces)).toEqual([])
  for (const text of traces) expect(JSON.parse(text)).toMatchObject({ lines: [] })
})

browserTest('a page that a stranger embeds asks the stranger nothing and takes nothing from it', async () => {
  const trap = await openEmbedding(fleet().engine.open, sites.origins[2])
  await enter('fay', { home: trap })
  await expect.poll(async () => (await inside('fay', trap)).status, patient).toBe('fetching')
  await trap.serve('fay', sites.origins[1])
  await trap.tab.eval(async () => {
    const { session, frame } = window.embedding.scenes.get('fay')!
    const message = { inboxSession: 1, type: 'token', user: { id: 'fay' }, token: await session.getToken() }
    frame.contentWindow!.postMessage(JSON.stringify(message), '*')
  })
  // The greeting and the token.
  await expect.poll(async () => (await inside('fay', trap)).heard, patient).toBe(2)
  await later('fay', trap)
  const { inside: found, origins } = await trap.look('fay')
  expect(origins).toEqual([])
  expect(found).toMatchObject({ status: 'fetching', numbers: [] })
  await trap.close()
})

browserTest('the browser has nothing to complain of, whenever the page inside is served', async ({ skip }) => {
  // What a page prints itself was looked at above.
  if (fleet().engine.name !== 'chromium') skip('only Chromium tells')
  const complaints: string[] = []
  const browser = await launchChromium()
  try {
    const window = await browser.newPage()
    window.on('console', (line) => complaints.push(line.text())).on('pageerror', (error) => complaints.push(`${error}`))
    const home = await openEmbedding(async (url) => {
      await window.goto(url)
      return { eval: (run, ...given) => window.evaluate(run as any, ...given), close: () => window.close() }
    }, sites.origins[0])
    await enter('gil', { home })
    await bothHold('gil', 1, home)
    await home.go('gil', `${addressOf(sites.origins[1])}&user=gil&again`)
    await home.renew('gil')
    await bothHold('gil', 2, home)
    await home.enter('hal', 60, addressOf(sites.origins[1]))
    await home.serve('hal', sites.origins[1])
    await home.show('hal')
    await bothHold('hal', 1, home)
    expect(complaints).toEqual([])
  } finally {
    await browser.close()
  }
})
