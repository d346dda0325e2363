import { setTimeout as sleep } from 'node:timers/promises'
import { type Counts, count } from './counts.js'
import type { Fleet } from './fleet.js'

/** So many tabs of one user, signed in at once, for so many lifetimes of their tokens. */
export async function liveThrough(
  fleet: Fleet,
  { tabs, life, lifetimes }: { tabs: number; life: number; lifetimes: number },
): Promise<Counts> {
  const account = fleet.account({ life })
  const members = await fleet.signedIn(account, tabs, { steady: true })
  const reports = () => Promise.all(members.map((member) => member.report()))
  const before = await reports()
  const since = Date.now()
  await sleep(lifetimes * life * 1_000)
  return count(account, before, await reports(), since)
}
