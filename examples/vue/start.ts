import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { createServer, type Alias } from 'vite'
import { createBackend, type Backend } from '../demo/backend.js'
import { createWorld, type World } from '../demo/world.js'

export interface VueExampleOptions {
  /** Default: a free one. */
  port?: number | undefined
  /** Seconds that a token lives. Default 30. */
  life?: number | undefined
  /** Where 'inbox-session' comes from. Default: the built package, by its name. */
  alias?: Alias[] | undefined
}

export interface VueExample {
  readonly url: string
  readonly backend: Backend
  readonly world: World
  close(): Promise<void>
}

const root = fileURLToPath(new URL('.', import.meta.url))
const project = fileURLToPath(new URL('../..', import.meta.url))

/** Vite's development server in front of the demo's backend and the providers' stand-ins. */
export async function startVueExample({
  port = 0,
  life = 30,
  alias = [],
}: VueExampleOptions = {}): Promise<VueExample> {
  const world = await createWorld()
  const backend = await createBackend({ world, files: new Map(), life })
  const vite = await createServer({
    configFile: false,
    mode: 'development',
    root,
    cacheDir: `${project}.cache/example-vue`,
    logLevel: 'warn',
    plugins: [vue({ template: { compilerOptions: { isCustomElement: (tag) => tag.startsWith('courier-') } } })],
    resolve: { alias },
    server: { host: '127.0.0.1', port, proxy: { '/api': backend.url }, fs: { allow: [project] } },
    // All that is not an ES module already, by name: what Vite finds out later reloads the page.
    optimizeDeps: {
      include: ['vue', '@trycourier/courier-ui-inbox', '@suprsend/web-sdk', 'eventemitter3', 'jwt-decode'],
      noDiscovery: true,
    },
  })
  const close = async () => {
    await vite.close()
    await Promise.all([backend.close(), world.close()])
  }
  try {
    await vite.listen()
  } catch (error) {
    await close()
    throw error
  }
  const { port: chosen } = vite.httpServer!.address() as AddressInfo
  return { url: `http://127.0.0.1:${chosen}/`, backend, world, close }
}
