import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { expect, test } from 'vitest'

// From the ground up: a file imports, types too, only from floors below its own.
const floors = [
  ...['errors', 'token', 'policy'],
  ...[
    'environment/environment',
    'environment/scope',
    'within',
    'environment/clock',
    'environment/page',
    'environment/disk',
  ],
  ...['environment/lock', 'environment/marks', 'environment/channel', 'environment/handover', 'environment/tabs'],
  ...['environment/browser', 'state', 'machine'],
  ...['storage', 'record', 'source', 'peers', 'flight', 'listen', 'attach', 'attachments'],
  ...['queue', 'api', 'options', 'events', 'view', 'explain', 'callers', 'session', 'fetch', 'index'],
  ...[
    'adapters/*',
    'bridge/protocol',
    'bridge/target',
    'bridge/native',
    'bridge/endpoints',
    'bridge/guest',
    'bridge/host',
  ],
  ...['bridge/index', 'react', 'vue', 'testing/*', 'script'],
]
const dependencies = ['eventemitter3', 'jwt-decode']
const source = fileURLToPath(new URL('../src/', import.meta.url))
const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => path.endsWith('.ts'))
const read = (path: string) => readFileSync(source + path, 'utf8')

const floorOf = (path: string) => {
  const name = path.replace(/\.ts$/, '')
  const exact = floors.indexOf(name)
  return exact >= 0 ? exact : floors.indexOf(name.replace(/[^/]+$/, '*'))
}
const specifiers = (code: string) => ts.preProcessFile(code, true, true).importedFiles.map(({ fileName }) => fileName)
const imports = (path: string) =>
  specifiers(read(path))
    .filter((name) => name.startsWith('.'))
    .map((name) => new URL(name, `file:///${path}`).pathname.slice(1).replace(/\.js$/, '.ts'))

test.each(files)('%s stands on a floor and imports only from floors below it', (path) => {
  expect(floorOf(path), 'every file has a floor').toBeGreaterThanOrEqual(0)
  const allowed = (target: string) =>
    files.includes(target) &&
    (floorOf(target) < floorOf(path) || [path, target].every((name) => name.startsWith('testing/')))
  expect(imports(path).filter((target) => !allowed(target))).toEqual([])
})

test('no file imports itself by way of others', () => {
  const inCycle = files.filter((start) => {
    const seen = new Set<string>()
    const queue = imports(start)
    for (const path of queue) if (files.includes(path) && seen.size < seen.add(path).size) queue.push(...imports(path))
    return seen.has(start)
  })
  expect(inCycle).toEqual([])
})

test('adapters import nothing that exists at run time', () => {
  const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true }
  const emitted = (path: string) => ts.transpileModule(read(path), { compilerOptions }).outputText
  const heavy = files.filter((path) => path.startsWith('adapters/') && specifiers(emitted(path)).length)
  expect(heavy).toEqual([])
})

test('both run-time dependencies are used, and no other package', () => {
  const bindings = (path: string) => (/^(react|vue)\.ts$/.test(path) ? [path.slice(0, -3)] : [])
  const bare = files.flatMap((path) =>
    specifiers(read(path)).filter((name) => !name.startsWith('.') && !bindings(path).includes(name)),
  )
  expect([...new Set(bare)].sort()).toEqual(dependencies)
})

test('no file has more than 250 lines', () => {
  expect(files.filter((path) => read(path).trimEnd().split('\n').length > 250)).toEqual([])
})
