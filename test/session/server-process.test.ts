import { execFile } from 'node:child_process'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const entry = pathToFileURL(root + (process.env.DIST ? 'dist/index.js' : 'src/index.ts')).href

const run = async (script: string) => {
  const loader = process.env.DIST ? [] : ['--import', 'tsx']
  const ended = await promisify(execFile)(process.execPath, [...loader, '--input-type=module', '-e', script], {
    cwd: root,
    timeout: 25_000,
  })
  return ended
}

describe('on a server (F92)', () => {
  it('the process ends by itself, with a session signed in and its token not yet due', async () => {
    const ended = await run(`
      import { createSession } from ${JSON.stringify(entry)}
      const claims = Buffer.from(JSON.stringify({ sub: 'ann', exp: Math.floor(Date.now() / 1000) + 3600 })).toString('base64url')
      const session = createSession({ source: async () => 'e30.' + claims + '.x' })
      session.signIn('ann')
      await session.getToken()
      console.log(session.state.status)`)
    expect(ended).toMatchObject({ stdout: 'fresh\n', stderr: '' })
  }, 30_000)

  it('importing does nothing at all: no timer, listener, global or word', async () => {
    const ended = await run(`
      const before = Object.getOwnPropertyNames(globalThis).join()
      const forbidden = (name) => () => { console.log('used', name) }
      for (const name of ['setTimeout', 'setInterval', 'queueMicrotask', 'fetch', 'addEventListener'])
        globalThis[name] &&= forbidden(name)
      Date.now = forbidden('Date.now')
      Math.random = forbidden('Math.random')
      await import(${JSON.stringify(entry)})
      console.log(Object.getOwnPropertyNames(globalThis).join() === before)`)
    expect(ended.stdout).toMatch(/^true\n$/m)
    expect(ended.stdout.split('\n').filter((line) => line.startsWith('used'))).toEqual([])
  }, 30_000)
})
