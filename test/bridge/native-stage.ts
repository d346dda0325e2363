import { fromBridge, webviewEndpoint } from 'inbox-session/bridge'
import { act, createElement } from 'react'
import { createRoot } from 'react-dom/client'
import { onTestFinished, vi } from 'vitest'
import { type FetchToken, InboxWebView, createInboxHost } from '../../examples/native/InboxWebView.js'
import { createBridgeScene, stateOf } from './support.js'

const shown = vi.hoisted(() => ({ props: {} as Record<string, any>, scripts: [] as string[] }))

// What React Native's webview does, as far as it is used: scripts run in the page that is shown at that moment.
vi.mock('react-native-webview', async () => {
  const { Component } = await import('react')
  class WebView extends Component {
    injectJavaScript(script: string): void {
      shown.scripts.push(script)
      globalThis.eval(script)
    }
    override render(): null {
      shown.props = this.props
      return null
    }
  }
  return { WebView }
})

const page = 'https://inbox.example/app/'
/** Puts another page into the webview; scripts that come now run in that one. */
export const navigate = (url: string): void => (window as unknown as { happyDOM: Browser }).happyDOM.setURL(url)
type Browser = { setURL(url: string): void }

/** A backend of the app: 'token-1', 'token-2', … of ten minutes. */
export const backend = (): FetchToken => {
  let count = 0
  return async () => ({ token: `token-${++count}`, expiresIn: 600 })
}

const question = { inboxSession: 1, type: 'ask', id: '1', user: { id: 'ann' }, reason: 'initial', attempt: 1 }

/** A webview that shows a page, in the app of ann. `heard`: what any page in it has heard. `scripts`: what was run in it. */
export async function open(fetchToken: FetchToken = backend()) {
  const scene = createBridgeScene()
  const fetchOne = vi.fn(fetchToken)
  const host = createInboxHost(fetchOne)
  host.signIn({ id: 'ann' })
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })
  const root = createRoot(document.createElement('div'))
  const unmount = () => act(async () => root.unmount())
  onTestFinished(unmount)
  navigate(page)
  shown.scripts.length = 0
  await act(async () => root.render(createElement(InboxWebView, { host, uri: page })))
  /** What the page says, or a frame in it. */
  const say = (data: string, url = location.href): Promise<void> =>
    shown.props.onMessage({ nativeEvent: { url, data } })
  const ask = (fields: object = {}, url?: string) => say(JSON.stringify({ ...question, ...fields }), url)
  vi.stubGlobal('ReactNativeWebView', { postMessage: (data: string) => void say(data) })
  onTestFinished(() => void vi.unstubAllGlobals())
  const heard: any[] = []
  const hear = ({ data }: MessageEvent) => void heard.push(JSON.parse(data as string))
  window.addEventListener('message', hear)
  onTestFinished(() => window.removeEventListener('message', hear))
  /** A page with a session comes up in it. */
  const load = async () => {
    const tab = scene.browser.tab()
    // A webview has one page: others are no tabs of it.
    const { session } = scene.open({
      tab,
      name: String(scene.windows.length),
      source: fromBridge(webviewEndpoint(), { environment: tab }),
    })
    await scene.advance(100)
    return { session, state: () => stateOf(session) }
  }
  return { host, fetchOne, scene, load, say, ask, heard, unmount, scripts: shown.scripts }
}

export const fresh = (token: string) => ({ status: 'fresh', token, error: undefined })
