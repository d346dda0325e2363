import type { Adapter, AdapterContext } from 'inbox-session'
import type { Stage } from './stage.js'

export interface Sdk {
  /** For `useAdapter`; `note` is put before what the adapter logs. */
  adapter(note?: string): Adapter
  /** What the SDK was told, in order: one SDK, however many adapters. */
  readonly log: string[]
  /** Who is signed in at it, if it is not busy with somebody else. */
  user(): string | undefined
}

/** A client with one user at a time, as most SDKs are. `takes`: ms of virtual time for each call. */
export function createSdk({ tab, label }: Stage, { takes = 0 } = {}): Sdk {
  const log: string[] = []
  let user: string | undefined
  const work = async (word: string) => {
    log.push(word)
    if (!takes) return
    await new Promise<void>((resolve) => tab.schedule(tab.now() + takes, resolve))
    log.push(`${word} done`)
  }
  return {
    log,
    user: () => user,
    adapter: (note = '') => ({
      name: 'sdk',
      async attach({ token }: AdapterContext) {
        await work(`${note}attach ${label(token.value)}`)
        user = token.user.id
      },
      update: (_, { token }) => work(`${note}update ${label(token.value)}`),
      async detach() {
        await work(`${note}detach`)
        user = undefined
      },
    }),
  }
}
