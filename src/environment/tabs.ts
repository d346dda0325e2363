import { within } from '../within.js'
import { createChannel, delivery } from './channel.js'
import type { Clock } from './clock.js'
import type { Tabs } from './environment.js'
import { createHandover } from './handover.js'
import { type Release, createLease, createLock, timeToAnswer } from './lock.js'
import { attempt, createMarks } from './marks.js'
import type { Scope } from './scope.js'

const nothing = (): void => {}

/**
 * The tabs of this origin, by Web Locks, a BroadcastChannel and marks in localStorage that hold no secret. While the page is
 * away (in the back/forward cache, frozen) it holds no lock, no channel and no mark.
 */
export function createTabs(key: string, clock: Clock, scope: Scope, say: (what: string) => void): Tabs {
  const self = scope.Math.random().toString(36).slice(2)
  const held = new Set<() => void>()
  const missed = new Set<string>()
  let listener: (message?: unknown, age?: number) => void = nothing
  let hasLocks = true
  let marked = false
  let away = false
  let back = nothing
  let stopStorage = nothing

  const marks = createMarks(key, scope, self)
  const channel = createChannel(key, self, clock, scope, (message, age) => listener(message, age))
  const handover = createHandover(key, clock, scope, held, () => away)
  const webLock = createLock(clock, scope, channel, held)
  const lease = createLease(clock, scope, self, held)

  const lacks = (what: string): void => {
    if (missed.size < missed.add(what).size) say(what)
  }

  const onStorage = (): void => marks.readNotes(listener)
  const open = (): void => {
    try {
      channel.open()
    } catch {
      lacks('BroadcastChannel')
      attempt(() => scope.addEventListener!('storage', onStorage))
      stopStorage = () => attempt(() => scope.removeEventListener!('storage', onStorage))
    }
  }
  const leave = (): void => {
    away = true
    // What was left a moment ago may not have been heard any more.
    marks.skipNotes(scope.Date.now() - delivery)
    held.forEach((release) => attempt(release))
    channel.shut()
    marks.mark(false)
    stopStorage()
    stopStorage = nothing
  }
  const comeBack = (): void => {
    if (!away) return
    away = false
    open()
    back()
    marks.mark(marked)
    marks.readNotes(listener)
    listener()
  }
  const show = (): void => {
    if (scope.document!.visibilityState !== 'hidden') comeBack()
  }
  // Before the app's own listeners: what they ask is answered by what was learned.
  const each = (method: 'addEventListener' | 'removeEventListener'): void => {
    const { document } = scope
    scope[method]?.('pagehide', leave, true)
    scope[method]?.('pageshow', comeBack, true)
    document?.[method]?.('freeze', leave, true)
    document?.[method]?.('resume', comeBack, true)
    // In Firefox and WebKit it comes before pageshow.
    document?.[method]?.('visibilitychange', show, true)
  }

  const acquire = async (patience: number, signal: AbortSignal | undefined): Promise<Release | undefined> => {
    // A lock would cost the page its place in the back/forward cache.
    if (away) await within(clock, Infinity, new Promise<void>((resolve) => (back = resolve)), signal)
    const until = clock.now() + patience
    const rest = (): number => Math.max(until - clock.now(), timeToAnswer)
    try {
      if (hasLocks) return (await webLock(key, patience, signal)) ?? (await webLock(`${key}!`, rest(), signal))
    } catch {
      signal?.throwIfAborted()
      hasLocks = false
      lacks('Web Locks')
    }
    try {
      return await lease(`${marks.base}lease`, patience, signal)
    } catch {
      signal?.throwIfAborted()
      lacks('localStorage')
    }
  }

  if (!marks.usable) lacks('localStorage')
  marks.skipNotes(Infinity)
  open()
  each('addEventListener')

  return {
    async exclusive(run, patience, signal) {
      signal?.throwIfAborted()
      const release = await acquire(patience, signal)
      const before = channel.posted()
      const inOrder = (): boolean => hasLocks && channel.isOpen()
      if (release) channel.hold(true)
      try {
        if (inOrder()) await channel.waitFor(handover.expected(), signal).catch(() => signal?.throwIfAborted())
        return await run()
      } finally {
        if (release) channel.hold(false)
        const posted = channel.posted()
        if (release && posted && posted !== before && inOrder()) void handover.leave(posted).then(release, release)
        else release?.()
      }
    },
    post: channel.post,
    onMessage(run) {
      listener = run
      return () => {
        listener = nothing
      }
    },
    note: marks.note,
    others: marks.others,
    mark(sharing) {
      marked = sharing
      if (!away) marks.mark(sharing)
    },
    close() {
      leave()
      each('removeEventListener')
      listener = nothing
    },
  }
}
