import type { Adapter, AdapterContext, Token } from 'inbox-session'

/** An adapter that keeps a journal: what was called, for whom, with which generation. */
export function journaling(more: Partial<Adapter<string>> = {}, name = 'sdk') {
  const journal: string[] = []
  const contexts: AdapterContext[] = []
  let handles = 0
  const note = (what: string, { token }: { token: Token }) =>
    journal.push(`${what} ${token.user.id} ${token.generation}`)
  const adapter = {
    name,
    attach(context: AdapterContext) {
      contexts.push(context)
      note('attach', context)
      return `handle ${++handles}`
    },
    update(handle: string, context: AdapterContext): unknown {
      contexts.push(context)
      note(`update ${handle} of`, context)
      return undefined
    },
    detach(handle: string, reason: string, last: Token): unknown {
      journal.push(`detach ${handle} of ${last.user.id} ${last.generation} by ${reason}`)
      return undefined
    },
    ...more,
  } as Adapter<string>
  return { adapter, journal, contexts }
}
