import { parseArgs } from 'node:util'
import { createBackend } from './backend.js'
import { buildPage } from './build.js'
import { createWorld } from './world.js'

const usage = `npm run demo [-- --port N] [-- --check]
  --port N   where the page is served on 127.0.0.1 (default: 4400, or a free port)
  --check    runs headless through healthy lifetimes, an outage, a refusal, a switch of users
             and three tabs; ends 0 if every inbox held`

function readOptions() {
  try {
    const { values } = parseArgs({
      options: { port: { type: 'string' }, check: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    })
    const port = values.port === undefined ? undefined : Number(values.port)
    if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port < 65_536))
      throw new Error('--port takes a port number')
    return { ...values, port }
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`)
    process.exit(2)
  }
}

async function serve(port: number | undefined) {
  const [files, world] = await Promise.all([buildPage(), createWorld()])
  const start = (at: number) => createBackend({ world, files, port: at })
  const backend = await start(port ?? 4400).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE' || port !== undefined) throw error
    return start(0)
  })
  console.log(`\n  The demo is at ${backend.url}\n  Ctrl+C ends it.\n`)
  const stop = () => {
    void Promise.all([backend.close(), world.close()]).then(() => process.exit(0))
    setTimeout(() => process.exit(0), 1_500).unref()
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
}

const { help, check, port } = readOptions()
if (help) console.log(usage)
else if (check) process.exitCode = await (await import('./check.js')).runCheck({ port })
else {
  await serve(port).catch((error: NodeJS.ErrnoException) => {
    console.error(error.code === 'EADDRINUSE' ? `Port ${port} is taken: choose another with --port.` : error)
    process.exit(1)
  })
}
