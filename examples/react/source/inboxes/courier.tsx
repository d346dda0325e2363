import { useState } from 'react'
import { CourierInbox } from '@trycourier/courier-react'
import { Courier, CourierInboxDatastore } from '@trycourier/courier-ui-inbox'
import type { Session } from 'inbox-session'
import { courier } from 'inbox-session/courier'
import { useAdapter } from 'inbox-session/react'
import { courierTheme } from '../themes.js'

/** Courier's inbox. Its parts look at one shared client: the adapter signs that in and gives it every new token. */
export function CourierPane({ session, url }: { session: Session; url: string }) {
  const [round, setRound] = useState(0)

  useAdapter(
    session,
    () =>
      courier(Courier.shared, {
        // Only where Courier is somewhere else than usual.
        props: {
          apiUrls: {
            courier: { rest: url, graphql: `${url}q` },
            inbox: { graphql: `${url}q`, webSocket: url.replace('http', 'ws') },
          },
        },
        datastore: CourierInboxDatastore.shared,
        // The element keeps its items when their user leaves: another key makes another element.
        onClear: () => setRound((last) => last + 1),
      }),
    [url],
  )

  return <CourierInbox key={round} lightTheme={courierTheme} darkTheme={courierTheme} mode="system" />
}
