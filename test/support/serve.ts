import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('../..', import.meta.url))
const built = process.env.DIST ? undefined : `${root}tsconfig.json`

/** An empty page around `/page.js`. */
export const emptyPage =
  '<!doctype html><meta charset="utf-8"><title>test</title><body><script type="module" src="/page.js"></script>'

/** One module of `script` (a path from the project's root) and all that it imports. */
export async function bundleScript(script: string): Promise<string> {
  const bundle = await build({
    absWorkingDir: root,
    entryPoints: [script],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    ...(built && { tsconfig: built }),
  })
  return bundle.outputFiles[0]!.text
}

/** Bundles `script` (a path from the project's root) into an empty page on a port of its own on 127.0.0.1. */
export async function servePage(script: string): Promise<{ url: string; close(): Promise<void> }> {
  const code = await bundleScript(script)
  const server = createServer((request, response) => {
    const [type, body] = request.url === '/page.js' ? ['text/javascript', code] : ['text/html', emptyPage]
    response.writeHead(200, { 'content-type': `${type}; charset=utf-8`, 'cache-control': 'no-store' }).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
