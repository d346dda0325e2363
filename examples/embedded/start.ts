import { fileURLToPath } from 'node:url'
import { createBackend, type Backend } from '../demo/backend.js'
import { createWorld, type World } from '../demo/world.js'
import { openSite, type Site } from './site.js'

export interface EmbeddedOptions {
  /** Of the app's page; the inbox has the next one. Default: free ones. */
  port?: number | undefined
  /** Seconds that a token lives. Default 30. */
  life?: number | undefined
  /** For the pages' scripts: says where 'inbox-session' comes from. Default: the one here, so it is the built package. */
  tsconfig?: string | undefined
}

export interface EmbeddedExample {
  /** Of the app's page. */
  readonly url: string
  /** The origin of the page in its iframe. */
  readonly inboxOrigin: string
  readonly world: World
  readonly backend: Backend
  close(): Promise<void>
}

const here = fileURLToPath(new URL('tsconfig.json', import.meta.url))

/** The app and the inbox it embeds, each on an origin of its own, with the demo's backend and Courier's stand-in behind them. */
export async function startEmbedded(options: EmbeddedOptions = {}): Promise<EmbeddedExample> {
  const { port = 0, life = 30, tsconfig = here } = options
  const world = await createWorld()
  const backend = await createBackend({ world, files: new Map(), life })
  const courier = world.providers.courier.settings.url
  const sites: Partial<Record<'app' | 'inbox', Site>> = {}
  const close = async () => {
    await Promise.all([...Object.values(sites), backend, world].map((opened) => opened.close()))
  }

  try {
    sites.app = await openSite({
      folder: 'app',
      port,
      tsconfig,
      backend: backend.url,
      settings: () => ({ inboxOrigin: sites.inbox?.origin }),
      policy: () => [
        `style-src 'self'`,
        `connect-src 'self'`,
        `frame-src ${sites.inbox?.origin}`,
        `frame-ancestors 'none'`,
        `require-trusted-types-for 'script'`,
      ],
    })
    sites.inbox = await openSite({
      folder: 'inbox',
      port: port && port + 1,
      tsconfig,
      settings: () => ({ appOrigin: sites.app?.origin, courier }),
      // The SDK's element brings its style sheet along.
      policy: () => [
        `style-src 'self' 'unsafe-inline'`,
        `connect-src 'self' ${courier} ${courier.replace('http', 'ws')}`,
        `frame-ancestors ${sites.app?.origin}`,
      ],
    })
  } catch (error) {
    await close()
    throw error
  }
  return { url: `${sites.app.origin}/`, inboxOrigin: sites.inbox.origin, world, backend, close }
}
