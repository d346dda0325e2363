import { expect } from 'vitest'
import { inWords } from './counts.js'
import { liveThrough } from './lifetimes.js'
import { browserTest, print, useFleet } from './setup.js'

const fleet = useFleet()

const lifetimes = 5
const life = 5

browserTest(
  '10 tabs of one user and 20 of another make one request a refresh, and none ever holds a token that has ended',
  { timeout: 150_000 },
  async () => {
    const runs = await Promise.all([10, 20].map((tabs) => liveThrough(fleet(), { tabs, life, lifetimes })))
    for (const counts of runs) {
      print(inWords(counts))
      expect(counts.first).toBe(1)
      expect(counts.perRefresh).toBe(1)
      expect(counts.refreshes).toBeGreaterThanOrEqual(lifetimes)
      // Some looks may find no token: the timers of hidden tabs are up to a second late, a lot for tokens of five.
      expect(counts.expired).toBe(0)
      expect(counts.samples).toBeGreaterThan(counts.tabs * lifetimes * life * 7)
      expect(counts.messages).toBeLessThanOrEqual(2)
    }
  },
)
