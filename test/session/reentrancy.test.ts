import type { Session } from 'inbox-session'
import { describe, expect, it, vi } from 'vitest'
import { journaling } from '../support/journal.js'
import { type SceneOptions, createScene, watch } from '../support/scene.js'
import { tokenFor } from '../support/tokens.js'
import { start } from '../support/world.js'

/** Ann's call is under way; when it is aborted, the source does that. Everybody else gets a token. */
const whenAborted = async (act: (session: Session) => void, options: SceneOptions = {}) => {
  const scene = createScene(options)
  const { backend, session, world } = scene
  const mint = backend.answer
  backend.answer = (request) =>
    request.user.id === 'ann'
      ? new Promise(() => request.signal.addEventListener('abort', () => act(session)))
      : mint(request)
  session.signIn('ann')
  await world.flush()
  return scene
}

const whose = ({ session }: { session: Session }) => (session.state as { user?: { id: string } }).user?.id

describe('a source that speaks while it is being subscribed to', () => {
  it('says nobody is signed in: signed out, nothing left, no call', async () => {
    const { backend, session, world, of } = createScene({ subscribe: (push) => (push(null), () => {}) })
    session.signIn('ann')
    await world.flush()
    expect(session.state).toEqual({ status: 'signed-out' })
    expect(of('signed-out')).toEqual([{ user: { id: 'ann' }, reason: 'here' }])
    expect(backend.calls).toEqual([])
    expect(world.timers + world.listeners).toBe(0)
  })

  it('gives a token: told in order, and no call is needed', async () => {
    const { backend, session, world, of } = createScene({
      subscribe: (push) => (push(tokenFor('ann', start)), () => {}),
    })
    session.signIn('ann')
    await world.flush()
    expect(of('change').map(({ status }) => status)).toEqual(['fetching', 'fresh'])
    expect(of('token')).toHaveLength(1)
    expect(backend.calls).toEqual([])
  })

  it('gives junk, and a listener of the error closes: nothing goes on after that', async () => {
    const { backend, session, world } = createScene({ subscribe: (push) => (push('  '), () => {}) })
    session.on('error', () => void session.close())
    session.signIn('ann')
    await world.flush()
    expect(session.state).toEqual({ status: 'closed' })
    expect(backend.calls).toEqual([])
    expect(world.timers + world.listeners).toBe(0)
  })
})

describe('the source’s abort listener', () => {
  it('signs somebody in while the user signs out: both are told, and the new one is attended to', async () => {
    const scene = await whenAborted((session) => session.signIn('bob'))
    void scene.session.signOut()
    await scene.world.flush()
    expect(whose(scene)).toBe('bob')
    expect(scene.of('signed-out').map(({ user }) => user.id)).toEqual(['ann'])
    expect(scene.of('change').map(({ status }) => status)).toEqual(['fetching', 'signed-out', 'fetching', 'fresh'])
    expect(scene.world.listeners).toBe(1)
  })

  it.each<[string, (session: Session) => void]>([
    ['a sign-out', (session) => void session.signOut()],
    ['a switch', (session) => session.signIn('bob')],
  ])('asks during %s: it sees what is now, and gets nothing of who left', async (_, leave) => {
    const { backend, session, world } = createScene()
    session.signIn('ann')
    const anns = await session.getToken()
    const asked = vi.fn<(value: string) => void>()
    const seen: unknown[] = []
    backend.answer = ({ signal }) =>
      new Promise(() =>
        signal.addEventListener('abort', () => {
          seen.push(session.state)
          session.getToken().then(asked, () => {})
        }),
      )
    watch(session.refresh())
    await world.advance(1_000)
    leave(session)
    expect(seen).toEqual([session.state])
    await world.flush()
    expect(asked).not.toHaveBeenCalledWith(anns)
  })

  it.each<[string, string | undefined, (session: Session) => void]>([
    ['out and in', 'bob', (session) => (void session.signOut(), session.signIn('bob'))],
    ['in and out', undefined, (session) => (session.signIn('bob'), void session.signOut())],
    ['closes and in', undefined, (session) => (void session.close(), session.signIn('bob'))],
  ])('signs %s while somebody is signed in: the last word holds', async (_, last, act) => {
    const scene = await whenAborted(act)
    scene.session.signIn('bob')
    await scene.world.flush()
    expect(whose(scene)).toBe(last)
  })

  it('signs bob in while ann is attended to: a token pushed for her meanwhile is not his', async () => {
    const pushed = tokenFor('ann', start)
    let subscribed = 0
    const scene = createScene({ subscribe: (push) => (++subscribed === 2 && push(pushed), () => {}) })
    const { backend, session, world, of } = scene
    const mint = backend.answer
    backend.answer = (request) =>
      request.user.id === 'eve'
        ? new Promise(() => request.signal.addEventListener('abort', () => session.signIn('bob')))
        : mint(request)
    session.signIn('eve')
    await world.flush()
    session.signIn('ann')
    await world.flush()
    expect(whose(scene)).toBe('bob')
    expect(await session.getToken()).not.toBe(pushed)
    expect(of('token').map(({ user }) => user.id)).toEqual(['bob'])
  })
})

describe('a listener', () => {
  it.each<[string, (session: Session) => void, string]>([
    ['switches', (session) => session.signIn('bob'), 'user_changed'],
    ['signs out', (session) => void session.signOut(), 'signed_out'],
    ['closes', (session) => void session.close(), 'closed'],
  ])('that %s on the token lets nobody have it who waited for it (F74, F75)', async (_, leave, code) => {
    const { session, world } = createScene()
    session.on('token', ({ user }) => {
      if (user.id === 'ann') leave(session)
    })
    session.signIn('ann')
    const asked = watch(session.getToken())
    await world.flush()
    expect(asked.error).toMatchObject({ code })
  })

  it('that attaches and takes off at once leaves no adapter behind (F89)', async () => {
    const { session, world } = createScene()
    const { adapter, journal } = journaling()
    const stop = session.on('token', () => {
      void session.attach(adapter)()
      stop()
    })
    session.signIn('ann')
    await world.flush()
    await session.signOut()
    expect(journal.filter((entry) => entry.startsWith('attach'))).toHaveLength(
      journal.filter((entry) => entry.startsWith('detach')).length,
    )
  })
})
