import { within } from '../within.js'
import type { Clock } from './clock.js'
import type { Scope } from './scope.js'

/**
 * How the next holder of a lock learns that there is a message it has to wait for.
 *
 * Neither the order in which messages and locks arrive nor a read of localStorage says reliably what the last holder did. So
 * a holder that posted something takes, before it lets go, a second lock for a moment, named after its last message.
 */
export interface Handover {
  /** The messages of those who just had the lock. */
  expected(): Promise<string[]>
  /** Resolves when the next holder will see that name. */
  leave(name: string): Promise<void>
}

const linger = 300
const nothing = (): void => {}

/** `held`: all that has to be let go when the page goes away; `isAway`: it has gone. */
export function createHandover(
  key: string,
  clock: Clock,
  scope: Scope,
  held: Set<() => void>,
  isAway: () => boolean,
): Handover {
  const prefix = `${key}#`
  return {
    async expected() {
      const { held: taken = [] } = await scope.navigator!.locks!.query()
      return taken.flatMap(({ name = '' }) => (name.startsWith(prefix) ? name.slice(prefix.length) : []))
    },
    leave: (name) =>
      new Promise((resolve) => {
        const stay = async (): Promise<void> => {
          resolve()
          if (isAway()) return
          let release = nothing
          const released = new Promise<void>((end) => held.add((release = end)))
          await within(clock, linger, released, undefined, nothing)
          held.delete(release)
        }
        scope.navigator!.locks!.request(prefix + name, stay).catch(() => resolve())
      }),
  }
}
