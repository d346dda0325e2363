import type { AdapterContext, AdapterSignal } from 'inbox-session'
import { engagespot, type EngagespotCredentials } from 'inbox-session/engagespot'
import { beforeEach, expect, test, vi, type Mock } from 'vitest'

let journal: string[] = []
let reports: AdapterSignal[] = []
let made: FakeInstance[] = []

beforeEach(() => {
  journal = []
  reports = []
  made = []
})

type Listener = (detail: unknown) => void

const createSocket = () => {
  const listeners = new Map<string, Set<Listener>>()
  return {
    active: true,
    listeners,
    on: (event: string, listener: Listener) =>
      void listeners.set(event, (listeners.get(event) ?? new Set()).add(listener)),
    off: (event: string, listener: Listener) => void listeners.get(event)?.delete(listener),
    emit: (event: string, detail?: unknown) =>
      [...(listeners.get(event) ?? [])].forEach((listener) => listener(detail)),
    count: () => [...listeners.values()].reduce((sum, { size }) => sum + size, 0),
  }
}

interface FakeInstance {
  credentials: EngagespotCredentials
  socket: ReturnType<typeof createSocket>
  status: number | 'offline'
  realTime: { connect: Mock<() => unknown>; disconnect: Mock<() => unknown> }
  app: { connect: Mock<() => unknown> }
  webPush: { connect: Mock<() => unknown> }
}

const createInstance = (credentials: EngagespotCredentials, status = 200): FakeInstance => {
  const number = made.length + 1
  journal.push(`create ${number}`)
  const socket = createSocket()
  const instance: FakeInstance = {
    credentials,
    socket,
    status,
    realTime: {
      connect: vi.fn((): unknown => Promise.resolve(socket)),
      disconnect: vi.fn(() => void journal.push(`disconnect ${number}`)),
    },
    app: {
      connect: vi.fn((): unknown =>
        instance.status === 'offline'
          ? Promise.reject(new TypeError('Failed to fetch'))
          : Promise.resolve({ error: {}, response: { status: instance.status } }),
      ),
    },
    webPush: { connect: vi.fn((): unknown => Promise.resolve(true)) },
  }
  made.push(instance)
  return instance
}

const contextOf = (value: string, user: { id: string; tenant?: string } = { id: 'ada' }): AdapterContext => ({
  token: { value, user, receivedAt: 0, generation: 1 },
  signal: new AbortController().signal,
  getToken: () => Promise.reject(new Error('not asked')),
  report: (signal) => void reports.push(signal),
})

const onInstance = (instance: FakeInstance | undefined) =>
  void journal.push(instance ? `hand over ${made.indexOf(instance) + 1}` : 'hand over nothing')
const settled = () => new Promise((resolve) => setImmediate(resolve))
const connected = async (status = 200) => {
  const adapter = engagespot((credentials) => createInstance(credentials, status), { onInstance, connect: true })
  const handle = await adapter.attach(contextOf('first'))
  await settled()
  return { adapter, handle, ...handle }
}

test('an instance is made with the token, the user and the tenant, and goes to the app', () => {
  const adapter = engagespot(createInstance, { onInstance })
  const handle = adapter.attach(contextOf('first', { id: 'ada', tenant: 'acme' }))
  expect(made[0]!.credentials).toEqual({ userId: 'ada', userToken: 'first', tenantIdentifier: 'acme' })
  expect(handle).toBe(made[0])
  expect(journal).toEqual(['create 1', 'hand over 1'])
})

test('a user without a tenant leaves the tenant of the app alone', () => {
  void engagespot(createInstance).attach(contextOf('first'))
  expect(made[0]!.credentials).toStrictEqual({ userId: 'ada', userToken: 'first' })
})

test('a new token disconnects the old instance before it makes the next', () => {
  const adapter = engagespot(createInstance, { onInstance })
  const next = adapter.update!(adapter.attach(contextOf('first')) as FakeInstance, contextOf('second'))
  expect(next).toBe(made[1])
  expect(made[1]!.credentials.userToken).toBe('second')
  expect(journal).toEqual(['create 1', 'hand over 1', 'disconnect 1', 'create 2', 'hand over 2'])
})

