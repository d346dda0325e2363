import type { Environment } from 'inbox-session'
import { seeded, start } from './world.js'

/** What the tabs of one user share: the port every session of a tab opens under a key. */
export interface Port {
  exclusive<T>(run: () => Promise<T>, patience: number, signal?: AbortSignal): Promise<T>
  post(message: unknown): void
  onMessage(run: (message: unknown, age?: number) => void): () => void
  note(text: string): void
  mark(sharing: boolean): void
  others(): (() => void) | undefined
  close(): void
}

type Kind = 'timer' | 'message' | 'other'

interface Task {
  at: number
  order: number
  /** Lower goes first among what is overdue. */
  rank: number
  readonly kind: Kind
  readonly tab: Tab | undefined
  readonly run: () => void
}

interface Request {
  readonly port: OpenPort
  lane: number
  begun: boolean
  begin(): void
}

interface Lane {
  holder?: Request | 'somebody else' | undefined
  readonly queue: Request[]
}

/** A port, seen from the origin. */
interface OpenPort {
  readonly key: string
  readonly tab: Tab
  readonly listeners: Set<(message: unknown, age?: number) => void>
  /** Messages on their way, and whether a run posted them. */
  readonly coming: Map<Task, boolean>
  readonly requests: Set<Request>
  /** When the latest message of each sender arrives: one sender's messages keep their order. */
  readonly arrivals: Map<unknown, number>
  marked: boolean
  notesSeen: Map<string, number>
  /** Looks whether a run that waits for messages may begin. */
  arrived(): void
}

export interface Posted {
  readonly at: number
  readonly key: string
  readonly from: Tab | undefined
  readonly message: unknown
}

/** A tab on the origin's clock. Its knobs may be turned at any time. */
export interface Tab {
  readonly name: string
  readonly environment: Environment & { online: boolean; visible: boolean; server: boolean }
  /** How long a message takes to get here. */
  latency: () => number
  /** How often a message arrives here: 0 is lost, 2 comes twice. */
  copies: () => number
  locks: 'there' | 'absent' | 'throws' | 'rejects'
  channel: 'there' | 'absent' | 'throws'
  /** Timers fire at multiples of it. */
  throttle: number
  readonly running: boolean
  readonly crashed: boolean
  /** Runs without a break since then. */
  readonly since: number
  /** Armed timers that would fire some day. */
  readonly timers: number
  readonly listeners: number
  /** Open ports. */
  readonly ports: number
  /** Locks it holds or waits for. */
  readonly locked: number
  /** Whether a run of it is under way alone. */
  readonly holding: boolean
  /** How often it asked for a lock. */
  readonly asked: number
  /** Stops without a word, its lock held. Timers, answers and messages wait. */
  freeze(): void
  thaw(first?: 'messages' | 'timers' | 'wake'): Promise<void>
  /** Into the back/forward cache: lock and channel are let go, messages meanwhile are lost. */
  leave(): void
  comeBack(): Promise<void>
  /** Gone without a word. Its lock is free, its mark stays. */
  crash(): void
  /** What comes from outside arrives only while the tab runs. */
  gate<T>(work: Promise<T>): Promise<T>
  wake(): Promise<void>
  setOnline(online: boolean): Promise<void>
  setVisible(visible: boolean): Promise<void>
}

export interface Origin {
  readonly now: number
  readonly tabs: readonly Tab[]
  readonly posted: Posted[]
  /** The words left under each key, and which in turn. */
  readonly notes: ReadonlyMap<string, ReadonlyMap<string, number>>
  /** Keys of open ports. */
  readonly keys: string[]
  /** Marks that are set under any key. */
  readonly marks: number
  /** Ms after which a holder that does not run is got round by a second lock, then without. */
  detour: number
  /** Opens a tab; `ahead`: its clock's lead in ms. */
  open(options?: { ahead?: number; random?: () => number }): Tab
  /** Somebody else takes every lock, until the returned function is called. */
  occupy(): () => void
  /** A message of somebody else to all ports of a key, as it is. */
  forge(key: string, message: unknown, age?: number): void
  advance(ms: number): Promise<void>
  /** Moves the clock; then runs what is overdue. */
  sleep(ms: number): Promise<void>
  wait(ms: number): Promise<void>
  flush(): Promise<void>
}

const lanes = 2

