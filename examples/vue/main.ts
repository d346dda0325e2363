import { parseArgs } from 'node:util'
import { startVueExample } from './start.js'

// --port: where the page is served on 127.0.0.1 (4420, or the next free one); --life: seconds that a token lives (30).
const { values } = parseArgs({ options: { port: { type: 'string' }, life: { type: 'string' } } })

const example = await startVueExample({ port: Number(values.port ?? 4420), life: Number(values.life ?? 30) })
console.log(`\n  The Vue example is at ${example.url}\n  Ctrl+C ends it.\n`)

const stop = () => {
  setTimeout(() => process.exit(0), 1_500).unref()
  void example.close().then(() => process.exit(0))
}
process.once('SIGINT', stop)
process.once('SIGTERM', stop)