test('signing out disconnects first and then takes the instance away from the app', async () => {
  const adapter = engagespot(createInstance, { onInstance })
  const context = contextOf('first')
  await adapter.detach!(adapter.attach(context) as FakeInstance, 'sign-out', context.token)
  expect(journal).toEqual(['create 1', 'hand over 1', 'disconnect 1', 'hand over nothing'])
})

test('the app loses the instance of a user who left even where the SDK fails to disconnect', () => {
  const adapter = engagespot(createInstance, { onInstance })
  const context = contextOf('first')
  const handle = adapter.attach(context) as FakeInstance
  handle.realTime.disconnect.mockImplementation(() => {
    throw new Error('disconnect failed')
  })
  expect(() => adapter.detach!(handle, 'sign-out', context.token)).toThrow('disconnect failed')
  expect(journal.at(-1)).toBe('hand over nothing')
})

test('an app that fails to take the new instance leaves none connected', () => {
  const refuse = () => {
    throw new Error('no room')
  }
  const adapter = engagespot(createInstance, { onInstance: refuse })
  expect(() => adapter.attach(contextOf('first'))).toThrow('no room')
  expect(journal).toEqual(['create 1', 'disconnect 1'])
})

test('an instance that connects by itself is never connected again', async () => {
  const adapter = engagespot(createInstance)
  const handle = adapter.attach(contextOf('first')) as FakeInstance
  void adapter.update!(handle, contextOf('second'))
  await settled()
  for (const { app, realTime, webPush } of made) {
    for (const part of [app, realTime, webPush]) expect(part.connect).not.toHaveBeenCalled()
  }
})

test('with connect, each instance is connected once, after the app has it, and nothing is reported while all is well', async () => {
  const { adapter, handle, realTime } = await connected()
  expect(journal).toEqual(['create 1', 'hand over 1', 'disconnect 1'])
  await adapter.update!(handle, contextOf('second'))
  await settled()
  for (const { app, realTime, webPush } of made) {
    for (const part of [app, realTime, webPush]) expect(part.connect).toHaveBeenCalledOnce()
  }
  expect(realTime.disconnect.mock.invocationCallOrder[0]).toBeLessThan(realTime.connect.mock.invocationCallOrder[0]!)
  expect(reports).toEqual([])
})

test('the app hears each time the instance is connected, at first and after an interruption, until it is replaced', async () => {
  const onConnect = vi.fn()
  const adapter = engagespot(createInstance, { connect: true, onConnect })
  const handle = adapter.attach(contextOf('first')) as FakeInstance
  await settled()
  handle.socket.emit('connect')
  handle.socket.emit('disconnect', 'transport close')
  handle.socket.emit('connect')
  expect(onConnect.mock.calls).toEqual([[handle], [handle]])
  void adapter.update!(handle, contextOf('second'))
  handle.socket.emit('connect')
  expect(onConnect).toHaveBeenCalledTimes(2)
})

test('a start that is answered with 401 reports the token as rejected', async () => {
  await connected(401)
  expect(reports).toEqual([{ kind: 'rejected', token: 'first', status: 401 }])
})

test('a start that is answered with 403 or not at all reports nothing', async () => {
  await connected(403)
  await connected(500)
  const adapter = engagespot(createInstance, {
    connect: true,
    onInstance: (instance) => (instance!.status = 'offline'),
  })
  void adapter.attach(contextOf('first'))
  await settled()
  expect(reports).toEqual([])
})

test('a refused handshake is a rejected token only where the API says 401 as well', async () => {
  const { handle, socket } = await connected()
  handle.status = 401
  socket.active = false
  socket.emit('connect_error', new Error('unauthorized'))
  await settled()
  expect(reports).toEqual([{ kind: 'rejected', token: 'first', status: 401 }])
})

