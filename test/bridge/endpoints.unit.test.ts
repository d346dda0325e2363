import { describe, expect, it } from 'vitest'
import { webviewEndpoint } from '../../src/bridge/endpoints.js'
import { fromBridge } from '../../src/bridge/guest.js'
import type { Endpoint } from '../../src/bridge/protocol.js'

type Run = (event: any) => void

/** Something that has events, and knows how many listen. */
const createTarget = () => {
  const runs = new Map<Run, string>()
  return {
    addEventListener: (type: string, run: Run): void => void runs.set(run, type),
    removeEventListener: (type: string, run: Run): void => void (runs.get(run) === type && runs.delete(run)),
    /** As a browser hands it over; natives' own objects get nothing but the data. */
    tell: (event: object, type = 'message'): void => [...runs].forEach(([run, of]) => of === type && run(event)),
    listeners: (): number => runs.size,
  }
}
type Target = ReturnType<typeof createTarget>
type Page = Target & Record<string, any> & { document: Target }

/** A page that is shown in nothing. */
const createPage = (more: object = {}): Page => {
  const page = { ...createTarget(), document: createTarget(), ...more } as Page
  return Object.assign(page, { parent: page })
}
const countListeners = (page: Page): number =>
  [page, page.document, page.inboxSession, page.plugin].reduce((sum, target) => sum + (target?.listeners?.() ?? 0), 0)
const open = (page: Page, options = {}): Endpoint => (webviewEndpoint as any)(options, page)

/** What a native host does with a question: `reply` is what the call itself brings, `say` tells it later. */
interface Host {
  /** Puts it into the page; `hear` is called with each text it is sent, and gives what the call brings. */
  install(page: Page, hear: (text: string) => unknown): void
  say?(page: Page, text: string): void
}
const viaWindow = (page: Page, text: string): void => page.tell({ data: text, origin: '', source: null })
const port = (hear: (text: string) => unknown): object => ({ postMessage: (text: string) => hear(text) })
const capacitor = (page: Page, hear: (text: string) => unknown): void => {
  const events = createTarget()
  page.plugin = events
  page.Capacitor = {
    PluginHeaders: [{ name: 'App' }, { name: 'inboxSession' }],
    nativePromise: async (plugin: string, method: string, { message }: { message: string }) => {
      expect([plugin, method]).toEqual(['inboxSession', 'post'])
      return hear(message)
    },
    addListener(plugin: string, type: string, run: Run) {
      expect(plugin).toBe('inboxSession')
      events.addEventListener(type, run)
      return { remove: async () => events.removeEventListener(type, run) }
    },
  }
}

const hosts: Record<string, Host> = {
  'WKWebView, by evaluating an event': {
    install: (page, hear) =>
      void (page.webkit = { messageHandlers: { inboxSession: port((text) => void hear(text)) } }),
    say: viaWindow,
  },
  'WKWebView with reply': {
    install: (page, hear) =>
      void (page.webkit = { messageHandlers: { inboxSession: port(async (text) => hear(text)) } }),
  },
  'Android’s WebMessageListener': {
    install: (page, hear) =>
      void (page.inboxSession = Object.assign(
        createTarget(),
        port((text) => void hear(text)),
      )),
    say: (page, data) => page.inboxSession.tell({ data }),
  },
  'Android’s JavaScript interface': {
    install: (page, hear) => void (page.inboxSession = port((text) => void hear(text))),
    say: viaWindow,
  },
  'a Capacitor plugin with its event': {
    install: (page, hear) => capacitor(page, (text) => void hear(text)),
    say: (page, text) => page.plugin.tell(JSON.parse(text)),
  },
  'a Capacitor plugin with its result': {
    install: (page, hear) => capacitor(page, (text) => JSON.parse(String(hear(text) ?? '{}')) as object),
  },
  'a Capacitor plugin with an empty result': {
    install: (page, hear) => capacitor(page, (text) => (hear(text), {})),
    say: (page, text) => page.plugin.tell(JSON.parse(text)),
  },
  'Flutter’s InAppWebView with its result': {
    install(page, hear) {
      page.flutter_inappwebview = { callHandler: async (name: string, text: string) => name && hear(text) }
    },
  },
  'Flutter’s InAppWebView, by evaluating an event': {
    install(page, hear) {
      page.flutter_inappwebview = { callHandler: async (_: string, text: string) => (hear(text), null) }
    },
    say: viaWindow,
  },
  'React Native at the window': {
    install: (page, hear) => void (page.ReactNativeWebView = port((text) => void hear(text))),
    say: viaWindow,
  },
  'React Native at the document': {
    install: (page, hear) => void (page.ReactNativeWebView = port((text) => void hear(text))),
    say: (page, data) => page.document.tell({ data, origin: '' }),
  },
}

