import type { Report } from '../pages/tab.js'
import type { Account, Call } from './backend.js'

/** What a run of some lifetimes came to. */
export interface Counts {
  tabs: number
  /** Calls for the first token: one, however many tabs. */
  first: number
  refreshes: number
  /** Requests of each refresh. */
  sizes: number[]
  perRefresh: number
  /** Looks at `state.token` in all tabs; with a token that had ended; without any. */
  samples: number
  expired: number
  missing: number
  /** Messages that one tab posts for one refresh, on average; those of the start are not in it. */
  messages: number
}

/** Calls that belong to one refresh: those within half a period after the first of them. */
export function refreshesOf(calls: readonly Call[], life: number): Call[][] {
  const groups: Call[][] = []
  for (const call of calls.filter(({ reason }) => reason !== 'initial')) {
    const group = groups.at(-1)
    if (group && call.at - group[0]!.at < life * 400) group.push(call)
    else groups.push([call])
  }
  return groups
}

/** `before`: the reports of the moment when all tabs had their first token. */
export function count(account: Account, before: readonly Report[], after: readonly Report[], since: number): Counts {
  const { calls, life } = account
  const groups = refreshesOf(calls, life)
  const sizes = groups.map(({ length }) => length)
  const later = groups.filter(([call]) => call!.at >= since).length
  const sum = (reports: readonly Report[], of: 'samples' | 'expired' | 'missing' | 'messages') =>
    reports.reduce((total, report) => total + report[of], 0)
  return {
    tabs: after.length,
    first: calls.filter(({ reason }) => reason === 'initial').length,
    refreshes: groups.length,
    sizes,
    perRefresh: sizes.reduce((total, size) => total + size, 0) / groups.length,
    samples: sum(after, 'samples'),
    expired: sum(after, 'expired'),
    missing: sum(after, 'missing'),
    messages: (sum(after, 'messages') - sum(before, 'messages')) / later / after.length,
  }
}

export const inWords = ({ tabs, first, refreshes, sizes, perRefresh, samples, expired, missing, messages }: Counts) =>
  `${tabs} tabs: ${first} first request, ${refreshes} refreshes of ${sizes.join()} requests (${perRefresh.toFixed(2)} each), ` +
  `${expired} expired and ${missing} without a token of ${samples} samples, ${messages.toFixed(2)} messages a tab and refresh`
