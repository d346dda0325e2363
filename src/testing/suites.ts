import { adapterRules } from './adapter-rules.js'
import type { CreateAdapter } from './adapter-stage.js'
import { type TestRunner, register } from './conformance.js'
import { type CreateStorage, storageRules } from './storage-rules.js'
import { storageSessionRules } from './storage-session-rules.js'

/**
 * A suite for a storage of your own: `testStorage('my storage', () => myStorage())` in a test file registers a `describe` with a
 * test for each thing a session needs of it: texts come back as they were, keys stay apart, writes keep their order, a reload
 * finds the token, a sign-out leaves none. `create` is called once a test and may give the same storage each time: the few
 * dozen keys that are written (`a`, `__proto__`, …) are removed at the end. No test takes a second, unless the storage does.
 *
 * `runner`: where `describe` and `it` come from. Default: the global ones (jest, mocha, vitest with `globals`); for vitest without
 * them and for node:test import both and give `{ describe, it }`. Throws a TypeError where there is neither.
 */
export function testStorage(name: string, create: CreateStorage, runner?: TestRunner): void {
  register(name, create, [...storageRules, ...storageSessionRules], runner)
}

/**
 * A suite for an adapter of your own: `testAdapter('my adapter', () => myAdapter(new FakeSDK()))`. Runs it through a session's
 * life in a simulated browser: refreshes, slow calls, refusals, outages, another user, sign-out, close. Give `create` an SDK of its
 * own for each adapter, or a double: it is called with the simulated tab, whose `now` and `schedule` are the virtual clock. Return
 * `{ adapter, used: () => sdk.token }` instead of the adapter, and the suite sees as well that tokens reach the SDK and leave it.
 *
 * An adapter or SDK that does real work has about a second for a call; a call that hangs fails the test in that time.
 * `runner`: as for testStorage. Throws a TypeError where there is no `describe` and `it`.
 */
export function testAdapter(name: string, create: CreateAdapter, runner?: TestRunner): void {
  register(name, create, adapterRules, runner)
}
