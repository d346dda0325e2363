import { keyOf } from '../record.js'
import type { TokenStorage } from '../storage.js'
import { createTestBrowser } from './browser.js'
import { type Rule, expectSame, fail } from './conformance.js'
import { overhear } from './overhear.js'
import { type Scene, createScene } from './scene.js'
import { type CreateStorage, storageRule } from './storage-rules.js'

interface Visit extends Scene {
  /** Keys that were written. */
  readonly written: ReadonlySet<string>
  /** Signs in and waits for the token. */
  enter(id: string): Promise<string>
}

const name = 'conformance'
const recordKeys = (): readonly string[] => ['ann', 'bob'].map((id) => keyOf(name, { id }))
// Longer than a session waits for a storage.
const slow = 3_000

/** A page load: a session on the storage, in a browser of its own, so that nothing but the storage connects two of them. */
const visit = (storage: TokenStorage, { now, delay = 0 }: { now?: number; delay?: number } = {}): Visit => {
  const written = new Set<string>()
  const call = <T>(run: () => T | Promise<T>): T | Promise<T> => {
    const { tab, track } = scene
    return delay
      ? new Promise<void>((resolve) => void tab.schedule(tab.now() + delay, resolve)).then(() => track(run()))
      : track(run())
  }
  const watched: TokenStorage = {
    getItem: (key) => call(() => storage.getItem(key)),
    setItem: (key, value) => call(() => (written.add(key), storage.setItem(key, value))),
    removeItem: (key) => call(() => storage.removeItem(key)),
  }
  const browser = createTestBrowser(now === undefined ? {} : { now })
  const scene = createScene(name, { pace: 1, storage: watched, browser })
  return Object.assign(scene, {
    written,
    async enter(id: string) {
      scene.session.signIn(id)
      const token = await scene.finish(scene.session.getToken())
      await scene.pass()
      return token
    },
  })
}

const expectNoFailure = ({ errors: [error] }: Scene): void => {
  if (error) fail(`${error.code}: ${error.message}`)
}

const expectNothingLeft = async (storage: TokenStorage, keys: Iterable<string>, when: string): Promise<void> => {
  for (const key of keys) if ((await storage.getItem(key)) !== null) fail(`A token is still in the storage ${when}.`)
}

const rule = (title: string, run: (storage: TokenStorage) => Promise<void>): Rule<CreateStorage> =>
  storageRule(title, recordKeys, run)

/** What a session can expect of a storage. */
export const storageSessionRules: readonly Rule<CreateStorage>[] = [
  rule('brings the token back after a reload, without a call', async (storage) => {
    const first = visit(storage)
    const token = await first.enter('ann')
    await first.finish(first.session.close())
    const second = visit(storage, { now: first.browser.now })
    second.session.signIn('ann')
    await second.pass()
    expectSame('calls of the source after a reload', second.calls.length, 0)
    expectSame('the token after a reload', second.token()?.value, token)
    await second.finish(second.session.close())
    expectNoFailure(first)
    expectNoFailure(second)
  }),
  rule('brings the newest token back, after many', async (storage) => {
    const first = visit(storage)
    await first.enter('ann')
    for (let time = 0; time < 5; time++) {
      await first.pass(2_000)
      await first.finish(first.session.refresh())
    }
    await first.finish(first.session.close())
    const second = visit(storage, { now: first.browser.now })
    second.session.signIn('ann')
    await second.pass()
    expectSame('the token after a reload', second.token()?.value, first.minted.at(-1))
    await second.finish(second.session.close())
    expectNoFailure(first)
  }),
  rule('holds no token any more after a sign-out, nor another user’s', async (storage) => {
    const scene = visit(storage)
    await scene.enter('ann')
    await scene.enter('bob')
    await expectNothingLeft(storage, [keyOf(name, { id: 'ann' })], 'after another user has signed in')
    if ((await storage.getItem(keyOf(name, { id: 'bob' }))) === null) fail('The signed-in user’s token is gone.')
    await scene.finish(scene.session.signOut())
    await scene.pass(30_000)
    await expectNothingLeft(storage, scene.written, 'after a sign-out')
    await scene.finish(scene.session.close())
    expectNoFailure(scene)
  }),
  rule('keeps no session waiting when it is slow, and nothing for good', async (storage) => {
    const scene = visit(storage, { delay: slow })
    await scene.enter('ann')
    await scene.finish(scene.session.refresh())
    expectSame('calls of the source', scene.calls.length, 2)
    await scene.finish(scene.session.signOut())
    await scene.pass(10 * slow)
    await expectNothingLeft(storage, scene.written, 'after a sign-out')
    await scene.finish(scene.session.close())
  }),
  rule('shows no token on the console, and leaves no rejection to nobody', async (storage) => {
    const scene = visit(storage)
    const heard = overhear(scene.minted)
    try {
      await scene.enter('ann')
      await scene.pass(2_000)
      await scene.finish(scene.session.refresh())
      await scene.finish(scene.session.signOut())
      await scene.finish(scene.session.close())
    } finally {
      heard.stop()
    }
    if (heard.leaks.length) fail(`A piece of a token was given to ${heard.leaks.join(', ')}.`)
    if (heard.unhandled.length) fail(`Nobody caught: ${heard.unhandled.join(', ')}.`)
  }),
]
