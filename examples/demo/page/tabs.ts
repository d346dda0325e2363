import type { Lane } from './lane.js'

/** What a tab shows of one session. */
export type Strand = Pick<Lane, 'provider' | 'bars' | 'marks'>

/** An open tab of the demo. */
export interface Tab {
  number: number
  /** Requests this tab sent to the backend, and tokens it was told of by others. */
  asked: number
  told: number
  strands: Strand[]
}

export interface Tabs {
  readonly number: number
  /** This one and the others, oldest first. */
  all(): Tab[]
  /** What this tab shows has changed. */
  share(): void
  /** The server's state has changed by this tab: the others look at it. */
  acted(): void
}

type Message = { type: 'tab' | 'hello'; tab: Tab } | { type: 'bye'; number: number } | { type: 'acted' }

const interval = 4_000

/**
 * What the tabs of the demo tell each other to draw the same picture. The sessions need none of it: they have their own
 * ways to each other. No token goes through here.
 */
export function createTabs(
  number: number,
  lanes: readonly Lane[],
  { changed, look, forget }: { changed(): void; look(): void; forget(): void },
): Tabs {
  const others = new Map<number, { tab: Tab; heardAt: number }>()
  let channel: BroadcastChannel | undefined
  let askedAt = 0
  let sharing = false

  const own = (): Tab => {
    forget()
    const sum = (what: 'asked' | 'told') => lanes.reduce((all, lane) => all + lane[what], 0)
    const strands = lanes.map(({ provider, bars, marks }) => ({
      provider,
      bars,
      marks: marks.filter(({ kind }) => kind !== 'arrived'),
    }))
    return { number, asked: sum('asked'), told: sum('told'), strands }
  }
  const send = (message: Message) => channel?.postMessage(message)
  const hear = (message: Message) => {
    if (message.type === 'acted') return look()
    if (message.type === 'bye') others.delete(message.number)
    else others.set(message.tab.number, { tab: message.tab, heardAt: Date.now() })
    if (message.type === 'hello') send({ type: 'tab', tab: own() })
    changed()
  }
  const hello = () => {
    // A tab that crashed said no goodbye: whoever did not answer the last time is gone.
    for (const [other, { heardAt }] of others) {
      if (heardAt >= askedAt) continue
      others.delete(other)
      changed()
    }
    askedAt = Date.now()
    send({ type: 'hello', tab: own() })
  }
  const open = () => {
    if (channel) return
    channel = new BroadcastChannel('inbox-session-demo')
    channel.onmessage = ({ data }) => hear(data as Message)
    hello()
  }
  addEventListener('pageshow', open)
  addEventListener('pagehide', () => {
    send({ type: 'bye', number })
    channel?.close()
    channel = undefined
  })
  open()
  setInterval(hello, interval)

  return {
    number,
    all: () => [own(), ...[...others.values()].map(({ tab }) => tab)].sort((one, other) => one.number - other.number),
    share() {
      if (sharing || !others.size) return
      sharing = true
      queueMicrotask(() => {
        sharing = false
        send({ type: 'tab', tab: own() })
      })
    },
    acted: () => send({ type: 'acted' }),
  }
}
