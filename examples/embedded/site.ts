import { readFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { createAdaptorServer } from '@hono/node-server'
import { build } from 'esbuild'
import { Hono } from 'hono'
import { proxy } from 'hono/proxy'

export interface SiteOptions {
  /** The folder here with its index.html, main.ts and style.css. */
  folder: 'app' | 'inbox'
  port: number
  /** For its script: says where 'inbox-session' comes from. */
  tsconfig: string
  /** What its script may know, at /settings.json. */
  settings: () => object
  /** What its Content-Security-Policy adds to its own files. */
  policy: () => readonly string[]
  /** The backend behind its /api/, if it has one. */
  backend?: string | undefined
}

export interface Site {
  readonly origin: string
  close(): Promise<void>
}

const types = { html: 'text/html', js: 'text/javascript', css: 'text/css' }

async function readFiles(folder: string, tsconfig: string): Promise<Map<string, { type: string; body: string }>> {
  const at = (name: string) => fileURLToPath(new URL(`${folder}/${name}`, import.meta.url))
  const bundling = build({
    entryPoints: [at('main.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    tsconfig,
  })
  const [html, css, bundle] = await Promise.all([
    readFile(at('index.html'), 'utf8'),
    readFile(at('style.css'), 'utf8'),
    bundling,
  ])
  return new Map([
    ['/', { type: types.html, body: html }],
    ['/main.js', { type: types.js, body: bundle.outputFiles[0]!.text }],
    ['/style.css', { type: types.css, body: css }],
  ])
}

/** A page on an origin of its own: a port of 127.0.0.1. */
export async function openSite({ folder, port, tsconfig, settings, policy, backend }: SiteOptions): Promise<Site> {
  const files = await readFiles(folder, tsconfig)
  const app = new Hono()

  app.use(async (c, next) => {
    await next()
    c.header('cache-control', 'no-store')
    c.header('referrer-policy', 'no-referrer')
    c.header('x-content-type-options', 'nosniff')
    c.header(
      'content-security-policy',
      [`default-src 'none'`, `script-src 'self'`, `img-src data:`, `base-uri 'none'`, ...policy()].join('; '),
    )
  })
  if (backend)
    app.all('/api/*', async (c) => {
      const answer = await proxy(new URL(c.req.path, backend), c.req)
      const cookies = answer.headers.getSetCookie()
      answer.headers.delete('set-cookie')
      // Cookies know hosts and no ports: only with a path the log-in stays away from the other server of this example.
      for (const cookie of cookies) answer.headers.append('set-cookie', cookie.replace(/Path=\//i, 'Path=/api'))
      return answer
    })
  app.get('/settings.json', (c) => c.json(settings()))
  app.get('*', (c) => {
    const file = files.get(c.req.path)
    return file ? c.body(file.body, 200, { 'content-type': `${file.type}; charset=utf-8` }) : c.notFound()
  })

  const server = createAdaptorServer({ fetch: app.fetch }) as Server
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve)
  })
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
