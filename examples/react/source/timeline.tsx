import { useSyncExternalStore } from 'react'
import type { Journal } from './journal.js'

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })

/** What happened to the token, the newest first. */
export function Timeline({ journal }: { journal: Journal }) {
  const entries = useSyncExternalStore(journal.subscribe, journal.entries)
  return (
    <section className="card timeline" aria-labelledby="timeline-title">
      <h2 id="timeline-title">Timeline</h2>
      <ol tabIndex={0} aria-labelledby="timeline-title">
        {entries.map(({ id, at, words, tone }) => (
          <li key={id} data-tone={tone}>
            <time dateTime={new Date(at).toISOString()}>{clock.format(at)}</time>
            <span>{words}</span>
          </li>
        ))}
      </ol>
    </section>
  )
}
