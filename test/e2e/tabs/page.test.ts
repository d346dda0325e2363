import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Member } from './fleet.js'
import { browserTest, numbersOf, print, renewed, shared, useFleet } from './setup.js'

const fleet = useFleet()

/** Leaves the page when nothing is under way: one with a lock would not be kept. */
async function leave(member: Member) {
  const locks = () =>
    member.eval(() => navigator.locks.query().then(({ held, pending }) => [...held!, ...pending!].length))
  await expect.poll(locks, { timeout: 5_000 }).toBe(0)
  await member.goto(fleet().backend.elsewhere)
}

/** Goes back to the page of the session, which has to come out of the back/forward cache as it was. */
async function comeBack(member: Member) {
  await member.back()
  const returned = async () =>
    member
      .eval(
        () =>
          window.tab
            ?.report()
            .seen.filter(({ what }) => what === 'pageshow')
            .at(-1)?.detail ?? '',
      )
      .catch((error: unknown) => `away: ${error}`)
  await expect.poll(returned, { timeout: 5_000 }).toBe('true')
  const seen = async () => (await member.report()).seen
  const asked = async () => (await seen()).filter(({ what }) => what === 'asked').at(-1)?.detail
  await expect
    .poll(asked, { timeout: 5_000 })
    .not.toBeUndefined()
    .catch(async (error: unknown) => {
      print(
        `getToken() has not settled: ${(await seen()).map(({ at, what, detail }) => `${at} ${what} ${detail}`).join('\n  ')}`,
      )
      throw error
    })
  return (await asked())!
}

browserTest(
  'a page that returns from the back/forward cache learns of a sign-out meanwhile, without a request',
  async () => {
    const account = fleet().account({ life: 30 })
    const [away, other] = await fleet().signedIn(account, 2)
    const calls = account.calls.length
    await leave(away!)
    await other!.eval(() => window.tab.session.signOut())
    const asked = await comeBack(away!)
    const { status, number, seen } = await away!.report()
    print(`back after a sign-out: ${status}, ${account.calls.length - calls} requests`)
    expect(seen.find(({ what }) => what === 'pagehide')!.detail).toBe('true')
    expect([status, number, asked]).toEqual(['signed-out', 0, 'no'])
    expect(seen.find(({ what }) => what === 'signed-out')!.detail).toBe('other-tab')
    expect(account.calls.length).toBe(calls)
  },
)

browserTest('a page that returns from the back/forward cache takes over what the other tabs have by then', async () => {
  const account = fleet().account({ life: 5 })
  const members = await fleet().signedIn(account, 2)
  const old = await renewed(members)
  const [away, other] = members
  await leave(away!)
  const number = await shared([other!], old)
  const calls = account.calls.length
  const asked = await comeBack(away!)
  expect(await shared(members, number - 1, 2_000)).toBeGreaterThanOrEqual(number)
  print(`back after a refresh: ${account.calls.length - calls} requests, getToken() at once was ${asked}`)
  expect(asked).toBe('good')
  expect(account.calls.length - calls).toBeLessThanOrEqual(1)
})

browserTest(
  'a page that returns alone after the end of its token makes one request and hands out nothing that has ended',
  async () => {
    const account = fleet().account({ life: 4 })
    const members = await fleet().signedIn(account, 1)
    await renewed(members)
    const [away] = members
    await leave(away!)
    const calls = account.calls.length
    await sleep(4_500)
    expect(account.calls.length).toBe(calls)
    const asked = await comeBack(away!)
    await shared(members, calls, 3_000)
    print(`back alone after the end: ${account.calls.length - calls} requests, getToken() at once was ${asked}`)
    expect(asked).toBe('good')
    expect(account.calls.length - calls).toBe(1)
  },
)

browserTest('a frozen tab learns of a refusal and of a sign-out when it thaws, without a request', async ({ skip }) => {
  if (!fleet().engine.can.freeze) skip(`${fleet().engine.name} has no way to do that`)
  const account = fleet().account({ life: 30 })
  const [frozen, other] = await fleet().signedIn(account, 2)
  await frozen!.freeze(true)
  const refused = await other!.eval(() => window.tab.refuse())
  const number = await shared([other!], refused)
  const calls = account.calls.length
  await frozen!.freeze(false)
  expect(await shared([frozen!, other!], refused, 2_000)).toBe(number)
  await frozen!.freeze(true)
  await other!.eval(() => window.tab.session.signOut())
  await frozen!.freeze(false)
  await expect.poll(async () => (await frozen!.report()).status, { timeout: 2_000 }).toBe('signed-out')
  print(`thawed after a refusal and a sign-out: ${account.calls.length - calls} requests`)
  expect(account.calls.length).toBe(calls)
})

browserTest(
  'tabs that were offline past the end of their token make one request when the network is back',
  async () => {
    const { engine } = fleet()
    const account = fleet().account({ life: 5 })
    const members = await fleet().signedIn(account, 3)
    const old = await renewed(members)
    const calls = account.calls.length
    const network = async (cut: boolean) => {
      if (!engine.can.offline) account.mode = cut ? 'cut' : 'ok'
      await Promise.all(
        members.map((member) =>
          engine.can.offline ? member.offline(cut) : member.eval((offline) => window.tab.pretendOffline(offline), cut),
        ),
      )
    }
    await network(true)
    await expect.poll(() => numbersOf(members), { timeout: 10_000 }).toEqual([0, 0, 0])
    expect(account.calls.length).toBe(calls)
    await network(false)
    await shared(members, old, 5_000)
    const made = account.calls.slice(calls)
    print(`offline and back: ${made.length} request of 3 tabs`)
    expect(made).toHaveLength(1)
  },
)
