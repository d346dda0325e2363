import { globalScope } from '../environment/browser.js'
import type { Unsubscribe } from '../environment/environment.js'
import { type Endpoint, checkOrigin, write } from './protocol.js'

/** Something that has events, as far as it has them. */
interface Target {
  addEventListener?(type: string, run: (event: MessageEvent) => void): void
  removeEventListener?(type: string, run: (event: MessageEvent) => void): void
}

interface Port extends Target {
  postMessage(message: string, targetOrigin?: string): unknown
  /** Windows have one: an iframe that is called like the channel is no native host. */
  readonly window?: unknown
}

/** What is found in a page: its own things, and what native hosts put there. */
interface Scope extends Target {
  readonly document?: Target
  readonly parent?: Port
  readonly webkit?: { readonly messageHandlers?: Readonly<Record<string, Port | undefined>> }
  readonly ReactNativeWebView?: Port
  readonly flutter_inappwebview?: { callHandler?(name: string, message: string): unknown }
  readonly Capacitor?: {
    readonly PluginHeaders?: readonly { readonly name: string }[]
    nativePromise(plugin: string, method: string, options: { message: string }): unknown
    addListener(plugin: string, event: string, run: (data: unknown) => void): { remove(): unknown }
  }
}

/** How to look for the other side. */
export interface WebviewOptions {
  /** The name under which the native side put its object, handler or plugin into the page. Default 'inboxSession'. */
  channel?: string | undefined
  /** The origin of the page that embeds this one in an iframe. Needed there, and then asked before any native host. */
  targetOrigin?: string | undefined
}

/** The element that shows an embedded page. */
export interface FrameLike {
  /** Null while the element is in no document. */
  readonly contentWindow: { postMessage(message: string, targetOrigin: string): void } | null
  /** Readable only where the page inside is of this origin. */
  readonly contentDocument: { readonly URL: string } | null
}

const on = (target: Target | undefined, type: string, run: (event: MessageEvent) => void): Unsubscribe => {
  target?.addEventListener?.(type, run)
  return () => target?.removeEventListener?.(type, run)
}

/**
 * The way from this page to the native app that shows it, or to the page that embeds it. Looks for, in this order: the
 * embedding page, if `targetOrigin` says which; `window.webkit.messageHandlers[channel]` (WKWebView, both kinds),
 * `window[channel]` (Android's WebMessageListener and JavaScript interface, webview_flutter), React Native's WebView, a
 * Capacitor plugin called `channel`, Flutter's InAppWebView.
 *
 * Throws a TypeError where there is none of these, and for an origin that is none ('*', say).
 */
export function webviewEndpoint(options?: WebviewOptions): Endpoint
export function webviewEndpoint(
  { channel = 'inboxSession', targetOrigin }: WebviewOptions = {},
  scope: Scope = globalScope() as Scope,
): Endpoint {
  const { parent, webkit, ReactNativeWebView, Capacitor, flutter_inappwebview: flutter } = scope
  const embedding = targetOrigin && parent !== scope ? parent : undefined
  const port = [webkit?.messageHandlers?.[channel], scope[channel as keyof Scope] as Port, ReactNativeWebView].find(
    (found) => found?.postMessage && !found.window,
  )
  const plugin = Capacitor?.PluginHeaders?.some(({ name }) => name === channel) ? Capacitor : undefined
  const post = embedding
    ? (message: string) => embedding.postMessage(message, targetOrigin)
    : port
      ? (message: string) => port.postMessage(message)
      : plugin
        ? (message: string) => plugin.nativePromise(channel, 'post', { message })
        : // There is no such function before the host is ready; then it says so.
          flutter && ((message: string) => flutter.callHandler?.(channel, message))
  if (!post) throw new TypeError(`No native "${channel}" here, no "targetOrigin".`)
  return {
    origin: targetOrigin && checkOrigin(targetOrigin),
    post,
    listen(run) {
      const hear = ({ source, data, origin }: MessageEvent): void => {
        if (!embedding || source === embedding) run(data as string, origin)
      }
      const listener = plugin?.addListener(channel, 'message', (data) => run(data as string, ''))
      const undo = [
        // React Native speaks to the document on Android, to the window on iOS.
        ...[scope, scope.document, port].map((target) => on(target, 'message', hear)),
        on(scope, 'flutterInAppWebViewPlatformReady', () => run(write({ type: 'hello' }), '')),
      ]
      return () => {
        undo.forEach((stop) => stop())
        listener?.remove()
      }
    },
  }
}

/**
 * The way from an embedding page to the page in its iframe. `origin`: of the page inside; nothing is sent to any other, and
 * nothing heard. Throws a TypeError for an origin that is none ('*', say).
 */
export function frameEndpoint(frame: FrameLike, origin: string): Endpoint
export function frameEndpoint(frame: FrameLike, origin: string, scope: Target = globalScope() as Target): Endpoint {
  return {
    origin: checkOrigin(origin),
    listen: (run) =>
      on(scope, 'message', ({ source, data, origin }) => {
        if (source && source === frame.contentWindow) run(data as string, origin)
      }),
    post(message) {
      // Before its page is there the frame holds an empty one of this origin, and browsers would complain of the address.
      if (frame.contentDocument?.URL !== 'about:blank') frame.contentWindow?.postMessage(message, origin)
    },
  }
}
