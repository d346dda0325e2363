import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import commonjs from '@rollup/plugin-commonjs'
import resolve from '@rollup/plugin-node-resolve'
import terser from '@rollup/plugin-terser'
import { rollup } from 'rollup'

/** The built package by its own name: what the exports map says, not what the folder holds. */
const own = {
  name: 'own',
  resolveId: (id) => (/^inbox-session(\/|$)/.test(id) ? fileURLToPath(import.meta.resolve(id)) : null),
}

const virtual = (code) => ({
  name: 'virtual',
  resolveId: (id) => (id === 'entry' ? '\0entry' : null),
  load: (id) => (id === '\0entry' ? code : null),
})

/** What a bundler of an app does when it builds for production. */
const production = {
  name: 'production',
  renderChunk: (code) => code.replaceAll('process.env.NODE_ENV', '"production"'),
}

/** The minified ES module an app that contains `code` would ship; both dependencies are in it unless they are `external`. */
export async function bundle(code, { external = [], treeshake = true } = {}) {
  const built = await rollup({
    input: 'entry',
    external,
    treeshake,
    plugins: [virtual(code), own, resolve({ browser: true }), commonjs()],
    onwarn: (warning, warn) => {
      if (warning.code === 'UNRESOLVED_IMPORT') throw new Error(warning.message)
      if (warning.code !== 'EMPTY_BUNDLE') warn(warning)
    },
  })
  const options = { ecma: 2020, module: true, compress: { passes: 3 }, format: { comments: false } }
  const { output } = await built.generate({ format: 'es', plugins: [production, terser(options)] })
  await built.close()
  return output.map((chunk) => chunk.code).join('')
}

/** Bytes as they are, after gzip -9 and after brotli -11. */
export function sizes(code) {
  const bytes = Buffer.from(code)
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length }
  return {
    minified: bytes.length,
    gzip: gzipSync(bytes, { level: 9 }).length,
    brotli: brotliCompressSync(bytes, { params }).length,
  }
}
