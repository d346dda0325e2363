import type { SessionError } from 'inbox-session'
import { describe, expect, it } from 'vitest'
import { createScene, failureOf } from '../support/scene.js'
import { jwt, tokenFor } from '../support/tokens.js'
import { start } from '../support/world.js'

const minute = 60_000
const now = start / 1_000
const never = () => new Promise<never>(() => {})

type Scene = ReturnType<typeof createScene>
/** The error that `getToken` rejects with where the source answers that. */
const answered = (answer: unknown) => async (scene: Scene) => {
  scene.backend.answer = () => answer
  scene.session.signIn('ann')
  return failureOf(scene.session.getToken())
}
/** The error that is told in an event. */
const told = (act: (scene: Scene) => unknown) => async (scene: Scene) => {
  scene.session.signIn('ann')
  await scene.session.getToken()
  await act(scene)
  await scene.world.advance(minute)
  return scene.of('error').at(-1)!
}

/** What somebody who only sees the message has to learn from it. */
const messages: [string, (scene: Scene) => Promise<SessionError>, string][] = [
  ['a token of somebody else', answered(tokenFor('bob', start)), 'for another user; see the option "subject"'],
  ['a token that has ended', answered(jwt({ sub: 'ann', exp: now - 9 })), 'The token has ended (by exp).'],
  ['a lifetime that is over', answered({ token: 'opaque', expiresIn: 0 }), 'The token has ended (by expiresIn).'],
  ['no token', answered({}), 'no usable token'],
  ['nobody', answered(null), 'nobody is signed in'],
  [
    'a source that throws',
    (scene) => (scene.backend.fail(new RangeError('too far')), answeredAsIs(scene)),
    'The source failed (RangeError: too far)',
  ],
  [
    'a source that does not answer',
    async (scene) => {
      scene.backend.answer = never
      scene.session.signIn('ann')
      const failure = failureOf(scene.session.getToken())
      await scene.world.advance(10_000)
      return failure
    },
    'The source did not answer in time.',
  ],
  [
    'a token that was answered before',
    told(({ backend, session }) => {
      backend.answer = () => backend.minted[0]
      void session.refresh().catch(() => {})
    }),
    'an old token',
  ],
  [
    'a provider that refuses every token',
    told(async ({ session, world }) => {
      for (let time = 0; time < 3; time++) {
        session.invalidate(await session.getToken())
        await world.advance(1_000)
      }
    }),
    'The provider refuses the tokens.',
  ],
  [
    'a token pushed by a host that is none',
    async (scene) => {
      scene.session.signIn('ann', {} as never)
      return scene.of('error').at(0)!
    },
    'no usable token',
  ],
  [
    'an adapter that hangs',
    told(({ session, world }) => {
      session.attach({ name: 'sdk', attach: never })
      return world.advance(5_000)
    }),
    'The adapter "sdk" failed to attach in time',
  ],
]
const answeredAsIs = (scene: Scene) => {
  scene.session.signIn('ann')
  return failureOf(scene.session.getToken())
}

describe('the message of an error says what is wrong:', () => {
  it.each(messages)('%s', async (_, act, words) => {
    const { message } = await act(createScene())
    expect(message).toContain(words)
  })

  it('a page that is hidden, and lets its token end', async () => {
    const { session, world } = createScene({ refreshWhenHidden: false })
    session.signIn('ann')
    await session.getToken()
    await world.setVisible(false)
    await world.advance(61 * minute)
    expect(session.state).toMatchObject({
      status: 'waiting',
      error: { code: 'offline', message: 'The page is hidden.' },
    })
  })

  it('no network', async () => {
    const scene = createScene()
    await scene.world.setOnline(false)
    scene.session.signIn('ann')
    expect(scene.session.state).toMatchObject({ status: 'waiting', error: { code: 'offline', message: 'offline' } })
  })

  it('a budget that is used up', async () => {
    const { backend, session, world, of } = createScene()
    session.signIn('ann')
    await session.getToken()
    const tokens = of('token')
    backend.answer = () => tokens[0]!.value
    for (let time = 0; time < 12; time++) {
      void session.refresh().catch(() => {})
      await world.advance(1_000)
    }
    expect(session.state).toMatchObject({ status: 'waiting', error: { message: expect.stringContaining('old token') } })
    expect(session.state).toHaveProperty('retryAt', start + minute + 1_000)
  })

  it('a source that asks its own session', async () => {
    const { backend, session } = createScene()
    const asked: Promise<SessionError>[] = []
    backend.answer = () => {
      asked.push(failureOf(session.getToken()))
      return 'opaque'
    }
    session.signIn('ann')
    await session.getToken()
    expect((await asked[0]!).message).toBe('The source asked its own session for a token.')
  })
})
