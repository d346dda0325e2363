import { type Adapter, type Attachment, type Desk, createAttachment } from './attach.js'
import { check } from './policy.js'

/** All adapters of a session. */
export interface Attachments {
  /** Returns what takes the adapter off again. */
  add<Handle>(adapter: Adapter<Handle>): () => Promise<void>
  /** Tells each what is wanted of it now. */
  bring(): void
  settled(): Promise<unknown>
}

export function createAttachments(desk: Desk): Attachments {
  const all = new Set<Attachment>()
  // By name. An SDK is let go of before another adapter of that name takes it over.
  const leaving = new Map<unknown, Promise<void>>()
  return {
    add(adapter) {
      check(typeof adapter?.attach === 'function', 'adapter')
      const { name } = adapter
      const attachment = createAttachment(adapter, desk, leaving.get(name))
      const { want, settled } = attachment
      all.add(attachment)
      return () => {
        if (all.delete(attachment)) {
          want(undefined, undefined, 'detach')
          const before = leaving.get(name)
          const left = settled().then(() => before)
          leaving.set(name, left)
        }
        return settled()
      }
    },
    bring: () => all.forEach(({ want }) => want(...desk.wanted())),
    settled: () => Promise.all([...leaving.values(), ...[...all].map(({ settled }) => settled())]),
  }
}
