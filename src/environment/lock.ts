import { within } from '../within.js'
import type { Clock } from './clock.js'
import type { Scope } from './scope.js'

/** Gives a lock back. */
export type Release = () => void

/** Gets a lock over all tabs of the origin; undefined: not to be had in time. Rejects where the platform has no such lock. */
export type Acquire = (name: string, patience: number, signal?: AbortSignal) => Promise<Release | undefined>

const firstLook = 500
const spread = 250
/** Time in which a holder that is there answers a question, ms. */
export const timeToAnswer = 750
const settling = 40
const pause = 100
const nothing = (): void => {}

/** What is heard of whoever holds a lock. */
export interface Holder {
  /** Whether a question that was put after `since` has gone unanswered. Puts one where it is time to. */
  isSilent(since: number): boolean
  /** When it last gave an answer. */
  heardAt(): number
}

/**
 * Web Locks. A holder that is silent (it is frozen, or not one of us) is not waited for; for one that answers, patience
 * begins anew with each answer, three times at most: every run has a limit of its own, and after one may come another.
 * `held`: all that has to be let go when the page goes away.
 */
export const createLock =
  (clock: Clock, scope: Scope, { isSilent, heardAt }: Holder, held: Set<() => void>): Acquire =>
  async (name, patience, signal) => {
    const since = clock.now()
    const timeLeft = (): number => Math.min(Math.max(since, heardAt()) + patience, since + 3 * patience) - clock.now()
    const attempt = new AbortController()
    const giveUp = (): void => attempt.abort()
    const granted = new Promise<Release>((resolve, reject) => {
      const hold = (): Promise<void> =>
        new Promise((end) => {
          const release = (): void => {
            held.delete(release)
            end()
          }
          held.add(release)
          resolve(release)
        })
      scope
        .navigator!.locks!.request(name, { signal: attempt.signal }, hold)
        .catch((error: unknown) => attempt.signal.aborted || reject(error as Error))
    })
    held.add(giveUp)
    let release: Release | undefined
    try {
      // Not all at once: one question is enough for all who wait.
      for (let limit = firstLook + scope.Math.random() * spread; !release; limit = timeToAnswer) {
        const time = Math.min(limit, timeLeft())
        release = await within<Release | undefined>(clock, time, granted, signal, () => undefined)
        if (!release && (timeLeft() <= 0 || isSilent(since))) break
      }
      return release
    } finally {
      held.delete(giveUp)
      giveUp()
      // It may be granted at the very moment it is given up.
      if (!release) granted.then((late) => late(), nothing)
    }
  }

/**
 * For pages without Web Locks: a lease in localStorage. Whoever finds its own name there a moment after it wrote it has it.
 * It ends by itself a little after the longest run, so a page that crashed holds up nobody for long.
 */
export const createLease =
  (clock: Clock, scope: Scope, owner: string, held: Set<() => void>): Acquire =>
  async (name, patience, signal) => {
    const { now } = clock
    const longest = patience + 2_000
    // A lease that is seen to last is waited for, anew for each holder, as a lock is.
    const latest = now() + 3 * longest
    let until = latest
    let seen: string | null | undefined
    const wait = (time: number): Promise<unknown> =>
      within(clock, time, new Promise<void>(nothing), signal, () => undefined)
    const read = (): [owner?: string, end?: string] => (scope.localStorage!.getItem(name) ?? '').split(' ') as []
    const isMine = (): boolean => read()[0] === owner
    const release = (): void => {
      held.delete(release)
      if (isMine()) scope.localStorage!.removeItem(name)
    }
    while (now() < until) {
      const text = scope.localStorage!.getItem(name)
      if (text !== seen) until = Math.min(latest, now() + longest + 2 * pause)
      seen = text
      const left = Number(read()[1] ?? 0) - scope.Date.now()
      if (left > 0 && left <= longest) {
        await wait(pause)
        continue
      }
      held.add(release)
      try {
        scope.localStorage!.setItem(name, `${owner} ${scope.Date.now() + longest}`)
        // Other processes see it late. Every browser says whether the context is secure; a simulated page has no processes.
        if ('isSecureContext' in scope) await wait(settling)
        if (isMine()) return release
      } catch (error) {
        release()
        throw error
      }
      held.delete(release)
    }
    return undefined
  }
