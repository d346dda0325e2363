import type { Adapter, AdapterContext, AdapterSignal } from '../attach.js'

/** What this adapter uses of an instance of `@engagespot/core` (3.0.1). Only `realTime.disconnect` has to be there. */
export interface EngagespotLike {
  readonly realTime: { disconnect(): unknown; connect?(): unknown }
  readonly app?: { connect?(): unknown }
  readonly webPush?: { connect?(): unknown }
}

/** What an instance is made with and keeps for life. */
export interface EngagespotCredentials {
  userId: string
  userToken: string
  /** Only for a user with a tenant. */
  tenantIdentifier?: string
}

/** Options of `engagespot`. */
export interface EngagespotOptions<I extends EngagespotLike = EngagespotLike> {
  /**
   * Called with each new instance, after the last one was disconnected, and with undefined once the user has gone. Lists and
   * subscriptions belong to the instance: subscribe and load the list here, every time. Default: none.
   */
  onInstance?: ((instance: I | undefined) => void) | undefined
  /**
   * True: the adapter connects every instance, once; make them with `disableAutoStart: true` and leave every `connect()` to
   * it. A token that is refused or a connection the server cuts is then noticed and mended. Default false: the SDK connects
   * by itself and tells nobody how that went. Then load the list once more a few seconds after `onInstance`, and call
   * `session.invalidate(token)` where a call of yours meets a 401.
   */
  connect?: boolean | undefined
  /**
   * With `connect`: called each time an instance is connected, at first and after every interruption. Load the list again:
   * what was sent between its last answer and now came over no connection. Default: none.
   */
  onConnect?: ((instance: I) => void) | undefined
}

interface SocketLike {
  readonly active: unknown
  on(event: string, listener: (detail: unknown) => void): unknown
  off(event: string, listener: (detail: unknown) => void): unknown
}

const connectOf = async (part?: { connect?(): unknown }): Promise<unknown> => await part?.connect?.()

/**
 * Keeps Engagespot supplied: `engagespot((c) => createInstance({ apiKey, ...c }), { onInstance })`. The SDK cannot change the
 * token of an instance, so every token makes a new one; the old one is disconnected first and takes its lists along. In React
 * give the provider a `key` that changes with the instance. Tokens without `exp` are welcome.
 * Throws what `create` or `onInstance` throw, with nothing left connected.
 */
export function engagespot<I extends EngagespotLike>(
  create: (credentials: EngagespotCredentials) => I,
  { onInstance, connect, onConnect }: EngagespotOptions<I> = {},
): Adapter<I> {
  const releases = new WeakMap<I, () => void>()

  const stop = (instance: I): void => {
    releases.get(instance)?.()
    instance.realTime.disconnect()
  }

  const open = (instance: I, context: AdapterContext): void => {
    const token = context.token.value
    let socket: Partial<SocketLike> | null | undefined
    let asking: Promise<unknown> | undefined
    let told = false
    const tell = (signal: AdapterSignal): void => {
      if (told) return
      release()
      context.report(signal)
    }
    // A handshake may be refused for other reasons than the token: only a 401 over HTTP settles it.
    const ask = async (refused?: boolean): Promise<void> => {
      asking ??= connectOf(instance.app).catch(() => 0)
      const answer = (await asking) as { response?: { status?: number } } | undefined
      asking = undefined
      if (answer?.response?.status === 401) tell({ kind: 'rejected', token, status: 401 })
      else if (refused) tell({ kind: 'session-lost' })
    }
    const listeners: [string, (detail: unknown) => void][] = [
      ['connect', () => onConnect?.(instance)],
      ['connect_error', () => socket?.active === false && void ask(true)],
      ['disconnect', (reason) => reason === 'io server disconnect' && tell({ kind: 'session-lost' })],
    ]
    const release = (): void => {
      told = true
      for (const [event, listener] of listeners) socket?.off?.(event, listener)
    }
    releases.set(instance, release)
    void ask()
    void connectOf(instance.webPush).catch(() => 0)
    // Where the SDK has connected by itself after all, a second connect would leave that socket open for ever.
    instance.realTime.disconnect()
    void connectOf(instance.realTime).then(
      (opened) => {
        if (told) return
        socket = opened as typeof socket
        for (const [event, listener] of listeners) socket?.on?.(event, listener)
      },
      () => 0,
    )
  }

  const start = (context: AdapterContext): I => {
    const { value: userToken, user } = context.token
    const instance = create({
      userId: user.id,
      userToken,
      ...(user.tenant !== undefined && { tenantIdentifier: user.tenant }),
    })
    try {
      onInstance?.(instance)
      if (connect) open(instance, context)
    } catch (error) {
      stop(instance)
      throw error
    }
    return instance
  }

  return {
    name: 'engagespot',
    attach: start,
    update(instance, context) {
      stop(instance)
      return start(context)
    },
    detach(instance) {
      try {
        stop(instance)
      } finally {
        onInstance?.(undefined)
      }
    },
  }
}
