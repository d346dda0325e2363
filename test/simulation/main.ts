import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { replay, report, simulate } from './simulate.js'

// npm run simulate -- --seeds 1000 [--from 1] [--processes 2], or --replay '<scenario>'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    processes: { type: 'string', default: '2' },
    /** Every so manieth seed only. */
    step: { type: 'string', default: '1' },
    replay: { type: 'string' },
  },
})
const [from, seeds, processes, step] = [values.from, values.seeds, values.processes, values.step].map(Number) as [
  number,
  number,
  number,
  number,
]
const failures: string[] = []
let played = 0
const began = performance.now()

const tell = (failure: string | undefined): void => {
  process.send?.({ failure })
  if (process.send) return
  played++
  if (failure) console.log(`${failures[failures.push(failure) - 1]}\n`)
  if (played % 1_000 === 0) console.log(`${played} seeds, ${failures.length} failed`)
}
const inOtherProcess = (index: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const range = [`--from=${from + index}`, `--seeds=${seeds - index}`, `--step=${processes}`, '--processes=1']
    const child = fork(fileURLToPath(import.meta.url), range)
    child.on('message', ({ failure }: { failure?: string }) => tell(failure))
    child
      .on('error', reject)
      .on('exit', (code) => (code ? reject(new Error(`a process ended with ${code}`)) : resolve()))
  })

if (values.replay) {
  const failure = await replay(JSON.parse(values.replay))
  tell(failure && report(failure))
} else if (processes > 1) {
  await Promise.all(Array.from({ length: processes }, (_, index) => inOtherProcess(index)))
} else {
  for (let seed = from; seed < from + seeds; seed += step) {
    const failure = await simulate(seed)
    tell(failure && report(failure))
  }
}
if (!process.send) {
  const seconds = Math.round((performance.now() - began) / 1_000)
  console.log(`${played - failures.length} of ${played} went well, in ${seconds} s`)
  process.exitCode = failures.length ? 1 : 0
}
