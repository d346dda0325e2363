import { decodeJwt } from 'jose'
import { createSession } from 'inbox-session'
import { type BackendFault, type StorageFault, type TestTab, createTestBrowser } from 'inbox-session/testing'
import { describe, expect, it } from 'vitest'

const start = 1_790_000_000_000

function scene() {
  const browser = createTestBrowser()
  return { browser, backend: browser.backend, tab: browser.tab() }
}

/** What became of a call: nothing yet, a response, or an error. */
function call(tab: TestTab, ...request: Parameters<typeof fetch>) {
  const outcome: { response?: Response; error?: Error } = {}
  tab.fetch(...request).then(
    (response) => (outcome.response = response),
    (error: Error) => (outcome.error = error),
  )
  return outcome
}

const tokenOf = async ({ response }: ReturnType<typeof call>) => ((await response!.json()) as { token: string }).token

describe('the backend of the simulated browser', () => {
  it('answers every address with a token of an hour, after 50 ms', async () => {
    const { browser, backend, tab } = scene()
    const asked = call(tab, '/anything?user=ann&tenant=acme')
    await browser.advance(49)
    expect(asked).toEqual({})
    await browser.advance(1)
    expect(asked.response!.status).toBe(200)
    expect(asked.response!.headers.get('content-type')).toBe('application/json')
    const token = await tokenOf(asked)
    expect(decodeJwt(token)).toMatchObject({
      sub: 'ann',
      tenant: 'acme',
      iat: start / 1_000,
      exp: start / 1_000 + 3_600,
    })
    expect(backend.tokens).toEqual([token])
  })

  it('takes as long as it is told to, anew for each call where that is a function', async () => {
    const { browser, backend, tab } = scene()
    backend.latency = 200
    const slow = call(tab, '/')
    await browser.advance(199)
    expect(slow).toEqual({})
    await browser.advance(1)
    expect(slow.response).toBeDefined()
    const latencies = [30, 10]
    backend.latency = () => latencies.shift()!
    const [first, second] = [call(tab, '/'), call(tab, '/')]
    await browser.advance(10)
    expect([first.response, second.response?.status]).toEqual([undefined, 200])
    await browser.advance(20)
    expect(first.response).toBeDefined()
  })

  it('keeps a book of the calls: when, where, for whom, with what, and what came of it', async () => {
    const { browser, backend, tab } = scene()
    await browser.advance(1_000)
    browser.setWallClock(0)
    void call(tab, '/token?user=ann&tenant=acme', { headers: { 'x-csrf': '1' } })
    const [noted] = backend.calls
    expect(noted).toMatchObject({ at: start + 1_000, url: 'http://app.test/token?user=ann&tenant=acme' })
    expect(noted).toMatchObject({ user: 'ann', tenant: 'acme' })
    expect(noted!.headers.get('x-csrf')).toBe('1')
    expect([noted!.status, noted!.token, noted!.endedAt]).toEqual([undefined, undefined, undefined])
    await browser.advance(50)
    expect(noted).toMatchObject({ status: 200, token: backend.tokens[0], endedAt: start + 1_050 })
  })

  it('understands a Request and a URL as well as text', async () => {
    const { browser, backend, tab } = scene()
    void call(tab, new Request('https://api.example/a?user=ann', { headers: { 'x-one': '1' } }))
    void call(tab, new URL('https://api.example/b'), { headers: [['x-two', '2']] })
    expect(backend.calls.map(({ url, user }) => [url, user])).toEqual([
      ['https://api.example/a?user=ann', 'ann'],
      ['https://api.example/b', undefined],
    ])
    expect(backend.calls.map(({ headers }) => [...headers])).toEqual([[['x-one', '1']], [['x-two', '2']]])
    const wrong = call(tab, 'http://')
    await browser.advance(0)
    expect([wrong.error, backend.calls.length]).toEqual([expect.any(TypeError), 2])
  })

  it('takes the user of the query, or else the one of the cookie, or else nobody', async () => {
    const { browser, backend, tab } = scene()
    const nobody = call(tab, '/')
    backend.user = 'ben'
    const [cookie, query] = [call(tab, '/'), call(tab, '/?user=ann')]
    await browser.advance(50)
    const subjects = await Promise.all([nobody, cookie, query].map(async (one) => decodeJwt(await tokenOf(one)).sub))
    expect(subjects).toEqual([undefined, 'ben', 'ann'])
  })

  it('mints tokens with the lifetime and the claims that it is told, by its own clock', async () => {
    const { browser, backend, tab } = scene()
    Object.assign(backend, { lifetime: 60, claims: { role: 'reader' }, skew: -3_600_000 })
    const asked = call(tab, '/')
    await browser.advance(50)
    const { iat, exp, role } = decodeJwt(await tokenOf(asked))
    expect([iat, exp, role]).toEqual([start / 1_000 - 3_600, start / 1_000 - 3_540, 'reader'])
    expect(Date.parse(asked.response!.headers.get('date')!)).toBe(start - 3_600_000)
  })

  it('has a clock that no one who sets that of the device can change', async () => {
    const { browser, tab } = scene()
    browser.setWallClock(0)
    const asked = call(tab, '/')
    await browser.advance(50)
    expect(Date.parse(asked.response!.headers.get('date')!)).toBe(start)
  })

  it.each<[BackendFault | undefined, number, string, string | null]>([
    [undefined, 503, '{}', null],
    [{ status: 500 }, 500, '{}', null],
    [{ status: 429, retryAfter: 7 }, 429, '{}', '7'],
    [{ status: 503, retryAfter: 'Wed, 21 Oct 2026 07:28:00 GMT' }, 503, '{}', 'Wed, 21 Oct 2026 07:28:00 GMT'],
    [{ status: 204 }, 204, '', null],
    ['html', 200, '<!doctype html><title>Log in</title>', null],
    ['empty', 200, '', null],
  ])('fails with %o as it is told', async (fault, status, body, retryAfter) => {
    const { browser, backend, tab } = scene()
    backend.fail(fault)
    const asked = call(tab, '/')
    await browser.advance(50)
    const { response } = asked
    expect([response!.status, await response!.text(), response!.headers.get('retry-after')]).toEqual([
      status,
      body,
      retryAfter,
    ])
    expect(response!.headers.get('content-type')).toBe(fault === 'html' ? 'text/html' : 'application/json')
    expect([backend.calls[0]!.status, backend.tokens]).toEqual([status, []])
  })

  it('cannot be reached', async () => {
    const { browser, backend, tab } = scene()
    backend.fail('network')
    const asked = call(tab, '/')
    await browser.advance(49)
    expect(asked).toEqual({})
    await browser.advance(1)
    expect(asked.error).toBeInstanceOf(TypeError)
    expect(backend.calls[0]).toMatchObject({ endedAt: start + 50 })
    expect(backend.calls[0]!.status).toBeUndefined()
  })

  it('never answers', async () => {
    const { browser, backend, tab } = scene()
    backend.fail('hangs')
    const asked = call(tab, '/')
    await browser.advance(3_600_000)
    expect(asked).toEqual({})
    expect(backend.calls[0]!.endedAt).toBeUndefined()
  })

  it('fails as often as it is told, or until it is mended', async () => {
    const { browser, backend, tab } = scene()
    const statuses = async (calls: number) => {
      const made = Array.from({ length: calls }, () => call(tab, '/'))
      await browser.advance(50)
      return made.map(({ response }) => response!.status)
    }
    backend.fail({ status: 500 }, 2)
    expect(await statuses(4)).toEqual([500, 500, 200, 200])
    backend.fail({ status: 502 })
    expect(await statuses(3)).toEqual([502, 502, 502])
    backend.mend()
    expect(await statuses(1)).toEqual([200])
  })

  it('answers what it is told to: text, an object, a Response, or what a promise brings', async () => {
    const { browser, backend, tab } = scene()
    const said = async (answer: unknown) => {
      backend.reply(() => answer)
      const asked = call(tab, '/')
      await browser.advance(50)
      const { status, headers } = asked.response!
      return [status, headers.get('x-mine'), await asked.response!.text()]
    }
    expect(await said('bare')).toEqual([200, null, 'bare'])
    expect(await said({ jwt: 'a', deep: [1] })).toEqual([200, null, '{"jwt":"a","deep":[1]}'])
    expect(await said(null)).toEqual([200, null, 'null'])
    expect(await said(undefined)).toEqual([200, null, ''])
    expect(await said(Promise.resolve({ jwt: 'b' }))).toEqual([200, null, '{"jwt":"b"}'])
    expect(await said(new Response('made', { status: 201, headers: { 'x-mine': 'yes' } }))).toEqual([
      201,
      'yes',
      'made',
    ])
    backend.mend()
    expect((await said(undefined))[0]).toBe(200)
  })

  it('tells addresses apart where it is told to, and mints tokens for whom it is told to', async () => {
    const { browser, backend, tab } = scene()
    backend.reply(({ url }, mint) => (url.endsWith('/orders') ? [1, 2] : { token: mint({ sub: 'ben', expiresIn: 5 }) }))
    const [orders, token] = [call(tab, '/orders'), call(tab, '/token?user=ann')]
    await browser.advance(50)
    expect(await orders.response!.json()).toEqual([1, 2])
    const value = await tokenOf(token)
    expect(decodeJwt(value)).toMatchObject({ sub: 'ben', exp: start / 1_000 + 5 })
    expect(backend.tokens).toEqual([value])
    expect(backend.calls.map(({ token }) => token)).toEqual([undefined, value])
  })

  it('fails before it answers, and a call ends with what its answer throws', async () => {
    const { browser, backend, tab } = scene()
    backend.reply(() => {
      throw new RangeError('mine')
    })
    backend.fail({ status: 500 }, 1)
    const [failed, threw] = [call(tab, '/'), call(tab, '/')]
    await browser.advance(50)
    expect([failed.response!.status, threw.error!.message]).toEqual([500, 'mine'])
    backend.mend()
    const mended = call(tab, '/')
    await browser.advance(50)
    expect(decodeJwt(await tokenOf(mended)).iat).toBe(start / 1_000)
  })

  it('is not waited for any more once the call is given up, and has got it all the same', async () => {
    const { browser, backend, tab } = scene()
    const giveUp = new AbortController()
    const asked = call(tab, '/', { signal: giveUp.signal })
    const request = call(tab, new Request('http://app.test/', { signal: giveUp.signal }))
    await browser.advance(20)
    giveUp.abort(new Error('enough'))
    await browser.advance(0)
    expect([asked.error!.message, request.error!.message]).toEqual(['enough', 'enough'])
    await browser.advance(1_000)
    expect(backend.calls[0]!.endedAt).toBe(start + 20)
    expect([asked.response, backend.calls.length, backend.tokens.length]).toEqual([undefined, 2, 2])
    expect(call(tab, '/', { signal: giveUp.signal })).toEqual({})
    expect(backend.calls.length).toBe(2)
  })

  it('is out of reach when the network goes in the middle of a call', async () => {
    const { browser, backend, tab } = scene()
    const asked = call(tab, '/')
    await browser.advance(30)
    browser.setOnline(false)
    await browser.advance(20)
    expect(asked.error).toBeInstanceOf(TypeError)
    expect(backend.calls.length).toBe(1)
  })

  it.each(['freeze', 'leave'] as const)('reaches a page after %s when it goes on', async (how) => {
    const { browser, tab } = scene()
    const asked = call(tab, '/')
    await tab[how]()
    await browser.advance(3_600_000)
    expect(asked).toEqual({})
    if (how === 'freeze') tab.resume()
    else tab.comeBack()
    await browser.advance(0)
    expect(asked.response!.status).toBe(200)
    expect(decodeJwt(await tokenOf(asked)).iat).toBe(start / 1_000)
  })

  it('gets no call from a tab that is gone, and answers none', async () => {
    const { browser, backend, tab } = scene()
    const before = call(tab, '/')
    tab.crash()
    const after = call(tab, '/')
    await browser.advance(3_600_000)
    expect([before, after, backend.calls.length]).toEqual([{}, {}, 1])
  })

  it('gives sessions their tokens by way of the source of a tab, with the user and the tenant', async () => {
    const { browser, backend, tab } = scene()
    const session = createSession({ source: tab.source, environment: tab })
    session.signIn({ id: 'a&b', tenant: 'acme' })
    await browser.advance(1_000)
    expect(await session.getToken()).toBe(backend.tokens[0])
    expect(backend.calls).toMatchObject([{ user: 'a&b', tenant: 'acme' }])
    await session.close()
  })
})

