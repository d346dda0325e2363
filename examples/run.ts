import { parseArgs } from 'node:util'

interface Running {
  readonly url: string
  close(): Promise<void>
}

const usage = (name: string, port: number) => `npm run example:${name} [-- --port N] [-- --life N]
  --port N   where the page is served on 127.0.0.1 (default: ${port}, or a free port)
  --life N   seconds that a token lives, 5 at least (default: 30)`

function readOptions(name: string, usualPort: number) {
  try {
    const { values } = parseArgs({ options: { port: { type: 'string' }, life: { type: 'string' } } })
    const [port, life] = [Number(values.port ?? usualPort), Number(values.life ?? 30)]
    if (!(Number.isInteger(port) && port >= 0 && port < 65_536)) throw new Error('--port takes a port number')
    if (!(life >= 5)) throw new Error('--life takes seconds, 5 at least')
    return { port, life }
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage(name, usualPort)}`)
    process.exit(2)
  }
}

/** Runs an example by the options of the command line, until Ctrl+C. */
export async function run(
  name: string,
  usualPort: number,
  start: (options: { port: number; life: number }) => Promise<Running>,
): Promise<void> {
  const { port, life } = readOptions(name, usualPort)
  const example = await start({ port, life }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE' || port !== usualPort) throw error
    return start({ port: 0, life })
  })
  console.log(`\n  The example is at ${example.url}\n  Ctrl+C ends it.\n`)
  const stop = () => {
    setTimeout(() => process.exit(0), 1_500).unref()
    void example.close().then(() => process.exit(0))
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
}
