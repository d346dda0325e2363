// npm run bench: one table, everything measured side by side in this run. Medians and ratios count; absolute times do not travel.
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { tsImport } from 'tsx/esm/api'
import { measure } from '../package/measure.mjs'
import * as contestants from './contestants.mjs'

const { spread } = contestants
const folder = fileURLToPath(new URL('.', import.meta.url))
const { hasChromium, launchChromium } = await tsImport('../support/browser.ts', import.meta.url)

const scripts = {
  '/contestants.js': `import * as contestants from './contestants.mjs'; Object.assign(window, { contestants })`,
  '/bare.js': `finish((await (await fetch('/token', { cache: 'no-store' })).json()).token)`,
  '/ours.js': `import { createSession, fromEndpoint } from 'inbox-session'
    const session = createSession({ source: fromEndpoint('/token') })
    session.signIn('ada')
    finish(await session.getToken())`,
}

async function serve() {
  const files = {}
  for (const [path, contents] of Object.entries(scripts)) {
    const options = { bundle: true, minify: true, write: false, format: 'esm', target: 'es2022', tsconfigRaw: {} }
    const { outputFiles } = await build({ stdin: { contents, resolveDir: folder }, ...options })
    files[path] = outputFiles[0].text
  }
  const page = (script) => `<!doctype html><meta charset="utf-8"><title>bench</title><script>
    const started = performance.now()
    window.elapsed = new Promise((resolve) => {
      window.finish = (token) => resolve(token ? performance.now() - started : NaN)
    })</script><script type="module" src="/${script}.js"></script>`
  const server = createServer((request, response) => {
    const answer = (type, body) =>
      response.writeHead(200, { 'content-type': `${type}; charset=utf-8`, 'cache-control': 'no-store' }).end(body)
    if (request.url === '/token') answer('application/json', JSON.stringify({ token: contestants.mint(3600) }))
    else if (files[request.url]) answer('text/javascript', files[request.url])
    else answer('text/html', page(request.url.slice(1)))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    close: () => (server.closeAllConnections(), server.close()),
  }
}

/** Script start to first token, a fresh profile each time, contestants in turns; `again` is the bare fetch once more: the noise. */
async function start(browser, url, rounds = 31, dropped = 2) {
  const order = ['bare', 'ours', 'again']
  const times = { bare: [], ours: [], again: [] }
  const began = performance.now()
  for (let round = -dropped; round < rounds; round++) {
    if (round >= 21 && performance.now() - began > 30_000) break
    for (let turn = 0; turn < order.length; turn++) {
      const name = order[(turn + round + dropped) % order.length]
      const context = await browser.createBrowserContext()
      const page = await context.newPage()
      await page.goto(url + (name === 'again' ? 'bare' : name))
      const elapsed = await page.evaluate(() => window.elapsed)
      if (round >= 0) times[name].push(elapsed)
      await context.close()
    }
  }
  const minus = (name) => spread(times[name].map((value, round) => value - times.bare[round]))
  const best = Math.min(...times.ours) - Math.min(...times.bare, ...times.again)
  return { bare: spread(times.bare), more: minus('ours'), noise: minus('again'), best }
}

const show = (value, digits = 1) =>
  typeof value === 'number'
    ? value.toFixed(digits)
    : `${value.median.toFixed(digits)} (${value.low.toFixed(digits)} – ${value.high.toFixed(digits)})`

const rows = []
const row = (what, measured, goal = '', holds = undefined) =>
  rows.push([what, measured, goal, holds === undefined ? '' : holds ? 'yes' : '**no**'])

async function inside(place, { hotPath, crowd, decodes }) {
  const hot = await hotPath()
  row(`getToken(), good token, ${place}: × by hand`, show(hot.ratio, 2), '≤ 1.5', hot.ratio.median <= 1.5)
  row(`– ours, ns`, show(hot.ours))
  row(`– hand-written memoised check, ns`, show(hot.memo))
  row(`state.token, ${place}: × a getter by hand`, show(hot.stateRatio, 2), '≤ 1.5', hot.stateRatio.median <= 1.5)
  row(`– ours, ns`, show(hot.state, 2))
  const many = await crowd()
  row(`1 000 × getToken(), spent token, ${place}: requests`, String(many.requests), '1', many.requests === 1)
  row(`– distinct tokens handed out`, String(many.distinct), '1', many.distinct === 1)
  row(`– all answered after the answer, ms`, show(many.beyond, 2), '≤ 2', many.beyond.median <= 2)
  const each = await decodes()
  row(`decodes a token, ${place}`, show(each, 2), '1', each === 1)
}

let browser
const limit = setTimeout(() => {
  console.error('The benchmark took more than 85 s and was stopped.')
  browser?.process()?.kill('SIGKILL')
  process.exit(1)
}, 85_000)

await inside('Node', contestants)
let versions = `Node ${process.version.slice(1)}`
if (hasChromium()) {
  const server = await serve()
  browser = await launchChromium()
  try {
    versions += `, ${await browser.version()}`
    const page = await browser.newPage()
    await page.goto(`${server.url}contestants`)
    await page.waitForFunction(() => window.contestants)
    const remote = (name) => () => page.evaluate((method) => window.contestants[method](), name)
    await inside('Chromium', { hotPath: remote('hotPath'), crowd: remote('crowd'), decodes: remote('decodes') })
    const warm = await page.evaluate(() => window.contestants.firstToken('/token'))
    await page.close()
    const { more, noise, bare, best } = await start(browser, server.url)
    row('first token over a bare fetch, ms more', show(more, 2), '≤ 1', more.median <= 1)
    row('– fastest of each, ms more', show(best, 2))
    row('– the same in a page long started, ms more', show(warm, 2), '≤ 1', warm.median <= 1)
    row('– the bare fetch against itself, ms more', show(noise, 2))
    row('– bare fetch, ms', show(bare))
  } finally {
    await browser.close()
    server.close()
  }
}
for (const { name, limit: most, minified, brotli } of await measure())
  row(
    `size of ${name}, B brotli (min)`,
    `${brotli} (${minified})`,
    most && `≤ ${most}`,
    most ? brotli <= most : undefined,
  )
clearTimeout(limit)

const table = [['what', 'median (quartiles)', 'goal', 'holds'], ['---', '---', '---', '---'], ...rows]
console.log(`${versions}\n\n${table.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}`)
