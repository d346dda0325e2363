// Mutation testing: `npm run mutate [-- token policy …]`. Works in a copy, ends by itself, leaves nothing behind.
import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const standard = ['policy', 'token', 'attach', 'flight', 'machine', 'session']
const given = process.argv.slice(2).map((name) => name.replace(/^(\.\/)?src\//, '').replace(/\.ts$/, ''))
const files = (given.length ? given : standard).map((name) => `src/${name}.ts`)
const enough = 90
// Now and then only, and so not in the lock.
const tools = ['@stryker-mutator/core@9.6.1', '@stryker-mutator/vitest-runner@9.6.1']

const longest = 3 * 3_600_000

const running = new Set()
/** Ends a process and all it started. */
const end = (child) => {
  try {
    process.kill(-child.pid)
  } catch {
    // It has ended.
  }
}
const run = (command, options, env = {}) =>
  new Promise((resolve, reject) => {
    const child = spawn(command, options, {
      cwd: copy,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    const limit = setTimeout(() => end(child), longest)
    running.add(child)
    let said = ''
    let heard = ''
    child.stdout.on('data', (part) => (said += part))
    child.stderr.on('data', (part) => (heard += part))
    child.on('error', reject)
    child.on('close', (code) => {
      clearTimeout(limit)
      running.delete(child)
      if (code === 0) resolve(said)
      else reject(new Error(`${command} ${options.join(' ')} ended with ${code}:\n${(said + heard).slice(-4_000)}`))
    })
  })

/** Text in one line, short enough to be read. */
const line = (text) => text.replace(/\s+/g, ' ').trim()
const short = (text) => (line(text).length > 90 ? `${line(text).slice(0, 87)}...` : line(text))
const code = (text) => (text.includes('`') ? '`` ' + text + ' ``' : '`' + text + '`')

/** What was left of one file: its score and the mutants that no test noticed, as they stand in survivors.md. */
const evaluate = (report) => {
  const [{ source, mutants }] = Object.values(report.files)
  const lines = source.split('\n')
  const count = (...wanted) => mutants.filter(({ status }) => wanted.includes(status)).length
  const found = count('Killed', 'Timeout')
  const survivors = mutants
    .filter(({ status }) => ['Survived', 'NoCoverage'].includes(status))
    .map(({ location: { start, end }, replacement }) => {
      const part = lines.slice(start.line - 1, end.line)
      part.push(part.pop().slice(0, end.column - 1))
      part[0] = part[0].slice(start.column - 1)
      const before = short(part.join(' '))
      return `- ${code(short(lines[start.line - 1]))}: ${code(before)} → ${code(short(replacement) || 'nothing')}`
    })
  const broken = mutants.filter(({ status }) => !['Killed', 'Timeout', 'Survived', 'NoCoverage'].includes(status))
  // A hanging test notices a mutant too; but so does a busy machine: they are named, to be looked at.
  const timed = mutants.filter(
    ({ status, statusReason = '' }) =>
      (status === 'Timeout' && !statusReason.startsWith('Hit limit')) ||
      (status === 'Killed' && /timed out/.test(statusReason)),
  )
  return { found, all: found + survivors.length, survivors, broken, timed }
}

/** The accepted mutants of each file: a line each, its reason in the lines below. */
const readAccepted = () => {
  const accepted = {}
  let list = []
  let entry
  for (const text of readFileSync(new URL('survivors.md', import.meta.url), 'utf8').split('\n')) {
    if (text.startsWith('## ')) accepted[text.slice(3).trim()] = list = []
    else if (text.startsWith('- ')) list.push((entry = { mutant: text.trim(), reason: '' }))
    else if (entry && text.startsWith('  ')) entry.reason += text.trim()
  }
  return accepted
}

const accepted = readAccepted()
const copy = mkdtempSync(join(tmpdir(), 'inbox-session-mutation-'))
const clean = () => {
  running.forEach(end)
  rmSync(copy, { recursive: true, force: true, maxRetries: 5 })
}
for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => {
    clean()
    process.exit(1)
  })

let good = true
try {
  const list = await run('git', ['-C', root, 'ls-files', '-z'])
  for (const path of list.split('\0'))
    if (path && existsSync(join(root, path))) cpSync(join(root, path), join(copy, path), { recursive: true })
  await run('npm', ['ci', '--no-audit', '--no-fund'])
  await run('npm', ['install', '--no-save', '--no-audit', '--no-fund', ...tools])
  for (const file of files) {
    const began = performance.now()
    await run('npx', ['stryker', 'run', 'test/mutation/stryker.config.mjs'], { MUTATED: file })
    const { found, all, survivors, broken, timed } = evaluate(
      JSON.parse(readFileSync(join(copy, 'mutation.json'), 'utf8')),
    )
    const score = (100 * found) / all
    const minutes = ((performance.now() - began) / 60_000).toFixed(1)
    console.log(`${file}: ${score.toFixed(1)} % (${found} of ${all} mutants noticed), ${minutes} min`)
    if (timed.length) {
      const places = timed.map(({ location }) => location.start.line).join(', ')
      const least = ((100 * (found - timed.length)) / all).toFixed(1)
      console.log(`  ${timed.length} of them only by a time limit (at least ${least} % without), in lines ${places}`)
    }
    if (!(score >= enough)) {
      good = false
      console.log(`  under ${enough} %`)
    }
    if (broken.length) {
      good = false
      console.log(
        `  ${broken.length} could not be judged: ${broken.map(({ statusReason }) => short(statusReason ?? '')).join(' | ')}`,
      )
    }
    const open = (accepted[file] ?? []).filter(({ reason }) => reason)
    for (const survivor of survivors) {
      const index = open.findIndex(({ mutant }) => mutant === survivor)
      if (index < 0) good = false
      console.log(index < 0 ? `  NOT LISTED\n${survivor}` : `${survivor}\n    ${open[index].reason}`)
      if (index >= 0) open.splice(index, 1)
    }
    for (const { mutant } of open) console.log(`  listed, and noticed by now\n${mutant}`)
  }
} finally {
  clean()
}
process.exitCode = good ? 0 : 1
