import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type EngineName, hasEngine } from '../../support/engines/index.js'
import type { Report } from '../pages/tab.js'
import { type Fleet, type Member, createFleet } from './fleet.js'

const name = (process.env.ENGINE ?? 'chromium') as EngineName
const ready = hasEngine(name)

// A worker would go on with its test, and the browser with it, after vitest itself was ended.
process.once('disconnect', () => process.exit(1))

/** A browser of this project's engine for the tests of one file; tabs are closed after each. */
export function useFleet(): () => Fleet {
  let fleet: Fleet
  beforeAll(async () => {
    if (ready) fleet = await createFleet(name)
  })
  afterEach(() => fleet?.closeTabs())
  afterAll(() => fleet?.close())
  return () => fleet
}

/** A test in a real browser; skipped where the engine is missing. */
export const browserTest = test.runIf(ready)

export const print = (line: string): void => console.log(`${name}: ${line}`)

export const reportsOf = (members: readonly Member[]): Promise<Report[]> =>
  Promise.all(members.map((member) => member.report()))

export const numbersOf = async (members: readonly Member[]): Promise<number[]> =>
  (await reportsOf(members)).map(({ number }) => number)

/** Waits until all hold the same token, newer than `old`; answers its number. */
export async function shared(members: readonly Member[], old = 0, timeout = 15_000): Promise<number> {
  let numbers: number[] = []
  const together = async () => {
    numbers = await numbersOf(members)
    return new Set(numbers).size === 1 && numbers[0]! > old ? 'together' : numbers.join()
  }
  await expect.poll(together, { timeout, interval: 50 }).toBe('together')
  return numbers[0]!
}

/** Has one tab refresh at once: from here on the next refresh is due after 80 to 83 % of a lifetime. */
export async function renewed(members: readonly Member[]): Promise<number> {
  const old = Math.max(...(await numbersOf(members)))
  await members[0]!.eval(() => window.tab.session.refresh().then(() => {}))
  return shared(members, old)
}
