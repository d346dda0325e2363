import { SuprSend, type Feed } from '@suprsend/web-sdk'
import { suprsend } from 'inbox-session/suprsend'
import type { Inbox } from './inbox.js'
import { createList } from './list.js'

/** SuprSend's SDK; it brings the data of a feed, the list is drawn here. */
export const suprsendInbox: Inbox = {
  provider: 'suprsend',
  label: 'SuprSend',
  sdk: '@suprsend/web-sdk 4.1.2',
  mount({ root, session, settings, arrived }) {
    const host = settings.url.replace(/\/$/, '')
    const client = new SuprSend(settings.publicKey ?? '', { host })
    const list = createList(root, arrived)
    let feed: Feed | undefined

    const open = () => {
      const opened = (feed = client.feeds.initialize({ host: { apiHost: host, socketHost: host } }))
      opened.emitter.on('feed.store_update', ({ notifications, apiStatus }) => {
        if (opened !== feed || String(apiStatus) !== 'SUCCESS') return
        list.show(
          notifications.map(({ n_id, message, created_on }) => ({
            id: n_id,
            title: message.header ?? '',
            body: message.text,
            at: created_on,
          })),
        )
      })
      opened.initializeSocketConnection()
      void opened.fetch()
    }
    session.on('signed-out', () => {
      feed = undefined
      list.clear()
    })
    // The SDK drops its feeds with each user; the adapter says when the next one is there.
    session.attach(suprsend(client, { onIdentified: open }))
  },
}
