import type { TestWindow } from 'inbox-session/testing'

/** What is done in a page, simulated or real, and a log of what it saw. */
export interface Player {
  /** What happened since it was last looked at. */
  look(): string[]
  lock(name: string, options?: { ifAvailable?: boolean; abortable?: boolean; throws?: boolean }): void
  /** Lets go of the lock that was asked for first and is still held. */
  release(name: string): void
  /** Gives up the request that can be and was made last. */
  abort(name: string): void
  /** Asks for a lock and gives up at once. */
  waver(name: string): void
  names(): void
  listen(channel: string): void
  post(channel: string, ...messages: unknown[]): void
  /** Posts, and changes what it posted. */
  postAndChange(channel: string): void
  hangUp(channel: string): void
  set(key: string, value: string): void
  remove(key: string): void
  read(key: string): void
  keys(): void
  timers(): void
}

/** A tab and what it does; `close` and `crash` are done to it. */
export type Step = readonly [tab: number, act: keyof Player | 'close' | 'crash', ...args: unknown[]]

/** Two tabs of one origin. */
export interface Stage {
  act(tab: number, act: string, args: readonly unknown[]): Promise<unknown>
  look(tab: number): string[] | Promise<string[]>
}

/** The steps one after the other, each with what both tabs saw of it. */
export async function play(stage: Stage, steps: readonly Step[]): Promise<string[]> {
  const open = new Set([1, 2])
  const log: string[] = []
  for (const [tab, act, ...args] of steps) {
    await stage.act(tab, act, args)
    if (act === 'close' || act === 'crash') open.delete(tab)
    const seen: string[] = []
    for (const other of open) seen.push(...(await stage.look(other)).map((text) => `${other} ${text}`))
    log.push(`${tab} ${act} ${args.map((one) => JSON.stringify(one)).join(' ')} → ${seen.join('; ')}`)
  }
  return log
}

export function createPlayer(window: TestWindow): Player {
  const log: string[] = []
  const held: Record<string, (() => void)[]> = {}
  const asked: Record<string, AbortController> = {}
  const channels: Record<string, InstanceType<TestWindow['BroadcastChannel'] & object>> = {}
  const note = (text: string): void => void log.push(text)
  const attempt = (work: () => void): void => {
    try {
      work()
    } catch (error) {
      note(`throws ${(error as Error).name}`)
    }
  }
  const request = (name: string, options: object, throws = false): void => {
    const hold = (lock?: unknown): Promise<unknown> => {
      note(lock ? `${name} got` : `${name} is taken`)
      if (throws) throw new RangeError()
      return lock ? new Promise<void>((resolve) => (held[name] ??= []).push(resolve)) : Promise.resolve()
    }
    window
      .navigator!.locks!.request(name, options, hold)
      .then(() => note(`${name} done`))
      .catch((error: Error) => note(`${name} ${error.name}`))
  }
  window.addEventListener!('storage', (event) => {
    const { key, newValue } = event as StorageEvent
    note(`heard ${key}=${newValue}, reads ${window.localStorage!.getItem(key!)}`)
  })
  return {
    look: () => log.splice(0),
    lock(name, { ifAvailable, abortable, throws } = {}) {
      if (abortable) asked[name] = new AbortController()
      request(name, { ...(ifAvailable && { ifAvailable }), ...(abortable && { signal: asked[name]!.signal }) }, throws)
    },
    release: (name) => held[name]!.shift()!(),
    abort: (name) => asked[name]!.abort(),
    waver(name) {
      const controller = new AbortController()
      request(name, { signal: controller.signal })
      controller.abort()
    },
    names: () =>
      void window.navigator!.locks!.query().then((found) => {
        const { held, pending } = found as Record<'held' | 'pending', { name: string }[]>
        note(`held ${held.map(({ name }) => name).sort()}, pending ${pending.map(({ name }) => name).sort()}`)
      }),
    listen(channel) {
      const opened = (channels[channel] = new window.BroadcastChannel!(channel))
      opened.onmessage = ({ data }) => note(`${channel}: ${JSON.stringify(data)}`)
    },
    post: (channel, ...messages) => attempt(() => messages.forEach((data) => channels[channel]!.postMessage(data))),
    postAndChange(channel) {
      const data = { list: [1] }
      channels[channel]!.postMessage(data)
      data.list.push(2)
      attempt(() => channels[channel]!.postMessage({ run() {} }))
    },
    hangUp: (channel) => channels[channel]!.close(),
    set: (key, value) => window.localStorage!.setItem(key, value),
    remove: (key) => window.localStorage!.removeItem(key),
    read: (key) => note(`${key} is ${window.localStorage!.getItem(key)}`),
    keys: () => note(`keys ${Object.keys(window.localStorage!).sort()}`),
    timers() {
      const after = (ms: number, text: string) => window.setTimeout(() => note(text), ms)
      after(60, 'later')
      after(20, 'soon')
      after(2 ** 31, 'beyond 32 bits')
      after(Infinity, 'for ever')
      after(-5, 'negative')
      after(20, 'soon, armed second')
      window.clearTimeout(after(20, 'taken back'))
      window.clearTimeout(undefined)
      window.setTimeout(() => {
        after(20, 'armed in a timer')
        void Promise.resolve().then(() => note('promise of a timer'))
      }, 20)
      void Promise.resolve().then(() => note('promise'))
      note('code')
    },
  }
}
