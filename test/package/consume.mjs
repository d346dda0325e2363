// Installs the packed tarball into an empty folder and uses it as strangers do (after `npm run build`, no network).
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createContext, runInContext } from 'node:vm'
import { build } from 'esbuild'
import { bundle } from './bundle.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'inbox-session-'))
const modules = join(folder, 'node_modules')
const own = join(modules, 'inbox-session')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const entries = Object.keys(manifest.exports).filter((path) => !path.endsWith('.json'))
const names = entries.map((path) => 'inbox-session' + path.slice(1))
const frameworks = Object.keys(manifest.peerDependencies)
const adapters = ['courier', 'suprsend', 'engagespot', 'notifizz']
const values = ['createSession', 'fromEndpoint', 'fromFirebase', 'withToken', 'memoryStorage']
values.push('isSessionError', 'SessionError', 'UnauthorizedError')

const run = async (command, args, cwd = folder) => {
  try {
    return (await promisify(execFile)(command, args, { cwd, timeout: 120_000 })).stdout
  } catch (error) {
    throw new Error(`${error.stdout ?? ''}${error.stderr ?? ''}`.trim() || error.message)
  }
}
const node = (file, code) => {
  writeFileSync(join(folder, file), code)
  return run(process.execPath, ['--unhandled-rejections=strict', file])
}
const expectEqual = (actual, expected, what) => {
  const [is, should] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (is !== should) throw new Error(`${what}: ${is} instead of ${should}`)
}

async function install() {
  const packed = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], root)
  mkdirSync(own, { recursive: true })
  await run('tar', ['-xzf', JSON.parse(packed)[0].filename, '-C', own, '--strip-components=1'])
  mkdirSync(join(modules, '@types'))
  for (const name of [...Object.keys(manifest.dependencies), ...frameworks, '@types/react'])
    symlinkSync(join(root, 'node_modules', name), join(modules, name))
}

// A session as an app would use it: a token that came with the page, then one from the source.
const use = `
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const mint = (seconds) => [{ alg: 'none' }, { sub: 'ada', exp: Math.floor(Date.now() / 1000) + seconds }].map(part).join('.') + '.x'
  const session = createSession({ source: async () => mint(7200) })
  const first = mint(3600)
  session.signIn('ada', first)
  if ((await session.getToken()) !== first) throw new Error('the token of the page was not used')
  session.invalidate(first)
  if ((await session.getToken()) === first) throw new Error('a refused token was handed out again')
  await session.close()
  console.log('used')`

const typescript = (settings) => async () => {
  const compilerOptions = {
    ...{ target: 'es2022', lib: ['es2022', 'dom'], types: [], strict: true, noEmit: true, skipLibCheck: false },
    ...{ exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, ...settings },
  }
  writeFileSync(join(folder, 'app.mts'), readFileSync(new URL('consumer.ts', import.meta.url)))
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['app.mts'] }))
  await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.'])
}

