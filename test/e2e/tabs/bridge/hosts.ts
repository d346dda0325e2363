import { createTestToken } from 'inbox-session/testing'

/** The app around the page: what its developer would write in Swift, Kotlin, Dart or on React Native's side. */
export interface Device {
  /** The reasons of the page's questions. */
  readonly asked: readonly string[]
  /** Hands over a fresher token, of so many seconds, unasked. */
  push(seconds: number): void
  signOut(): void
}

declare global {
  interface Window {
    device: Device
  }
}

/** What the app says to a text of the page: nothing to a greeting. */
type Answer = (text: string) => string | undefined
/** Puts into the page what such a host does; answers how it speaks there unasked. */
type Install = (answer: Answer) => (text: string) => void

const channel = 'inboxSession'
const page = window as any
const inPage = (script: string): unknown => (0, eval)(script)

/** A host has scripts run from outside: after whatever runs now. */
const evaluate = (script: string): void => void setTimeout(() => inPage(script))
const eventAt = (target: string) => (text: string) =>
  evaluate(`${target}.dispatchEvent(new MessageEvent('message', ${JSON.stringify({ data: text })}))`)
const sayInPage = eventAt('window')

const replying =
  (answer: Answer, say: (text: string) => void) =>
  (text: string): void => {
    const reply = answer(text)
    if (reply) say(reply)
  }

/** An object of the host's with methods that work on nothing but itself. */
function native<Methods extends object>(methods: Methods): Methods & Record<string, any> {
  const object: any = {}
  for (const [name, method] of Object.entries(methods) as [string, (...given: unknown[]) => unknown][])
    object[name] = function (this: unknown, ...given: unknown[]) {
      if (this !== object) throw new TypeError('Illegal invocation')
      return method(...given)
    }
  return object
}

/** `window.webkit` of a WKWebView: without a reply the promise brings undefined. */
const handler = (name: string, hear: (message: any) => unknown): void => {
  page.webkit = { messageHandlers: { [name]: native({ postMessage: async (message: unknown) => hear(message) }) } }
}

/** What WebViewCompat.addWebMessageListener puts there; its JavaScriptReplyProxy speaks through what is returned. */
const listener = (name: string, hear: (text: string) => void): ((text: string) => void) => {
  type Run = (event: { data: string }) => void
  const runs = new Set<Run>()
  const object = native({
    postMessage(text: unknown) {
      if (typeof text !== 'string') throw new TypeError('Neither a text nor bytes.')
      hear(text)
    },
    addEventListener: (type: string, run: Run) => type === 'message' && runs.add(run),
    removeEventListener: (_type: string, run: Run) => runs.delete(run),
  })
  page[name] = object
  return (data) =>
    void setTimeout(() => {
      // All that it has: no origin, no source.
      object.onmessage?.({ data })
      runs.forEach((run) => run({ data }))
    })
}

const javaObject = (name: string, method: string, hear: (text: string) => void): void => {
  page[name] = native({ [method]: (text: unknown) => hear(String(text)) })
}

const reply = (failing: number, form: (text: string) => unknown): Install => {
  let failures = 0
  return (answer) => {
    handler(channel, (text: string) => {
      const said = answer(text)
      if (said && failures++ < failing) throw new Error('The app has nobody to answer this yet.')
      return said && form(said)
    })
    return sayInPage
  }
}

/** The native half of a Capacitor plugin called like the channel: Plugin.java, MessageHandler.java. */
const capacitor =
  (connect: (hear: (call: any) => void) => (result: object) => void, byEvent = false): Install =>
  (answer) => {
    const listeners = new Set<string>()
    const respond = connect(({ callbackId, pluginId, methodName, options }) => {
      if (pluginId !== channel) return
      const tell = (data?: object) => respond({ save: false, callbackId, pluginId, methodName, success: true, data })
      if (methodName === 'addListener' && options.eventName === 'message') listeners.add(callbackId)
      if (methodName === 'removeListener') listeners.delete(options.callbackId)
      if (methodName !== 'post') return
      const said = answer(options.message)
      tell(said && !byEvent ? JSON.parse(said) : undefined)
      if (said && byEvent) notify(said)
    })
    const notify = (text: string) => {
      const event = { save: true, pluginId: channel, methodName: 'addListener', success: true, data: JSON.parse(text) }
      listeners.forEach((callbackId) => respond({ ...event, callbackId }))
    }
    return notify
  }
const fromNative = (result: object) => evaluate(`window.Capacitor.fromNative(${JSON.stringify(result)})`)

