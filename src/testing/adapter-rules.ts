import { type Actor, type CreateAdapter, type Stage, adapterRule, expectActed } from './adapter-stage.js'
import { type Rule, expectSame, fail } from './conformance.js'
import { expectSessionError, lifetime } from './scene.js'

/** Signed in, with one adapter that has the first token. */
const begin = async (stage: Stage): Promise<Actor & { readonly remove: () => Promise<void> }> => {
  const actor = await stage.cast()
  const remove = stage.session.attach(actor.adapter)
  await stage.enter('ann')
  return Object.assign(actor, { remove })
}

/** The SDK has the newest token, or gets it when it asks. */
const expectNewest = async (actor: Actor, { minted, finish }: Stage, when: string): Promise<void> => {
  if (actor.hasUpdate) return actor.expectUse('newest', when)
  const { value } = await finish(actor.contexts.at(-1)!.getToken())
  expectSame(`The token the SDK gets when it asks ${when}`, value, minted.at(-1))
}

/** All that happens to an adapter in a long life. */
const live = async (stage: Stage): Promise<void> => {
  const { session, browser, pass, finish } = stage
  await begin(stage)
  for (let time = 0; time < 3; time++) await stage.renew()
  session.invalidate(stage.token()!.value)
  await pass()
  browser.setOnline(false)
  await pass(10_000)
  browser.setOnline(true)
  await pass(10_000)
  await stage.enter('bob')
  await stage.renew()
  await finish(session.signOut())
  await pass()
  await stage.enter('ann')
  await finish(session.close())
  await pass()
}