/** An origin with any number of tabs on one virtual clock. `shuffle` puts what is due at one time in a drawn order. */
export function createOrigin({ seed = 1, shuffle = false }: { seed?: number; shuffle?: boolean } = {}): Origin {
  let now = start
  let order = 0
  const random = seeded(seed)
  const tasks = new Set<Task>()
  const tabs: Tab[] = []
  const open = new Set<OpenPort>()
  const locks = new Map<string, Lane[]>()
  const notes = new Map<string, Map<string, number>>()
  const marks = new Map<string, Set<unknown>>()
  const posted: Posted[] = []
  const gone = new Set<Tab>()
  const away = new Set<Tab>()
  let occupied = false

  const flush = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  const plan = (kind: Kind, tab: Tab | undefined, at: number, run: () => void): Task => {
    const task = { at, order: ++order + (shuffle ? random() * 20 : 0), rank: 0, kind, tab, run }
    tasks.add(task)
    return task
  }
  const soon = (tab: Tab | undefined, run: () => void): Task => plan('other', tab, now, run)
  const next = (): Task | undefined => {
    let first: Task | undefined
    const earlier = (one: Task, other: Task) =>
      Math.max(one.at, now) - Math.max(other.at, now) ||
      one.rank - other.rank ||
      one.at - other.at ||
      one.order - other.order
    for (const task of tasks) if (!(task.tab && !task.tab.running) && (!first || earlier(task, first) < 0)) first = task
    return first
  }
  const runDue = async (until: number): Promise<void> => {
    await flush()
    for (let task, runs = 0; (task = next()) && task.at <= until;) {
      if (++runs > 200_000) throw new Error('tasks run for ever')
      tasks.delete(task)
      now = Math.max(now, task.at)
      task.run()
      await flush()
    }
    now = Math.max(now, until)
  }
  const wait = (ms: number): Promise<void> => new Promise((resolve) => void plan('other', undefined, now + ms, resolve))

  const lanesOf = (key: string): Lane[] => {
    const found = locks.get(key) ?? Array.from({ length: lanes }, () => ({ queue: [] }))
    locks.set(key, found)
    return found
  }
  const grant = (lane: Lane): void => {
    if (occupied || lane.holder || !lane.queue.length) return
    const request = lane.queue.shift()!
    lane.holder = request
    soon(request.port.tab, () => request.begin())
  }
  const letGo = (request: Request): void => {
    const lane = lanesOf(request.port.key)[request.lane]
    request.port.requests.delete(request)
    if (!lane) return
    if (lane.queue.includes(request)) lane.queue.splice(lane.queue.indexOf(request), 1)
    if (lane.holder === request) lane.holder = undefined
    grant(lane)
  }
  const isStuck = ({ holder }: Lane): boolean =>
    occupied || (holder !== undefined && holder !== 'somebody else' && !holder.port.tab.running)

  const deliver = (port: OpenPort, sender: OpenPort | undefined, message: unknown, age = 0, again = 0): void => {
    const at = Math.max(now + port.tab.latency(), port.arrivals.get(sender) ?? 0) + again
    if (!again) port.arrivals.set(sender, at)
    const sentAt = now - age
    const task = plan('message', port.tab, at, () => {
      port.coming.delete(task)
      for (const listener of [...port.listeners]) listener(structuredClone(message), now - sentAt)
      port.arrived()
    })
    // Those of one sender keep their order, whatever is shuffled.
    task.order = order
    port.coming.set(
      task,
      [...(sender?.requests ?? [])].some(({ begun }) => begun),
    )
  }
  const spread = (from: OpenPort | undefined, key: string, message: unknown, age?: number): void => {
    for (const port of open) {
      if (port === from || port.key !== key || port.tab.channel !== 'there' || away.has(port.tab)) continue
      for (let copies = port.tab.copies(); copies > 0; copies--) deliver(port, from, message, age, (copies - 1) * 700)
    }
  }

  const openTab = ({ ahead = 0, random: draw = () => 0.5 }: { ahead?: number; random?: () => number } = {}): Tab => {
    let running = true
    let since = now
    let asked = 0
    const wakes = new Set<() => void>()
    const mine = (): OpenPort[] => [...open].filter(({ tab: owner }) => owner === tab)
    const runWakes = (): void => {
      for (const run of [...wakes]) run()
    }

    const openPort = (key: string): Port => {
      let closed = false
      const waiting = new Set<{ tasks: Set<Task>; go(): void }>()
      const port: OpenPort = {
        key,
        tab,
        listeners: new Set(),
        coming: new Map(),
        requests: new Set(),
        arrivals: new Map(),
        marked: false,
        notesSeen: new Map(notes.get(key)),
        arrived() {
          for (const one of [...waiting]) {
            if ([...one.tasks].some((task) => port.coming.has(task))) continue
            waiting.delete(one)
            one.go()
          }
        },
      }
      open.add(port)

      const exclusive: Port['exclusive'] = (run, patience, signal) => {
        if (gone.has(tab)) return new Promise(() => {})
        asked++
        if (tab.locks === 'throws') throw new DOMException('no locks here', 'SecurityError')
        if (tab.locks === 'rejects') return Promise.reject(new DOMException('no locks here', 'SecurityError'))
        if (tab.locks === 'absent' || closed) return run()
        return new Promise((resolve, reject) => {
          const request: Request = {
            port,
            lane: 0,
            begun: false,
            begin() {
              if (lanesOf(key)[request.lane]?.holder !== request) return
              // What was on its way when the lock was granted comes first.
              waiting.add({
                tasks: new Set([...port.coming.keys()].filter((task) => port.coming.get(task))),
                go: begin,
              })
              port.arrived()
            },
          }
          const end = (): void => {
            cancelPatience()
            cancelDetour()
            signal?.removeEventListener('abort', abort)
            letGo(request)
          }
          const begin = (): void => {
            if (request.begun || gone.has(tab)) return
            request.begun = true
            cancelPatience()
            cancelDetour()
            let work
            try {
              work = run()
            } catch (error) {
              work = Promise.reject(error)
            }
            work.finally(end).then(resolve, reject)
          }
          const abort = (): void => {
            if (request.begun) return
            request.begun = true
            end()
            reject(signal!.reason)
          }
          const enter = (): void => {
            const lane = lanesOf(key)[request.lane]
            if (!lane) return begin()
            lane.queue.push(request)
            grant(lane)
          }
          const later = (ms: number, act: () => void): (() => void) => {
            if (!(ms < Infinity)) return () => {}
            const task = plan('other', tab, now + ms, act)
            return () => void tasks.delete(task)
          }
          const goRound = (): void => {
            const lane = lanesOf(key)[request.lane]!
            if (!request.begun && lane.queue.includes(request) && isStuck(lane)) {
              lane.queue.splice(lane.queue.indexOf(request), 1)
              request.lane++
              enter()
            }
            if (!request.begun) cancelDetour = later(origin.detour, goRound)
          }
          let cancelDetour = later(origin.detour, goRound)
          const cancelPatience = later(patience, begin)
          port.requests.add(request)
          signal?.addEventListener('abort', abort)
          if (signal?.aborted) abort()
          else if (!away.has(tab)) enter()
        })
      }

      return {
        exclusive,
        post(message) {
          if (closed) throw new DOMException('the channel is closed', 'InvalidStateError')
          if (tab.channel === 'throws') throw new DOMException('the channel is broken', 'InvalidStateError')
          if (gone.has(tab) || away.has(tab) || tab.channel === 'absent') return
          const copy: unknown = structuredClone(message)
          posted.push({ at: now, key, from: tab, message: copy })
          spread(port, key, copy)
        },
        onMessage(run) {
          port.listeners.add(run)
          return () => void port.listeners.delete(run)
        },
        note(text) {
          if (gone.has(tab)) return
          const words = notes.get(key) ?? new Map<string, number>()
          notes.set(key, words)
          words.set(text, ++order)
          port.notesSeen.set(text, order)
          for (const other of open) {
            if (other === port || other.key !== key || other.tab.channel === 'there' || !other.tab.running) continue
            other.notesSeen.set(text, order)
            deliver(other, port, text)
          }
        },
        mark(sharing) {
          port.marked = sharing
          if (gone.has(tab) || away.has(tab)) return
          const set = marks.get(key) ?? new Set()
          marks.set(key, set)
          if (sharing) set.add(port)
          else set.delete(port)
        },
        others() {
          const set = marks.get(key)
          const found = [...(set ?? [])].filter((mark) => mark !== port)
          return found.length ? () => found.forEach((mark) => set!.delete(mark)) : undefined
        },
        close() {
          closed = true
          open.delete(port)
          marks.get(key)?.delete(port)
          for (const task of port.coming.keys()) tasks.delete(task)
        },
      }
    }

    const stop = (): void => void (running = false)
    const tab: Tab = {
      name: `tab ${tabs.length + 1}`,
      environment: {
        now: () => now + ahead,
        random: draw,
        online: true,
        visible: true,
        server: false,
        schedule(at, run) {
          if (!(at < Infinity)) return () => {}
          const due = Math.max(at - ahead, now)
          const task = plan('timer', tab, tab.throttle ? Math.ceil(due / tab.throttle) * tab.throttle : due, run)
          return () => void tasks.delete(task)
        },
        onWake(run) {
          wakes.add(run)
          return () => void wakes.delete(run)
        },
        tabs: openPort,
      },
      latency: () => 0,
      copies: () => 1,
      locks: 'there',
      channel: 'there',
      throttle: 0,
      get running() {
        return running
      },
      get crashed() {
        return gone.has(tab)
      },
      get since() {
        return since
      },
      get timers() {
        return [...tasks].filter((task) => task.tab === tab && task.kind === 'timer').length
      },
      get listeners() {
        return wakes.size
      },
      get ports() {
        return mine().length
      },
      get locked() {
        return mine().reduce((sum, { requests }) => sum + requests.size, 0)
      },
      get holding() {
        return [...locks.values()].flat().some(({ holder }) => typeof holder === 'object' && holder.port.tab === tab)
      },
      get asked() {
        return asked
      },
      freeze: stop,
      async thaw(first = 'messages') {
        if (running || away.has(tab) || gone.has(tab)) return
        running = true
        since = now
        const kinds: Kind[] = first === 'timers' ? ['timer', 'message'] : ['message', 'timer']
        for (const task of tasks)
          if (task.tab === tab && task.at <= now && kinds.includes(task.kind)) task.rank = kinds.indexOf(task.kind) - 2
        if (first === 'wake') runWakes()
        await runDue(now)
        if (first !== 'wake') runWakes()
        await runDue(now)
      },
      leave() {
        if (away.has(tab) || gone.has(tab)) return
        stop()
        away.add(tab)
        for (const port of mine()) {
          marks.get(port.key)?.delete(port)
          for (const task of port.coming.keys()) tasks.delete(task)
          port.coming.clear()
          for (const request of [...port.requests]) {
            letGo(request)
            port.requests.add(request)
          }
        }
      },
      async comeBack() {
        if (!away.has(tab) || gone.has(tab)) return
        running = true
        since = now
        away.delete(tab)
        for (const port of mine()) {
          if (port.marked) marks.get(port.key)?.add(port)
          port.arrived()
          for (const request of port.requests) {
            if (request.begun) continue
            request.lane = 0
            const lane = lanesOf(port.key)[0]!
            lane.queue.push(request)
            grant(lane)
          }
          for (const [text, turn] of notes.get(port.key) ?? [])
            if (port.notesSeen.get(text) !== turn) for (const listener of [...port.listeners]) listener(text)
          port.notesSeen = new Map(notes.get(port.key))
          for (const listener of [...port.listeners]) listener(undefined)
        }
        runWakes()
        await runDue(now)
      },
      crash() {
        stop()
        gone.add(tab)
        for (const task of [...tasks]) if (task.tab === tab) tasks.delete(task)
        for (const port of mine()) {
          for (const request of [...port.requests]) letGo(request)
          open.delete(port)
        }
      },
      gate: (work) =>
        new Promise((resolve, reject) => {
          const arrive = (run: () => void) => {
            if (!gone.has(tab)) soon(tab, run)
          }
          work.then(
            (value) => arrive(() => resolve(value)),
            (error: unknown) => arrive(() => reject(error)),
          )
        }),
      async wake() {
        if (running) runWakes()
        await flush()
      },
      async setOnline(online) {
        tab.environment.online = online
        await tab.wake()
      },
      async setVisible(visible) {
        tab.environment.visible = visible
        if (visible) await tab.wake()
      },
    }
    tabs.push(tab)
    return tab
  }

  const origin: Origin = {
    get now() {
      return now
    },
    tabs,
    posted,
    notes,
    get keys() {
      return [...new Set([...open].map(({ key }) => key))]
    },
    get marks() {
      return [...marks.values()].reduce((sum, { size }) => sum + size, 0)
    },
    detour: 1_000,
    open: openTab,
    occupy() {
      occupied = true
      return () => {
        occupied = false
        for (const all of locks.values()) all.forEach(grant)
      }
    },
    forge(key, message, age) {
      spread(undefined, key, message, age)
    },
    advance: (ms) => runDue(now + ms),
    async sleep(ms) {
      await flush()
      now += ms
      await runDue(now)
    },
    wait,
    flush,
  }
  return origin
}
