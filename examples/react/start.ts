import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { createServer, type Alias, type Plugin, type ViteDevServer } from 'vite'
import { createBackend, type Backend } from '../demo/backend.js'
import { createWorld, type World } from '../demo/world.js'

const project = fileURLToPath(new URL('../..', import.meta.url))

export interface Example {
  readonly url: string
  readonly world: World
  readonly backend: Backend
  readonly vite: ViteDevServer
  close(): Promise<void>
}

export interface ExampleOptions {
  /** Default: a free one. */
  port?: number | undefined
  /** Seconds that a token lives. Default 30. */
  life?: number | undefined
  /** Beside React's. */
  plugins?: Plugin[] | undefined
  /** Where a module is found that is elsewhere than an app would find it. */
  alias?: Alias[] | undefined
  /** What Vite bundles beforehand is kept here. Default: a folder of .cache/, never of node_modules. */
  cacheDir?: string | undefined
}

// All that the page imports, so that nothing is found later: that would load the page again.
const dependencies = [
  'react',
  'react/jsx-dev-runtime',
  'react-dom/client',
  'jwt-decode',
  'eventemitter3',
  '@trycourier/courier-react',
  '@trycourier/courier-ui-inbox',
  '@engagespot/react-component',
  '@suprsend/react',
]

/** The providers' stand-ins, the app's backend and Vite's development server in front of it, in one process. */
export async function startExample(options: ExampleOptions = {}): Promise<Example> {
  const { port = 0, life = 30, plugins = [], alias = [], cacheDir = `${project}.cache/example-react` } = options
  const world = await createWorld()
  const backend = await createBackend({ world, files: new Map(), life })
  const vite = await createServer({
    configFile: false,
    mode: 'development',
    root: fileURLToPath(new URL('.', import.meta.url)),
    cacheDir,
    logLevel: 'error',
    plugins: [react(), ...plugins],
    // Some SDKs bring a React of their own otherwise.
    resolve: { alias, dedupe: ['react', 'react-dom'] },
    optimizeDeps: { include: dependencies, noDiscovery: true },
    server: {
      host: '127.0.0.1',
      port,
      proxy: { '/api': backend.url },
      fs: { allow: [project] },
    },
  })
  await vite.listen()
  return {
    url: `http://127.0.0.1:${(vite.httpServer!.address() as AddressInfo).port}/`,
    world,
    backend,
    vite,
    async close() {
      await vite.close()
      await backend.close()
      await world.close()
    },
  }
}
