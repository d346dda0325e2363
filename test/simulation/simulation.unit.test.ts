import { describe, expect, test } from 'vitest'
import { draw } from './scenario.js'
import { report, simulate } from './simulate.js'

// More of them: npm run simulate -- --seeds 20000
const seeds = 300
const block = 25

describe('whatever happens to the tabs, the invariants hold, and in the end all have one token (G1–G10)', () => {
  test.each(Array.from({ length: seeds / block }, (_, index) => 1 + index * block))(
    'seeds from %i',
    { timeout: 120_000 },
    async (from) => {
      for (let seed = from; seed < from + block; seed++) {
        const failure = await simulate(seed)
        expect(failure && report(failure)).toBeUndefined()
      }
    },
  )
})

test('a seed always gives the same scenario, so that a failure can be played again', () => {
  expect(draw(7)).toEqual(draw(7))
  expect(draw(7)).not.toEqual(draw(8))
})
