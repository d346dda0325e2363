import type { AdapterContext, AdapterSignal, GetTokenOptions, Token, User } from 'inbox-session'
import { courier } from 'inbox-session/courier'
import { beforeEach, describe, expect, test, vi } from 'vitest'

interface Props {
  userId: string
  jwt?: string
  tenantId?: string
}
type Options = Props & { accessToken?: string | undefined }

let journal: string[] = []
let reports: AdapterSignal[] = []
let asked: (GetTokenOptions | undefined)[] = []
/** What the provider makes of a request with this token; whether the socket can be opened. */
let answer: (token: string) => unknown = () => 'messages'
let reachable = true
let session: { token: Token; getToken(options?: GetTokenOptions): Promise<Token> }

/** Ends what would go on for ever, so that a test fails instead of hanging. */
const noLoop = () => {
  if (journal.length > 100) throw new Error('It goes on for ever.')
}

class FakeSocket {
  isOpen = false
  constructor(readonly options: Options) {}
  async connect() {
    noLoop()
    journal.push(`dial ${this.options.accessToken}`)
    await Promise.resolve()
    if (!reachable) {
      this.onClose({ code: 1_006 })
      throw new Error('refused')
    }
    this.isOpen = true
    this.onOpen({})
  }
  cut(code = 4_401) {
    this.isOpen = false
    this.onClose({ code })
  }
  onOpen(_: object) {
    journal.push('open')
  }
  onClose(_: object) {
    journal.push('closed')
  }
}

class FakeInbox {
  readonly socket: FakeSocket
  constructor(readonly options: Options) {
    this.socket = new FakeSocket(options)
  }
  get tools() {
    return { plain: true }
  }
  private headers() {
    return this.options.accessToken!
  }
  async getMessages(_?: object) {
    const token = this.headers()
    noLoop()
    journal.push(`ask ${token}`)
    await Promise.resolve()
    return answer(token)
  }
}

class FakeCourier {
  client: { options: Options; inbox: FakeInbox } | undefined
  listeners: ((userId?: string) => void)[] = []
  build: (options: Options) => FakeInbox = (options) => new FakeInbox(options)
  signIn(props: Props) {
    if (this.client) this.signOut()
    journal.push(`sign in ${props.userId} ${props.jwt}`)
    const options = { ...props, accessToken: props.jwt }
    this.client = { options, inbox: this.build(options) }
    this.listeners.forEach((listener) => listener(props.userId))
  }
  signOut() {
    journal.push('sign out')
    this.client = undefined
    this.listeners.forEach((listener) => listener())
  }
}

class FakeDatastore {
  _datasets = new Map([
    ['all', { getFilter: () => ({ archived: false }) }],
    ['old', { getFilter: () => ({ archived: true }) }],
  ])
  constructor(readonly shared: FakeCourier) {}
  async load(options?: { canUseCache: boolean }) {
    journal.push(`load ${options?.canUseCache}`)
    await this.shared.client!.inbox.getMessages()
  }
  async listenForUpdates() {
    noLoop()
    journal.push('listen')
    const socket = this.shared.client!.inbox.socket
    if (!socket.isOpen) await socket.connect().catch(() => {})
  }
  registerFeeds(feeds: unknown) {
    journal.push(`feeds ${JSON.stringify(feeds)}`)
  }
}

let generation = 0
const tokenOf = (value: string, user: User = { id: 'ada' }): Token => ({
  value,
  user,
  receivedAt: 0,
  generation: ++generation,
})
const refused = (code: number) => Object.assign(new Error('Unauthorized'), { code })
const settled = () => new Promise((resolve) => setTimeout(resolve))

let controller = new AbortController()
const contextOf = (token: Token): AdapterContext => ({
  token,
  signal: controller.signal,
  getToken: (options) => {
    asked.push(options)
    return session.getToken(options)
  },
  report: (signal) => void reports.push(signal),
})

let shared: FakeCourier
let datastore: FakeDatastore

