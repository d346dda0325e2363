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

// What fails here is tried again when the socket opens or the next token comes.
const attempt = async (run: () => unknown): Promise<void> => {
  try {
    await run()
  } catch {}
}

function link(context: AdapterContext, shared: CourierLike, { props, datastore, onClear }: CourierOptions): Link {
  const undo: (() => void)[] = []
  let settings: Settings | undefined
  let dialled: string | undefined
  let missed = false

  const patch = <T extends object, K extends keyof T>(target: T, name: K, value: unknown): void => {
    const original = target[name]
    if (Reflect.set(target, name, value)) undo.push(() => (target[name] = original))
  }

  const before = <T extends object>(target: T | undefined, name: keyof T, run: (input: never) => void): void => {
    const original = target?.[name] as ((input: unknown) => unknown) | undefined
    if (original) {
      patch(target!, name, (input: never) => {
        run(input)
        return original.call(target, input)
      })
    }
  }

  const request = async (run: () => unknown, rejected?: string): Promise<unknown> => {
    let token
    try {
      token = settings!.accessToken = (await context.getToken({ rejected })).value
      return await run()
    } catch (error) {
      if ((error as { code?: unknown }).code === 401 && !rejected) return await request(run, token)
      missed = true
      throw error
    } finally {
      // An answer for a user who has left would show up in the next one's inbox: it never comes.
      if (context.signal.aborted) await new Promise(() => {})
    }
  }

  const load = (): unknown => attempt(() => datastore!.load!({ canUseCache: false }))

  const revive = async (): Promise<void> => {
    if (!missed) return
    missed = false
    await attempt(() => (datastore ? datastore.listenForUpdates() : (shared.client as Client).inbox!.socket!.connect()))
    void load()
  }

  const hook = (): boolean => {
    const client = shared.client as Client | undefined
    const { inbox, options } = client ?? {}
    if (!options || inbox?.options !== options || !Reflect.set(options, 'accessToken', context.token.value))
      return false
    if (options !== settings) {
      settings = options
      patch(
        client!,
        'inbox',
        new Proxy(inbox, {
          get: (_, name: keyof Inbox) => {
            const member: unknown = inbox[name]
            return typeof member === 'function'
              ? (...input: unknown[]) => request(() => member.apply(inbox, input))
              : member
          },
        }),
      )
      before(inbox.socket, 'onOpen', () => {
        dialled = options.accessToken
        void revive()
      })
      before(inbox.socket, 'onClose', (event: CloseEvent) => {
        missed = true
        if (event.code !== 1_000) void (dialled === (dialled = options.accessToken) ? load : revive)()
      })
    }
    return true
  }

  const signIn = (): void => {
    const { user, value } = context.token
    shared.signIn({ ...props, ...(user.tenant && { tenantId: user.tenant }), userId: user.id, jwt: value })
    hook()
  }

  // A mounted inbox asks for its messages while signIn is still running.
  before(datastore, 'load', hook)
  signIn()
  return {
    update(next) {
      context = next
      if (hook()) void revive()
      else signIn()
    },
    detach() {
      undo.forEach((run) => run())
      try {
        shared.signOut()
      } finally {
        const datasets = [...((datastore as Datastore | undefined)?._datasets ?? [])]
        const tabs = datasets.map(([datasetId, dataset]) => ({ datasetId, filter: dataset.getFilter() }))
        datastore?.registerFeeds?.([{ tabs }])
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
