import { Courier, CourierInbox, CourierInboxDatastore, type CourierInboxTheme } from '@trycourier/courier-ui-inbox'
import type { Session } from 'inbox-session'
import { courier } from 'inbox-session/courier'

// Any CSS colour will do, so it takes the page's own, which know light from dark.
const [ink, soft, panel, hover, accent] = ['ink', 'soft', 'panel', 'hover', 'accent'].map((name) => `var(--${name})`)
const line = '1px solid var(--line)'
const text = (size: string, color = ink) => ({ family: 'inherit', size, color })
const title = { ...text('14px'), weight: '600' }
const theme: CourierInboxTheme = {
  inbox: {
    header: {
      backgroundColor: panel,
      shadow: 'none',
      border: line,
      feeds: {
        button: {
          font: title,
          selectedFeedIconColor: ink,
          hoverBackgroundColor: hover,
          unreadCountIndicator: { backgroundColor: accent, font: text('11px', panel) },
        },
        menu: { backgroundColor: panel, border: line, list: { font: text('13px') } },
      },
      actions: { button: { icon: { color: soft } }, menu: { backgroundColor: panel, border: line } },
    },
    list: {
      backgroundColor: panel,
      item: {
        unreadIndicatorColor: accent,
        backgroundColor: panel,
        hoverBackgroundColor: hover,
        title,
        subtitle: text('13px', soft),
        time: text('12px', soft),
        divider: line,
      },
    },
    loading: { animation: { barColor: hover }, divider: line },
    empty: { title: { font: text('14px', soft), text: 'Nothing here yet' } },
    error: { title: { font: text('14px', soft) } },
  },
}

function createElement(): CourierInbox {
  const element = new CourierInbox()
  element.setMode('system')
  element.setLightTheme(theme)
  element.setDarkTheme(theme)
  return element
}

/** Courier's own element in `place`, signed in with whatever token the session has. */
export function keepInbox(session: Session, url: string, place: HTMLElement): void {
  // Only because this Courier is on this machine.
  const apiUrls = {
    courier: { rest: url, graphql: `${url}q` },
    inbox: { graphql: `${url}q`, webSocket: url.replace('http', 'ws') },
  }
  // The element keeps its items when their user leaves: another one takes its place.
  const renew = () => place.replaceChildren(createElement())
  renew()
  session.attach(
    courier(Courier.shared, { props: { apiUrls }, datastore: CourierInboxDatastore.shared, onClear: renew }),
  )
}
