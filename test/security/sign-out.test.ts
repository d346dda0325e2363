import { type AdapterContext, type Token, type TokenAnswer, memoryStorage } from 'inbox-session'
import { describe, expect, it } from 'vitest'
import { createScene, failureOf, watch } from '../support/scene.js'
import { openStorage, signedIn } from '../support/storage.js'
import { piecesOf, shownPieces, tokenFor } from '../support/tokens.js'

const shows = (text: string, tokens: readonly string[]): boolean => shownPieces(text, piecesOf(tokens)).length > 0

/** Everything that can be read from there on, closures aside. */
const readable = (value: unknown, known = new Set<unknown>()): string => {
  if (Object(value) !== value) return String(value)
  if (known.has(value)) return ''
  known.add(value)
  return Reflect.ownKeys(value as object)
    .map((key) => readable((value as Record<PropertyKey, unknown>)[key], known))
    .join('\n')
}

describe('signOut', () => {
  it('takes the token from snapshot, callers, adapters and storage in one go; what comes late brings none of it back', async () => {
    const { storage, items } = openStorage()
    const contexts: AdapterContext[] = []
    let push: (answer: TokenAnswer | null) => void = () => {}
    const scene = createScene({ storage, subscribe: (given) => ((push = given), () => {}) })
    const { session, backend, world, of } = scene
    session.attach({ name: 'sdk', attach: (context) => void contexts.push(context) })
    session.signIn('ann')
    await session.getToken()
    await world.advance(2_000)
    expect(shows(readable([session, [...items.values()]]), backend.minted)).toBe(true)

    const late = backend.hold()
    const refreshing = watch(session.refresh())
    await world.flush()
    await session.signOut()
    expect(session.state).toEqual({ status: 'signed-out' })
    expect(shows(readable([session, [...items]]), backend.minted)).toBe(false)
    expect(contexts[0]!.signal.aborted).toBe(true)

    const before = of('token').length
    push(tokenFor('ann', world.environment.now()))
    contexts[0]!.report({ kind: 'expiring' })
    await late.resolve()
    await world.advance(60_000)
    expect(refreshing.error?.code).toBe('signed_out')
    expect((await failureOf(contexts[0]!.getToken())).code).toBe('user_changed')
    expect((await failureOf(session.getToken())).code).toBe('signed_out')
    expect(of('token')).toHaveLength(before)
    expect(items.size).toBe(0)
    expect(backend.calls).toHaveLength(2)
  })

  it('takes away what a slow storage writes only after it', async () => {
    const items = new Map<string, string>()
    let write = (): void => {}
    const storage = {
      ...memoryStorage(),
      setItem: (key: string, value: string) =>
        new Promise<void>((resolve) => {
          write = () => (items.set(key, value), resolve())
        }),
      removeItem: (key: string) => void items.delete(key),
    }
    const { session, world } = createScene({ storage })
    session.signIn('ann')
    await Promise.all([session.getToken(), world.advance(2_500)])
    await Promise.all([session.signOut(), world.advance(2_500)])
    write()
    await world.flush()
    expect(items.size).toBe(0)
  })

  it('tells neither backend nor provider: the token stays good there until it ends', async () => {
    const { session, backend, world } = await signedIn({})
    await session.signOut()
    await world.advance(3_600_000)
    expect(backend.calls).toHaveLength(1)
  })

  it('cannot take back what was handed out: an SDK that keeps its Token still has the secret', async () => {
    let kept: Token | undefined
    const { session, backend, world } = createScene()
    session.attach({ name: 'sdk', attach: ({ token }) => void (kept = token) })
    session.signIn('ann')
    await session.getToken()
    await world.flush()
    await session.signOut()
    expect(kept!.value === backend.minted[0]).toBe(true)
  })

  it('while nobody is signed in does nothing: what an earlier page wrote down for a user stays', async () => {
    const { storage, items } = openStorage()
    const earlier = await signedIn({ storage })
    await earlier.session.close()
    const { session } = createScene({ storage })
    await session.signOut()
    expect(items.size).toBe(1)
    session.signIn('ann')
    await session.signOut()
    expect(items.size).toBe(0)
  })

  it('does not reach the sessionStorage of a tab where no session runs: the next one there takes its record up', async () => {
    const [here, there] = [openStorage(), openStorage()]
    const tabs = [await signedIn({ storage: here.storage }), await signedIn({ storage: there.storage })]
    const token = await tabs[1]!.session.getToken()
    await tabs[1]!.session.close()
    await tabs[0]!.session.signOut()
    expect([here.items.size, there.items.size]).toEqual([0, 1])
    const { session } = await signedIn({ storage: there.storage })
    expect((await session.getToken()) === token).toBe(true)
  })
})

describe('without signOut', () => {
  it('a switch takes the last user’s token from snapshot, adapters and storage just so', async () => {
    const { storage, items } = openStorage()
    const contexts: AdapterContext[] = []
    const { session, world, backend } = createScene({ storage })
    session.attach({ name: 'sdk', attach: (context) => void contexts.push(context) })
    session.signIn('ann')
    await session.getToken()
    await world.flush()
    session.signIn('bob')
    await session.getToken()
    await world.flush()
    const [ann, bob] = backend.minted.map((token) => token.split('.')[1]!)
    const text = readable([session, [...items]])
    expect([text.includes(ann!), text.includes(bob!)]).toEqual([false, true])
    expect(contexts.map(({ signal }) => signal.aborted)).toEqual([true, false])
    expect((await failureOf(contexts[0]!.getToken())).code).toBe('user_changed')
  })

  it('a 401 of the backend or close() leaves the token where it is: in memory until its end, in the storage', async () => {
    const { storage, items } = openStorage()
    const { session, backend, world } = await signedIn({ storage })
    const token = await session.getToken()
    backend.answer = () => null
    await world.advance(2_000)
    await failureOf(session.refresh())
    expect(session.state).toMatchObject({ status: 'failed', error: { code: 'unauthorized' } })
    expect((await session.getToken()) === token).toBe(true)
    await session.close()
    expect(session.state).toEqual({ status: 'closed' })
    expect(items.size).toBe(1)
  })
})

describe('a token in a storage', () => {
  it('is there as plain text for every script, with its user’s id and tenant and without the email', async () => {
    const { storage, items } = openStorage()
    const { backend, session, world } = createScene({ storage })
    session.signIn({ id: 'ann', tenant: 'acme', email: 'ann@example.com' })
    await session.getToken()
    await world.flush()
    const [[key, text]] = [...items] as [[string, string]]
    expect(key).toBe('inbox-session:["default","ann","acme"]')
    expect(text.includes(backend.minted[0]!)).toBe(true)
    expect(text).not.toContain('example.com')
  })

  it('is believed when a script puts it there, if it names that user or nobody, and not if it names another', async () => {
    for (const [planted, taken] of [
      ['opaque-and-nobodys', true],
      [tokenFor('ann', Date.UTC(2026, 0, 1)), true],
      [tokenFor('bob', Date.UTC(2026, 0, 1)), false],
    ] as const) {
      const { storage, items } = openStorage()
      const user = { id: 'ann', tenant: null }
      const record = { version: 1, user: { id: 'ann' }, token: planted, receivedAt: Date.UTC(2026, 0, 1) }
      items.set(`inbox-session:${JSON.stringify(['default', user.id, user.tenant])}`, JSON.stringify(record))
      const { session } = await signedIn({ storage })
      expect((await session.getToken()) === planted).toBe(taken)
    }
  })
})
