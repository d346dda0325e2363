import { expect, test } from 'vitest'
import { type Scene, createScene, oneToken } from './scene.js'

const second = 1_000

/** Five tabs without Web Locks whose tokens are due at the same instants, so many times; they must agree a second later. */
const contend = async (times: number, storageDelay: number): Promise<Scene> => {
  const scene = createScene({ seconds: 10, seed: 39 })
  const draw = scene.browser.tab().random
  const upTo = (most: number) => () => Math.floor(draw() * most)
  const faults = { locks: 'absent', storageDelay: upTo(storageDelay), messageDelay: upTo(20), late: upTo(10) } as const
  const windows = scene.openAll(5, { faults })
  const { calls } = scene
  for (let round = 0; round < times; round++) {
    const { length } = calls
    while (calls.length === length) await scene.advance(second)
    while (calls.some(({ endedAt }) => endedAt === undefined)) await scene.advance(50)
    const ended = Math.max(...calls.slice(length).map(({ endedAt }) => endedAt!))
    await scene.advance(Math.max(ended + second - scene.browser.now, 0))
    oneToken(windows)
  }
  expect(windows.flatMap(({ of }) => of('expired'))).toEqual([])
  return scene
}

/** Calls that began while another one was under way. */
const doubles = ({ calls }: Scene): number =>
  calls.filter(({ at }, index) => calls.slice(0, index).some(({ endedAt }) => endedAt! > at)).length

test('F39 five tabs that contend a thousand times for the lease get it twice in one of a hundred times at most, and agree within a second', async () => {
  const scene = await contend(1_000, 30)
  expect(doubles(scene)).toBeLessThanOrEqual(10)
}, 60_000)

test('F39 where localStorage is too slow for the lease, tabs that got it together agree on the newest token within a second', async () => {
  const scene = await contend(150, 100)
  expect(doubles(scene)).toBeGreaterThan(10)
}, 60_000)
