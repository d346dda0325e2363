import type { Message } from '../providers/provider.js'

export interface NotifizzWidgetOptions {
  apiKey: string
  authType: 'backendToken' | 'firebase'
  token: string
  userId?: string
  userEmail?: string
  /** Ours: where the stand-in API is, with a trailing slash. */
  baseUrl: string
  /** Ours: where to put the widget. Default: the end of the body. */
  target?: HTMLElement
  /** Ours: the token was refused. */
  onRefused?: () => void
  /** Ours: what the connection is doing. */
  onState?: (state: NotifizzWidgetState) => void
}

export type NotifizzWidgetState = 'connecting' | 'live' | 'lost' | 'refused' | 'destroyed'

const words: Record<NotifizzWidgetState, string> = {
  connecting: 'connecting',
  live: 'live',
  lost: 'connection lost',
  refused: 'token refused',
  destroyed: '',
}

const look = `
  :host { display: block; color-scheme: light dark; font: 14px/1.45 system-ui, sans-serif }
  section { border: 1px dashed color-mix(in srgb, currentColor 30%, transparent); border-radius: 12px; padding: 12px 14px }
  header { display: flex; align-items: baseline; gap: 8px; flex-wrap: wrap }
  h3 { margin: 0; font-size: 14px; font-weight: 650 }
  small { font-size: 12px; opacity: .7 }
  .state { margin-inline-start: auto }
  .state::before { content: ''; display: inline-block; width: 8px; height: 8px; margin-inline-end: 6px; border-radius: 50%;
    background: #b7791f }
  :host([data-state=live]) .state::before { background: #2f9e6e }
  :host([data-state=refused]) .state::before { background: #d64545 }
  ul { list-style: none; margin: 10px 0 0; padding: 0; display: grid; gap: 6px }
  li { padding: 8px 10px; border-radius: 8px; background: color-mix(in srgb, currentColor 6%, transparent) }
  li p { margin: 0; overflow-wrap: anywhere }
  li p:first-child { font-weight: 600 }
  .none { margin: 10px 0 0; opacity: .7 }
`

/**
 * A stand-in widget: takes the options Notifizz documents, but its look and wire are our own, because no package of theirs
 * could be installed. Lists the user's messages and shows new ones as they come. The host element carries `data-state` and
 * `data-count`, each message's `li` in its open shadow root a `data-id`.
 */
export function mountNotifizzWidget(options: NotifizzWidgetOptions): { destroy(): void } {
  const { apiKey, token, userId = '', baseUrl, target = document.body, onRefused, onState } = options
  const ended = new AbortController()
  const items = new Map<string, HTMLLIElement>()
  let socket: WebSocket | undefined
  let retry: ReturnType<typeof setTimeout> | undefined
  let failures = 0

  const host = document.createElement('notifizz-stand-in')
  const root = host.attachShadow({ mode: 'open' })
  root.innerHTML = `<style>${look}</style>
    <section aria-label="Notifizz, stand-in widget">
      <header><h3>Notifizz</h3><small>stand-in widget</small><small class="state" role="status"></small></header>
      <p class="none">Nothing here yet.</p><ul></ul>
    </section>`
  const list = root.querySelector('ul')!
  const none = root.querySelector<HTMLElement>('.none')!

  const say = (state: NotifizzWidgetState) => {
    if (host.dataset.state === state) return
    host.dataset.state = state
    root.querySelector('.state')!.textContent = words[state]
    onState?.(state)
  }

  const itemOf = (message: Message) => {
    const item = items.get(message.id) ?? document.createElement('li')
    if (!item.dataset.id) {
      item.dataset.id = message.id
      for (const text of [message.title, message.body]) item.appendChild(document.createElement('p')).textContent = text
      items.set(message.id, item)
    }
    none.hidden = true
    host.dataset.count = String(items.size)
    return item
  }

  const refuse = () => {
    if (ended.signal.aborted || host.dataset.state === 'refused') return
    say('refused')
    socket?.close()
    onRefused?.()
  }

  const load = async () => {
    const headers = {
      authorization: `Bearer ${token}`,
      'x-notifizz-api-key': apiKey,
      'x-notifizz-user': encodeURIComponent(userId),
    }
    const response = await fetch(`${baseUrl}v1/notifications`, { headers, signal: ended.signal, cache: 'no-store' })
    if (response.status === 401) return refuse()
    const { messages } = (await response.json()) as { messages: Message[] }
    // Appending what is there already moves it: what came live meanwhile stays on top.
    if (!ended.signal.aborted) list.append(...messages.map(itemOf))
  }

  const open = () => {
    const current = new WebSocket(`${baseUrl.replace(/^http/, 'ws')}v1/live`)
    socket = current
    current.onopen = () => current.send(JSON.stringify({ apiKey, token, userId }))
    current.onmessage = ({ data }) => {
      const frame = JSON.parse(String(data)) as { type: 'ready' } | { type: 'message'; message: Message }
      if (frame.type === 'message') return items.has(frame.message.id) || list.prepend(itemOf(frame.message))
      failures = 0
      say('live')
      load().catch(() => current.close())
    }
    current.onclose = ({ code }) => {
      if (ended.signal.aborted) return
      if (code === 4401) return refuse()
      if (host.dataset.state === 'refused') return
      say('lost')
      retry = setTimeout(open, Math.min(5_000, 250 * 2 ** failures++))
    }
  }

  target.append(host)
  host.dataset.count = '0'
  say('connecting')
  open()

  return {
    destroy() {
      ended.abort()
      clearTimeout(retry)
      socket?.close(1000)
      host.remove()
      say('destroyed')
    },
  }
}
