import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Everything one browser left on this machine: its process groups and its folder. */
export interface Household {
  readonly folder: string
  /** Starts a program as the head of a group of its own. */
  start(program: string, args: readonly string[], options?: SpawnOptions): Promise<ChildProcess>
  /** Has a group ended together with the others. */
  adopt(group: number): void
  end(): Promise<void>
}

// Reads the groups to end, one a line; acts when its input ends, which it does however this process goes: closed, failed,
// interrupted or killed.
const warden = `
groups=
while read -r group; do groups="$groups $group"; done
for group in $groups; do kill -s TERM -- "-$group" 2>/dev/null; done
tries=0
while [ $tries -lt 20 ]; do
  alive=
  for group in $groups; do kill -s 0 -- "-$group" 2>/dev/null && alive=1; done
  [ -z "$alive" ] && break
  tries=$((tries + 1)); sleep 0.05
done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
rm -rf -- "$1" || { sleep 0.5; rm -rf -- "$1"; }
`

export function createHousehold(name: string): Household {
  const folder = mkdtempSync(join(tmpdir(), `inbox-session-${name}-`))
  const keeper = spawn('/bin/sh', ['-c', warden, 'sh', folder], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  const gone = once(keeper, 'exit')
  keeper.unref()
  const adopt = (group: number) => void keeper.stdin.write(`${group}\n`)
  return {
    folder,
    adopt,
    async start(program, args, options = {}) {
      const child = spawn(program, args, { stdio: 'ignore', ...options, detached: true })
      await once(child, 'spawn')
      adopt(child.pid!)
      child.unref()
      return child
    },
    async end() {
      keeper.stdin.end()
      await gone
    },
  }
}
