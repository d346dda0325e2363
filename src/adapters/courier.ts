import type { Adapter, AdapterContext } from '../attach.js'

/** What the adapter needs of `Courier.shared` from @trycourier/courier-js. */
export interface CourierLike {
  signIn(props: { userId: string; jwt?: string; tenantId?: string }): void
  signOut(): void
  readonly client?: unknown
}

/** What the adapter needs of `CourierInboxDatastore.shared` from @trycourier/courier-ui-inbox. */
export interface CourierDatastoreLike {
  listenForUpdates(): unknown
  /** Takes courier-ui-inbox's own feeds. */
  registerFeeds?(feeds: any): void
  load?(options?: { canUseCache: boolean }): unknown
}

/** What `courier()` may be told beside the SDK. */
export interface CourierOptions {
  /** Further props of `signIn`: apiUrls, showLogs, or a tenantId for users without a tenant of their own. */
  props?: Record<string, unknown> | undefined
  /**
   * `CourierInboxDatastore.shared`, where courier-ui-inbox is used. After a reconnect it listens again and fetches what
   * came meanwhile; on sign-out it is emptied.
   */
  datastore?: CourierDatastoreLike | undefined
  /** Called when the last user's items must leave the page: remove or re-create the inbox element. */
  onClear?: (() => void) | undefined
}

// Undocumented parts of the SDK. Where they look different, every token signs in again, which is the documented way.
interface Settings {
  accessToken: string
}
interface Socket {
  connect(): unknown
  onOpen: Method
  onClose: Method
}
interface Inbox {
  readonly socket: Socket
  readonly options: Settings
}
interface Client {
  inbox: Inbox
  readonly options: Settings
}
interface Inside extends Omit<CourierOptions, 'datastore'> {
  datastore?: Partial<CourierDatastoreLike> & {
    readonly _datasets?: Iterable<[id: string, dataset: { getFilter(): unknown }]>
  }
}
type Method = (...input: unknown[]) => unknown
type Link = (next?: AdapterContext) => unknown

/**
 * Keeps Courier's inbox signed in: `courier(Courier.shared, { props: { apiUrls }, datastore: CourierInboxDatastore.shared })`.
 * A new token goes into the running client: no sign-in event, the socket stays. A socket that died is opened again with
 * it, and a request that was refused is sent once more.
 */
export function courier(shared: CourierLike, options?: CourierOptions): Adapter
export function courier(shared: CourierLike, { props, datastore: store = {}, onClear }: Inside = {}): Adapter {
  return {
    name: 'courier',

    attach(context: AdapterContext | undefined): Link {
      let missed: unknown
      let dialled: AdapterContext | undefined
      let settings: Settings | undefined
      let undo = (_?: unknown): void => {}

      const swap = <T extends object>(target: T, name: keyof T, wrap: (original: any) => unknown): void => {
        const original = target[name]
        const last = undo
        target[name] = wrap(original) as typeof original
        undo = () => last((target[name] = original))
      }

      const revive = async (onlyAsk?: unknown): Promise<void> => {
        if (!missed) return
        missed = onlyAsk
        try {
          if (!onlyAsk) {
            // The token of the moment may have ended with the one the socket was opened with.
            settings!.accessToken = (await context!.getToken()).value
            await (store.listenForUpdates?.() ?? (shared.client as Client).inbox.socket.connect())
          }
          await store.load!({ canUseCache: false })
        } catch (error) {
          missed = error
        }
      }

      /** Puts the token into the running client; falsy where the SDK's inside is another or cannot be written to. */
      const supply = (): unknown => {
        try {
          const client = shared.client as Client
          const inbox = client.inbox
          const options = client.options
          const socket = inbox.socket

          const request = async (name: keyof Inbox, input: unknown[], rejected?: string): Promise<unknown> => {
            let token
            try {
              token = options.accessToken = (await context!.getToken({ rejected })).value
              return await (inbox[name] as unknown as Method)(...input)
            } catch (error) {
              if ((error as { code?: unknown }).code === 401 && !rejected) return await request(name, input, token)
              throw (missed = error)
            } finally {
              // An answer for a user who has left would show up in the next one's inbox: it never comes.
              if (!context) await new Promise(() => {})
            }
          }

          options.accessToken = context!.token.value
          if (inbox.options === options && options !== settings) {
            // First the SDK's own, which takes all listeners off when the socket closes. Only a close has a code.
            const follow = (original: Method) => (event?: { code?: number }) => {
              const code = event?.code
              const done = original.call(socket, event)
              missed ||= code
              if (!code) context!.report({ kind: 'accepted' })
              if (code !== 1_000) void revive(code && dialled === context)
              dialled = context
              return done
            }
            swap(socket, 'onClose', follow)
            swap(socket, 'onOpen', follow)
            swap(
              client,
              'inbox',
              () =>
                new Proxy(inbox, {
                  get: (_, name: keyof Inbox) =>
                    (inbox[name] as { call?: unknown } | undefined)?.call
                      ? (...input: unknown[]) => request(name, input)
                      : inbox[name],
                }),
            )
            settings = options
          }
          return options === settings
        } catch {}
      }

      const link: Link = (next) => {
        if ((context = next)) {
          const { user, value } = context.token
          if (settings && supply()) return revive()
          const load = store.load
          // A mounted inbox asks for its messages while signIn is still running.
          store.load = (input) => {
            supply()
            return load!.call(store, input)
          }
          try {
            shared.signIn({ ...props, ...(user.tenant && { tenantId: user.tenant }), userId: user.id, jwt: value })
          } finally {
            store.load = load
          }
          return supply()
        }
        undo()
        try {
          shared.signOut()
        } finally {
          store.registerFeeds?.([
            {
              tabs: Array.from(store._datasets ?? [], ([datasetId, dataset]) => ({
                datasetId,
                filter: dataset.getFilter(),
              })),
            },
          ])
          onClear?.()
        }
      }

      link(context)
      return link
    },
    detach(link) {
      ;(link as Link)()
    },
    update(link, context) {
      ;(link as Link)(context)
    },
  }
}
