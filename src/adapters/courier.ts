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
  // The feeds are courier-ui-inbox's own type, which this package does not depend on.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  registerFeeds?(feeds: any): void
  load?(options?: { canUseCache: boolean }): unknown
}

/** What `courier()` may be told beside the SDK. */
export interface CourierOptions {
  /** Further props of `signIn`: apiUrls, showLogs, or a tenantId for users without a tenant of their own. */
  props?: Record<string, unknown> | undefined
  /** `CourierInboxDatastore.shared`, where courier-ui-inbox is used: kept live over reconnects, emptied on sign-out. */
  datastore?: CourierDatastoreLike | undefined
  /** Called when the last user's items must leave the page: remove or re-create the inbox element. */
  onClear?: (() => void) | undefined
}

// The SDK's undocumented parts: each is looked for before it is used.
interface Settings {
  accessToken?: string
  jwt?: string
}
interface Socket {
  readonly isOpen: boolean
  connect(): unknown
  onOpen?(event: unknown): unknown
  onClose?(event: CloseEvent): unknown
}
interface Inbox {
  readonly socket?: Socket
  readonly options?: Settings
}
interface Client {
  inbox?: Inbox
  readonly options?: Settings
}
interface Dataset {
  getFilter(): unknown
  restoreFromSnapshot?(dataset: { id: string; messages: []; unreadCount: number }): void
}
interface Datastore extends CourierDatastoreLike {
  readonly _datasets?: ReadonlyMap<string, Dataset>
}

interface Link {
  update(context: AdapterContext): void
  detach(): void
}

const quietly = (run: () => unknown): unknown => Promise.resolve().then(run).catch(Boolean)

function link(context: AdapterContext, shared: CourierLike, { props, datastore, onClear }: CourierOptions): Link {
  const store = datastore as Datastore | undefined
  const undo: (() => void)[] = []
  let client: Client | undefined
  let settings: Settings | undefined
  let socket: Socket | undefined
  let missed = false

  const patch = <T extends object, K extends keyof T>(
    target: T | undefined,
    name: K,
    wrap: (original: NonNullable<T[K]>) => unknown,
  ): void => {
    const original = target?.[name]
    if (original && Reflect.set(target, name, wrap(original))) undo.push(() => Reflect.set(target, name, original))
  }

  const supply = async (rejected?: string): Promise<string> =>
    (settings!.accessToken = settings!.jwt = (await context.getToken({ rejected })).value)

  const request = async (run: () => unknown, rejected?: string): Promise<unknown> => {
    let token
    try {
      token = await supply(rejected)
      return await run()
    } catch (error) {
      if ((error as { code?: unknown }).code === 401 && !rejected) return await request(run, token)
      missed = true
      throw error
    } finally {
      // An answer for a user who has left would end up in the next one's inbox: it never comes.
      if (context.signal.aborted) await new Promise(() => {})
    }
  }

  const dial = (): unknown => quietly(() => (store ? store.listenForUpdates() : socket!.connect()))
  const load = (): unknown => quietly(() => store!.load!({ canUseCache: false }))
  const catchUp = (): void => {
    missed = false
    dial()
    load()
  }

  const hook = (): void => {
    if (client === shared.client) return
    client = shared.client as Client
    const { inbox, options } = client
    const { value } = context.token
    if (inbox?.options !== options || options?.accessToken !== value || !Reflect.set(options, 'accessToken', value))
      return
    settings = options
    socket = inbox!.socket
    patch(
      client,
      'inbox',
      (target) =>
        new Proxy(target, {
          get: (_, name) => {
            const member = Reflect.get(target, name) as unknown
            return typeof member === 'function'
              ? (...input: unknown[]) => request(() => member.apply(target, input))
              : member
          },
        }),
    )
    patch(socket, 'onOpen', (onOpen) => (event: unknown) => {
      if (missed) catchUp()
      return onOpen.call(socket, event)
    })
    patch(socket, 'onClose', (onClose) => (event: CloseEvent) => {
      missed = true
      if (event.code !== 1_000 && !/retry/i.test(event.reason)) {
        void quietly(async () => ((event.target as WebSocket).url.includes(await supply()) ? load() : dial()))
      }
      return onClose.call(socket, event)
    })
  }

  const signIn = (): void => {
    const { user, value } = context.token
    settings = undefined
    undo.splice(0).forEach((run) => run())
    // A mounted inbox asks for its messages while signIn is still running.
    patch(store, 'load', (load) => (...input: []) => {
      hook()
      return load.apply(store, input)
    })
    shared.signIn({ ...props, ...(user.tenant && { tenantId: user.tenant }), userId: user.id, jwt: value })
    hook()
  }

  signIn()
  return {
    update(next) {
      context = next
      if (settings && client === shared.client && Reflect.set(settings, 'accessToken', next.token.value)) {
        settings.jwt = next.token.value
        if (missed) (socket?.isOpen ? catchUp : dial)()
      } else {
        signIn()
        catchUp()
      }
    },
    detach() {
      undo.splice(0).forEach((run) => run())
      try {
        shared.signOut()
      } finally {
        const tabs: unknown[] = []
        store?._datasets?.forEach((dataset, datasetId) => {
          tabs.push({ datasetId, filter: dataset.getFilter() })
          dataset.restoreFromSnapshot?.({ id: datasetId, messages: [], unreadCount: 0 })
        })
        store?.registerFeeds?.([{ tabs }])
        onClear?.()
      }
    },
  }
}

/**
 * Keeps Courier's inbox signed in: `courier(Courier.shared, { props: { apiUrls }, datastore: CourierInboxDatastore.shared })`.
 */
export function courier(shared: CourierLike, options: CourierOptions = {}): Adapter {
  return {
    name: 'courier',
    attach: (context) => link(context, shared, options),
    update: (handle, context) => (handle as Link).update(context),
    detach: (handle) => (handle as Link).detach(),
  }
}
