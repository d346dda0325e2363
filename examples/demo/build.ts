import { fileURLToPath } from 'node:url'
import { build, type Alias, type Rolldown } from 'vite'

const types: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
}

export type Files = Map<string, { type: string; body: string | Uint8Array<ArrayBuffer> }>

/** Builds the page in memory. It imports 'inbox-session' by name: the built package, as an app would. */
export async function buildPage(options: { alias?: Alias[] } = {}): Promise<Files> {
  const result = (await build({
    configFile: false,
    root: fileURLToPath(new URL('page', import.meta.url)),
    logLevel: 'error',
    resolve: { alias: options.alias ?? [] },
    build: { write: false, target: 'es2022', modulePreload: false, chunkSizeWarningLimit: 2_000 },
  })) as Rolldown.RolldownOutput
  const files: Files = new Map()
  for (const file of result.output) {
    const type = types[file.fileName.split('.').pop() ?? ''] ?? 'application/octet-stream'
    const body = file.type === 'chunk' ? file.code : file.source
    files.set(`/${file.fileName}`, { type, body: typeof body === 'string' ? body : new Uint8Array(body) })
  }
  return files
}
