import { expect } from 'vitest'
import { browserTest, numbersOf, print, renewed, reportsOf, shared, useFleet } from './setup.js'

const fleet = useFleet()

const signedOut = async (members: Parameters<typeof reportsOf>[0]) =>
  (await reportsOf(members)).map(({ status }) => status)

browserTest('a sign-out reaches every tab and its adapters within a second, and no tab asks again', async () => {
  const account = fleet().account({ life: 30 })
  const members = await fleet().signedIn(account, 10)
  const calls = account.calls.length
  const at = await members[3]!.eval(() => {
    const now = Date.now()
    void window.tab.session.signOut()
    return now
  })
  await expect.poll(() => signedOut(members), { timeout: 5_000, interval: 50 }).toEqual(Array(10).fill('signed-out'))
  const delays: number[] = []
  for (const { id, number, seen } of await reportsOf(members)) {
    const left = seen.find(({ what }) => what === 'signed-out')!
    const detached = seen.find(({ what, detail }) => what === 'adapter' && detail === 'detach')!
    expect(number).toBe(0)
    expect(left.detail).toBe(id === members[3]!.id ? 'here' : 'other-tab')
    delays.push(Math.max(left.at, detached.at) - at)
  }
  print(`signed out after ${delays.join(', ')} ms`)
  expect(Math.max(...delays)).toBeLessThanOrEqual(1_000)
  expect(account.calls.length).toBe(calls)
})

browserTest('a token that was refused in one tab is used in no other, nor by a tab that opens then', async () => {
  const account = fleet().account({ life: 30 })
  const members = await fleet().signedIn(account, 4)
  const refused = await renewed(members)
  const before = account.calls.length
  const held = account.hold()
  expect(await members[0]!.eval(() => window.tab.refuse())).toBe(refused)
  const { release } = await held
  await expect.poll(() => numbersOf(members), { timeout: 1_000, interval: 20 }).toEqual([0, 0, 0, 0])
  const [newcomer] = await fleet().open(account, 1)
  await newcomer!.start()
  release()
  const number = await shared([...members, newcomer!], refused)
  const calls = account.calls.slice(before)
  for (const { id, seen } of await reportsOf([...members, newcomer!])) {
    const used = seen
      .filter(({ what, detail }) => what === 'change' || (what === 'adapter' && detail !== 'detach'))
      .map(({ number }) => number ?? 0)
    const dropped = id === newcomer!.id ? 0 : used.indexOf(0, used.indexOf(refused))
    expect(used.slice(dropped)).not.toContain(refused)
    expect(used.at(-1)).toBe(number)
  }
  print(`refused token: ${calls.length} request (${calls.map(({ reason }) => reason).join()})`)
  expect(calls.map(({ reason }) => reason)).toEqual(['rejected'])
})

browserTest('two users in different tabs never meet, and the sign-out of one is not the other’s', async () => {
  const [ann, bob] = [fleet().account({ life: 5 }), fleet().account({ life: 5 })]
  const [annsTabs, bobsTabs] = [await fleet().open(ann, 3), await fleet().open(bob, 3)]
  const waits = await Promise.all([...annsTabs, ...bobsTabs].map((member) => member.start()))
  await Promise.all(waits.map((first) => first()))
  await shared(annsTabs, 1)
  await shared(bobsTabs, 1)
  // One of ann's tabs becomes bob's: his token is there already.
  const before = bob.calls.length
  const [switched, ...rest] = annsTabs
  const number = (await numbersOf(bobsTabs))[0]!
  await switched!.eval((id) => window.tab.session.signIn(id), bob.id)
  await shared([switched!, ...bobsTabs], number - 1)
  const initial = bob.calls.slice(before).filter(({ reason }) => reason === 'initial')
  await rest[0]!.eval(() => void window.tab.session.signOut())
  await expect.poll(() => signedOut(rest)).toEqual(['signed-out', 'signed-out'])
  expect(await signedOut([switched!, ...bobsTabs])).not.toContain('signed-out')
  await shared([switched!, ...bobsTabs], number)
  const owners = new Set(bob.calls.map(({ tab }) => tab))
  print(`two users: ${ann.calls.length} and ${bob.calls.length} requests, ${initial.length} for the tab that switched`)
  expect(initial).toEqual([])
  for (const { id } of rest) expect(owners).not.toContain(id)
  for (const member of bobsTabs) expect(ann.calls.map(({ tab }) => tab)).not.toContain(member.id)
})

const median = (times: number[]) => [...times].sort((a, b) => a - b)[times.length >> 1]!

browserTest('a new tab beside a signed-in one has its token within 100 ms and makes no request', async () => {
  const account = fleet().account({ life: 60 })
  await fleet().signedIn(account, 1)
  const times: number[] = []
  for (let round = 0; round < 8; round++) {
    const [newcomer] = await fleet().open(account, 1)
    const first = await newcomer!.start()
    times.push(await first())
  }
  print(
    `new tabs had their token after ${times.map((time) => time.toFixed(1)).join(', ')} ms; ${account.calls.length} request in all`,
  )
  expect(account.calls).toHaveLength(1)
  // The time of one newcomer is the machine's as well.
  expect(median(times)).toBeLessThanOrEqual(100)
})

browserTest('a tab alone has its first token as soon as a bare fetch would', async () => {
  const rounds = 40
  for (let round = 0; round < rounds; round++) fleet().backend.account(`alone-${round}`, { latency: [0, 0], life: 60 })
  const [member] = await fleet().open(fleet().account(), 1)
  const { bare, session } = await member!.eval((count) => window.tab.startTimes(count), rounds)
  const [least, whole] = [median(bare), median(session)]
  print(
    `alone: ${least.toFixed(2)} ms by a bare fetch, ${whole.toFixed(2)} ms by a session (${(whole - least).toFixed(2)} more)`,
  )
  expect(whole - least).toBeLessThan(10)
})