describe('the storage of the simulated browser', () => {
  it('is one for all tabs and for the test, and answers at once', () => {
    const { browser, tab } = scene()
    const { storage } = browser
    void tab.storage.setItem('a', '1')
    expect([storage.getItem('a'), browser.tab().storage.getItem('a')]).toEqual(['1', '1'])
    expect(storage.getItem('b')).toBeNull()
    storage.items.set('a', 'corrupt')
    expect(tab.storage.getItem('a')).toBe('corrupt')
    void tab.storage.removeItem('a')
    expect([...storage.items]).toEqual([])
  })

  it('answers as late as it is told to', async () => {
    const { browser, tab } = scene()
    browser.storage.latency = 100
    const log: unknown[] = []
    void Promise.resolve(tab.storage.setItem('a', '1')).then(() => log.push('written'))
    void Promise.resolve(tab.storage.getItem('a')).then((value) => log.push(value))
    await browser.advance(99)
    expect([log, browser.storage.items.size]).toEqual([[], 0])
    await browser.advance(1)
    expect(log).toEqual(['written', '1'])
  })

  it.each<[StorageFault, string]>([
    ['throws', 'SecurityError'],
    ['rejects', 'UnknownError'],
  ])('%s whatever is asked of it', async (fault, name) => {
    const { browser, tab } = scene()
    browser.storage.items.set('a', '1')
    browser.storage.fault = fault
    for (const storage of [tab.storage, browser.storage])
      for (const work of [() => storage.getItem('a'), () => storage.setItem('a', '2'), () => storage.removeItem('a')]) {
        if (fault === 'throws') expect(work).toThrow(expect.objectContaining({ name }))
        else await expect(work()).rejects.toMatchObject({ name })
      }
    browser.storage.fault = undefined
    expect(tab.storage.getItem('a')).toBe('1')
  })

  it('never answers', async () => {
    const { browser, tab } = scene()
    browser.storage.fault = 'hangs'
    const log: unknown[] = []
    for (const work of [tab.storage.getItem('a'), tab.storage.setItem('a', '1'), tab.storage.removeItem('a')])
      void Promise.resolve(work).then((value) => log.push(value))
    await browser.advance(3_600_000)
    expect([log, browser.storage.items.size]).toEqual([[], 0])
  })

  it.each([0, 10])('takes nothing more when it is full, with answers after %d ms', async (latency) => {
    const { browser, tab } = scene()
    browser.storage.items.set('a', '1')
    Object.assign(browser.storage, { fault: 'full', latency })
    const full = expect.objectContaining({ name: 'QuotaExceededError' })
    const write = () => tab.storage.setItem('a', '2')
    const outcome = latency ? expect(write()).rejects.toEqual(full) : expect(write).toThrow(full)
    const [read] = await Promise.all([tab.storage.getItem('a'), browser.advance(latency), outcome])
    expect(read).toBe('1')
    const removed = tab.storage.removeItem('a')
    await browser.advance(latency)
    await removed
    expect(browser.storage.items.size).toBe(0)
  })

  it('answers a tab only while it runs, and the test at any time', async () => {
    const { browser, tab } = scene()
    browser.storage.items.set('a', '1')
    browser.storage.latency = 10
    const log: string[] = []
    void Promise.resolve(tab.storage.getItem('a')).then(() => log.push('tab'))
    void Promise.resolve(browser.storage.getItem('a')).then(() => log.push('test'))
    tab.freeze()
    await browser.advance(1_000)
    expect(log).toEqual(['test'])
    tab.resume()
    await browser.advance(0)
    expect(log).toEqual(['test', 'tab'])
  })

  it('takes nothing from a tab that is gone', async () => {
    const { browser, tab } = scene()
    browser.storage.latency = 10
    void tab.storage.setItem('a', 'under way')
    tab.crash()
    browser.storage.latency = 0
    void tab.storage.setItem('a', 'of a ghost')
    await browser.advance(1_000)
    expect(browser.storage.items.size).toBe(0)
  })
})
