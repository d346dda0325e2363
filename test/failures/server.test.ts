import { execFile } from 'node:child_process'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const entry = pathToFileURL(root + (process.env.DIST ? 'dist/index.js' : 'src/index.ts')).href

test('F92 on a server nothing happens before signIn, two sessions share no token, and no timer keeps the process', async () => {
  const script = `
    const { createSession } = await import(${JSON.stringify(entry)})
    let calls = 0
    const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url')
    const source = async () => {
      const iat = Math.floor(Date.now() / 1000)
      return [encode({ alg: 'none' }), encode({ sub: 'ann', iat, exp: iat + 3600, jti: String(++calls) }), 'x'].join('.')
    }
    const sessions = [createSession({ source }), createSession({ source })]
    await new Promise((resolve) => setTimeout(resolve, 50))
    const before = calls
    for (const session of sessions) session.signIn('ann')
    const [one, other] = await Promise.all(sessions.map((session) => session.getToken()))
    console.log(JSON.stringify({ before, calls, shared: one === other, window: typeof window, status: sessions[0].state.status }))`
  const loader = process.env.DIST ? [] : ['--import', 'tsx']
  const ended = await promisify(execFile)(process.execPath, [...loader, '--input-type=module', '-e', script], {
    cwd: root,
    // A timer for the refresh would keep it for ten minutes.
    timeout: 25_000,
  })
  expect(ended.stderr).toBe('')
  expect(JSON.parse(ended.stdout)).toEqual({ before: 0, calls: 2, shared: false, window: 'undefined', status: 'fresh' })
}, 30_000)