const hosts: Record<string, Install> = {
  // react-native-webview, apple/RNCWebViewImpl.m: setMessagingEnabled and postMessage.
  'React Native on iOS'(answer) {
    handler('ReactNativeWebView', replying(answer, sayInPage))
    inPage(`window.ReactNativeWebView = window.ReactNativeWebView || {};
      window.ReactNativeWebView.postMessage = function (data) {
        window.webkit.messageHandlers.ReactNativeWebView.postMessage(String(data));
      };`)
    return sayInPage
  },
  // RNCWebView.java: createRNCWebViewBridge; RNCWebViewManager.kt: postMessage.
  'React Native on Android'(answer) {
    const say = eventAt('document')
    listener('ReactNativeWebView', replying(answer, say))
    inPage('window.ReactNativeWebView.injectedObjectJson = function () { return null; };')
    return say
  },
  'React Native on an Android without WebMessageListener'(answer) {
    const say = eventAt('document')
    javaObject('ReactNativeWebView', 'postMessage', replying(answer, say))
    return say
  },
  'a WKWebView message handler'(answer) {
    handler(channel, replying(answer, sayInPage))
    return sayInPage
  },
  'a WKWebView message handler with text for a reply': reply(0, (text) => text),
  'a WKWebView message handler with an object for a reply': reply(0, (text) => JSON.parse(text)),
  'a WKWebView message handler whose first reply is an error': reply(1, (text) => text),
  // webview_flutter's channel is the same there.
  'an Android JavaScript interface'(answer) {
    javaObject(channel, 'postMessage', replying(answer, sayInPage))
    return sayInPage
  },
  'an Android WebMessageListener'(answer) {
    const say: (text: string) => void = listener(
      channel,
      replying(answer, (text) => say(text)),
    )
    return say
  },
  'a channel of webview_flutter on iOS'(answer) {
    handler(channel, replying(answer, sayInPage))
    inPage(`window.${channel} = webkit.messageHandlers.${channel};`)
    return sayInPage
  },
  // flutter_inappwebview, JavaScriptBridgeJS.java: the object is Java's, its callHandler comes some time later.
  'Flutter InAppWebView'(answer) {
    javaObject('flutter_inappwebview', '_callHandler', (call) => {
      const { handlerName, _callHandlerID, args } = JSON.parse(call)
      if (handlerName !== channel) return
      const said = answer(JSON.parse(args)[0]) ?? null
      const promise = `window.flutter_inappwebview[${_callHandlerID}]`
      evaluate(`${promise}.resolve(${JSON.stringify(said)}); delete ${promise};`)
    })
    const ready = `window.flutter_inappwebview.callHandler = function (name, ...args) {
      const _callHandlerID = setTimeout(function () {});
      window.flutter_inappwebview._callHandler(
        JSON.stringify({ handlerName: name, _callHandlerID, args: JSON.stringify(args) }));
      return new Promise(function (resolve, reject) {
        window.flutter_inappwebview[_callHandlerID] = { resolve: resolve, reject: reject };
      });
    };
    window.dispatchEvent(new Event('flutterInAppWebViewPlatformReady'));`
    let looks = 0
    Object.defineProperty(page.flutter_inappwebview, 'callHandler', {
      configurable: true,
      // Here: once the page has looked for it in vain with its greeting and with its question.
      get: () => void (++looks === 2 && evaluate(ready)),
      set: (value) => Object.defineProperty(page.flutter_inappwebview, 'callHandler', { value }),
    })
    return sayInPage
  },
  'Capacitor on Android': capacitor((hear) => {
    const say = listener('androidBridge', (text) => hear(JSON.parse(text)))
    return (result) => say(JSON.stringify(result))
  }),
  'Capacitor on Android by its legacy bridge, answers as events': capacitor((hear) => {
    javaObject('androidBridge', 'postMessage', (text) => hear(JSON.parse(text)))
    return fromNative
  }, true),
  'Capacitor on iOS': capacitor((hear) => {
    // Its script asks the app by a prompt what is switched on.
    window.prompt = () => 'false'
    handler('bridge', hear)
    return fromNative
  }),
}

const id = new URLSearchParams(location.search).get('user')!
const write = (message: object) => JSON.stringify({ inboxSession: 1, ...message })
const asked: string[] = []
let made = 0
const token = (seconds: number, answered?: string) =>
  write({
    type: 'token',
    id: answered,
    user: { id },
    token: createTestToken({ sub: id, jti: String(++made), issuedAt: Date.now() / 1_000, expiresIn: seconds }),
    expiresIn: seconds,
    sentAt: Date.now() / 1_000,
  })

const say = hosts[id]!((text) => {
  const { type, id: question, reason } = JSON.parse(text)
  if (type !== 'ask') return
  asked.push(reason)
  return token(60, question)
})
window.device = {
  asked,
  push: (seconds) => say(token(seconds)),
  signOut: () => say(write({ type: 'signed-out', user: { id } })),
}
