import { useState } from 'react'
import { createInstance } from '@engagespot/core'
import type { Session } from 'inbox-session'
import { engagespot } from 'inbox-session/engagespot'
import { useAdapter } from 'inbox-session/react'
import type { PageData } from './page.js'

export interface Message {
  id: string
  title: string
  body: string
  /** As the server wrote it: the browser may live in another time zone. */
  time: string
}

type Loaded = Awaited<ReturnType<ReturnType<typeof createInstance>['notification']['getByPage']>>

/** What Engagespot answers, as this page shows it. */
export const readMessages = (found: NonNullable<Loaded['data']>['data']): Message[] =>
  (found ?? []).map(({ id, title, message, createdAt }) => ({
    id: String(id),
    title: title ?? '',
    body: message ?? '',
    time: createdAt ? `${createdAt.slice(11, 16)} UTC` : '',
  }))

/** The list that the server rendered, kept up to date by Engagespot's SDK. */
export function Inbox(props: { session: Session; first: readonly Message[]; engagespot: PageData['engagespot'] }) {
  const { session, first } = props
  const { url, apiKey } = props.engagespot
  const [messages, setMessages] = useState(first)

  useAdapter(session, () => {
    type Instance = ReturnType<typeof createInstance>
    let current: Instance | undefined
    const load = async (instance: Instance) => {
      // What does not come now comes with the next connection.
      const { data } = await instance.notification
        .getByPage({ pageNo: 1, limit: 15 })
        .catch(() => ({ data: undefined }))
      if (instance === current && data) setMessages(readMessages(data.data))
    }
    return engagespot(
      (credentials) =>
        createInstance({ apiKey, baseUrl: url, disableAutoStart: true, disableWebPush: true, ...credentials }),
      {
        connect: true,
        onInstance(instance) {
          current = instance
          if (instance) instance.events.notificationReceive.subscribe(() => void load(instance))
          else setMessages([])
        },
        onConnect: (instance) => void load(instance),
      },
    )
  }, [url, apiKey])

  return (
    <ul className="messages" aria-label="Messages">
      {messages.map(({ id, title, body, time }) => (
        <li key={id}>
          <h2>{title}</h2>
          <p>{body}</p>
          <time>{time}</time>
        </li>
      ))}
    </ul>
  )
}
