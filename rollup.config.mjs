import { cpSync } from 'node:fs'
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
}

const declarations = {
  name: 'declarations',
  writeBundle() {
    cpSync('build', 'dist/types', {
      recursive: true,
      filter: (file) => !extname(file) || file.endsWith('.d.ts'),
    })
  },
}

export default [
  {
    input: entries,
    external: ['jwt-decode', 'eventemitter3'],
    output: { dir: 'dist', format: 'es', chunkFileNames: 'shared/[name].js' },
    plugins: [declarations],
  },
  {
    input: 'build/iife.js',
    output: { file: 'dist/inbox-session.iife.js', format: 'iife', name: 'InboxSession' },
    plugins: [resolve({ browser: true }), commonjs(), terser({ ecma: 2020, compress: { passes: 3 } })],
  },
]
