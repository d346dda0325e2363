import { cpSync, existsSync, rmSync } from 'node:fs'
import { extname } from 'node:path'
import commonjs from '@rollup/plugin-commonjs'
import resolve from '@rollup/plugin-node-resolve'
import terser from '@rollup/plugin-terser'

const entries = {
  index: 'build/index.js',
  courier: 'build/adapters/courier.js',
  suprsend: 'build/adapters/suprsend.js',
  engagespot: 'build/adapters/engagespot.js',
  notifizz: 'build/adapters/notifizz.js',
  bridge: 'build/bridge/index.js',
  react: 'build/react.js',
  vue: 'build/vue.js',
  testing: 'build/testing/index.js',
}

// build/ may still hold what an older src/ had: only declarations with a source are shipped.
const shipped = (file) =>
  !extname(file) || (file.endsWith('.d.ts') && existsSync(file.replace('build', 'src').replace('.d.ts', '.ts')))

const declarations = {
  name: 'declarations',
  buildStart: () => rmSync('dist', { recursive: true, force: true }),
  writeBundle: () => cpSync('build', 'dist/types', { recursive: true, filter: shipped }),
}

export default [
  {
    input: entries,
    external: ['jwt-decode', 'eventemitter3', 'react', 'vue'],
    output: {
      dir: 'dist',
      format: 'es',
      chunkFileNames: 'shared/[name].js',
      // One piece of what the core consists of: it compresses better than several.
      manualChunks: (id) => (/build\/(environment\/)?(?!index|react|vue)\w+\.js$/.test(id) ? 'core' : undefined),
    },
    plugins: [declarations],
  },
  {
    input: 'build/script.js',
    output: { file: 'dist/inbox-session.iife.js', format: 'iife', name: 'InboxSession' },
    plugins: [resolve({ browser: true }), commonjs(), terser({ ecma: 2020, compress: { passes: 3 } })],
  },
]
