import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { bundle, sizes } from './bundle.mjs'

const at = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const adapters = Object.keys(JSON.parse(readFileSync(at('package.json'), 'utf8')).exports)
  .map((path) => path.slice(2))
  .filter((name) => existsSync(at(`src/adapters/${name}.ts`)))

const limits = { core: 13_100, adapter: 700, binding: 300 }
const names = 'useSession, useToken, useAdapter'
const measured = [
  { name: 'core', limit: limits.core, code: `export { createSession, fromEndpoint } from 'inbox-session'` },
  { name: 'index', code: `export * from 'inbox-session'` },
  ...adapters.map((name) => ({ name, limit: limits.adapter, code: `export { ${name} } from 'inbox-session/${name}'` })),
  ...['react', 'vue'].map((name) => ({
    name,
    limit: limits.binding,
    external: [name],
    code: `export { ${names} } from 'inbox-session/${name}'`,
  })),
]

/** Every measured part of the package: its name, limit (bytes after brotli) and sizes. */
export async function measure() {
  const parts = []
  for (const { name, limit, external, code } of measured)
    parts.push({ name, limit: limit ?? '', ...sizes(await bundle(code, { external })) })
  parts.push({ name: 'script', limit: '', ...sizes(readFileSync(at('dist/inbox-session.iife.js'))) })
  return parts
}
