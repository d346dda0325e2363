import { inspect, isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import { piecesOf, shownPieces } from '../support/tokens.js'
import { type Scene, claimsOf } from './scene.js'

const defaultTimeout = 10_000

/** Calls that brought nothing lie as far apart as one client's would. */
export function checkBudget(times: readonly number[]): void {
  for (const [number, span] of [
    [10, 60_000],
    [30, 600_000],
  ] as const)
    for (const [index, at] of times.entries())
      expect((times[index + number] ?? Infinity) - at, `G1: ${number + 1} calls for nothing`).toBeGreaterThanOrEqual(
        span,
      )
}

function checkRates({ calls }: Scene): void {
  for (const budget of new Set(calls.map((call) => call.budget))) {
    const mine = calls.filter((call) => call.budget === budget)
    const wasted = mine.filter(({ brought, endedAt, signal }) => !brought && (endedAt !== undefined || signal.aborted))
    checkBudget(wasted.map(({ at }) => at))
    for (const [index, { at, brought, endedAt = Infinity }] of mine.entries()) {
      const next = mine[index + 1]
      if (!brought || !next || endedAt > next.at || !next.informed || !/refresh|forced/.test(next.reason)) continue
      const { receivedAt, expiresAt = receivedAt } = brought
      // A call is counted from when it was wanted: it may have waited for other tabs' answers for 300 ms.
      const gap = next.reason === 'forced' ? 700 : (expiresAt - receivedAt) / 10
      expect(next.at - at, 'G1: the gap after a success').toBeGreaterThanOrEqual(gap - 1)
    }
  }
}

function checkSecrets({ browser, windows, printed, secrets }: Scene): void {
  const pieces = piecesOf([...secrets, ...browser.backend.tokens])
  const shown = [...printed, ...browser.locks.held, ...browser.locks.pending, ...browser.channels]
  for (const { channel } of browser.messages) shown.push(channel)
  for (const { url } of browser.backend.calls) shown.push(url)
  shown.push(...browser.storage.items.keys())
  for (const { session, happened, tab } of windows) {
    if (tab.condition === 'gone') continue
    for (const { payload } of happened.slice(-100)) {
      shown.push(JSON.stringify(payload), inspect(payload, { depth: 8 }))
      if (payload instanceof Error) shown.push(payload.message, String(payload.stack), inspect(payload.cause))
    }
    shown.push(inspect(session), JSON.stringify(session), JSON.stringify(session.state), inspect(session.state))
    const { localStorage } = tab.faults.localStorage ? {} : tab.window
    for (const key of Object.keys(localStorage ?? {})) shown.push(key, localStorage!.getItem(key)!.slice(0, 10_000))
  }
  expect(shownPieces(shown.join('\n'), pieces), 'G4').toEqual([])
}

function checkOwners({ browser }: Scene): void {
  const { messages, storage } = browser
  const text = (data: unknown): string =>
    JSON.stringify(data, (_, part: unknown) => (typeof part === 'bigint' ? `${part}` : part)) ?? ''
  const places = messages.map(({ channel, data }) => [channel, text(data)] as const)
  for (const [place, written] of [...places, ...storage.items])
    for (const [token] of written.matchAll(/eyJ[\w-]+\.[\w-]+\.[\w-]*/g)) {
      const { sub } = claimsOf(token)
      if (sub !== undefined) expect(place, 'G3').toContain(JSON.stringify(sub).slice(1, -1))
    }
}

/** What must hold over all tabs, whatever happened. */
export function checkScene(scene: Scene): void {
  const { windows, broken, without, asked, calls, browser } = scene
  expect([...broken]).toEqual([])
  if (!without.includes('G1')) checkRates(scene)
  if (!without.includes('G3')) checkOwners(scene)
  if (!without.includes('G4')) checkSecrets(scene)
  for (const { result, excused } of without.includes('G7') ? [] : asked) {
    if (excused) continue
    const { at, endedAt = browser.now } = result
    const attempts = calls.filter((call) => call.at <= endedAt && (call.endedAt ?? Infinity) >= at).length
    expect(endedAt - at, 'G7').toBeLessThanOrEqual(defaultTimeout * Math.max(attempts, 1) + 5_000)
  }
  for (const { session, of, tab } of without.includes('G8') ? [] : windows) {
    if (tab.condition === 'gone') continue
    const changes = of('change')
    if (changes.length) expect(session.state, 'G8').toBe(changes.at(-1))
    const idle = changes.filter((state, index) => {
      const before = changes[index - 1] as { error?: unknown } | undefined
      // Another failure is another one, though it reads the same.
      const same = before && before.error === (state as { error?: unknown }).error
      return !Object.isFrozen(state) || (same && isDeepStrictEqual(state, before))
    })
    expect(idle, 'G8: changes that change nothing, or are not frozen').toEqual([])
    const generations = of('token').map(({ generation }) => generation)
    expect(generations, 'G8').toEqual([...new Set(generations)].sort((one, other) => one - other))
  }
}
