import type { ProviderName } from './world.js'

export interface Row {
  name: ProviderName
  connected: boolean
  /** Longest time without a socket while all was well, ms. */
  longestGap: number
  received: number
  sent: number
  /** Requests and handshakes the provider refused with 401 or 403. */
  refused: number
  /** Of these: an SDK's own calls with a token that ended while the backend was down. */
  excused: number
  tokens: number
  wrongUser: number
}

/** What three tabs together did. */
export interface TabsRow {
  refreshes: number
  /** Requests for these refreshes, by tab. */
  requests: readonly number[]
  /** From the sign-out in one tab until no tab had a token, ms. */
  signedOut: number
}

export interface Report {
  rows: Row[]
  tabs?: TabsRow | undefined
  violations: string[]
  /** Worth knowing, and no failure. */
  notes: string[]
}

const columns: { title: string; cell: (row: Row) => string }[] = [
  { title: 'inbox', cell: ({ name }) => name },
  { title: 'connected', cell: ({ connected }) => (connected ? 'yes' : 'NO') },
  { title: 'longest gap', cell: ({ longestGap }) => `${longestGap} ms` },
  { title: 'messages received', cell: ({ received, sent }) => `${received} of ${sent}` },
  {
    title: 'provider 401s',
    cell: ({ refused, excused }) => (excused ? `${refused} (${excused} in the outage)` : `${refused}`),
  },
  { title: 'tokens used', cell: ({ tokens }) => `${tokens}` },
  { title: 'wrong-user requests', cell: ({ wrongUser }) => `${wrongUser}` },
]

/** Prints the table, then every violation in words. */
export function printReport({ rows, tabs, violations, notes }: Report, seconds: number): void {
  const cells = [columns.map(({ title }) => title), ...rows.map((row) => columns.map(({ cell }) => cell(row)))]
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => line[index]!.length)))
  const line = (parts: string[]) =>
    parts
      .map((part, index) => part.padEnd(widths[index]!))
      .join('   ')
      .trimEnd()
  console.log(`\n${line(cells[0]!)}\n${widths.map((width) => '─'.repeat(width)).join('   ')}`)
  for (const row of cells.slice(1)) console.log(line(row))
  console.log('')
  if (tabs) {
    const { refreshes, requests, signedOut } = tabs
    const all = requests.reduce((sum, count) => sum + count, 0)
    const each = (all / refreshes).toFixed(2)
    console.log(
      `${requests.length} tabs: ${refreshes} refreshes, ${all} requests (${requests.join(' + ')}), ${each} each`,
    )
    console.log(`${' '.repeat(8)}signed out in all of them after ${signedOut} ms\n`)
  }
  for (const note of notes) console.log(`note: ${note}`)
  for (const violation of violations) console.log(`✗ ${violation}`)
  console.log(
    violations.length
      ? `\n${violations.length} of the check's conditions did not hold (${seconds} s).`
      : `✓ Every inbox outlived its tokens, the outage, the refusal and the switch; the tabs were as one (${seconds} s).`,
  )
}
