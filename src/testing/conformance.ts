import { check } from '../policy.js'

/** The two functions of a test runner that a suite is registered with. */
export interface TestRunner {
  describe(name: string, body: () => void): unknown
  it(name: string, body: () => Promise<void>): unknown
}

/** One thing that is promised, as a sentence, and what finds out whether it is kept. */
export type Rule<Create> = readonly [title: string, run: (create: Create) => Promise<void>]

/** Registers the rules for what `create` makes. Throws a TypeError where the runner has no `describe` or `it`. */
export function register<Create>(
  name: string,
  create: Create,
  rules: readonly Rule<Create>[],
  runner: Partial<TestRunner> = globalThis as Partial<TestRunner>,
): void {
  check(name && typeof name === 'string', 'name')
  check(typeof create === 'function', 'create')
  const { describe, it } = runner
  if (typeof describe !== 'function' || typeof it !== 'function')
    throw new TypeError(
      'inbox-session/testing: there is no describe and it; call this in a test file, and with vitest or node:test give { describe, it } as the third argument.',
    )
  describe(name, () => {
    for (const [title, run] of rules) it(title, () => run(create))
  })
}

/** Fails a rule. The message is for people and holds no secret. */
export function fail(message: string): never {
  throw new Error(message)
}

// Long texts may be secrets, and nobody wants to read 64 kB.
const show = (value: unknown): string => {
  if (typeof value === 'string')
    return value.length < 12 ? JSON.stringify(value) : `a text of ${value.length} characters`
  if (Object(value) !== value) return String(value)
  return typeof value === 'function' ? 'a function' : value instanceof Promise ? 'a promise' : 'an object'
}

const difference = (one: unknown, other: unknown): string => {
  if (typeof one !== 'string' || typeof other !== 'string') return ''
  let at = 0
  while (at < one.length && one[at] === other[at]) at++
  return `, different from character ${at + 1} on`
}

/** Fails a rule whose `got` is not the very same as `wanted`. */
export function expectSame(what: string, got: unknown, wanted: unknown): void {
  if (Object.is(got, wanted)) return
  const [one, other] = [show(got), show(wanted)]
  fail(`${what}: expected ${other}, got ${one === other ? `another${difference(got, wanted)}` : one}`)
}

/** Fails a rule whose calls are not these, in this order. Calls are named in words. */
export function expectCalls(got: readonly string[], wanted: readonly string[]): void {
  const list = (calls: readonly string[]): string => calls.join(', ') || 'none'
  if (list(got) !== list(wanted)) fail(`calls: expected ${list(wanted)}; got ${list(got)}`)
}
