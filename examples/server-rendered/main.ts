import { parseArgs } from 'node:util'
import { startServerRendered } from './start.js'

// --port: where the page is served on 127.0.0.1 (4430, or a free one); --life: seconds that a token lives (30).
const { values } = parseArgs({ options: { port: { type: 'string' }, life: { type: 'string' } } })

const life = Number(values.life ?? 30)
const example = await startServerRendered({ port: Number(values.port ?? 4430), life }).catch(
  (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE' || values.port !== undefined) throw error
    return startServerRendered({ life })
  },
)
console.log(`\n  The server-rendered example is at ${example.url}\n  Ctrl+C ends it.\n`)

const stop = () => {
  setTimeout(() => process.exit(0), 1_500).unref()
  void example.close().then(() => process.exit(0))
}
process.once('SIGINT', stop)
process.once('SIGTERM', stop)
