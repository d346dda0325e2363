import { createSession, type Session } from 'inbox-session'
import { notifizz } from 'inbox-session/notifizz'
import { mountNotifizzWidget } from '../../../examples/demo/page/notifizz-widget.js'

interface Options {
  apiKey: string
  baseUrl: string
  userId: string
}

declare global {
  interface Window {
    hash(userId: string): Promise<string>
    widgets: {
      session: Session
      /** How often a widget was mounted. */
      mounted(): number
      /** One list of titles for every widget on the page, newest first. */
      titles(): string[][]
    }
    startWidget(options: Options): void
  }
}

window.startWidget = ({ apiKey, baseUrl, userId }) => {
  let mounted = 0
  const session = createSession({ source: ({ user }) => window.hash(user.id), name: 'notifizz' })
  const adapter = notifizz(
    (options) => {
      mounted += 1
      return mountNotifizzWidget({ ...options, baseUrl, onRefused: () => session.invalidate(options.token) })
    },
    { apiKey },
  )
  session.attach(adapter)
  session.signIn({ id: userId, email: `${userId}@example.com` })
  window.widgets = {
    session,
    mounted: () => mounted,
    titles: () =>
      [...document.querySelectorAll('notifizz-stand-in')].map((host) =>
        [...host.shadowRoot!.querySelectorAll('li p:first-child')].map(({ textContent }) => textContent),
      ),
  }
}
