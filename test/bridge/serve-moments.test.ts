import { serveBridge } from 'inbox-session/bridge'
import { expect, it } from 'vitest'
import { allowedOrigins, createWire, openBoth, settled } from './support.js'

const second = 1_000
const hour = 3_600 * second

it('a refusal that crosses a push is of the token before: the one that was pushed stays good in both pages', async () => {
  const { scene, host, guest, outer, minted } = await settled(openBoth())
  await scene.advance(second)
  await scene.result(host.session.refresh())
  const user = { id: 'ann' }
  const question = { inboxSession: 1, type: 'ask', id: 'refused-the-first', user, reason: 'rejected', attempt: 1 }
  outer.hand(JSON.stringify(question), allowedOrigins[0])
  await scene.advance(10 * second)
  expect(minted).toHaveLength(2)
  expect([host.token()!.value, guest.token()!.value]).toEqual([minted[1], minted[1]])
  expect(host.of('expired')).toEqual([])

  outer.hand(JSON.stringify({ ...question, id: 'refused-the-second' }), allowedOrigins[0])
  await scene.advance(second)
  expect(host.of('expired')).toMatchObject([{ reason: 'rejected' }])
  expect(minted).toHaveLength(3)
})

it('a clock that was set back before serveBridge began stretches no token', async () => {
  const { scene, host, undo } = await settled(openBoth({ seconds: 600 }))
  undo()
  const wire = createWire()
  const late = { now: () => host.tab.now() - hour }
  serveBridge(host.session, wire, { allowedOrigins, environment: late })
  wire.say({ type: 'ask', id: 'one', user: { id: 'ann' }, reason: 'initial', attempt: 1 })
  await scene.advance(second)
  expect(wire.posted.at(-1)).toMatchObject({ type: 'token', id: 'one' })
  expect(wire.posted.at(-1).expiresIn).toBeLessThanOrEqual(600)
})
