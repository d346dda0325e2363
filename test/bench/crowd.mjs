// node test/bench/crowd.mjs: 100 000 clients with the shipped policy, as markdown. Seeded: every run prints the same.
import { tsImport } from 'tsx/esm/api'

const load = (path) => tsImport(path, import.meta.url)
const { createPolicy } = await load('../../src/policy.ts')
const { seeded } = await load('../support/world.ts')
const { outage, refreshes, storm } = await load('../support/crowd.ts')

const life = 3_600_000
const crowd = { policy: createPolicy({}), clients: 100_000, life, spread: 60_000, random: seeded(7) }
const line = (...cells) => console.log(`| ${cells.join(' | ')} |`)
const percent = (share, digits = 1) => `${(share * 100).toFixed(digits)} %`

const calm = refreshes(crowd, 6.5)
console.log(`\n100 000 clients, tokens of 3 600 s, the first ones within 60 s; peaks in bins of 1 s\n`)
line('cycle', 'mean a second', 'peak', 'peak / mean', 'random phases', 'goal')
line('--:', '--:', '--:', '--:', '--:', '--:')
for (const cycle of [1, 2, 5]) {
  const ratios = [calm.peak(cycle), calm.randomPeak].map((peak) => (peak / calm.mean).toFixed(2))
  line(cycle, calm.mean.toFixed(1), calm.peak(cycle), ...ratios, '≤ 1.8')
}
console.log(`\nRequests more than one each lifetime: ${percent(calm.extra)} (goal ≤ 30 %)`)

const down = outage(crowd, 4 * life, 600_000)
console.log('\nAn outage of 600 s\n')
line('what', 'clients', 'share', 'goal')
line('--', '--:', '--:', '--:')
line('due meanwhile', down.due, percent(down.due / crowd.clients), '')
line('without a good token during it', down.during, percent(down.during / crowd.clients, 3), '0 %')
line('without one after it, until the retry', down.after, percent(down.after / crowd.clients, 3), '')
console.log(`\nThe longest of those: ${(Math.max(0, down.longest) / 1_000).toFixed(1)} s`)

const rush = storm({ ...crowd, random: seeded(11) }, 600_000)
console.log('\nAll 100 000 need a token within 60 s at the start of an outage of 600 s\n')
line('what', 'measured', 'goal')
line('--', '--:', '--:')
line('failed calls a client', `${rush.failed.toFixed(1)} (at most ${rush.most})`, '≤ 19')
line('peak rate during the outage', rush.peakDuring, '')
line('calls in the first second after', rush.firstSecond, '')
line('peak rate after', rush.peakAfter, '')
line(
  '50 % / 99 % / all served after',
  [rush.half, rush.window, rush.last].map((s) => `${s.toFixed(1)} s`).join(' / '),
  '',
)
line('peak / least rate that serves 99 % in that time', (rush.peakAfter / rush.optimum).toFixed(3), '≤ 1.3')
