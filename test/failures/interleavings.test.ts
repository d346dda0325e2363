import { expect, test } from 'vitest'
import { type Asked, type Window, createScene, watch } from './scene.js'

const second = 1_000
const rounds = 4

/** Some tabs at a few refreshes, at each of which one comes and one goes, with everything as slow as drawn. */
const interleave = async (seed: number): Promise<string[]> => {
  const scene = createScene({ seed, latency: 30, without: ['G4'] })
  const { browser } = scene
  const { tokens } = browser.backend
  const draw = browser.tab().random
  const upTo = (most: number): number => Math.floor(draw() * most)
  const wrong: string[] = []
  const asked: { result: Asked; atLeast: number }[] = []
  const keep = seed % 2 === 0
  browser.storage.latency = upTo(4) * 6

  const join = (): Window => {
    const window = scene.open({
      keep,
      signIn: false,
      faults: { messageDelay: () => upTo(30), lockDelay: () => upTo(5), storageDelay: () => upTo(20) },
    })
    // A follower that acts on the news: what it asks for then is never older.
    window.session.on('token', ({ value }) => asked.push({ result: window.ask(), atLeast: tokens.indexOf(value) }))
    window.session.signIn('ann')
    return window
  }
  const windows = Array.from({ length: 2 + upTo(3) }, join)
  for (let round = 0; round < rounds; round++) {
    await browser.advance(3 * second)
    const { length } = scene.calls
    const before = tokens.length - 1
    const refreshed = watch(windows[upTo(windows.length)]!.session.refresh())
    await browser.advance(upTo(120))
    windows.push(join())
    await browser.advance(upTo(40))
    for (const window of windows) asked.push({ result: window.ask(), atLeast: window.token() ? before : 0 })
    await browser.advance(2 * second)

    if (tokens.indexOf(refreshed.value ?? '') !== before + 1) wrong.push('the refresh')
    if (scene.calls.length !== length + 1) wrong.push(`${scene.calls.length - length} calls`)
    for (const { token } of windows) if (token()?.value !== tokens.at(-1)) wrong.push('not the newest token')
    for (const record of browser.storage.items.values())
      if (!record.includes(tokens.at(-1)!)) wrong.push('an old token in the storage')
    void windows.shift()!.session.close()
  }
  for (const { result, atLeast } of asked)
    if (!result.value || tokens.indexOf(result.value) < atLeast) wrong.push('an old token after the news of a new one')
  for (const { of } of scene.windows) {
    const order = of('token').map(({ value }) => tokens.indexOf(value))
    if (order.some((place, index) => place <= (order[index - 1] ?? -1))) wrong.push('back to an older token')
  }
  await scene.finish()
  return wrong
}

test.each(Array.from({ length: 10 }, (_, index) => index * 25))(
  'F30 who is told of a new token never reads the old one, in a hundred interleavings from seed %i on',
  async (from) => {
    for (let seed = from; seed < from + 25; seed++) expect(await interleave(seed), `seed ${seed}`).toEqual([])
  },
  60_000,
)
