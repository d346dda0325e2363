import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { hasChromium } from '../support/browser.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

describe.skipIf(!hasChromium())('the demo', () => {
  it('keeps four inboxes alive in all troubles, three tabs on one request', { timeout: 180_000 }, async () => {
    const child = spawn(process.execPath, ['--import', 'tsx', 'examples/demo/main.ts', '--check'], { cwd: root })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    const [code] = (await once(child, 'close')) as [number | null]
    expect(code, output).toBe(0)
    for (const inbox of ['courier', 'suprsend', 'engagespot', 'notifizz'])
      expect(output).toMatch(new RegExp(`^${inbox} +yes`, 'm'))
    expect(output).toMatch(/^3 tabs: \d+ refreshes, .*, 1\.00 each$/m)
  })
})
