import { readFile } from 'node:fs/promises'
import { type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createTestToken } from 'inbox-session/testing'
import { root } from '../../../support/alias.js'
import { bundleScript } from '../../../support/serve.js'

export interface Mint {
  /** Epoch ms. */
  readonly at: number
  readonly token: string
}

/** Three origins of this machine with the same pages, and what was asked of them. */
export interface Sites {
  /** Without a slash at the end. */
  readonly origins: readonly [outer: string, inner: string, stranger: string]
  /** Every address that was asked for, with the one it was asked from. */
  readonly addresses: readonly string[]
  /** What `/token` has made for a user. */
  mintsOf(user: string): readonly Mint[]
  close(): Promise<void>
}

const document = (head: string, script: string) =>
  `<!doctype html><html><head><meta charset="utf-8"><title>test</title><link rel="icon" href="data:,">${head}</head>
  <body><script type="module" src="/${script}.js"></script></body></html>`
const plain = (name: string) => `<script src="/${name}.js"></script>`

// As JSExport.java writes it of a plugin with one method, around Capacitor's own script.
const capacitor = `<script>window.Capacitor = { DEBUG: false, isLoggingEnabled: false, Plugins: {} };</script>
  ${plain('native-bridge')}
  <script>window.Capacitor.PluginHeaders = [{ name: 'inboxSession', methods: [
    { name: 'post', rtype: 'promise' }, { name: 'addListener' }, { name: 'removeListener' }] }];</script>`

const listening = `<script>window.lines = [];
  for (const name of ['log', 'info', 'warn', 'error', 'debug']) {
    const write = console[name];
    console[name] = (...words) => (lines.push(words.map(String).join(' ')), write(...words));
  }
  addEventListener('error', ({ message }) => lines.push(message));
  addEventListener('unhandledrejection', ({ reason }) => lines.push(String(reason)));</script>`

const scripts = {
  hosts: () => bundleScript('test/e2e/tabs/bridge/hosts.ts'),
  bridge: () => bundleScript('test/e2e/pages/bridge.ts'),
  embedding: () => bundleScript('test/e2e/pages/embedding.ts'),
  embedded: () => bundleScript('test/e2e/pages/embedded.ts'),
  stranger: () => bundleScript('test/e2e/pages/stranger.ts'),
  'native-bridge': () =>
    readFile(`${root}node_modules/@capacitor/android/capacitor/src/main/assets/native-bridge.js`, 'utf8'),
}

const pages: Record<string, (user: string) => string> = {
  '/host': (user) => document(plain('hosts') + (user.startsWith('Capacitor') ? capacitor : ''), 'bridge'),
  '/embedding': () => document(listening, 'embedding'),
  '/embedded': () => document(listening, 'embedded'),
  '/stranger': () => document('', 'stranger'),
}

export async function createSites(): Promise<Sites> {
  const codes = new Map<string, string>()
  await Promise.all(Object.entries(scripts).map(async ([name, load]) => codes.set(`/${name}.js`, await load())))
  const addresses: string[] = []
  const made = new Map<string, Mint[]>()

  const mint = (user: string, seconds: number): string => {
    const mints = made.get(user) ?? []
    made.set(user, mints)
    const jti = String(mints.length + 1)
    const at = Date.now()
    const token = createTestToken({ sub: user, jti, issuedAt: at / 1_000, expiresIn: seconds })
    mints.push({ at, token })
    return JSON.stringify({ token, expiresIn: seconds })
  }
  const find = ({ pathname, searchParams }: URL): readonly [type: string, body: string] | undefined => {
    const user = searchParams.get('user') ?? ''
    if (pathname === '/token') return ['application/json', mint(user, Number(searchParams.get('life')))]
    if (codes.has(pathname)) return ['text/javascript', codes.get(pathname)!]
    return pages[pathname] && ['text/html', pages[pathname](user)]
  }
  const serve = async (): Promise<Server> => {
    const server = createServer(({ url = '', headers: { host, referer = '' } }, response) => {
      addresses.push(`${host}${url} ${referer}`)
      const [type, body] = find(new URL(url, 'http://local')) ?? []
      response.writeHead(type ? 200 : 404, {
        'content-type': `${type}; charset=utf-8`,
        'cache-control': 'no-store',
        // A page in a sandbox loads its script from elsewhere.
        ...(type === 'text/javascript' && { 'access-control-allow-origin': '*' }),
      })
      response.end(body)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return server
  }
  const servers = await Promise.all([serve(), serve(), serve()])
  const originOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const [outer, inner, stranger] = servers
  return {
    origins: [originOf(outer), originOf(inner), originOf(stranger)],
    addresses,
    mintsOf: (user) => made.get(user) ?? [],
    async close() {
      for (const server of servers) server.closeAllConnections()
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
    },
  }
}
