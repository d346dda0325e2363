import { fromEndpoint, withToken } from 'inbox-session'
import { describe, expect, it, vi } from 'vitest'
import { createScene } from '../support/scene.js'
import { piecesOf, shownPieces } from '../support/tokens.js'

const listed = 'https://api.example.com'

/** A wrapped fetch, and what it would have sent where. */
const wrap = (origins = [listed]) => {
  const sent: [address: string, authorization: string | null][] = []
  const fetch = withToken(
    { getToken: async () => 'the-token' },
    {
      origins,
      fetch: async (input, init) => {
        const request = new Request(input, init)
        sent.push([request.url, request.headers.get('authorization')])
        return new Response()
      },
    },
  )
  return { fetch, sent }
}
const carried = (sent: [string, string | null][]): string[] => sent.flatMap(([url, token]) => (token ? [url] : []))

describe('the address that is compared is the one that is asked', () => {
  class Address extends URL {
    readonly url = `${listed}/`
  }
  it.each<[string, () => unknown]>([
    ['a URL object that has a property "url" of its own', () => new Address('https://evil.example/')],
    [
      'an object that reads differently each time',
      () => {
        let reads = 0
        return { toString: () => (reads++ ? 'https://evil.example/' : `${listed}/`) }
      },
    ],
  ])('for %s', async (_, address) => {
    const { fetch, sent } = wrap()
    await fetch(address() as URL).catch(() => {})
    expect(carried(sent).filter((url) => !url.startsWith(`${listed}/`))).toEqual([])
  })

  it.each<[string, unknown]>([
    ['text', 'https://evil.example/'],
    ['a URL', new URL('https://evil.example/')],
  ])('for %s in a page where Object.prototype has a "url"', async (_, address) => {
    const { fetch, sent } = wrap()
    const prototype = Object.prototype as { url?: unknown }
    prototype.url = `${listed}/`
    try {
      await fetch(address as URL).catch(() => {})
    } finally {
      delete prototype.url
    }
    expect(carried(sent)).toEqual([])
  })

  it('for a list that is changed afterwards', async () => {
    const origins = [listed]
    const { fetch, sent } = wrap(origins)
    origins.push('https://evil.example')
    await fetch('https://evil.example/')
    expect(sent).toEqual([['https://evil.example/', null]])
  })
})

describe('the list of origins', () => {
  it.each([
    'https://*.example.com',
    '*',
    'null',
    'file:///',
    'data:text/plain,x',
    'javascript:alert(1)',
    `blob:${listed}/0`,
    `${listed}/path`,
    `${listed}/?`,
    `${listed}/#`,
    'https://user@api.example.com',
    '//api.example.com',
  ])('refuses %s, which is no origin', (entry) => {
    expect(() => wrap([listed, entry])).toThrow(TypeError)
  })

  it.each([
    'https://api.example.com.',
    'https://api.example.com:444/',
    'https://API.EXAMPLE.COM.evil.example/',
    'https://evil.example/https://api.example.com/',
    'https://evil.example?https://api.example.com/',
    'https://evil.example#https://api.example.com/',
    'https://evil.example\\@api.example.com/',
    'https://xn--pi-6kc.example.com/',
    'wss://api.example.com/',
    'data:text/plain,https://api.example.com/',
    `blob:${listed}/0`,
    'javascript:fetch("https://api.example.com/")',
  ])('does not match %s', async (address) => {
    const { fetch, sent } = wrap()
    await fetch(address).catch(() => {})
    expect(carried(sent)).toEqual([])
  })
})

describe('a listed origin', () => {
  it('is trusted: by answering 401 to everything it makes the session give its token up', async () => {
    const { session, backend, world } = createScene()
    session.signIn('ann')
    const fetch = withToken(session, { origins: [listed], fetch: async () => new Response('', { status: 401 }) })
    for (let request = 0; request < 4; request++) {
      await Promise.all([fetch(`${listed}/`).catch(() => {}), world.advance(5_000)])
    }
    expect(session.state).toMatchObject({ status: 'failed', error: { code: 'rejected' } })
    expect(backend.calls).toHaveLength(3)
  })

  it('gets nothing from a session that is signed out meanwhile, not even after its 401', async () => {
    const { session } = createScene()
    session.signIn('ann')
    const seen: (string | null)[] = []
    const fetch = withToken(session, {
      origins: [listed],
      fetch: async (input, init) => {
        seen.push(new Request(input, init).headers.get('authorization'))
        await session.signOut()
        return new Response('', { status: 401 })
      },
    })
    expect((await fetch(`${listed}/`)).status).toBe(401)
    expect((await fetch(`${listed}/`)).status).toBe(401)
    expect(seen.map(Boolean)).toEqual([true, false])
  })
})

describe('fromEndpoint', () => {
  it('sends the token it replaces nowhere: not in the address, the headers or the body', async () => {
    const sent: string[] = []
    const { backend, session, world } = createScene()
    const mint = backend.answer
    const fetch = vi.fn<typeof globalThis.fetch>(async (input, init) => {
      const request = new Request(input, init)
      sent.push(`${request.url} ${JSON.stringify([...request.headers])} ${await request.text()}`)
      return Response.json({ token: await mint(pending) })
    })
    const source = fromEndpoint('https://app.example.com/token', { fetch })
    let pending: Parameters<typeof source>[0]
    backend.answer = (request) => source((pending = request))
    session.signIn('ann')
    const first = await session.getToken()
    await world.advance(2_000)
    expect(await session.refresh()).not.toBe(first)
    expect(backend.calls.map(({ previous }) => previous)).toEqual([undefined, first])
    expect(sent).toHaveLength(2)
    expect(shownPieces(sent.join('\n'), piecesOf([first]))).toEqual([])
  })
})
