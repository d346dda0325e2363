import { expect } from 'vitest'
import { inWords } from './counts.js'
import { liveThrough } from './lifetimes.js'
import { browserTest, print, useFleet } from './setup.js'

const fleet = useFleet()

browserTest.each([
  { tabs: 10, life: 5, lifetimes: 5 },
  { tabs: 20, life: 5, lifetimes: 5 },
])(
  '$tabs tabs make one request a refresh over $lifetimes lifetimes of $life s, and none holds a token that has ended',
  { timeout: 120_000 },
  async (run) => {
    const counts = await liveThrough(fleet(), run)
    print(inWords(counts))
    expect(counts.first).toBe(1)
    expect(counts.perRefresh).toBe(1)
    expect(counts.refreshes).toBeGreaterThanOrEqual(run.lifetimes)
    expect([counts.expired, counts.missing]).toEqual([0, 0])
    expect(counts.samples).toBeGreaterThan(run.tabs * run.lifetimes * run.life * 7)
    expect(counts.messages).toBeLessThanOrEqual(2)
  },
)