/** What a session, and the people before the page, can expect of an adapter. */
export const adapterRules: readonly Rule<CreateAdapter>[] = [
  adapterRule('has a name and an attach, and perhaps an update and a detach', async (stage) => {
    await stage.cast()
  }),
  adapterRule('takes the token in hand when it is attached, once', async (stage) => {
    const early = await begin(stage)
    expectActed(early, 'attach ann 1')
    early.expectUse('newest', 'after attach')
    await stage.finish(early.remove())
    const late = await stage.cast()
    stage.session.attach(late.adapter)
    await stage.pass()
    expectActed(late, 'attach ann 1')
    late.expectUse('newest', 'after an attach to a running session')
  }),
  adapterRule('takes every newer token', async (stage) => {
    const actor = await begin(stage)
    for (const number of [2, 3]) {
      await stage.renew()
      await expectNewest(actor, stage, `after token ${number}`)
    }
    expectActed(actor, 'attach ann 1', 'update ann 2', 'update ann 3')
  }),
  adapterRule('takes the same token again without harm', async (stage) => {
    const actor = await begin(stage)
    for (let time = 0; time < 2; time++) {
      actor.contexts.at(-1)!.report({ kind: 'session-lost' })
      await stage.pass(5_000)
      actor.expectUse('newest', 'after the same token came again')
    }
    await stage.renew()
    await expectNewest(actor, stage, 'after a newer one')
  }),
  adapterRule('loses no token that comes during a slow attach', async (stage) => {
    const actor = await stage.cast()
    actor.hold = 3_000
    stage.session.attach(actor.adapter)
    stage.session.signIn('ann')
    await stage.pass(100)
    await stage.finish(stage.session.refresh())
    await stage.pass(5_000)
    expectActed(actor, 'attach ann 1', 'update ann 2')
    await expectNewest(actor, stage, 'after a slow attach')
  }),
  adapterRule('lets go at sign-out', async (stage) => {
    const actor = await begin(stage)
    await stage.renew()
    await stage.finish(stage.session.signOut())
    expectActed(actor, 'attach ann 1', 'update ann 2', 'detach ann by sign-out')
    actor.expectUse('none', 'after a sign-out')
    await expectSessionError('A token after a sign-out', actor.contexts.at(-1)!.getToken())
    await stage.pass(60_000)
    actor.expectUse('none', 'a minute after a sign-out')
  }),
  adapterRule('lets go of one user before it takes the next', async (stage) => {
    const actor = await begin(stage)
    await stage.enter('bob')
    actor.expectUse('newest', 'after another user signed in')
    await stage.enter('ann')
    actor.expectUse('newest', 'after the first user came back')
    expectActed(
      actor,
      ...['attach ann 1', 'detach ann by switch', 'attach bob 2', 'detach bob by switch', 'attach ann 3'],
    )
  }),
  adapterRule('can be attached again after it let go', async (stage) => {
    const actor = await begin(stage)
    await stage.finish(actor.remove())
    actor.expectUse('none', 'after it was taken off')
    stage.session.attach(actor.adapter)
    await stage.pass()
    actor.expectUse('newest', 'after it was attached again')
    await stage.finish(stage.session.signOut())
    await stage.enter('ann')
    actor.expectUse('newest', 'after the user signed in again')
    const round = ['attach ann 1', 'detach ann by detach', 'attach ann 1', 'detach ann by sign-out', 'attach ann 2']
    expectActed(actor, ...round)
  }),
  adapterRule('lets a sign-out in the middle of an attach have the last word', async (stage) => {
    const actor = await stage.cast()
    actor.during = () => void stage.session.signOut()
    stage.session.attach(actor.adapter)
    await stage.enter('ann')
    actor.expectUse('none', 'after the sign-out')
    await stage.pass(10_000)
    actor.expectUse('none', 'ten seconds after the sign-out')
    await stage.enter('bob')
    actor.expectUse('newest', 'of the next user')
  }),
  adapterRule('lets another user in the middle of an attach have the last word', async (stage) => {
    const actor = await stage.cast()
    actor.during = () => stage.session.signIn('bob')
    stage.session.attach(actor.adapter)
    await stage.enter('ann')
    actor.expectUse('newest', 'after the switch')
    await stage.pass(10_000)
    actor.expectUse('newest', 'ten seconds after the switch')
  }),
  adapterRule('asks for no token while its own is good', async (stage) => {
    const actor = await begin(stage)
    await stage.pass(lifetime * 90)
    expectSame('calls of the source', stage.calls.length, 1)
    expectActed(actor, 'attach ann 1')
  }),
  adapterRule('goes through an outage, and takes the first token after it', async (stage) => {
    const actor = await begin(stage)
    stage.down = true
    await stage.pass(lifetime * 1_500)
    await expectSessionError('A token in an outage', stage.finish(actor.contexts.at(-1)!.getToken()))
    stage.down = false
    await stage.pass(120_000)
    await expectNewest(actor, stage, 'after an outage')
  }),
  adapterRule('works beside another one in the same session', async (stage) => {
    const one = await begin(stage)
    const other = await stage.cast()
    stage.session.attach(other.adapter)
    await stage.renew()
    await expectNewest(one, stage, 'beside another one')
    await expectNewest(other, stage, 'as the second')
    await stage.finish(one.remove())
    await stage.renew()
    one.expectUse('none', 'after it was taken off')
    await expectNewest(other, stage, 'after the first was taken off')
    await stage.finish(stage.session.signOut())
    other.expectUse('none', 'after a sign-out')
  }),
  adapterRule('leaves nothing behind when the session is closed', async (stage) => {
    const actor = await begin(stage)
    await stage.renew()
    await stage.finish(stage.session.close())
    expectActed(actor, 'attach ann 1', 'update ann 2', 'detach ann by detach')
    actor.expectUse('none', 'after close')
    for (const [what, count] of Object.entries(stage.tab.leftovers)) expectSame(`${what} after close`, count, 0)
    const { asked } = actor
    await stage.pass(60_000)
    expectSame('uses of its context after close', actor.asked - asked, 0)
  }),
  adapterRule('never throws, rejects or takes longer than 5 s', live),
  adapterRule('tells the console no piece of a token', async (stage) => {
    await live(stage)
    if (stage.heard.leaks.length) fail(`A piece of a token was given to ${stage.heard.leaks.join(', ')}.`)
  }),
  adapterRule('leaves no rejection and no error to nobody', async (stage) => {
    await live(stage)
    if (stage.heard.unhandled.length) fail(`Nobody caught: ${stage.heard.unhandled.join(', ')}.`)
  }),
]
