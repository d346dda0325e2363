import { describe, expect, it } from 'vitest'
import { type FrameLike, frameEndpoint, webviewEndpoint } from '../../src/bridge/endpoints.js'
import type { Endpoint } from '../../src/bridge/protocol.js'

const outside = 'https://app.example'
const inside = 'https://inbox.example'

interface Said {
  data: unknown
  origin: string
  source: unknown
}

/** A window: what it was posted, and who listens. */
const createWindow = (more: object = {}) => {
  const runs = new Set<(event: Said) => void>()
  const page = {
    posted: [] as [string, string][],
    postMessage: (text: string, origin: string) => void page.posted.push([text, origin]),
    addEventListener: (type: string, run: (event: Said) => void) => void (type === 'message' && runs.add(run)),
    removeEventListener: (_: string, run: (event: Said) => void) => void runs.delete(run),
    tell: (data: unknown, origin: string, source: unknown) => runs.forEach((run) => run({ data, origin, source })),
    listeners: () => runs.size,
    ...more,
  }
  return page
}
const heardBy = (endpoint: Endpoint): { heard: string[][]; stop: () => void } => {
  const heard: string[][] = []
  return { heard, stop: endpoint.listen((text, origin) => heard.push([text, origin])) }
}
const noOrigins = [
  '*',
  'null',
  'app.example',
  'https://',
  'https://*.example',
  'https://app.example/inbox',
  'https://a b',
]

describe('a page that is embedded', () => {
  const embed = (more = {}, options: object = { targetOrigin: outside }) => {
    const parent = createWindow()
    const page = createWindow({ parent, ...more })
    const endpoint = (): Endpoint => (webviewEndpoint as any)(options, page)
    return { parent, page, endpoint }
  }

  it('speaks to the page around it, with that origin only, and hears it', () => {
    const { parent, page, endpoint } = embed()
    const end = endpoint()
    void end.post('a text')
    expect(parent.posted).toEqual([['a text', outside]])
    expect(end.origin).toBe(outside)
    const { heard, stop } = heardBy(end)
    page.tell('from around', outside, parent)
    expect(heard).toEqual([['from around', outside]])
    stop()
    expect(page.listeners()).toBe(0)
  })

  it('hears no other window: a frame beside it, itself, nobody', () => {
    const { page, endpoint } = embed()
    const { heard } = heardBy(endpoint())
    for (const source of [createWindow(), page, null, undefined]) page.tell('forged', outside, source)
    expect(heard).toEqual([])
  })

  it('asks it before a native host', () => {
    const { parent, endpoint } = embed({ ReactNativeWebView: { postMessage: () => expect.unreachable('asked') } })
    void endpoint().post('a text')
    expect(parent.posted).toHaveLength(1)
  })

  it('and does not say in what is a TypeError, or asks the native host', () => {
    expect(embed({}, {}).endpoint).toThrow(/targetOrigin/)
    expect(embed({}, {}).endpoint).toThrow(TypeError)
    expect(embed({ ReactNativeWebView: createWindow({ window: undefined }) }, {}).endpoint()).toBeTypeOf('object')
  })

  it.each(noOrigins)('in "%s" is a TypeError', (targetOrigin) => {
    expect(embed({}, { targetOrigin }).endpoint).toThrow(TypeError)
    expect(embed({}, { targetOrigin }).endpoint).toThrow(/origin/)
  })
})

describe('a page that could be embedded and is not', () => {
  it('asks the native host', () => {
    const sent: string[] = []
    const page: Record<string, unknown> = createWindow({
      inboxSession: { postMessage: (text: string) => sent.push(text) },
    })
    page.parent = page
    const end: Endpoint = (webviewEndpoint as any)({ targetOrigin: outside }, page)
    void end.post('a text')
    expect(sent).toEqual(['a text'])
  })

  it('is a TypeError where there is none either, in a worker and on a server too', () => {
    const page: Record<string, unknown> = createWindow()
    page.parent = page
    for (const scope of [page, {}])
      expect(() => (webviewEndpoint as any)({ targetOrigin: outside }, scope)).toThrow(TypeError)
  })
})

describe('a page that embeds another', () => {
  const embed = (frame: Partial<Record<keyof FrameLike, unknown>> = {}) => {
    const page = createWindow()
    const window = createWindow()
    const element = { contentWindow: window, contentDocument: null, ...frame } as FrameLike & { contentWindow: unknown }
    const end: Endpoint = (frameEndpoint as any)(element, inside, page)
    return { page, window, element, end }
  }

  it('speaks to the page inside, with that origin only, and hears it', () => {
    const { page, window, end } = embed()
    void end.post('a text')
    expect(window.posted).toEqual([['a text', inside]])
    const { heard, stop } = heardBy(end)
    page.tell('from inside', inside, window)
    expect(heard).toEqual([['from inside', inside]])
    stop()
    expect(page.listeners()).toBe(0)
  })

  it('hears no other window', () => {
    const { page, end } = embed()
    const { heard } = heardBy(end)
    for (const source of [createWindow(), page, null, undefined]) page.tell('forged', inside, source)
    expect(heard).toEqual([])
  })

  it('tells whoever listens the origin that the browser gives, whatever it is', () => {
    const { page, window, end } = embed()
    const { heard } = heardBy(end)
    page.tell('after a navigation', 'https://evil.example', window)
    expect(heard).toEqual([['after a navigation', 'https://evil.example']])
  })

  it('speaks to nobody before the page inside is there, and complains to nobody', () => {
    const { window, end } = embed({ contentDocument: { URL: 'about:blank' } })
    void end.post('a text')
    expect(window.posted).toEqual([])
  })

  it('speaks to a page of its own origin too', () => {
    const { window, end } = embed({ contentDocument: { URL: inside + '/inbox' } })
    void end.post('a text')
    expect(window.posted).toHaveLength(1)
  })

  it('speaks to nobody and hears nobody while the frame is in no document', () => {
    const { page, element, end } = embed({ contentWindow: null })
    const { heard } = heardBy(end)
    expect(() => void end.post('a text')).not.toThrow()
    page.tell('forged', inside, null)
    expect(heard).toEqual([])
    const window = createWindow()
    Object.assign(element, { contentWindow: window })
    void end.post('a text')
    page.tell('from inside', inside, window)
    expect([window.posted, heard]).toEqual([[['a text', inside]], [['from inside', inside]]])
  })

  it.each(noOrigins)('of "%s" is a TypeError', (origin) => {
    expect(() => frameEndpoint({ contentWindow: null, contentDocument: null }, origin)).toThrow(TypeError)
  })
})