test.each([200, 'offline' as const])(
  'a refused handshake beside an API that is %s asks for the same token again',
  async (status) => {
    const { handle, socket } = await connected()
    handle.status = status
    socket.active = false
    socket.emit('connect_error', new Error('busy'))
    await settled()
    expect(reports).toEqual([{ kind: 'session-lost' }])
  },
)

test('an attempt that failed and that socket.io repeats by itself is left to it', async () => {
  const { app, socket } = await connected()
  socket.emit('connect_error', new Error('websocket error'))
  socket.emit('disconnect', 'transport close')
  socket.emit('disconnect', 'io client disconnect')
  await settled()
  expect(reports).toEqual([])
  expect(app.connect).toHaveBeenCalledOnce()
})

test('a connection that the server cuts is reported once, and without another request', async () => {
  const { app, socket } = await connected()
  socket.emit('disconnect', 'io server disconnect')
  socket.emit('disconnect', 'io server disconnect')
  await settled()
  expect(reports).toEqual([{ kind: 'session-lost' }])
  expect(app.connect).toHaveBeenCalledOnce()
})

test('a handshake refused during the start waits for the answer that is on its way', async () => {
  let answer = (_: unknown): void => {}
  const create = (credentials: EngagespotCredentials) => {
    const instance = createInstance(credentials)
    instance.app.connect.mockReturnValue(new Promise((resolve) => (answer = resolve)))
    return instance
  }
  const { app, socket } = await engagespot(create, { connect: true }).attach(contextOf('first'))
  await settled()
  socket.active = false
  socket.emit('connect_error', new Error('unauthorized'))
  answer({ response: { status: 401 } })
  await settled()
  expect(app.connect).toHaveBeenCalledOnce()
  expect(reports).toEqual([{ kind: 'rejected', token: 'first', status: 401 }])
})

test('nothing is heard of an instance that was replaced', async () => {
  const { adapter, handle, socket } = await connected()
  const late = [...socket.listeners.values()].flatMap((set) => [...set])
  await adapter.update!(handle, contextOf('second'))
  expect(socket.count()).toBe(0)
  socket.active = false
  for (const listener of late) listener('io server disconnect')
  await settled()
  expect(reports).toEqual([])
})

test('signing out while the socket is still being opened leaves no listener behind', async () => {
  const adapter = engagespot(createInstance, { connect: true })
  const context = contextOf('first')
  const handle = adapter.attach(context) as FakeInstance
  await adapter.detach!(handle, 'sign-out', context.token)
  await settled()
  expect(handle.socket.count()).toBe(0)
  expect(handle.realTime.disconnect).toHaveBeenCalledTimes(2)
})

test('an answer that comes after the sign-out is not reported', async () => {
  const adapter = engagespot((credentials) => createInstance(credentials, 401), { connect: true })
  const context = contextOf('first')
  await adapter.detach!(adapter.attach(context) as FakeInstance, 'sign-out', context.token)
  await settled()
  expect(reports).toEqual([])
})

test.each([
  ['has nothing to connect', () => ({ realTime: { disconnect() {} } })],
  ['opens no socket', () => ({ realTime: { disconnect() {}, connect: () => Promise.resolve(true) } })],
  ['opens nothing at all', () => ({ realTime: { disconnect() {}, connect: () => undefined } })],
  ['opens something that is no emitter', () => ({ realTime: { disconnect() {}, connect: () => ({}) } })],
  [
    'fails to connect',
    () => ({
      realTime: { disconnect() {}, connect: () => Promise.reject(new Error('closed')) },
      app: {
        connect() {
          throw new Error('closed')
        },
      },
      webPush: { connect: () => Promise.reject(new Error('closed')) },
    }),
  ],
])('another version of the SDK that %s is served all the same', async (_, create) => {
  const adapter = engagespot(create, { connect: true })
  const context = contextOf('first')
  const handle = await adapter.attach(context)
  await settled()
  const next = await adapter.update!(handle, context)
  await adapter.detach!(next ?? handle, 'detach', context.token)
  await settled()
  expect(reports).toEqual([])
})