beforeEach(() => {
  journal = []
  reports = []
  asked = []
  answer = () => 'messages'
  reachable = true
  controller = new AbortController()
  shared = new FakeCourier()
  datastore = new FakeDatastore(shared)
  session = { token: tokenOf('t1'), getToken: () => Promise.resolve(session.token) }
})

/** Attached for ada with t1; `next` is what the session does with a newer token. */
function start(options: Parameters<typeof courier>[1] = { datastore }, token = session.token) {
  const adapter = courier(shared, options)
  const handle = adapter.attach(contextOf(token))
  return {
    next(value: string) {
      session.token = tokenOf(value, token.user)
      return adapter.update!(handle, contextOf(session.token))
    },
    again: () => adapter.update!(handle, contextOf(session.token)),
    detach() {
      controller.abort()
      return adapter.detach!(handle, 'sign-out', session.token)
    },
  }
}

/** The socket of an inbox that has been open for a while. */
async function opened() {
  const { socket } = shared.client!.inbox
  await socket.connect()
  await settled()
  journal = []
  return socket
}

describe('signing in', () => {
  test('takes the user, the token and the further props', () => {
    const signIn = vi.spyOn(shared, 'signIn')
    start({ props: { showLogs: true, userId: 'wrong', jwt: 'wrong' } })
    expect(signIn).toHaveBeenCalledWith(expect.objectContaining({ showLogs: true, userId: 'ada', jwt: 't1' }))
  })

  test("takes the user's own tenant before the one of the props", () => {
    const signIn = vi.spyOn(shared, 'signIn')
    start({ props: { tenantId: 'props' } }, tokenOf('t1', { id: 'ada', tenant: 'own' }))
    start({ props: { tenantId: 'props' } })
    expect(signIn.mock.calls.map(([{ tenantId }]) => tenantId)).toEqual(['own', 'props'])
  })

  test('already guards what a mounted inbox asks for while signIn is running', async () => {
    answer = (token) => (token === 't1' ? Promise.reject(refused(401)) : 'messages')
    session.getToken = (options) =>
      Promise.resolve(options?.rejected === 't1' ? (session.token = tokenOf('t2')) : session.token)
    const loads: unknown[] = []
    shared.listeners.push((userId) => userId && loads.push(datastore.load()))
    start()
    await Promise.all(loads)
    expect(journal).toEqual(['sign in ada t1', 'load undefined', 'ask t1', 'ask t2'])
  })

  test('that throws leaves the data store as it was', () => {
    shared.listeners.push(() => {
      throw new Error("A listener of the app's own.")
    })
    const { load } = datastore
    expect(() => start()).toThrow('of the app')
    expect(datastore.load).toBe(load)
  })
})

describe('a new token', () => {
  test('goes into the running client without a sign-in', async () => {
    const { next } = start()
    const { client } = shared
    await next('t2')
    expect(shared.client).toBe(client)
    expect(client!.options.accessToken).toBe('t2')
    expect(journal).toEqual(['sign in ada t1'])
  })

  const others: [string, () => void][] = [
    [
      'options that cannot be written to',
      () =>
        (shared.build = (options) => {
          const inbox = new FakeInbox(options)
          Object.freeze(options)
          return inbox
        }),
    ],
    ['sub-clients with options of their own', () => (shared.build = (options) => new FakeInbox({ ...options }))],
    ['no inbox', () => (shared.build = () => undefined as unknown as FakeInbox)],
    ['no socket', () => (shared.build = (options) => ({ options }) as FakeInbox)],
    ['no client', () => Object.defineProperty(shared, 'client', { get: () => undefined, set: () => {} })],
  ]
  test.each(others)('signs in again where the SDK has %s', async (_, change) => {
    change()
    const { next, detach } = start()
    await next('t2')
    await next('t3')
    expect(journal.filter((line) => line.startsWith('sign in'))).toEqual(
      ['t1', 't2', 't3'].map((it) => `sign in ada ${it}`),
    )
    await detach()
    expect(journal.filter((line) => line.startsWith('feeds'))).toHaveLength(1)
  })

  test('signs in again after the app has signed out behind our back', async () => {
    const { next } = start()
    shared.signOut()
    await next('t2')
    expect(shared.client!.options.accessToken).toBe('t2')
  })

  test('leaves an open socket alone', async () => {
    const { next } = start()
    await opened()
    await next('t2')
    await settled()
    expect(journal).toEqual([])
  })
})

