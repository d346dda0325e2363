import type { AdapterContext, AdapterSignal } from 'inbox-session'
import { suprsend, type SuprSendOptions } from 'inbox-session/suprsend'
import { beforeEach, expect, test, vi } from 'vitest'

let journal: string[] = []
let reports: AdapterSignal[] = []

beforeEach(() => {
  journal = []
  reports = []
})

type Listener = (detail?: any) => unknown
type Refresh = (oldToken: string, payload: unknown) => Promise<string>

/** socket.io's client as far as it matters: it shakes hands with `auth` as it is then. */
const createSocket = (name: string) => {
  const listeners = new Map<string, Listener[]>()
  const socket = {
    active: true,
    auth: { authorization: 'public-key', tenant_id: 'acme', distinct_id: null } as any,
    handshakes: [] as any[],
    listeners,
    on: (event: string, listener: Listener) => void listeners.set(event, [...(listeners.get(event) ?? []), listener]),
    off: (event?: string) => (event ? void listeners.delete(event) : listeners.clear()),
    connect: vi.fn(() => {
      socket.active = true
      journal.push(`${name} connects`)
    }),
    emit: (event: string, detail?: unknown) => listeners.get(event)?.forEach((listener) => listener(detail)),
    /** The handshake that the server accepts. */
    accept: () => {
      socket.shakeHands()
      socket.emit('connect')
    },
    refuse: (message = 'Authentication Error: wrong auth token') => {
      socket.shakeHands()
      socket.active = false
      socket.emit('connect_error', new Error(message))
    },
    cut: (reason = 'io server disconnect') => {
      socket.active = false
      socket.emit('disconnect', reason)
    },
    shakeHands: () => {
      if (typeof socket.auth === 'function') socket.auth((auth: unknown) => socket.handshakes.push(auth))
      else socket.handshakes.push({ ...socket.auth })
    },
  }
  socket.on('connect_error', () => journal.push(`${name}: the SDK asks for a token of its own`))
  return socket
}

/** A client of the SDK: methods on prototypes, feeds that die with reset, an answer for identify. */
const createClient = () => {
  class Feed {
    socket?: ReturnType<typeof createSocket>
    emitter = { all: new Map<string, Listener[]>() }
    answers: (() => void)[] = []
    constructor(readonly name: string) {}
    initializeSocketConnection() {
      this.socket ??= createSocket(this.name)
    }
    reset() {
      journal.push(`${this.name} empty`)
      this.emitter.all.get('feed.store_update')?.forEach((listener) => listener([]))
    }
    fetch() {
      journal.push(`${this.name} loads`)
      return new Promise<void>((resolve) => this.answers.push(resolve))
    }
    remove() {
      this.reset()
      journal.push(`${this.name} removed`)
      if (this.socket) this.socket.active = false
      this.socket?.emit('disconnect', 'io client disconnect')
      feeds.feedInstances = feeds.feedInstances.filter((feed) => feed !== this)
    }
  }
  class Feeds {
    feedInstances: Feed[] = []
    initialize(options: { name?: string } = {}) {
      const feed = new Feed(options.name ?? `feed ${this.feedInstances.length + 1}`)
      this.feedInstances.push(feed)
      return feed
    }
  }
  const feeds = new Feeds()
  return {
    feeds,
    refresh: undefined as Refresh | undefined,
    answer: Promise.resolve({ status: 'success' }) as Promise<unknown>,
    identify: vi.fn(function (this: any, id: unknown, token?: string, options?: { refreshUserToken?: Refresh }) {
      journal.push(`identify ${String(id)} ${token}`)
      this.refresh = options?.refreshUserToken
      return this.answer as Promise<any>
    }),
    reset: vi.fn(async (options?: { unsubscribePush?: boolean }): Promise<unknown> => {
      journal.push(`reset ${JSON.stringify(options)}`)
      return { status: 'success' }
    }),
  }
}

const contextOf = (value: string, { id = 'ada', claims = { exp: 2e9 } as object | undefined } = {}) => {
  const controller = new AbortController()
  const context: AdapterContext = {
    token: { value, user: { id }, receivedAt: 0, generation: 1, claims: claims as Record<string, unknown> },
    signal: controller.signal,
    getToken: async () => context.token,
    report: (signal) => void reports.push(signal),
  }
  return { ...context, abort: () => controller.abort() }
}
type Context = ReturnType<typeof contextOf>

