import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { bundle, sizes } from './bundle.mjs'

const at = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const adapters = Object.keys(JSON.parse(readFileSync(at('package.json'), 'utf8')).exports)
  .map((path) => path.slice(2))
  .filter((name) => existsSync(at(`src/adapters/${name}.ts`)))

const limits = { core: 13_180, adapter: 700, binding: 300, guest: 900 }
const names = 'useSession, useToken, useAdapter'
const core = `export { createSession, fromEndpoint } from 'inbox-session'`
const measured = [
  { name: 'core', limit: limits.core, code: core },
  // What it adds to an app that has the core.
  { name: 'guest', limit: limits.guest, beside: core, code: `export { fromBridge } from 'inbox-session/bridge'` },
  { name: 'host', beside: core, code: `export { serveBridge, frameEndpoint } from 'inbox-session/bridge'` },
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
  for (const { name, limit, external, code, beside = '' } of measured) {
    const whole = sizes(await bundle(`${beside}\n${code}`, { external }))
    const rest = beside ? sizes(await bundle(beside, { external })) : { minified: 0, gzip: 0, brotli: 0 }
    const size = Object.fromEntries(Object.entries(whole).map(([kind, bytes]) => [kind, bytes - rest[kind]]))
    parts.push({ name, limit: limit ?? '', ...size })
  }
  parts.push({ name: 'script', limit: '', ...sizes(readFileSync(at('dist/inbox-session.iife.js'))) })
  return parts
}
