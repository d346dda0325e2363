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
  unsubscribePush?: boolean | undefined
  /** Called each time the client has become somebody's. Make the feeds here: the SDK drops them when a user leaves. */
  onIdentified?: ((userId: string) => void) | undefined
}

interface Socket {
  auth: any
  readonly active: boolean
  connect(): void
  on(event: string, listener: (detail: any) => unknown): void
  off(event?: string): void
}
interface Feed {
  readonly socket?: Socket
  readonly emitter?: { readonly all?: Map<unknown, unknown> }
  initializeSocketConnection?: (() => void) | undefined
  fetch(): unknown
  reset(): void
  remove(): void
}
interface Internals {
  readonly feeds?: { readonly feedInstances?: readonly Feed[]; initialize?: ((options: unknown) => Feed) | undefined }
  inTurn?: Promise<unknown>
}

/**
 * Keeps SuprSend supplied: `suprsend(new SuprSend(publicKey), { onIdentified })`. Leave `identify` and `reset` to it. A fresh
 * token reaches every request and the socket of every feed; a socket that was cut or refused comes back with it, and the list
 * is loaded again. Removes the feeds of a user who leaves. Rejects `attach` where the SDK could not identify the user.
 */
export function suprsend(client: SuprSendLike, options: SuprSendOptions = {}): Adapter {
  const inner = client as Internals
  const { feeds } = inner

  const live = (): readonly Feed[] => feeds?.feedInstances ?? []
  // A late answer to identify, or a late reset, acts on whoever came next; so the next one waits, in another adapter too.
  const inTurn = (run: () => Promise<unknown>): Promise<any> =>
    (inner.inTurn = (inner.inTurn ?? Promise.resolve()).then(run, run))

  return {
    name: 'suprsend',
    async attach(context) {
      const signal = context.signal
      const id = context.token.user.id
      let current: string

      // The SDK asks early, often, and for whoever is there when the answer comes. The token it has ends each of its loops.
      const refreshUserToken = (): Promise<string> =>
        context.getToken().then(
          (token) => token.value,
          () => '',
        )

      // `missed`: something may have been sent that the list does not show.
      const follow = (feed: Feed, _?: unknown, missed?: unknown): Feed => {
        const { socket } = feed
        let used: string

        if (socket) {
          const auth = socket.auth
          const lost = (detail: any): void => {
            missed = true
            // Still active: it connects again by itself. Refused for another reason than the token: no token helps.
            if (socket.active || !/token|io server/.test(detail)) return
            if (used !== current) socket.connect()
            else context.report({ kind: detail.message ? 'rejected' : 'session-lost' })
          }
          socket.auth = (send: (auth: unknown) => void) =>
            send({ ...auth, 'x-ss-signature': (used = current), distinct_id: id })
          // The SDK's own handler goes: it connects a second after it got a token, whoever is signed in by then.
          socket.off('connect_error')
          socket.on('connect_error', lost)
          socket.on('disconnect', lost)
          // A push while the list is under way may be in neither or in both: then it is loaded again, but not for ever.
          socket.on('new_notification', lost)
          socket.on('connect', async () => {
            for (let loads = 3; missed && loads--; await feed.fetch()) {
              missed = false
              feed.reset()
            }
          })
        } else
          feed.initializeSocketConnection = () => {
            delete feed.initializeSocketConnection
            feed.initializeSocketConnection!()
            follow(feed, _, missed)
          }
        return feed
      }

      const supply = (next: AdapterContext): Promise<unknown> =>
        inTurn(async () => {
          signal.throwIfAborted()
          const answer = await client.identify(
            id,
            (current = next.token.value),
            next.token.claims?.exp ? { refreshUserToken } : {},
          )
          if (signal.aborted) throw await client.reset({ unsubscribePush: false })
          if (answer?.error) {
            if (answer.statusCode === 401) next.report({ kind: 'rejected' })
            throw Error(answer.error.message)
          }
          for (const { socket } of live()) socket?.active || socket?.connect()
        })

      await supply(context)
      // Feeds that were there first asked for their list as nobody.
      live().forEach(follow)
      if (feeds) {
        const initialize = feeds.initialize
        feeds.initialize = (given) => follow(initialize!.call(feeds, given))
      }
      // Not a reason to attach again if it throws.
      void Promise.resolve(id).then(options.onIdentified)
      return supply
    },
    update: (supply: any, context) => supply(context),
    detach(_, reason) {
      delete feeds?.initialize
      for (const feed of live()) {
        feed.socket?.off()
        feed.remove()
        // The SDK keeps the listeners of a removed feed: an answer under way would still reach the page.
        feed.emitter?.all?.clear()
      }
      // Where there are no service workers, as in some webviews, the SDK throws before it lets go of the user.
      return inTurn(() =>
        client
          .reset({ unsubscribePush: reason !== 'detach' && options.unsubscribePush! })
          .catch(() => client.reset({ unsubscribePush: false })),
      )
    },
  }
}
