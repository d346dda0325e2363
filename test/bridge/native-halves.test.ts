// @vitest-environment happy-dom
import { describe, expect, test, vi } from 'vitest'
import type { FetchToken, InboxToken } from '../../examples/native/InboxWebView.js'
import { fresh, navigate, open } from './native-stage.js'

describe('the React Native half', () => {
  test('hands a page its token, keeps it supplied, and asks the backend once for each', async () => {
    const { load, scene, fetchOne } = await open()
    const { state } = await load()
    expect(state()).toEqual(fresh('token-1'))
    await scene.advance(3_600_000)
    expect(fetchOne.mock.calls.length).toBeGreaterThan(6)
    expect(fetchOne.mock.calls.length).toBeLessThan(12)
    expect(state()).toEqual(fresh(`token-${fetchOne.mock.calls.length}`))
  })

  test('serves a page that is loaded again with the token of before, less the time since', async () => {
    const { load, scene, fetchOne, ask, heard } = await open()
    await ask()
    await scene.advance(400_000)
    expect((await load()).state()).toEqual(fresh('token-1'))
    expect(heard.at(-1).expiresIn).toBeCloseTo(200, 0)
    expect(fetchOne).toHaveBeenCalledTimes(1)
  })

  test.each([
    ['ends within a minute', { token: 'old', expiresIn: 59 }],
    ['states no end', { token: 'old' }],
  ])('serves nobody else with a token that %s', async (_, token) => {
    const { ask, fetchOne } = await open(async () => token)
    await ask()
    await ask()
    expect(fetchOne).toHaveBeenCalledTimes(2)
  })

  test('gets a new token for a page whose provider refused the last one', async () => {
    const { load, scene } = await open()
    const { session, state } = await load()
    session.invalidate('token-1')
    await scene.advance(5_000)
    expect(state()).toEqual(fresh('token-2'))
  })

  test.each(['refresh', 'rejected', 'forced'])(
    'never answers a question of reason %s from what it keeps',
    async (reason) => {
      const { ask, heard } = await open()
      await ask()
      await ask({ reason })
      expect(heard.map(({ token }) => token)).toEqual(['token-1', 'token-2'])
    },
  )

  test('forgets a token that was refused at once, not when it has a new one', async () => {
    let answer!: (token: InboxToken) => void
    const fetchToken = vi.fn(() => new Promise<InboxToken>((resolve) => (answer = resolve)))
    const { ask, host } = await open(fetchToken)
    host.push({ token: 'refused', expiresIn: 600 })
    void ask({ reason: 'rejected' })
    void ask({ id: '2' })
    expect(fetchToken).toHaveBeenCalledTimes(2)
    answer({ token: 'new' })
  })

  test('pushes a token to the page, and serves the next page with it', async () => {
    const { load, host, fetchOne } = await open()
    const first = await load()
    host.push({ token: 'pushed', expiresIn: 600 })
    expect(first.state()).toEqual(fresh('pushed'))
    expect((await load()).state()).toEqual(fresh('pushed'))
    expect(fetchOne).toHaveBeenCalledTimes(1)
  })

  test('signs the page out with the app, and answers nobody any more', async () => {
    const { load, host, ask, heard } = await open()
    const { state } = await load()
    host.signOut()
    expect(state().status).toBe('signed-out')
    host.push({ token: 'pushed' })
    await ask({ id: 'late' })
    expect(heard.at(-1)).toEqual({ inboxSession: 1, type: 'denied', id: 'late', final: true })
  })

  test('hands out no token that its backend gave after the app had signed out', async () => {
    let answer!: (token: InboxToken) => void
    const { ask, host, heard } = await open(() => new Promise((resolve) => (answer = resolve)))
    const asked = ask()
    host.signOut()
    answer({ token: 'late', expiresIn: 600 })
    await asked
    expect(heard.map(({ type }) => type)).toEqual(['signed-out', 'denied'])
  })

  test('signs the page of the last user out when another one signs in, and does not mix them up', async () => {
    const { load, host, ask, heard, fetchOne } = await open()
    const { state } = await load()
    host.signIn({ id: 'ann', tenant: 'acme' })
    expect(state().status).toBe('signed-out')
    for (const user of [{ id: 'ann' }, { id: 'ann', tenant: 'other' }, { id: 'bob', tenant: 'acme' }, undefined]) {
      await ask({ user })
      expect(heard.at(-1)).toMatchObject({ type: 'denied', final: true })
    }
    await ask({ user: { id: 'ann', tenant: 'acme' } })
    expect(heard.at(-1)).toMatchObject({ user: { id: 'ann', tenant: 'acme' }, token: 'token-2' })
    expect(fetchOne).toHaveBeenLastCalledWith({ id: 'ann', tenant: 'acme' })
  })

  test('the same user again is no switch', async () => {
    const { load, host } = await open()
    const { state } = await load()
    host.signIn({ id: 'ann' })
    expect(state()).toEqual(fresh('token-1'))
  })

  test('ends the page’s asking when the backend says that nobody is signed in', async () => {
    const { load } = await open(async () => null)
    const { state } = await load()
    expect(state()).toMatchObject({ status: 'failed', error: 'unauthorized' })
  })

  test('tells for how long not to ask when the backend cannot answer', async () => {
    let isBusy = true
    const fetchToken: FetchToken = async () => {
      if (isBusy) throw Object.assign(new Error('busy'), { retryAfter: 30 })
      return { token: 'new' }
    }
    const { load, scene, fetchOne } = await open(fetchToken)
    const { state } = await load()
    expect(state()).toMatchObject({ status: 'waiting', error: 'source_failed' })
    isBusy = false
    await scene.advance(29_000)
    expect(fetchOne).toHaveBeenCalledTimes(1)
    await scene.advance(10_000)
    expect(state()).toEqual(fresh('new'))
  })

  test('answers another version once, with a greeting', async () => {
    const { ask, heard } = await open()
    await ask({ inboxSession: 2 })
    await ask({ inboxSession: 3 })
    expect(heard).toEqual([{ inboxSession: 1, type: 'hello' }])
  })

  test.each([
    ['a greeting', { type: 'hello' }],
    ['a type it does not know', { type: 'wave' }],
    ['no version', { inboxSession: undefined }],
    ['no id', { id: undefined }],
    ['more than 131 072 characters', { more: 'x'.repeat(131_072) }],
  ])('does not answer to %s', async (_, fields) => {
    const { ask, heard, fetchOne } = await open()
    await ask(fields)
    expect([heard, fetchOne.mock.calls]).toEqual([[], []])
  })

  test.each(['', 'hello', 'null', '[]', '1', '{'])('does not answer to what is no message: %j', async (text) => {
    const { say, heard } = await open()
    await say(text)
    expect(heard).toEqual([])
  })

  test('fields it does not know change nothing', async () => {
    const { ask, heard } = await open()
    await ask({ more: true, user: { id: 'ann', tenant: null, more: true } })
    expect(heard).toMatchObject([{ type: 'token', id: '1', token: 'token-1' }])
  })

  test.each(['https://evil.example/', 'https://inbox.example.evil.example/', 'http://inbox.example/', 'about:blank'])(
    'asks no backend for a frame of %s',
    async (url) => {
      const { ask, heard, fetchOne } = await open()
      await ask({}, url)
      expect([heard, fetchOne.mock.calls]).toEqual([[], []])
    },
  )

  test('gives a page that came between question and answer neither the answer nor a push', async () => {
    let answer!: (token: InboxToken) => void
    const { ask, host, heard, scripts } = await open(() => new Promise((resolve) => (answer = resolve)))
    const asked = ask()
    navigate('https://evil.example/')
    answer({ token: 'secret', expiresIn: 600 })
    await asked
    host.push({ token: 'secret' })
    host.signOut()
    expect(scripts.length).toBe(3)
    expect(heard).toEqual([])
  })

  test('any text gets through the script whole', async () => {
    const { host, heard } = await open()
    const extra = { text: '"\'`\\ \u2028\u2029\0</script>${1}\n*/ ’😀\ud800' }
    host.push({ token: 'new', extra })
    expect(heard[0].extra).toEqual(extra)
  })

  test('tells all webviews that are there, and none that is gone', async () => {
    const { host, unmount, scripts } = await open()
    const others: string[][] = [[], []]
    const [stop] = others.map((texts) => host.connect((text) => void texts.push(text)))
    host.push({ token: 'first' })
    stop!()
    await unmount()
    host.push({ token: 'second' })
    expect([scripts.length, ...others.map(({ length }) => length)]).toEqual([1, 1, 2])
  })
})
