import type { Adapter, AdapterContext } from '../attach.js'

/** What this adapter calls of a `SuprSend` client of `@suprsend/web-sdk` (4.1.2). */
export interface SuprSendLike {
  identify(
    distinctId: unknown,
    userToken?: string,
    options?: { refreshUserToken?: (oldToken: string, payload: any) => Promise<string> },
  ): Promise<any>
  reset(options?: { unsubscribePush?: boolean }): Promise<any>
}

/** Options of `suprsend`. */
export interface SuprSendOptions {
  /** Whether a sign-out or a switch takes this browser's push subscription from the user too. Default true, as in the SDK. */
  unsubscribePush?: boolean
  /** Called each time the client has become somebody's. Make the feeds here: the SDK drops them when a user leaves. */
  onIdentified?: (userId: string) => void
}

interface Socket {
  auth: object | ((send: (auth: object) => void) => void)
  readonly active: boolean
  connect(): void
  on(event: string, listener: (detail: any) => void): void
  off(event: string): void
}
interface State {
  readonly notifications: readonly { readonly n_id: string }[]
}
interface Feed {
  readonly socket?: Socket
  readonly emitter: { readonly all: Map<unknown, unknown> }
  readonly store: {
    getState(): State
    setState(state: State): void
    subscribe(listener: (state: State) => void): unknown
  }
  initializeSocketConnection(): void
  fetch(): unknown
  fetchCount(): unknown
  remove(): void
}
interface Internals {
  readonly feeds?: { readonly feedInstances?: readonly Feed[]; initialize(options: unknown): Feed }
}

/**
 * Keeps SuprSend supplied: `suprsend(new SuprSend(publicKey), { onIdentified })`. A fresh token reaches every request and the
 * socket of every feed; a socket that was cut or refused comes back with it, and what was sent meanwhile is fetched. Attaching
 * rejects where the SDK answers that it could not identify the user.
 */
export function suprsend(client: SuprSendLike, { unsubscribePush, onIdentified }: SuprSendOptions = {}): Adapter {
  const { feeds } = client as unknown as Internals
  let busy: Promise<unknown> = Promise.resolve()

  const live = (): readonly Feed[] => feeds?.feedInstances ?? []
  // A late answer to identify, or a late reset, would act on whoever came next.
  const inTurn = (run: () => Promise<unknown>): Promise<unknown> => (busy = busy.then(run, run))
  const reset = (push?: boolean): Promise<unknown> => client.reset({ unsubscribePush: push })

  return {
    name: 'suprsend',
    async attach(context) {
      const { signal, token } = context
      const { id } = token.user
      let current: string

      // The SDK asks early, often, and for whoever is there when the answer comes: the token it has ends each of its loops.
      const refreshUserToken = (): Promise<string> =>
        context.getToken().then(
          ({ value }) => (signal.aborted ? '' : value),
          () => '',
        )

      const listen = (feed: Feed): void => {
        const { socket, store } = feed
        if (!socket) return
        const { auth } = socket
        let used: unknown
        let missed = false

        // The first page again, as if the list were empty. A push that crosses the answer is in neither: once more.
        const catchUp = async (): Promise<void> => {
          if (!missed || signal.aborted) return
          missed = false
          const { getState } = store
          store.getState = () => {
            store.getState = getState
            return { ...getState(), notifications: [] }
          }
          const fetched = feed.fetch()
          feed.fetchCount()
          await fetched
          return catchUp()
        }
        const lost = (detail: any): void => {
          missed = true
          if (socket.active || !/token|401|io server/.test(detail)) return
          if (used !== current) socket.connect()
          else context.report(detail.message ? { kind: 'rejected', token: current } : { kind: 'session-lost' })
        }
        socket.auth = (send) => {
          send({ ...auth, 'x-ss-signature': (used = current), distinct_id: id })
        }
        // The SDK's own handler goes: it connects a second after it got a token, whoever is signed in by then.
        socket.off('connect_error')
        socket.on('connect_error', lost)
        socket.on('disconnect', lost)
        socket.on('connect', catchUp)
        socket.on('new_notification', () => (missed = true))
        store.subscribe(({ notifications }) => {
          const each = new Map(notifications.map((item) => [item.n_id, item]))
          if (each.size < notifications.length) store.setState({ notifications: [...each.values()] })
        })
      }
      const follow = (feed: Feed): Feed => {
        const open = feed.initializeSocketConnection
        feed.initializeSocketConnection = () => {
          if (feed.socket) return
          open.call(feed)
          listen(feed)
        }
        listen(feed)
        return feed
      }
      const supply = (next: AdapterContext): Promise<unknown> =>
        inTurn(async () => {
          const { value, claims } = next.token
          if (signal.aborted) return
          current = value
          const { status, statusCode } =
            (await client.identify(id, value, claims?.exp ? { refreshUserToken } : {})) ?? {}
          if (status === 'error') {
            if (statusCode === 401) next.report({ kind: 'rejected', token: value, status: statusCode })
            throw Error(`identify: ${statusCode}`)
          }
          for (const { socket } of live()) socket?.active || socket?.connect()
        })

      await supply(context)
      if (signal.aborted) return
      onIdentified?.(id)
      if (feeds) {
        const make = feeds.initialize
        live().forEach(follow)
        feeds.initialize = (options) => follow(make.call(feeds, options))
        signal.addEventListener('abort', () => (feeds.initialize = make))
      }
      return supply
    },
    update: (supply: any, context) => supply(context),
    detach(_, reason) {
      // Where there are no service workers, as in some webviews, the SDK throws before it lets go of the user.
      const done = inTurn(() => reset(reason !== 'detach' && unsubscribePush).catch(() => reset(false)))
      for (const feed of live()) {
        feed.remove()
        // The SDK keeps the listeners of a removed feed: an answer under way would still reach the page.
        feed.emitter.all.clear()
      }
      return done as Promise<void>
    },
  }
}
