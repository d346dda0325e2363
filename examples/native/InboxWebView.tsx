// For React Native 0.83, React 19, react-native-webview 16, and later. Type-checked, and tested against a simulated
// page; never run on a device. MIT.
import type { Addressee, GuestMessage, HostMessage } from 'inbox-session/bridge'
import { useEffect, useRef } from 'react'
import { WebView, type WebViewMessageEvent, type WebViewProps } from 'react-native-webview'

export interface InboxToken {
  token: string
  /** Seconds. */
  expiresIn?: number | undefined
  extra?: Record<string, unknown> | undefined
}

/**
 * Asks your backend. Gives null when it says that nobody is signed in; throws when it cannot answer,
 * with a number as the error's `retryAfter` where it said for how many seconds not to ask.
 */
export type FetchToken = (user: Addressee) => Promise<InboxToken | null>

export type InboxHost = ReturnType<typeof createInboxHost>

type Send = (text: string) => void

const write = (message: HostMessage): string => JSON.stringify({ inboxSession: 1, ...message })

const read = (text: string): (Partial<GuestMessage> & { inboxSession?: unknown }) | null => {
  try {
    return text.length > 131_072 ? null : JSON.parse(text)
  } catch {
    return null
  }
}

/** Made once, beside the app's login. Serves any number of webviews. */
export function createInboxHost(fetchToken: FetchToken) {
  const pages = new Set<Send>()
  let current: Addressee | undefined
  let held: { token: InboxToken; end: number } | undefined
  let corrected = false

  const isCurrent = (user: Partial<Addressee> | undefined): boolean =>
    current !== undefined && user?.id === current.id && (user.tenant ?? undefined) === current.tenant
  const tell = (message: HostMessage): void => pages.forEach((send) => send(write(message)))

  const tokenMessage = (user: Addressee, token: InboxToken, id?: string): HostMessage => {
    // What states no end is kept for nobody: who would know when to throw it away?
    const end = Date.now() + (token.expiresIn ?? 0) * 1_000
    held = { token, end }
    return { type: 'token', id, user, ...token, sentAt: Date.now() / 1_000 }
  }

  const kept = (): InboxToken | undefined => {
    const left = held ? (held.end - Date.now()) / 1_000 : 0
    return held && left > 60 ? { ...held.token, expiresIn: left } : undefined
  }

  return {
    /** What to answer to a page's message, if anything. */
    async receive(text: string): Promise<string | undefined> {
      const message = read(text)
      if (typeof message?.inboxSession !== 'number') return
      if (message.inboxSession !== 1) {
        const answer = corrected ? undefined : write({ type: 'hello' })
        corrected = true
        return answer
      }
      // A page's 'hello' wants no answer: whoever listens is told of new tokens anyway.
      if (message.type !== 'ask' || typeof message.id !== 'string') return
      const { id, reason } = message
      const user = current
      if (!user || !isCurrent(message.user)) return write({ type: 'denied', id, final: true })
      // Only a page that comes new is served with a token that others have already.
      const known = reason === 'initial' ? kept() : undefined
      if (reason === 'rejected' || reason === 'forced') held = undefined
      try {
        const token = known ?? (await fetchToken(user))
        return write(token && isCurrent(user) ? tokenMessage(user, token, id) : { type: 'denied', id, final: true })
      } catch (error) {
        return write({ type: 'denied', id, retryAfter: (error as { retryAfter?: number } | undefined)?.retryAfter })
      }
    },
    /** After the app's own login. Who was signed in before is signed out in all pages. */
    signIn(user: Addressee): void {
      if (isCurrent(user)) return
      this.signOut()
      current = user
    },
    signOut(): void {
      const user = current
      current = held = undefined
      if (user) tell({ type: 'signed-out', user })
    },
    /** Hands all pages a token they did not ask for: one that came with a push notification, say. */
    push(token: InboxToken): void {
      if (current) tell(tokenMessage(current, token))
    },
    /** `send` gets what is told to all pages. Returns what ends it. */
    connect(send: Send): () => void {
      pages.add(send)
      return () => void pages.delete(send)
    },
  }
}

const originOf = (url: string): string | undefined => /^https?:\/\/[^/?#]+/.exec(url)?.[0]

export interface InboxWebViewProps extends Omit<WebViewProps, 'source' | 'onMessage'> {
  host: InboxHost
  /** The inbox page. Only pages of its origin are served. */
  uri: string
}

export function InboxWebView({ host, uri, ...props }: InboxWebViewProps) {
  const view = useRef<WebView>(null)
  const origin = originOf(uri)

  const send: Send = (text) => {
    // The page that is there when the script runs is asked who it is: it may be another one than has asked.
    // The webview's own `postMessage` cannot look.
    const isOurs = `location.origin === ${JSON.stringify(origin)}`
    // Encoded once more, a text is what a script can hold whatever is in it.
    const event = `new MessageEvent('message', { data: ${JSON.stringify(text)} })`
    view.current?.injectJavaScript(`if (${isOurs}) window.dispatchEvent(${event}); true`)
  }
  useEffect(() => host.connect(send), [host, origin])

  const onMessage = async ({ nativeEvent: { url, data } }: WebViewMessageEvent): Promise<void> => {
    // On Android every frame can speak, whatever page is in it. Never log `data` or an answer.
    if (!origin || originOf(url) !== origin) return
    const answer = await host.receive(data)
    if (answer) send(answer)
  }
  const own: WebViewProps = { source: { uri }, onMessage }
  return <WebView {...props} {...own} ref={view} />
}