const ask = (endpoint: Endpoint): Promise<any> => {
  const { signal } = new AbortController()
  return fromBridge(endpoint)({ user: { id: 'ann' }, reason: 'initial', attempt: 1, signal }) as Promise<any>
}
const answerTo = (text: string): string => {
  const { id, user, type } = JSON.parse(text) as { id: string; user: object; type: string }
  expect(type).toBe('ask')
  return JSON.stringify({ inboxSession: 1, type: 'token', id, user, token: 'good' })
}

describe.each(Object.entries(hosts))('%s', (_name, { install, say }) => {
  it('is sent texts, and what it answers is heard once', async () => {
    const page = createPage()
    const sent: string[] = []
    install(page, (text) => (sent.push(text), say ? undefined : answerTo(text)))
    const endpoint = open(page)
    const asked = ask(endpoint)
    await Promise.resolve()
    say?.(page, answerTo(sent[0]!))
    expect(await asked).toMatchObject({ token: 'good' })
    expect(sent.map((text) => typeof text)).toEqual(['string'])
  })

  it('is listened to only while somebody wants to know', async () => {
    const page = createPage()
    install(page, () => undefined)
    const endpoint = open(page)
    expect(countListeners(page)).toBe(0)
    const heard: unknown[] = []
    const hear = (given: unknown, origin: string): unknown =>
      heard.push([typeof given === 'string' ? JSON.parse(given) : given, origin || ''])
    const stops = [1, 2].map(() => endpoint.listen(hear))
    say?.(page, '{"a":"message"}')
    expect(heard).toEqual(say ? Array(2).fill([{ a: 'message' }, '']) : [])
    stops.forEach((stop) => stop())
    expect(countListeners(page)).toBe(0)
  })

  it('goes by the name it was given', () => {
    const page = createPage()
    install(page, () => undefined)
    const unnamed = page.flutter_inappwebview ?? page.ReactNativeWebView
    if (unnamed) expect(open(page, { channel: 'tokens' })).toBeTypeOf('object')
    else expect(() => open(page, { channel: 'tokens' })).toThrow(TypeError)
  })
})

it.each(['WKWebView with reply', 'Flutter’s InAppWebView with its result'])(
  '%s may answer with an object in place of a text',
  async (name) => {
    const page = createPage()
    hosts[name]!.install(page, (text) => JSON.parse(answerTo(text)) as object)
    expect(await ask(open(page))).toMatchObject({ token: 'good' })
  },
)

describe('a native host that cannot be reached', () => {
  it.each([
    ['throws', () => void JSON.parse('')],
    ['rejects', () => Promise.reject(new Error('no handler'))],
  ])('says so by what its call %s', async (_how, postMessage) => {
    const page = createPage({ webkit: { messageHandlers: { inboxSession: { postMessage } } } })
    await expect(ask(open(page))).rejects.toThrow()
  })

  it('yet, as Flutter’s before it is ready, is asked when it is', async () => {
    const page = createPage({ flutter_inappwebview: {} })
    const asked = ask(open(page))
    await Promise.resolve()
    page.flutter_inappwebview.callHandler = async (_: string, text: string) => answerTo(text)
    page.tell({}, 'flutterInAppWebViewPlatformReady')
    expect(await asked).toMatchObject({ token: 'good' })
  })
})

describe('what is looked for', () => {
  it('is, in this order: a message handler, an object of that name, what needs no name', () => {
    const sent: string[] = []
    const named = (name: string) => ({ postMessage: () => void sent.push(name) })
    const page = createPage({
      webkit: { messageHandlers: { inboxSession: named('handler') } },
      inboxSession: named('object'),
      ReactNativeWebView: named('react native'),
    })
    void open(page).post('')
    page.webkit.messageHandlers = {}
    void open(page).post('')
    delete page.webkit
    delete page.inboxSession
    void open(page).post('')
    expect(sent).toEqual(['handler', 'object', 'react native'])
  })

  it.each([
    ['an iframe called like the channel', { inboxSession: { postMessage() {}, window: {} } }],
    ['an element called like the channel', { inboxSession: { id: 'inboxSession' } }],
    ['other message handlers', { webkit: { messageHandlers: { bridge: { postMessage() {} } } } }],
    ['WebKit without handlers', { webkit: {} }],
    ['Capacitor without the plugin', { Capacitor: { PluginHeaders: [{ name: 'App' }] } }],
    ['Capacitor in a browser', { Capacitor: {} }],
    ['a page with nothing in it', {}],
  ])('is not %s: that is a TypeError', (_what, more) => {
    expect(() => open(createPage(more))).toThrow(TypeError)
    expect(() => open(createPage(more))).toThrow(/inboxSession/)
    const page = createPage({ ...more, ReactNativeWebView: { postMessage() {} } })
    expect(open(page)).toBeTypeOf('object')
  })
})
