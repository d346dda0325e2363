import { notifizz } from 'inbox-session/notifizz'
import { mountNotifizzWidget } from '../notifizz-widget.js'
import type { Inbox } from './inbox.js'

/** No package of Notifizz's could be installed: a stand-in widget with the documented options. */
export const notifizzInbox: Inbox = {
  provider: 'notifizz',
  label: 'Notifizz',
  sdk: 'documented options, own widget',
  note: 'stand-in',
  mount({ root, session, settings, arrived }) {
    const mount = (options: Parameters<Parameters<typeof notifizz>[0]>[0]) => {
      const widget = mountNotifizzWidget({
        ...options,
        baseUrl: settings.url,
        target: root,
        // The widget has no way to say it to the session, so the app does.
        onRefused: () => session.invalidate(options.token),
      })
      const host = root.lastElementChild as HTMLElement
      let count = 0
      const watcher = new MutationObserver(() => {
        const now = Number(host.dataset.count)
        if (count && now > count) arrived('a message')
        count = now
      })
      watcher.observe(host, { attributeFilter: ['data-count'] })
      return {
        destroy() {
          watcher.disconnect()
          widget.destroy()
        },
      }
    }
    session.attach(notifizz(mount, { apiKey: settings.apiKey ?? '' }))
  },
}