describe('a request', () => {
  test('waits for a good token first and carries it', async () => {
    start()
    session.token = tokenOf('t2')
    await expect(shared.client!.inbox.getMessages()).resolves.toBe('messages')
    expect(journal).toEqual(['sign in ada t1', 'ask t2'])
  })

  test('that was refused is sent once more with the token that comes for it', async () => {
    start()
    answer = (token) => (token === 't1' ? Promise.reject(refused(401)) : 'messages')
    session.getToken = (options) =>
      Promise.resolve(options?.rejected === 't1' ? (session.token = tokenOf('t2')) : session.token)
    await expect(shared.client!.inbox.getMessages()).resolves.toBe('messages')
    expect(asked.map((options) => options?.rejected)).toEqual([undefined, 't1'])
  })

  test('that is refused twice comes out as it is: no loop', async () => {
    start()
    answer = () => Promise.reject(refused(401))
    await expect(shared.client!.inbox.getMessages()).rejects.toThrow('Unauthorized')
    expect(journal.filter((line) => line.startsWith('ask'))).toHaveLength(2)
  })

  test.each([403, 500])('that fails with %i is not sent again and accuses no token', async (code) => {
    start()
    answer = () => Promise.reject(refused(code))
    await expect(shared.client!.inbox.getMessages()).rejects.toThrow('Unauthorized')
    expect(asked.map((options) => options?.rejected)).toEqual([undefined])
  })

  test('that failed for want of a token is made good by the next one', async () => {
    const { next } = start()
    await opened()
    session.getToken = () => Promise.reject(new Error('The backend is down.'))
    await expect(datastore.load()).rejects.toThrow('down')
    journal = []
    session.getToken = () => Promise.resolve(session.token)
    await next('t2')
    await settled()
    expect(journal).toEqual(['listen', 'load false', 'ask t2'])
  })

  test('that was under way when the user left is never answered', async () => {
    const { detach } = start()
    const heard = vi.fn()
    void shared.client!.inbox.getMessages().then(heard, heard)
    await detach()
    await settled()
    expect(heard).not.toHaveBeenCalled()
  })

  test('leaves what is no method as it is', () => {
    start()
    const { inbox, options } = shared.client!
    expect(inbox.tools).toEqual({ plain: true })
    expect(inbox.options).toBe(options)
    expect((inbox as unknown as { then?: unknown }).then).toBeUndefined()
  })
})