/** Attached for ada with the token 'first', and one feed whose socket is live. */
const connected = async (options?: SuprSendOptions) => {
  const client = createClient()
  const adapter = suprsend(client, options)
  const context = contextOf('first')
  const handle = await adapter.attach(context)
  const feed = client.feeds.initialize()
  feed.initializeSocketConnection()
  const socket = feed.socket!
  socket.accept()
  journal = []
  return {
    client,
    adapter,
    feed,
    socket,
    context,
    update: async (next: Context) => adapter.update!(handle, { ...next, signal: context.signal }),
    leave: async (reason: 'sign-out' | 'switch' | 'detach' = 'sign-out') => {
      context.abort()
      await adapter.detach!(handle, reason, context.token)
    },
  }
}
const settled = () => new Promise((resolve) => setImmediate(resolve))

test('the SDK is told who is there, and gets one callback for as long as they stay', async () => {
  const { client, update } = await connected()
  expect(client.identify).toHaveBeenLastCalledWith('ada', 'first', { refreshUserToken: expect.any(Function) })
  const { refresh } = client
  await update(contextOf('second'))
  expect(client.identify).toHaveBeenLastCalledWith('ada', 'second', { refreshUserToken: refresh })
})

test.each([
  ['a token without exp', {}],
  ['an opaque token', undefined],
])('%s comes without a callback: the SDK would ask at every request', async (_, claims) => {
  const client = createClient()
  const context = contextOf('endless', { claims })
  context.token = { ...context.token, claims: claims as undefined }
  await suprsend(client).attach(context)
  expect(client.refresh).toBeUndefined()
})

test('an SDK that asks gets the good token of the session, and nothing where there is none', async () => {
  const client = createClient()
  const context = contextOf('first')
  const getToken = vi.spyOn(context, 'getToken')
  await suprsend(client).attach(context)
  expect(await client.refresh!('first', {})).toBe('first')
  expect(getToken).toHaveBeenCalledWith()
  getToken.mockRejectedValue(new Error('signed_out'))
  expect(await client.refresh!('first', {})).toBe('')
})

test('a user the SDK could not identify is an error, and a 401 a refusal of the token', async () => {
  const client = createClient()
  const adapter = suprsend(client)
  client.answer = Promise.resolve({ status: 'error', statusCode: 403, error: { message: 'wrong tenant' } })
  await expect(adapter.attach(contextOf('first'))).rejects.toThrow('wrong tenant')
  expect(reports).toEqual([])
  client.answer = Promise.resolve({ status: 'error', statusCode: 401, error: { message: 'token expired' } })
  await expect(adapter.attach(contextOf('first'))).rejects.toThrow('token expired')
  expect(reports).toEqual([{ kind: 'rejected' }])
})

test('a fresh token is in the next handshake of a live socket, which is left alone', async () => {
  const { socket, update } = await connected()
  await update(contextOf('second'))
  expect(socket.connect).not.toHaveBeenCalled()
  socket.shakeHands()
  expect(socket.handshakes.at(-1)).toEqual({
    authorization: 'public-key',
    tenant_id: 'acme',
    distinct_id: 'ada',
    'x-ss-signature': 'second',
  })
})

test('a dead socket connects as soon as there is a fresh token', async () => {
  const { socket, update } = await connected()
  socket.refuse()
  await update(contextOf('second'))
  expect(socket.connect).toHaveBeenCalledOnce()
})

test('a socket refused with an older token tries the present one, and only that one is reported', async () => {
  const { socket, update } = await connected()
  socket.shakeHands()
  await update(contextOf('second'))
  socket.active = false
  socket.emit('connect_error', new Error('Authentication Error: wrong auth token'))
  expect(socket.connect).toHaveBeenCalledOnce()
  expect(reports).toEqual([])
  socket.refuse()
  expect(socket.connect).toHaveBeenCalledOnce()
  expect(reports).toEqual([{ kind: 'rejected' }])
})

test('a socket refused for another reason than its token waits for the next one', async () => {
  const { socket } = await connected()
  socket.refuse('Permission Denied')
  expect(reports).toEqual([])
  expect(socket.connect).not.toHaveBeenCalled()
})

