import { parseArgs } from 'node:util'
import { startExample } from './start.js'

const usage = `npm run example:react [-- --port N] [-- --life N]
  --port N   where the page is served on 127.0.0.1 (default: a free port)
  --life N   seconds that a token lives (default: 30)`

const { values } = parseArgs({ options: { port: { type: 'string' }, life: { type: 'string' } } })
const port = Number(values.port ?? 0)
const life = Number(values.life ?? 30)
if (!(port >= 0 && port < 65_536 && life >= 5)) {
  console.error(usage)
  process.exit(2)
}

const example = await startExample({ port, life })
console.log(`\n  The React example is at ${example.url}\n  Ctrl+C ends it.\n`)

const stop = () => {
  setTimeout(() => process.exit(0), 1_500).unref()
  void example.close().then(() => process.exit(0))
}
process.once('SIGINT', stop)
process.once('SIGTERM', stop)
