import { createInstance } from '@engagespot/core'
import { engagespot } from 'inbox-session/engagespot'
import type { Inbox } from './inbox.js'
import { createList } from './list.js'

type Instance = ReturnType<typeof createInstance>

/** Engagespot's SDK; each token makes a new instance, the list is drawn here and outlives them. */
export const engagespotInbox: Inbox = {
  provider: 'engagespot',
  label: 'Engagespot',
  sdk: '@engagespot/core 3.0.1',
  mount({ root, session, settings, arrived }) {
    const list = createList(root, arrived)
    let current: Instance | undefined

    const load = async (instance: Instance) => {
      const { data } = await instance.notification.getByPage({ pageNo: 1, limit: 15 })
      if (instance !== current || !data?.data) return
      list.show(
        data.data.map(({ id, title, message, createdAt }) => ({
          id: String(id),
          title: title ?? '',
          body: message ?? '',
          at: createdAt ? Date.parse(createdAt) : Date.now(),
        })),
      )
    }

    const create = (credentials: { userId: string; userToken: string; tenantIdentifier?: string }) => {
      const instance = createInstance({
        apiKey: settings.apiKey ?? '',
        baseUrl: settings.url,
        disableAutoStart: true,
        disableWebPush: true,
        ...credentials,
      })
      const { connect } = instance.realTime
      // A message between two connections reaches neither: load the list again with each.
      instance.realTime.connect = async () => {
        const socket = await connect()
        if (typeof socket === 'object') socket.on('connect', () => void load(instance))
        return socket
      }
      return instance
    }

    const onInstance = (instance: Instance | undefined) => {
      current = instance
      if (!instance) return list.clear()
      instance.events.notificationReceive.subscribe(() => void load(instance))
    }

    session.attach(engagespot(create, { onInstance, connect: true }))
  },
}
