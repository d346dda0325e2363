import { UnauthorizedError, createSession } from 'inbox-session'
import { createTestBrowser, createTestSource, createTestToken } from 'inbox-session/testing'
import { describe, expect, it, onTestFinished } from 'vitest'

const open = () => {
  const browser = createTestBrowser()
  const backend = createTestSource()
  const session = createSession({ environment: browser.tab(), source: backend.source })
  const events: string[] = []
  session.on('error', ({ code }) => void events.push(code))
  onTestFinished(() => session.close())
  return {
    browser,
    backend,
    session,
    events,
    token: () => (session.state as { token?: { value: string } }).token?.value,
    mint: (sub = 'ann') => createTestToken({ sub, issuedAt: Math.floor(browser.now / 1_000) }),
  }
}

const request = (signal = new AbortController().signal) =>
  ({ user: { id: 'ann' }, reason: 'initial', attempt: 1, signal }) as const

describe('createTestSource', () => {
  it('shows what the session asks, and answers when the test says so', async () => {
    const { browser, backend, session, token, mint } = open()
    session.signIn('ann')
    await browser.advance(100)
    expect(session.state.status).toBe('fetching')
    expect(backend.calls).toMatchObject([{ user: { id: 'ann' }, reason: 'initial', attempt: 1 }])
    const given = mint()
    backend.resolve(given)
    await browser.advance(0)
    expect(token()).toBe(given)
    const refreshed = session.refresh()
    await browser.advance(1_000)
    expect(backend.calls[1]).toMatchObject({ reason: 'forced', previous: given })
    backend.resolve({ token: mint(), expiresIn: 30 })
    await browser.advance(0)
    expect(await refreshed).toBe(token())
    expect(token()).not.toBe(given)
  })

  it('fails a call with any error', async () => {
    const { browser, backend, session, events } = open()
    session.signIn('ann')
    await browser.advance(100)
    backend.reject(new Error('down'))
    await browser.advance(100)
    expect([session.state.status, ...events]).toEqual(['waiting', 'source_failed'])
    await browser.advance(1_000)
    expect(backend.calls[1]!.attempt).toBe(2)
    backend.reject(new UnauthorizedError())
    await browser.advance(0)
    expect([session.state.status, ...events]).toEqual(['failed', 'source_failed', 'unauthorized'])
  })

  it('says with null that nobody is signed in', async () => {
    const { browser, backend, session } = open()
    backend.resolve(null)
    session.signIn('ann')
    await browser.advance(100)
    expect(session.state.status).toBe('failed')
  })

  it('answers the oldest open call first, and calls to come with what was said before, in order', async () => {
    const { source, calls, ...backend } = createTestSource()
    const early = [source(request()), source(request())]
    for (const answer of ['first', 'second', 'third']) backend.resolve(answer)
    backend.reject(new Error('fourth'))
    expect(await Promise.all([...early, source(request())])).toEqual(['first', 'second', 'third'])
    await expect(source(request())).rejects.toThrow('fourth')
    expect(calls).toHaveLength(4)
    const waits = source(request())
    expect(await Promise.race([waits, Promise.resolve('nothing yet')])).toBe('nothing yet')
  })

  it('leaves an error that nobody has asked for yet unharmful', async () => {
    createTestSource().reject(new Error('nobody asks'))
    await new Promise((resolve) => setImmediate(resolve))
  })

  it('gives no answer to a call that was aborted: the next one gets it', async () => {
    const { browser, backend, session, token, mint } = open()
    session.signIn('ann')
    await browser.advance(100)
    session.signIn('bob')
    await browser.advance(100)
    expect(backend.calls.map(({ user, signal }) => [user.id, signal.aborted])).toEqual([
      ['ann', true],
      ['bob', false],
    ])
    expect(backend.open).toEqual([backend.calls[1]])
    const given = mint('bob')
    backend.resolve(given)
    await browser.advance(0)
    expect(token()).toBe(given)
    expect(backend.open).toEqual([])
  })

  it('ends an aborted call with its signal’s reason, one that began aborted as well', async () => {
    const backend = createTestSource()
    const controller = new AbortController()
    const running = backend.source(request(controller.signal))
    controller.abort(new Error('enough'))
    await expect(running).rejects.toThrow('enough')
    backend.resolve('for somebody who waits')
    await expect(backend.source(request(controller.signal))).rejects.toThrow('enough')
    expect(await backend.source(request())).toBe('for somebody who waits')
  })

  it('is out of time when the test never answers', async () => {
    const { browser, backend, session, events } = open()
    session.signIn('ann')
    await browser.advance(10_100)
    expect(events).toEqual(['timeout'])
    expect([backend.calls.length, backend.open.length]).toEqual([1, 0])
  })

  it('speaks first, while somebody is signed in', async () => {
    const { browser, backend, session, token, mint } = open()
    backend.push(mint())
    session.signIn('ann')
    await browser.advance(100)
    const pushed = mint()
    backend.push(pushed)
    await browser.advance(0)
    expect([session.state.status, token()]).toEqual(['fresh', pushed])
    backend.push(null)
    await browser.advance(0)
    expect(session.state.status).toBe('signed-out')
    backend.push(mint())
    await browser.advance(0)
    expect(session.state.status).toBe('signed-out')
  })

  it('speaks to nobody who has unsubscribed', () => {
    const { source, push } = createTestSource()
    const heard: unknown[] = []
    const listener = (answer: unknown) => void heard.push(answer)
    const [end] = [source.subscribe!(listener), source.subscribe!(listener)]
    push('first')
    end()
    push('second')
    expect(heard).toEqual(['first', 'first', 'second'])
  })
})
