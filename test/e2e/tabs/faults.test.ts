import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Account } from './backend.js'
import type { Member } from './fleet.js'
import { browserTest, print, renewed, reportsOf, shared, useFleet } from './setup.js'

const fleet = useFleet()

// With tokens of some minutes there are many seconds between a refresh and the end of the old token; with tokens of some
// seconds an early refresh keeps them.
const early = { steady: true, refreshAt: [0.4, 0.43] } as const

/** Waits until a tab is in the middle of the refresh that is due, and does this to it. */
async function interrupt(account: Account, members: Member[], run: (member: Member) => unknown) {
  const held = await account.hold()
  const victim = members.find(({ id }) => id === held.tab)!
  const others = members.filter((member) => member !== victim)
  const before = account.calls.length
  await run(victim)
  return { ...held, victim, others, more: () => account.calls.length - before }
}

const lacking = async (members: Member[]) => {
  const reports = await reportsOf(members)
  const sum = (what: 'samples' | 'expired' | 'missing') => reports.reduce((total, report) => total + report[what], 0)
  return { samples: sum('samples'), expired: sum('expired'), missing: sum('missing') }
}

const hanging = 5_000
const hang = (ms: number) =>
  void setTimeout(() => {
    const until = Date.now() + ms
    while (Date.now() < until);
    // The answer to this command comes first.
  }, 100)

const endings = {
  closes: { can: () => true, run: (member: Member) => member.close() },
  crashes: { can: () => fleet().engine.can.crash, run: (member: Member) => member.crash() },
  // It keeps its lock and answers nobody; that is how a tab fares that was frozen without a word.
  hangs: { can: () => true, run: (member: Member) => member.eval(hang, hanging) },
}

browserTest.for(['closes', 'crashes', 'hangs'] as const)(
  'the tab that refreshes %s meanwhile: another one makes the request, and no tab lacks a token',
  async (ending, { skip }) => {
    const { can, run } = endings[ending]
    if (!can()) skip(`${fleet().engine.name} has no way to do that`)
    const account = fleet().account({ life: 12 })
    const members = await fleet().signedIn(account, 4, early)
    const old = await renewed(members)
    const { others, more, release } = await interrupt(account, members, run)
    const number = await shared(others, old)
    release()
    const counts = await lacking(others)
    print(`the tab that refreshes ${ending}: ${more()} further request, ${JSON.stringify(counts)}`)
    expect(number).toBe(account.calls.at(-1)!.number)
    expect(more()).toBe(1)
    expect(counts).toMatchObject({ expired: 0, missing: 0 })
  },
)

browserTest(
  'the tab that refreshes freezes meanwhile: the others go on, and it takes over their token when it thaws',
  async ({ skip }) => {
    if (!fleet().engine.can.freeze) skip(`${fleet().engine.name} has no way to do that`)
    const account = fleet().account({ life: 12 })
    const members = await fleet().signedIn(account, 4, early)
    const old = await renewed(members)
    const { victim, others, more, release } = await interrupt(account, members, (member) => member.freeze(true))
    const number = await shared(others, old)
    const counts = await lacking(others)
    release()
    await victim.freeze(false)
    expect(await shared(members, old)).toBe(number)
    const { expired } = await lacking([victim])
    print(`the tab that refreshes freezes: ${more()} further request, ${JSON.stringify(counts)}`)
    expect(more()).toBe(1)
    expect(counts).toMatchObject({ expired: 0, missing: 0 })
    expect(expired).toBe(0)
  },
)

browserTest('ten tabs whose backend is down for a lifetime call like one client, and go on together', async () => {
  const life = 5
  const account = fleet().account({ life })
  const members = await fleet().signedIn(account, 10, { steady: true })
  const old = await renewed(members)
  const before = account.calls.length
  account.mode = 'down'
  const failed = () => account.calls.slice(before).filter(({ status }) => status === 503)
  await expect.poll(() => failed().length, { timeout: 10_000 }).toBe(1)
  const until = Date.now() + life * 1_000
  while (Date.now() < until) {
    await Promise.all(members.map((member) => member.eval(() => void window.tab.session.getToken().catch(() => {}))))
    await sleep(500)
  }
  account.mode = 'ok'
  await shared(members, old, 20_000)
  const calls = account.calls.slice(before)
  const gaps = calls.slice(1).map(({ at }, index) => at - calls[index]!.at)
  const { samples, expired } = await lacking(members)
  print(
    `down for ${life} s: ${failed().length} failed calls of 10 tabs, gaps of ${gaps.join(', ')} ms, ${expired} expired of ${samples} samples`,
  )
  // One client waits 0.5 to 1 s, 1 to 2 s, 2 to 4 s, …: with the shortest of these, four calls fit.
  expect(failed().length).toBeLessThanOrEqual(4)
  gaps.forEach((gap, index) => expect(gap).toBeGreaterThan(450 * 2 ** index))
  expect(calls.filter(({ status }) => status === 200)).toHaveLength(1)
  expect(expired).toBe(0)
})

browserTest('tabs out of sight, whose timers are slowed down, make one request a refresh as well', async () => {
  const { engine } = fleet()
  const account = fleet().account({ life: 6 })
  const members = await fleet().signedIn(account, 10, { steady: true })
  if (engine.can.activate) await fleet().cover()
  else for (const member of members) await member.minimise()
  expect(new Set(await Promise.all(members.map((member) => member.eval(() => document.visibilityState))))).toEqual(
    new Set(['hidden']),
  )
  await renewed(members)
  const before = account.calls.length
  await sleep(12_000)
  const numbers = account.calls.slice(before).map(({ at }) => at)
  const gaps = numbers.slice(1).map((at, index) => at - numbers[index]!)
  const counts = await lacking(members)
  print(`10 hidden tabs: ${numbers.length} refreshes, ${gaps.join(', ')} ms apart, ${JSON.stringify(counts)}`)
  expect(numbers.length).toBeGreaterThanOrEqual(2)
  // Two requests within half of a period would be for the same refresh.
  for (const gap of gaps) expect(gap).toBeGreaterThan(2_400)
  expect(counts.expired).toBe(0)
  // A refresh may be on its way just now; a tab out of sight takes up to a second to hear of it.
  await shared(members, 0, 2_000)
})
