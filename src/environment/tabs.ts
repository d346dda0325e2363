import { within } from '../within.js'
import type { Clock } from './clock.js'
import type { Tabs } from './environment.js'
import { type Release, createLease, createLock, timeToAnswer } from './lock.js'
import { attempt, createMarks } from './marks.js'

/** What goes over the channel beside the message: enough to know whether everything has arrived, and how long it took. */
interface Envelope {
  readonly id: string
  /** By the device's clock, which all tabs share. */
  readonly sentAt: number
  readonly message?: unknown
  /** A question to whoever holds the lock, and the answer. */
  readonly ping?: boolean | undefined
}

const delivery = 1_000
const linger = 300
const remembered = 50
const longestId = 40
const nothing = (): void => {}

/**
 * The tabs of this origin, by Web Locks, a BroadcastChannel and marks in localStorage that hold no secret.
 *
 * Neither the order in which messages and locks arrive nor a read of localStorage says reliably what the last holder of a
 * lock did. So a holder that posted something takes, before it lets go, a second lock for a moment, named after its last
 * message; the next holder reads those names and waits until it has those messages.
 */
export function createTabs(key: string, clock: Clock, say: (what: string) => void): Tabs {
  const { now } = clock
  const self = Math.random().toString(36).slice(2)
  const { base, usable, mark, others, note, skipNotes, readNotes } = createMarks(key, self)
  const held = new Set<() => void>()
  const known = new Set<string>()
  const arrivals = new Set<() => void>()
  const missed = new Set<string>()
  let channel: BroadcastChannel | undefined
  let listener: (message?: unknown, age?: number) => void = nothing
  let count = 0
  let posted: string | undefined
  let questionAt = -Infinity
  let answerAt = -Infinity
  let running = 0
  let marked = false
  let away = false
  let back = nothing

  const lacks = (what: string): void => {
    if (missed.size < missed.add(what).size) say(what)
  }
  const remember = (id: unknown): void => {
    if (typeof id !== 'string' || id.length > longestId) return
    known.add(id)
    if (known.size > remembered) known.delete(known.values().next().value!)
    arrivals.forEach((check) => check())
  }
  const send = (content: Pick<Envelope, 'message' | 'ping'>): string => {
    const id = `${self}-${++count}`
    attempt(() => channel?.postMessage({ ...content, id, sentAt: Date.now() } satisfies Envelope))
    return id
  }
  const isSilent = (since: number): boolean => {
    const time = now()
    if (questionAt >= since && questionAt > answerAt) return time - questionAt >= timeToAnswer
    if (channel && time - answerAt >= timeToAnswer) {
      questionAt = time
      send({ ping: true })
    }
    return false
  }
  const answer = (): void => {
    answerAt = now()
    send({ ping: false })
  }
  const receive = ({ id, sentAt, message, ping }: Partial<Envelope>): void => {
    if (ping) {
      questionAt = now()
      if (running) answer()
    } else if (ping === false) answerAt = now()
    else {
      remember(id)
      if (Object(message) === message) listener(message, Math.max(0, Date.now() - Number(sentAt)) || 0)
    }
  }

  const onStorage = (): void => readNotes(listener)
  let stopStorage = nothing

  const open = (): void => {
    try {
      channel = new BroadcastChannel(key)
      channel.onmessage = ({ data }) => receive(Object(data) as Partial<Envelope>)
    } catch {
      lacks('BroadcastChannel')
      attempt(() => addEventListener('storage', onStorage))
      stopStorage = () => attempt(() => removeEventListener('storage', onStorage))
    }
  }
  const shut = (): void => {
    held.forEach((release) => release())
    channel?.close()
    channel = undefined
    mark(false)
    stopStorage()
    stopStorage = nothing
  }
  const leave = (): void => {
    away = true
    // What was left a moment ago may not have been heard any more.
    skipNotes(Date.now() - delivery)
    shut()
  }
  const comeBack = (): void => {
    if (!away) return
    away = false
    open()
    back()
    mark(marked)
    readNotes(listener)
    listener()
  }
  const show = (): void => {
    if (document.visibilityState !== 'hidden') comeBack()
  }
  // Before the app's own listeners: what they ask is answered by what was learned.
  const each = (method: 'addEventListener' | 'removeEventListener'): void => {
    const page: Partial<EventTarget> = globalThis
    const document: Partial<EventTarget> | undefined = globalThis.document
    page[method]?.('pagehide', leave, true)
    page[method]?.('pageshow', comeBack, true)
    document?.[method]?.('freeze', leave, true)
    document?.[method]?.('resume', comeBack, true)
    // In Firefox and WebKit it comes before pageshow.
    document?.[method]?.('visibilitychange', show, true)
  }

  const webLock = createLock(clock, { isSilent, heardAt: () => answerAt }, held)
  const lease = createLease(clock, self, held)
  let hasLocks = true
  const acquire = async (patience: number, signal: AbortSignal | undefined): Promise<Release | undefined> => {
    // A lock would cost the page its place in the back/forward cache.
    if (away) await within(clock, Infinity, new Promise<void>((resolve) => (back = resolve)), signal)
    try {
      const until = now() + patience
      const second = `${key}!`
      if (hasLocks)
        return (
          (await webLock(key, patience, signal)) ??
          (await webLock(second, Math.max(until - now(), timeToAnswer), signal))
        )
    } catch {
      signal?.throwIfAborted()
      hasLocks = false
      lacks('Web Locks')
    }
    try {
      return await lease(`${base}lease`, patience, signal)
    } catch {
      signal?.throwIfAborted()
      lacks('localStorage')
    }
  }

  /** Waits until this tab has the last messages of those who just had the lock. */
  const catchUp = async (signal: AbortSignal | undefined): Promise<void> => {
    if (!hasLocks || !channel) return
    let check = nothing
    let over = false
    const arrived = navigator.locks.query().then(({ held: taken = [] }) => {
      const expected = taken.map(({ name = '' }) => name.split(`${key}#`)[1])
      const missing = (): boolean => expected.some((id) => id && !known.has(id))
      return new Promise<void>((resolve) => {
        check = () => missing() || resolve()
        if (!over) arrivals.add(check)
        check()
      })
    })
    await within(clock, delivery, arrived, signal, nothing).finally(() => {
      over = true
      arrivals.delete(check)
    })
  }

  /** Resolves when the next holder will know what to wait for. */
  const signOff = (id: string): Promise<void> =>
    new Promise((resolve) => {
      const stay = async (): Promise<void> => {
        resolve()
        if (away) return
        let leave = nothing
        const left = new Promise<void>((end) => held.add((leave = end)))
        await within(clock, linger, left, undefined, nothing)
        held.delete(leave)
      }
      navigator.locks.request(`${key}#${id}`, stay).catch(() => resolve())
    })

  if (!usable) lacks('localStorage')
  skipNotes(Infinity)
  open()
  each('addEventListener')

  return {
    async exclusive(run, patience, signal) {
      signal?.throwIfAborted()
      const release = await acquire(patience, signal)
      const before = posted
      if (release) {
        running++
        // It was put to the holder before.
        if (questionAt > answerAt) answer()
      }
      try {
        await catchUp(signal).catch(() => signal?.throwIfAborted())
        return await run()
      } finally {
        if (release) {
          running--
          if (posted && posted !== before && hasLocks && channel) void signOff(posted).then(release)
          else release()
        }
      }
    },
    post(message) {
      remember((posted = send({ message })))
    },
    onMessage(run) {
      listener = run
      return () => {
        listener = nothing
      }
    },
    note,
    others,
    mark(sharing) {
      marked = sharing
      if (!away) mark(sharing)
    },
    close() {
      leave()
      each('removeEventListener')
      listener = nothing
    },
  }
}