test('a socket that is trying again by itself is left to it', async () => {
  const { socket } = await connected()
  socket.emit('disconnect', 'transport close')
  socket.emit('connect_error', new Error('websocket error: no token of ours'))
  expect(reports).toEqual([])
  expect(socket.connect).not.toHaveBeenCalled()
})

test('a socket the server cut comes back at once where a fresher token waits', async () => {
  const { socket, update } = await connected()
  await update(contextOf('second'))
  socket.cut()
  expect(socket.connect).toHaveBeenCalledOnce()
  expect(reports).toEqual([])
})

test('a socket the server cut in the life of its token is the business of the session', async () => {
  const { socket, update } = await connected()
  socket.cut()
  expect(socket.connect).not.toHaveBeenCalled()
  expect(reports).toEqual([{ kind: 'session-lost' }])
  await update(contextOf('first'))
  expect(socket.connect).toHaveBeenCalledOnce()
})

test('a feed the app removed stays removed', async () => {
  const { feed, socket, update } = await connected()
  feed.remove()
  await update(contextOf('second'))
  expect(socket.connect).not.toHaveBeenCalled()
  expect(reports).toEqual([])
})

test('the SDK no longer asks for a token of its own when a socket is refused', async () => {
  const { socket } = await connected()
  socket.refuse()
  expect(journal).toEqual([])
})

test('the list is loaded again after a socket was away, and not when it connects for the first time', async () => {
  const { feed, socket } = await connected()
  expect(feed.answers).toHaveLength(0)
  socket.cut()
  socket.accept()
  expect(journal).toEqual(['feed 1 empty', 'feed 1 loads'])
  feed.answers[0]!()
  await settled()
  expect(feed.answers).toHaveLength(1)
})

test('what is pushed while the list is loading is not lost: the list is loaded once more', async () => {
  const { feed, socket } = await connected()
  socket.cut()
  socket.accept()
  socket.emit('new_notification', { n_id: 'n1' })
  feed.answers[0]!()
  await settled()
  expect(journal).toEqual(['feed 1 empty', 'feed 1 loads', 'feed 1 empty', 'feed 1 loads'])
  feed.answers[1]!()
  await settled()
  expect(feed.answers).toHaveLength(2)
})

test('a storm of pushes does not keep the list loading', async () => {
  const { feed, socket } = await connected()
  socket.cut()
  socket.accept()
  for (let load = 0; load < 5; load++) {
    socket.emit('new_notification', { n_id: `n${load}` })
    feed.answers[load]?.()
    await settled()
  }
  expect(feed.answers).toHaveLength(3)
})

test('feeds made before the sign-in get the user, the token and their list', async () => {
  const client = createClient()
  const feed = client.feeds.initialize()
  feed.initializeSocketConnection()
  const socket = feed.socket!
  socket.refuse()
  await suprsend(client).attach(contextOf('first'))
  expect(socket.connect).toHaveBeenCalledOnce()
  socket.accept()
  expect(socket.handshakes.at(-1)).toMatchObject({ distinct_id: 'ada', 'x-ss-signature': 'first' })
  expect(feed.answers).toHaveLength(1)
})

test('feeds made later, and sockets opened later still, are watched as well', async () => {
  const { client } = await connected()
  const feed = client.feeds.initialize({ name: 'late' })
  expect(feed.name).toBe('late')
  feed.initializeSocketConnection()
  feed.initializeSocketConnection()
  feed.socket!.refuse()
  expect(feed.socket!.handshakes).toMatchObject([{ authorization: 'public-key', 'x-ss-signature': 'first' }])
  expect(reports).toEqual([{ kind: 'rejected' }])
})

test('feeds made in onIdentified are watched, and made for each user anew', async () => {
  const client = createClient()
  const adapter = suprsend(client, {
    onIdentified(id) {
      journal.push(`make feeds for ${id}`)
      client.feeds.initialize().initializeSocketConnection()
    },
  })
  const ada = contextOf('first')
  const handle = await adapter.attach(ada)
  await settled()
  client.feeds.feedInstances[0]!.socket!.refuse()
  expect(reports).toEqual([{ kind: 'rejected' }])
  ada.abort()
  await adapter.detach!(handle, 'switch', ada.token)
  expect(client.feeds.feedInstances).toEqual([])
  await adapter.attach(contextOf('second', { id: 'grace' }))
  await settled()
  expect(client.feeds.feedInstances).toHaveLength(1)
  expect(journal.filter((entry) => entry.startsWith('make'))).toEqual(['make feeds for ada', 'make feeds for grace'])
})