const packedFiles = () =>
  readdirSync(own, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

const checks = {
  'every entry can be imported by Node and a session works': async () => {
    const imports = names.map((name, index) => `import * as entry${index} from '${name}'`).join('\n')
    const all = names.map((_, index) => `...Object.keys(entry${index})`).join(', ')
    const code = `${imports}\nconst { createSession } = entry0\n${use}\nconsole.log(JSON.stringify([${all}]))`
    const [used, found] = (await node('app.mjs', code)).trim().split('\n')
    expectEqual(used, 'used', 'the session')
    const missing = [...values, ...adapters].filter((name) => !JSON.parse(found).includes(name))
    expectEqual(missing, [], 'missing exports')
  },
  'every entry can be required by Node': async () => {
    const code = names.map((name) => `console.log(Object.keys(require('${name}')).length > 0)`).join('\n')
    expectEqual(
      (await node('app.cjs', code)).trim().split('\n'),
      names.map(() => 'true'),
      'required',
    )
  },
  'importing starts nothing that keeps Node alive and touches no global': async () => {
    // What the frameworks themselves do when they are imported is their own affair.
    const code = `
      for (const name of ${JSON.stringify(frameworks)}) await import(name)
      const globals = Object.getOwnPropertyNames(globalThis).join()
      const alive = process.getActiveResourcesInfo()
      const started = []
      for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'fetch', 'BroadcastChannel', 'atob']) {
        const real = globalThis[name]
        globalThis[name] = function (...args) { started.push(name); return Reflect.construct(real, args) }
      }
      for (const name of ${JSON.stringify(names)}) await import(name)
      if (globals !== Object.getOwnPropertyNames(globalThis).join()) throw new Error('a global was added')
      console.log(JSON.stringify([started, process.getActiveResourcesInfo().filter((kind) => !alive.includes(kind) && kind !== 'CloseReq')]))`
    expectEqual(JSON.parse(await node('quiet.mjs', code)), [[], []], 'started by importing')
  },
  'TypeScript consumers compile with moduleResolution node16': typescript({ module: 'node16' }),
  'TypeScript consumers compile with moduleResolution bundler': typescript({
    module: 'esnext',
    moduleResolution: 'bundler',
  }),
  'the script for browsers runs in an empty realm and names every adapter': () => {
    const realm = createContext({})
    runInContext(readFileSync(join(own, manifest.unpkg), 'utf8'), realm)
    expectEqual(Object.keys(realm), ['InboxSession'], 'globals')
    const missing = [...values, ...adapters].filter((name) => typeof realm.InboxSession[name] !== 'function')
    expectEqual(missing, [], 'missing in InboxSession')
  },
  'a bare import leaves nothing in a bundle, whatever the bundler believes about side effects': async () => {
    for (const name of names) {
      const options = {
        treeshake: { moduleSideEffects: 'no-external' },
        external: [...Object.keys(manifest.dependencies), ...frameworks],
      }
      const strict = await bundle(`import '${name}'`, options)
      if (strict.trim().length > 1) throw new Error(`${name} does something when imported: ${strict.slice(0, 200)}`)
      const stdin = { contents: `import '${name}'`, resolveDir: folder }
      const trusting = await build({
        stdin,
        bundle: true,
        minify: true,
        write: false,
        format: 'esm',
        external: frameworks,
        logLevel: 'silent',
      })
      expectEqual(trusting.outputFiles[0].text.trim(), '', name)
    }
  },
  'the tarball holds the built files and their declarations only': () => {
    const paths = packedFiles()
    const strange = paths
      .map((path) => path.slice(own.length + 1).replaceAll('\\', '/'))
      .filter((path) => !/^(dist\/[\w/.-]+\.(js|d\.ts)|package\.json|README\.md|LICENSE)$/.test(path))
    expectEqual(strange, [], 'files that do not belong there')
    const traces = [
      "from 'vitest'",
      'happy-dom',
      'fast-check',
      'sourceMappingURL',
      'node_modules',
      root,
      homedir() + '/',
    ]
    for (const path of paths.filter((name) => name.includes(join(own, 'dist')))) {
      const text = readFileSync(path, 'utf8')
      const found = traces.filter((trace) => text.includes(trace))
      expectEqual(found, [], `${path.slice(own.length + 1)} holds traces of its making`)
    }
  },
  'the lock file depends on no host and no folder': () => {
    const lock = readFileSync(join(root, 'package-lock.json'), 'utf8')
    const bad = Object.entries(JSON.parse(lock).packages)
      .filter(([path, { resolved }]) => (resolved && !manifest.workspaces.includes(resolved)) || path.startsWith('..'))
      .map(([path]) => path)
    expectEqual(bad, [], 'packages with an address')
    if (lock.includes('file:')) throw new Error('package-lock.json has a file: entry')
  },
}

const started = Date.now()
let failed = 0
try {
  await install()
  for (const [sentence, check] of Object.entries(checks)) {
    try {
      await check()
      console.log(`✓ ${sentence}`)
    } catch (error) {
      failed++
      console.log(`✗ ${sentence}\n  ${error.message.replaceAll('\n', '\n  ')}`)
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(
  `package: ${Object.keys(checks).length - failed} of ${Object.keys(checks).length} hold, ${Date.now() - started} ms`,
)
process.exitCode = failed ? 1 : 0
