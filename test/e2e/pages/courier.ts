import { Courier, CourierInboxDatastore, type CourierInbox } from '@trycourier/courier-ui-inbox'
import { createSession, type Session } from 'inbox-session'
import { courier } from 'inbox-session/courier'

interface Options {
  /** Origin of the stand-in, with a slash. */
  url: string
  userId: string
  /** A token that came with the page. */
  initial?: string
  /** The element stands in the page before anybody signs in. */
  mountedFirst?: boolean
  /** The app re-creates the element when told that items must leave the page. */
  recreates?: boolean
  /** The SDK's options cannot be written to. */
  frozen?: boolean
  /** Answers for this user take a second. */
  slowUser?: string
}

interface Inbox {
  session: Session
  /** The titles a person reads in the inbox, first to last. */
  list(): string[]
  /** What a person reads where there is no list: an error, "No Messages", nothing. */
  text(): string
  /** Every title that was on the page since `forget()`. */
  shown(): string[]
  forget(): void
  /** Marks a message as read, as a click on its button does. */
  read(title: string): Promise<void>
  /** Fetches the lists again, as the element's own button does. */
  reload(): Promise<void>
  /** Titles without the mark of an unread message. */
  readTitles(): string[]
  /** What the SDK told its listeners about signing in and out. */
  signIns: (string | undefined)[]
  errors: string[]
}

declare global {
  interface Window {
    mintCourier(userId: string): Promise<string>
    courierInbox: Inbox
    startCourier(options: Options): void
  }
}

window.startCourier = (options) => {
  const { url, mountedFirst = false, recreates = true } = options
  const shown = new Set<string>()
  const errors: string[] = []
  const signIns: (string | undefined)[] = []

  addEventListener('unhandledrejection', ({ reason }) => errors.push(`unhandled: ${String(reason)}`))
  const realFetch = window.fetch
  window.fetch = async (input, init) => {
    const answer = await realFetch(input, init)
    const user = new Headers(init?.headers).get('x-courier-user-id')
    if (user && user === options.slowUser) await new Promise((resolve) => setTimeout(resolve, 1_000))
    return answer
  }

  const find = <T extends Element>(selector: string) => [...document.querySelectorAll<T>(`courier-inbox ${selector}`)]
  const list = () => find('courier-inbox-list-item .title').map(({ textContent }) => textContent)
  const mount = () => {
    document.querySelector('courier-inbox')?.remove()
    document.body.append(document.createElement('courier-inbox'))
  }
  const mountOnce = () => document.querySelector('courier-inbox') ?? mount()
  new MutationObserver(() => list().forEach((title) => shown.add(title))).observe(document.body, {
    childList: true,
    subtree: true,
    characterData: true,
  })

  Courier.shared.addAuthenticationListener(({ userId }) => {
    signIns.push(userId)
    if (userId && options.frozen) Object.freeze(Courier.shared.client!.options)
  })

  const session = createSession({ source: ({ user }) => window.mintCourier(user.id), name: 'courier' })
  session.on('error', ({ code, message }) => void errors.push(`${code}: ${message}`))
  const apiUrls = {
    courier: { rest: url.slice(0, -1), graphql: `${url}client/q` },
    inbox: { graphql: `${url}q`, webSocket: url.replace('http', 'ws') },
  }
  if (mountedFirst) mount()
  else Courier.shared.addAuthenticationListener(({ userId }) => userId && queueMicrotask(mountOnce))
  session.attach(
    courier(Courier.shared, {
      props: { apiUrls },
      datastore: CourierInboxDatastore.shared,
      ...(recreates && { onClear: mount }),
    }),
  )
  session.signIn(options.userId, options.initial)

  const message = (title: string) =>
    Object.values(CourierInboxDatastore.shared.getDatasets())
      .flatMap(({ messages }) => messages)
      .find((found) => found.title === title)
  window.courierInbox = {
    session,
    list,
    text: () =>
      find('courier-inbox-list')
        .map(({ textContent }) => textContent.trim())
        .join(),
    shown: () => [...shown],
    forget: () => shown.clear(),
    read: (title) => CourierInboxDatastore.shared.readMessage({ message: message(title)! }),
    reload: () => document.querySelector<CourierInbox>('courier-inbox')!.refresh(),
    readTitles: () => list().filter((title) => message(title)?.read),
    signIns,
    errors,
  }
}
