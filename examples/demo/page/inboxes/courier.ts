import { Courier, CourierInbox, CourierInboxDatastore, type CourierInboxTheme } from '@trycourier/courier-ui-inbox'
import { courier } from 'inbox-session/courier'
import type { Inbox } from './inbox.js'

const theme = (
  ink: string,
  soft: string,
  panel: string,
  line: string,
  hover: string,
  accent: string,
): CourierInboxTheme => {
  const font = { family: 'inherit', size: '13px', color: ink }
  const small = { family: 'inherit', size: '12px', color: soft }
  const icon = { color: soft }
  return {
    inbox: {
      header: {
        backgroundColor: panel,
        shadow: 'none',
        border: `1px solid ${line}`,
        feeds: {
          button: {
            font: { ...font, weight: '600' },
            selectedFeedIconColor: ink,
            unreadCountIndicator: { backgroundColor: accent },
          },
        },
        actions: { button: { icon } },
      },
      list: {
        backgroundColor: panel,
        item: {
          unreadIndicatorColor: accent,
          backgroundColor: panel,
          hoverBackgroundColor: hover,
          title: { ...font, weight: '600' },
          subtitle: small,
          time: { ...small, size: '11px' },
          divider: `1px solid ${line}`,
        },
      },
      loading: { animation: { barColor: hover }, divider: `1px solid ${line}` },
      empty: { title: { font: { ...small, size: '13px' }, text: 'Nothing here yet' } },
      error: { title: { font: { ...small, size: '13px' } } },
    },
  }
}
const light = theme('#171b22', '#5b6472', '#ffffff', '#e6e9ee', '#f3f4f7', '#6d4bc3')
const dark = theme('#e9ecf1', '#98a2b1', '#161b22', '#262d37', '#1e242d', '#a48af0')

/** Courier's own element, <courier-inbox>, on its own SDK. */
export const courierInbox: Inbox = {
  provider: 'courier',
  label: 'Courier',
  sdk: '@trycourier/courier-ui-inbox 2.4.7',
  mount({ root, session, settings, arrived }) {
    const { url } = settings
    const socket = url.replace(/^http/, 'ws')
    const apiUrls = {
      courier: { rest: url, graphql: `${url}q` },
      inbox: { graphql: `${url}q`, webSocket: socket },
    }
    const create = () => {
      const element = new CourierInbox()
      element.setMode('system')
      element.setLightTheme(light)
      element.setDarkTheme(dark)
      return element
    }
    let element = create()
    root.append(element)
    CourierInboxDatastore.shared.addDataStoreListener({
      events: { onMessageAdd: (message) => arrived(message.title ?? '') },
      remove() {},
    } as Parameters<typeof CourierInboxDatastore.shared.addDataStoreListener>[0])

    session.attach(
      courier(Courier.shared, {
        props: { apiUrls },
        datastore: CourierInboxDatastore.shared,
        onClear() {
          element.remove()
          root.append((element = create()))
        },
      }),
    )
  },
}