describe('the socket', () => {
  test('that opens for the first time is left to the SDK', async () => {
    start()
    await opened()
    expect(journal).toEqual([])
  })

  test('that is cut at the end of its token is opened at once with the newer one, listens and catches up', async () => {
    const { next } = start()
    const socket = await opened()
    await next('t2')
    socket.cut()
    await settled()
    expect(journal).toEqual(['closed', 'listen', 'dial t2', 'open', 'load false', 'ask t2'])
  })

  test('tells the session that its token was accepted when it opens, not when it closes', async () => {
    start()
    const socket = await opened()
    expect(reports).toEqual([{ kind: 'accepted' }])
    socket.cut()
    expect(reports).toHaveLength(1)
  })

  test('that is cut while its token is the newest only asks whether the token is still good', async () => {
    start()
    const socket = await opened()
    socket.cut()
    await settled()
    expect(journal).toEqual(['closed', 'load false', 'ask t1'])
  })

  test('that is refused again and again is not dialled in a loop', async () => {
    const { next } = start()
    const socket = await opened()
    reachable = false
    await next('t2')
    socket.cut()
    for (let round = 0; round < 20; round++) await settled()
    expect(journal.filter((line) => line.startsWith('dial')).length).toBeLessThanOrEqual(2)
  })

  test('that the SDK itself opened again listens again and fetches what came meanwhile', async () => {
    start()
    const socket = await opened()
    socket.cut()
    await settled()
    journal = []
    await socket.connect()
    await settled()
    expect(journal).toEqual(['dial t1', 'open', 'listen', 'load false', 'ask t1'])
  })

  test('that closed normally is opened by the next token, not before', async () => {
    const { next } = start()
    const socket = await opened()
    socket.cut(1_000)
    await settled()
    expect(journal).toEqual(['closed'])
    await next('t2')
    await settled()
    expect(journal).toEqual(['closed', 'listen', 'dial t2', 'open', 'load false', 'ask t2'])
  })

  test('that died is opened when the session applies the same token again', async () => {
    const { again } = start()
    const socket = await opened()
    socket.cut()
    await settled()
    journal = []
    await again()
    await settled()
    expect(journal).toContain('dial t1')
  })

  test('is opened without a data store as well', async () => {
    const { next } = start({})
    const socket = await opened()
    await next('t2')
    socket.cut()
    await settled()
    expect(journal).toEqual(['closed', 'dial t2', 'open'])
  })

  test('calls its own handlers first, since those take the listeners off', async () => {
    const { next } = start()
    const socket = await opened()
    await next('t2')
    datastore.listenForUpdates = vi.fn(() => Promise.resolve(void expect(journal).toContain('closed')))
    socket.cut()
    await settled()
    expect(datastore.listenForUpdates).toHaveBeenCalledOnce()
  })

  test('is not opened with a token that has ended, but with the one that comes, even if that takes longer than a call', async () => {
    const { next } = start()
    const socket = await opened()
    await next('t2')
    session.getToken = () => Promise.reject(new Error('The backend is down.'))
    socket.cut()
    await settled()
    expect(journal).not.toContain('dial t2')
    session.getToken = () => Promise.resolve(session.token)
    await next('t3')
    await settled()
    expect(journal).toContain('dial t3')
  })
})

describe('letting go', () => {
  test('signs out, empties the data store but for its feeds, and then tells the app', async () => {
    const { detach } = start({ datastore, onClear: () => journal.push('clear') })
    journal = []
    await detach()
    const tabs = [
      { datasetId: 'all', filter: { archived: false } },
      { datasetId: 'old', filter: { archived: true } },
    ]
    expect(journal).toEqual(['sign out', `feeds ${JSON.stringify([{ tabs }])}`, 'clear'])
  })

  test('empties the page even if a listener to the sign-out throws', () => {
    const { detach } = start({ datastore, onClear: () => journal.push('clear') })
    shared.listeners.push(() => {
      throw new Error("A listener of the app's own.")
    })
    expect(detach).toThrow('of the app')
    expect(journal.slice(-2)).toEqual([expect.stringContaining('feeds'), 'clear'])
  })

  test('empties a data store whose inside looks different in the documented way', async () => {
    const registerFeeds = vi.fn()
    const { detach } = start({ datastore: { listenForUpdates: () => undefined, registerFeeds } })
    await detach()
    expect(registerFeeds).toHaveBeenCalledWith([{ tabs: [] }])
  })

  test('takes every hook off again', async () => {
    const { load } = datastore
    const { detach } = start()
    const { client } = shared
    const { inbox } = client!
    const { socket } = inbox
    await detach()
    expect(datastore.load).toBe(load)
    expect(client!.inbox).not.toBe(inbox)
    expect(client!.inbox).toBeInstanceOf(FakeInbox)
    expect(socket.onOpen).toBe(FakeSocket.prototype.onOpen)
    expect(socket.onClose).toBe(FakeSocket.prototype.onClose)
    journal = []
    socket.cut()
    await settled()
    expect(journal).toEqual(['closed'])
  })

  test('lets the next user in with nothing of the first', async () => {
    const { detach } = start()
    await detach()
    session.token = tokenOf('b1', { id: 'bob' })
    controller = new AbortController()
    start()
    await shared.client!.inbox.getMessages()
    expect(shared.client!.options).toMatchObject({ userId: 'bob', accessToken: 'b1' })
    expect(journal.slice(-2)).toEqual(['sign in bob b1', 'ask b1'])
  })
})
