import type { Adapter, AdapterContext } from '../attach.js'
import { type Rule, expectCalls, fail } from './conformance.js'
import { type Overheard, overhear } from './overhear.js'
import { type Scene, createScene } from './scene.js'
import type { TestTab } from './tab.js'

/** An adapter with a look into its SDK: then it is seen as well whether tokens get there, and leave it. */
export interface AdapterUnderTest {
  readonly adapter: Adapter
  /** The raw token the SDK would use now; null, undefined or an empty text: none. */
  used(): string | null | undefined
}

/** Makes the adapter a rule is about. `tab` has the virtual clock, for SDK doubles that take their time. */
export type CreateAdapter = (tab: TestTab) => Adapter | AdapterUnderTest | Promise<Adapter | AdapterUnderTest>

/** One adapter on the stage, every call of it noted. */
export interface Actor {
  /** For `session.attach`. */
  readonly adapter: Adapter
  /** Without it an adapter is told of no newer token: its SDK asks. */
  readonly hasUpdate: boolean
  /** Calls in words: `attach ann 1` is user and number of the token. */
  readonly calls: string[]
  readonly contexts: AdapterContext[]
  /** How often a context was used: asked for a token, or told something. */
  readonly asked: number
  /** Milliseconds the next attach takes longer. */
  hold: number
  /** Run once, while the next attach is under way. */
  during: (() => void) | undefined
  /** Fails the rule unless the SDK uses the newest token, or none. Without a look into the SDK nothing. */
  expectUse(wanted: 'newest' | 'none', when: string): void
}

/** A scene for adapters. */
export interface Stage extends Scene {
  readonly heard: Overheard
  /** Another adapter from the test's `create`. */
  cast(): Promise<Actor>
  /** Signs in and waits until everybody has what they need. */
  enter(id: string): Promise<void>
  /** A newer token, and everything it leads to. */
  renew(): Promise<void>
}

const isUnderTest = (made: Adapter | AdapterUnderTest): made is AdapterUnderTest => 'adapter' in made

const createActor = (made: Adapter | AdapterUnderTest, scene: Scene, problems: string[]): Actor => {
  const { adapter: inner, used } = isUnderTest(made) ? made : { adapter: made, used: undefined }
  const { minted, tab, track } = scene
  if (!inner?.name || typeof inner.name !== 'string') fail('The adapter has no name.')
  if (typeof inner.attach !== 'function') fail('The adapter has no function "attach".')
  for (const verb of ['update', 'detach'] as const)
    if (inner[verb] !== undefined && typeof inner[verb] !== 'function') fail(`"${verb}" of the adapter is no function.`)
  const calls: string[] = []
  const contexts: AdapterContext[] = []
  let asked = 0

  const note = (what: string, context: AdapterContext): AdapterContext => {
    const { token, signal } = context
    calls.push(`${what} ${token.user.id} ${minted.indexOf(token.value) + 1}`)
    contexts.push(context)
    return {
      token,
      signal,
      getToken: (options) => (asked++, context.getToken(options)),
      report: (said) => (asked++, context.report(said)),
    }
  }
  const wait = (ms: number): Promise<void> => new Promise((resolve) => void tab.schedule(tab.now() + ms, resolve))

  const adapter: Adapter = {
    name: inner.name,
    attach(context) {
      if (used?.()) problems.push('The SDK still had a token when the adapter was attached.')
      const { hold, during } = actor
      const result = track(inner.attach(note('attach', context)))
      actor.during = undefined
      during?.()
      return hold ? wait(hold).then(() => result) : result
    },
    detach(handle, reason, last) {
      calls.push(`detach ${last.user.id} by ${reason}`)
      if (contexts.some(({ signal, token }) => token.user === last.user && !signal.aborted))
        problems.push('A signal was not aborted before detach.')
      return track(inner.detach?.(handle, reason, last))
    },
  }
  if (inner.update) adapter.update = (handle, context) => track(inner.update!(handle, note('update', context)))

  const actor: Actor = {
    adapter,
    hasUpdate: Boolean(inner.update),
    calls,
    contexts,
    get asked() {
      return asked
    },
    hold: 0,
    during: undefined,
    expectUse(wanted, when) {
      if (!used) return
      const token = used() || undefined
      if (token === (wanted === 'none' ? undefined : minted.at(-1))) return
      const what =
        token === undefined ? 'none' : minted.includes(token) ? `number ${minted.indexOf(token) + 1}` : 'unknown'
      fail(`The token the SDK uses ${when}: expected ${wanted}, got ${what} of ${minted.length}.`)
    },
  }
  return actor
}

/** A rule that also fails when a call of the adapter throws, rejects or takes longer than 5 s. */
export const adapterRule = (title: string, run: (stage: Stage) => Promise<void>): Rule<CreateAdapter> => [
  title,
  async (create) => {
    const scene = createScene('conformance', { pace: 5 })
    const { session, minted, failures } = scene
    const problems: string[] = []
    const heard = overhear(minted)
    const stage: Stage = Object.assign(scene, {
      heard,
      cast: async () => createActor(await create(scene.tab), scene, problems),
      async enter(id: string) {
        session.signIn(id)
        await scene.pass()
      },
      async renew() {
        // At most one call a second.
        await scene.pass(1_500)
        await scene.finish(session.refresh())
        await scene.pass()
      },
    })
    const ran = run(stage)
    try {
      await ran
    } catch {
      // Below: a call that failed is the cause of whatever else went wrong.
    } finally {
      await scene.finish(session.close()).catch(() => {})
      heard.stop()
    }
    const [problem] = [...failures, ...problems]
    if (problem) fail(problem)
    await ran
  },
]

/** Fails a rule unless the adapter was called so; calls that need an `update` count only where there is one. */
export const expectActed = ({ calls, hasUpdate }: Actor, ...wanted: readonly string[]): void =>
  expectCalls(calls, hasUpdate ? wanted : wanted.filter((call) => !call.startsWith('update')))
