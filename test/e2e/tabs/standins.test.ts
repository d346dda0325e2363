import { expect } from 'vitest'
import type { Report } from '../pages/tab.js'
import { browserTest, print, renewed, reportsOf, shared, useFleet } from './setup.js'

const fleet = useFleet()

/** Takes a part of the platform away, as an engine without it or a page that may not use it has it. */
const without = (what: string): void => {
  const refuse = (): never => {
    throw new DOMException('not here', 'SecurityError')
  }
  if (what === 'locks') Object.defineProperty(navigator, 'locks', { value: undefined })
  if (what === 'permission to lock') navigator.locks.request = async () => refuse()
  if (what === 'channels') Object.assign(window, { BroadcastChannel: undefined })
  if (what === 'storage') Object.defineProperty(window, 'localStorage', { get: refuse })
}

const missed = ({ seen }: Report): string[] =>
  seen.flatMap(({ what, detail }) => (what === 'trace' && detail!.startsWith('lacks ') ? detail!.slice(6) : []))

browserTest.for([
  { missing: ['locks'], calls: 2, lacks: ['Web Locks'] },
  { missing: ['permission to lock'], calls: 2, lacks: ['Web Locks'] },
  { missing: ['storage'], calls: 1, lacks: ['localStorage'] },
  { missing: ['locks', 'storage'], calls: 5, lacks: ['Web Locks', 'localStorage'] },
])('five tabs without $missing: $calls first requests at most, and one token in the end (F44, F45)', async (given) => {
  const { missing, calls, lacks } = given
  const account = fleet().account({ life: 30 })
  const members = await fleet().open(account, 5)
  for (const member of members) for (const what of missing) await member.eval(without, what)
  const waits = await Promise.all(members.map((member) => member.start()))
  await Promise.all(waits.map((first) => first()))
  await shared(members)
  const first = account.calls.length
  await renewed(members)
  print(
    `five tabs without ${missing.join(' and ')}: ${first} first requests, ${account.calls.length - first} for a refresh`,
  )
  expect(first).toBeLessThanOrEqual(calls)
  expect(account.calls.length - first).toBe(1)
  for (const report of await reportsOf(members)) expect(missed(report).sort()).toEqual([...lacks].sort())
})

browserTest('three tabs without channels make a request each; a sign-out reaches them all the same (F46)', async () => {
  const account = fleet().account({ life: 30 })
  const members = await fleet().open(account, 3)
  for (const member of members) await member.eval(without, 'channels')
  const waits = await Promise.all(members.map((member) => member.start()))
  await Promise.all(waits.map((first) => first()))
  expect(account.calls.length).toBeLessThanOrEqual(3)
  for (const report of await reportsOf(members)) expect(missed(report)).toEqual(['BroadcastChannel'])
  await members[0]!.eval(() => window.tab.session.signOut())
  const statuses = async () => (await reportsOf(members)).map(({ status }) => status)
  await expect.poll(statuses, { timeout: 2_000, interval: 50 }).toEqual(members.map(() => 'signed-out'))
  print(`three tabs without channels: ${account.calls.length} requests, signed out in all`)
})

browserTest('a page of an opaque origin works on its own, and says so once', async () => {
  const account = fleet().account({ life: 30 })
  const [member] = await fleet().open(account, 1)
  const part = (content: object) => Buffer.from(JSON.stringify(content)).toString('base64url')
  const token = `${part({ alg: 'none' })}.${part({ jti: '1', sub: 'ann', exp: Math.floor(Date.now() / 1_000) + 60 })}.none`
  const report = await member!.eval(async (given): Promise<Report> => {
    const code = await (await fetch('/page.js')).text()
    const answer = JSON.stringify({ token: given, expiresIn: 60 })
    const frame = document.createElement('iframe')
    frame.sandbox.add('allow-scripts')
    frame.srcdoc = `<script>window.fetch = async () => new Response(${JSON.stringify(answer)}, { headers: { 'content-type': 'application/json' } })
      addEventListener('error', ({ message }) => parent.postMessage(message, '*'))
      addEventListener('unhandledrejection', ({ reason }) => parent.postMessage(String(reason), '*'))</script>
      <script type="module">${code.replaceAll('</script', '<\\/script')}
      window.tab.start({ user: 'ann', id: 'framed' })
      window.tab.started.then(() => setTimeout(() => parent.postMessage(window.tab.report(), '*'), 500))</script>`
    const told = new Promise<Report>((resolve, reject) =>
      addEventListener('message', ({ data }) => (typeof data === 'string' ? reject(new Error(data)) : resolve(data))),
    )
    document.body.append(frame)
    return told
  }, token)
  print(`an opaque origin: ${report.status}, without ${missed(report).join(', ')}`)
  expect(report.status).toBe('fresh')
  const all = missed(report)
  expect(all.length).toBeGreaterThan(0)
  expect(new Set(all).size).toBe(all.length)
})
