import { setTimeout as sleep } from 'node:timers/promises'
import type { Page } from 'puppeteer-core'
import type { Backend } from './backend.js'
import type { TabsRow } from './report.js'
import { providerNames, type World } from './world.js'

/** Seconds. */
const life = 6
const watched = 12
const fewest = 6

/** What the lanes of a page say each tab holds: 'courier 3, suprsend 3, …' by the tab's number. */
const readLanes = (page: Page): Promise<Record<string, string>> =>
  page.evaluate(() =>
    Object.fromEntries(
      [...document.querySelectorAll<HTMLElement>('.lane-tab')].map(({ dataset }) => [dataset.tab!, dataset.held!]),
    ),
  )

/** Resolves, once it holds, to the milliseconds that took. */
async function until(holds: () => Promise<boolean> | boolean, within: number, complaint: string): Promise<number> {
  const began = Date.now()
  while (!(await holds())) {
    if (Date.now() - began > within) throw new Error(complaint)
    await sleep(20)
  }
  return Date.now() - began
}

/** Opens three tabs for one user: each refresh is one request, all show the same, and a sign-out in one is one in all. Throws what did not hold. */
export async function checkTabs(
  open: () => Promise<Page>,
  { requested }: Backend,
  { providers }: World,
  user: string,
): Promise<TabsRow> {
  const connected = (count: number) => providerNames.every((name) => providers[name].standIn.sockets(user) === count)
  // A tab in the background draws nothing: each is looked at in front, as a person would.
  const agree = async (pages: readonly Page[], tabs: number) => {
    const seen = new Set<string>()
    for (const page of pages) {
      await page.bringToFront()
      await until(
        async () => {
          const lanes = Object.entries(await readLanes(page))
          const same = lanes.length === tabs && new Set(lanes.map(([, held]) => held)).size === 1
          if (same) seen.add(lanes.map(([tab]) => tab).join())
          return same
        },
        3_000,
        `the lanes of ${tabs} tabs did not agree`,
      )
    }
    if (seen.size > 1) throw new Error('the tabs did not show the same lanes')
  }

  const first = await open()
  await first.evaluate((seconds) => fetch('/api/life', { method: 'POST', body: JSON.stringify({ seconds }) }), life)
  await until(() => connected(1), 10_000, 'the first one was not connected')
  const start = requested.length
  const pages = [first, await open(), await open()]
  await until(() => connected(3), 10_000, 'three of them were not connected')
  const early = requested.slice(start).filter(({ replaces }) => replaces === undefined)
  if (early.length) throw new Error(`tabs that opened beside another one made ${early.length} requests`)
  await agree(pages, 3)

  await sleep(watched * 1_000)
  await agree(pages, 3)
  const refreshing = requested.slice(start)
  const refreshes = new Set(refreshing.map(({ provider, replaces }) => `${provider} ${replaces}`)).size
  if (refreshes < fewest) throw new Error(`only ${refreshes} refreshes in ${watched} s`)
  if (refreshing.length !== refreshes) throw new Error(`${refreshing.length} requests for ${refreshes} refreshes`)

  const requests = Object.keys(await readLanes(first)).map(
    (number) => refreshing.filter(({ tab }) => `${tab}` === number).length,
  )

  await pages[1]!.bringToFront()
  await pages[1]!.click('[data-action="sign-out"]')
  const empty = async () => !/\d/.test(Object.values(await readLanes(pages[1]!)).join())
  const signedOut = await until(empty, 1_000, 'a sign-out in one had not reached all in 1 s')
  await until(() => connected(0), 3_000, 'a socket stayed open after the sign-out')
  const last = requested.length
  await sleep(2_000)
  await agree(pages, 3)
  if (requested.length > last) throw new Error('there was a request after the sign-out')
  await pages[2]!.close()
  await agree(pages.slice(0, 2), 2)

  return { refreshes, requests, signedOut }
}
