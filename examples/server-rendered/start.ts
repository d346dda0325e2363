import { readFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { createAdaptorServer } from '@hono/node-server'
import { build } from 'esbuild'
import { createWorld, type World } from '../demo/world.js'
import { createApp } from './server.js'

export interface ServerRenderedOptions {
  /** Default: a free one. */
  port?: number | undefined
  /** Seconds that a token lives. Default 30. */
  life?: number | undefined
  /** For the page's script: says where 'inbox-session' comes from. Default: the one here, so it is the built package. */
  tsconfig?: string | undefined
}

export interface ServerRenderedExample {
  readonly url: string
  readonly world: World
  /** Every request for a token from a page. */
  readonly requested: readonly { at: number; user: string }[]
  close(): Promise<void>
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

async function bundleClient(tsconfig: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [here('client.tsx')],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    tsconfig,
    // React says more about what does not fit in its development build.
    define: { 'process.env.NODE_ENV': '"development"' },
  })
  return outputFiles[0]!.text
}

/** The app's server with the providers' stand-ins behind it, on a port of 127.0.0.1. */
export async function startServerRendered(options: ServerRenderedOptions = {}): Promise<ServerRenderedExample> {
  const { port = 0, life = 30, tsconfig = here('tsconfig.json') } = options
  const [client, style] = await Promise.all([bundleClient(tsconfig), readFile(here('style.css'), 'utf8')])
  const world = await createWorld()
  const { app, requested } = createApp({ world, client, style, life })
  const server = createAdaptorServer({ fetch: app.fetch }) as Server
  const listening = new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve)
  })
  await listening.catch(async (error: unknown) => {
    await world.close()
    throw error
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    world,
    requested,
    async close() {
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
      await world.close()
    },
  }
}
