import { SuprSend, type Feed } from '@suprsend/web-sdk'
import { createSession, type Session } from 'inbox-session'
import { suprsend } from 'inbox-session/suprsend'

interface Options {
  publicKey: string
  host: string
  userId: string
  /** Makes the feed before anybody is signed in, instead of when the SDK knows the user. */
  early?: boolean
}

interface Inbox {
  session: Session
  client: SuprSend
  seen(): {
    /** What the user sees, newest first. */
    list: string[]
    /** Every title that was on the page since `forget()`. */
    shown: string[]
    errors: string[]
    /** How often the SDK asked for a token, by its own account. */
    asked: number
  }
  forget(): void
  /** The list is answered this many milliseconds late from now on. */
  delayList(ms: number): void
  openFeed(): void
}

declare global {
  interface Window {
    mint(userId: string): Promise<string>
    suprsendInbox: Inbox
    startSuprSend(options: Options): void
  }
}

/** An inbox as an app would write it: it shows what the feed says. */
window.startSuprSend = ({ publicKey, host, userId, early }) => {
  let list: string[] = []
  let feed: Feed | undefined
  let listDelay = 0
  let asked = 0
  const shown = new Set<string>()
  const errors: string[] = []
  const realFetch = window.fetch
  window.fetch = async (...parameters) => {
    const delay = String(parameters[0]).includes('/notifications?') ? listDelay : 0
    const answer = await realFetch(...parameters)
    if (delay) await new Promise((resolve) => setTimeout(resolve, delay))
    return answer
  }

  const client = new SuprSend(publicKey, { host })
  const identify = client.identify.bind(client)
  client.identify = (id, token, options) => {
    const refresh = options?.refreshUserToken
    const counted = (...parameters: Parameters<NonNullable<typeof refresh>>) => {
      asked++
      return refresh!(...parameters)
    }
    return identify(id, token, refresh && { refreshUserToken: counted })
  }
  const openFeed = () => {
    const opened = (feed = client.feeds.initialize({ host: { apiHost: host, socketHost: host }, pageSize: 100 }))
    opened.emitter.on('feed.store_update', ({ notifications, apiStatus }) => {
      if (String(apiStatus) === 'LOADING') return
      list = notifications.map(({ message }) => message.header ?? '')
      for (const title of list) shown.add(title)
    })
    opened.initializeSocketConnection()
    void opened.fetch()
  }

  const session = createSession({ source: ({ user }) => window.mint(user.id), name: 'suprsend' })
  session.on('error', ({ code }) => void errors.push(code))
  const onIdentified = () => {
    if (!feed || !client.feeds.feedInstances.includes(feed)) openFeed()
  }
  session.attach(suprsend(client, { onIdentified }))
  if (early) openFeed()
  session.signIn(userId)
  window.suprsendInbox = {
    session,
    client,
    seen: () => ({ list, shown: [...shown], errors, asked }),
    forget: () => shown.clear(),
    delayList: (ms) => void (listDelay = ms),
    openFeed,
  }
}
