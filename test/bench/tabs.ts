// npm run tabs: requests, expired tokens and messages of 1, 10 and 20 tabs in real browsers, as a table in markdown.
//   --lifetimes N   so long each row runs; default 14
//   --life S        seconds that a token lives; default 8
//   --write         puts the table into the README
// ENGINES=chromium,firefox,webkit chooses.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Counts, inWords } from '../e2e/tabs/counts.js'
import { createFleet } from '../e2e/tabs/fleet.js'
import { liveThrough } from '../e2e/tabs/lifetimes.js'
import { chosenEngines, hasEngine } from '../support/engines/index.js'

const { values } = parseArgs({
  options: {
    lifetimes: { type: 'string', default: '14' },
    life: { type: 'string', default: '8' },
    write: { type: 'boolean', default: false },
  },
})
const [lifetimes, life] = [Number(values.lifetimes), Number(values.life)]
const readme = fileURLToPath(new URL('../../README.md', import.meta.url))
const marked = /(<!-- tabs -->\n)[^]*?(<!-- \/tabs -->)/
const spaced = (count: number) => String(count).replace(/\B(?=(\d{3})+$)/g, ' ')

if (values.write && !marked.test(readFileSync(readme, 'utf8')))
  throw new Error('README.md has no place for the table: <!-- tabs --> and <!-- /tabs --> on lines of their own.')

const titles = { chromium: 'Chromium', firefox: 'Firefox', webkit: 'WebKitGTK' }
const rows: string[][] = []
const totals: Record<string, Counts[]> = {}
for (const name of chosenEngines().filter(hasEngine)) {
  for (const tabs of [1, 10, 20]) {
    const fleet = await createFleet(name)
    try {
      const counts = await liveThrough(fleet, { tabs, life, lifetimes })
      console.error(`${titles[name]}, ${inWords(counts)}`)
      ;(totals[name] ??= []).push(counts)
      rows.push([
        `${titles[name]} ${/[\d.]+/.exec(fleet.engine.version)![0]}`,
        String(tabs),
        String(counts.first),
        String(counts.refreshes),
        counts.perRefresh.toFixed(2),
        `${counts.expired} of ${spaced(counts.samples)}`,
        `${counts.missing} of ${spaced(counts.samples)}`,
        counts.messages.toFixed(2),
      ])
    } finally {
      await fleet.close()
    }
  }
}

const heads = ['engine', 'tabs', 'first requests', 'refreshes', 'requests per refresh']
heads.push('samples with an expired token', 'without a token', 'messages per refresh and tab')
const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]!.length)))
const line = (cells: string[]) =>
  `| ${cells.map((cell, column) => (column ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))).join(' | ')} |`
const rule = `| ${widths.map((width, column) => (column ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width))).join(' | ')} |`
const table = [line(heads), rule, ...rows.map(line)].join('\n')

console.log(`\n${table}\n`)
for (const [name, counts] of Object.entries(totals))
  console.log(`${name}: ${counts.reduce((sum, { refreshes }) => sum + refreshes, 0)} refreshes in all`)
if (values.write) writeFileSync(readme, readFileSync(readme, 'utf8').replace(marked, `$1\n${table}\n\n$2`))
