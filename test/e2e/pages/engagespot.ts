import { createInstance } from '@engagespot/core'
import { createSession, type Session } from 'inbox-session'
import { engagespot } from 'inbox-session/engagespot'

interface Options {
  apiKey: string
  baseUrl: string
  userId: string
  connect: boolean
  disableAutoStart: boolean
}

interface Inbox {
  session: Session
  seen(): {
    /** What the user sees, newest first. */
    list: string[]
    /** What came over the socket, in order. */
    live: string[]
    /** Every title that was on the page since `forget()`. */
    shown: string[]
    statuses: number[]
    errors: string[]
  }
  forget(): void
}

declare global {
  interface Window {
    mint(userId: string): Promise<string>
    inbox: Inbox
    startInbox(options: Options): void
  }
}

interface Item {
  id: unknown
  title: string
}

type Instance = ReturnType<typeof createInstance>

/** An inbox as an app would write it: the list of the present instance, and on top what came live since. */
window.startInbox = ({ apiKey, baseUrl, userId, connect, disableAutoStart }) => {
  let list: Item[] = []
  let current: Instance | undefined
  const live: string[] = []
  const shown = new Set<string>()
  const statuses: number[] = []
  const errors: string[] = []

  const show = (items: Item[]) => {
    list = items
    for (const { title } of list) shown.add(title)
  }
  const load = async (instance: Instance) => {
    const { data, response } = await instance.notification.getByPage({ pageNo: 1, limit: 50 })
    statuses.push(response.status)
    if (instance !== current) return
    const loaded: Item[] = data?.data ?? []
    const newer = list.filter(({ id }) => !loaded.some((item) => item.id === id))
    show([...newer, ...loaded])
  }

  const session = createSession({ source: ({ user }) => window.mint(user.id), name: 'engagespot' })
  session.on('error', ({ code }) => void errors.push(code))
  const adapter = engagespot(
    (credentials) => createInstance({ apiKey, baseUrl, disableAutoStart, disableWebPush: true, ...credentials }),
    {
      connect,
      onConnect: (instance) => void load(instance),
      onInstance(instance) {
        current = instance
        show([])
        if (!instance) return
        instance.events.notificationReceive.subscribe(({ notification }) => {
          live.push(notification.title)
          if (!list.some(({ id }) => id === notification.id)) show([notification, ...list])
        })
        void load(instance)
        if (!connect) setTimeout(() => void (instance === current && load(instance)), 1_000)
      },
    },
  )
  session.attach(adapter)
  session.signIn(userId)
  window.inbox = {
    session,
    seen: () => ({ list: list.map(({ title }) => title), live, shown: [...shown], statuses, errors }),
    forget: () => shown.clear(),
  }
}