test('on a sign-out the page sees its list emptied, and nothing after that', async () => {
  const { feed, socket, client, leave } = await connected()
  const pages: unknown[] = []
  feed.emitter.all.set('feed.store_update', [(list) => pages.push(list)])
  socket.cut()
  reports = []
  socket.accept()
  pages.length = 0
  await leave()
  expect(pages).toEqual([[]])
  expect(feed.emitter.all.size).toBe(0)
  expect(socket.active).toBe(false)
  expect([...socket.listeners]).toEqual([])
  feed.answers.forEach((answer) => answer())
  await settled()
  expect(feed.answers).toHaveLength(1)
  expect(reports).toEqual([])
  expect(client.feeds.initialize).toBe(Object.getPrototypeOf(client.feeds).initialize)
})

test.each([
  ['sign-out', undefined, {}],
  ['switch', undefined, {}],
  ['sign-out', true, { unsubscribePush: true }],
  ['switch', false, { unsubscribePush: false }],
  ['detach', undefined, { unsubscribePush: false }],
  ['detach', true, { unsubscribePush: false }],
] as const)('a %s with unsubscribePush %s resets the SDK with %j', async (reason, unsubscribePush, options) => {
  const { leave } = await connected(unsubscribePush === undefined ? undefined : { unsubscribePush })
  await leave(reason)
  expect(journal.at(-1)).toBe(`reset ${JSON.stringify(options)}`)
})

test('a push subscription that cannot be removed does not keep the user signed in', async () => {
  const { client, leave } = await connected()
  client.reset.mockRejectedValueOnce(new TypeError('no service worker'))
  await leave()
  expect(client.reset).toHaveBeenLastCalledWith({ unsubscribePush: false })
})

test('the next user waits until the SDK has let go of the last, in another adapter too', async () => {
  const { client, leave } = await connected()
  let done = () => {}
  client.reset.mockImplementationOnce(() => new Promise<void>((resolve) => (done = resolve)))
  const left = leave('switch')
  await settled()
  const next = suprsend(client).attach(contextOf('second', { id: 'grace' }))
  await settled()
  expect(journal).not.toContain('identify grace second')
  done()
  await Promise.all([left, next])
  expect(journal).toContain('identify grace second')
})

test('a user who left while the SDK was being told is taken back from it before anybody else', async () => {
  const client = createClient()
  let answer: (given: unknown) => void = () => {}
  client.answer = new Promise((resolve) => (answer = resolve))
  const ada = contextOf('first')
  const adapter = suprsend(client)
  const attached = expect(adapter.attach(ada)).rejects.toBeDefined()
  await settled()
  ada.abort()
  client.answer = Promise.resolve()
  const next = adapter.attach(contextOf('second', { id: 'grace' }))
  await settled()
  expect(journal).toEqual(['identify ada first'])
  answer({ status: 'error', statusCode: 401, error: { message: 'too late' } })
  await Promise.all([attached, next])
  expect(journal).toEqual(['identify ada first', 'reset {"unsubscribePush":false}', 'identify grace second'])
  expect(reports).toEqual([])
})

test('a user who left before the SDK was told is never mentioned to it', async () => {
  const { client, adapter, leave } = await connected()
  const left = leave('switch')
  const grace = contextOf('second', { id: 'grace' })
  const attached = expect(adapter.attach(grace)).rejects.toBeDefined()
  grace.abort()
  await Promise.all([left, attached])
  expect(client.identify).toHaveBeenCalledOnce()
})

test('an SDK with another inside still gets its tokens and lets go of the user', async () => {
  const { identify, reset } = createClient()
  const client = { identify, reset, answer: Promise.resolve() }
  const adapter = suprsend(client)
  const context = contextOf('first')
  const handle = await adapter.attach(context)
  await adapter.update!(handle, { ...contextOf('second'), signal: context.signal })
  context.abort()
  await adapter.detach!(handle, 'sign-out', context.token)
  expect(journal).toEqual(['identify ada first', 'identify ada second', 'reset {}'])
})
