import type { TraceEntry } from 'inbox-session'
import { html } from './dom.js'
import type { Lane } from './lane.js'
import { clock, describeEntry } from './words.js'

const kept = 240
const kinds = [
  { id: 'all', label: 'All', types: undefined },
  { id: 'tokens', label: 'Tokens', types: ['fetch', 'token', 'refresh', 'expired'] },
  { id: 'failures', label: 'Failures', types: ['failure', 'rejected', 'expired', 'wait', 'signal'] },
  { id: 'adapters', label: 'Adapters', types: ['adapter', 'signal'] },
] as const

/** The list of trace entries with its filters: by kind, and by provider. */
export function createFeed(entries: HTMLElement, filters: HTMLElement, lanes: () => readonly Lane[]) {
  let kind: (typeof kinds)[number] = kinds[0]
  const muted = new Set<string>()

  const shown = (type: string, provider: string) =>
    !muted.has(provider) && (!kind.types || (kind.types as readonly string[]).includes(type))
  const apply = () => {
    for (const row of entries.children as HTMLCollectionOf<HTMLElement>) {
      row.hidden = !shown(row.dataset.type ?? '', row.dataset.provider ?? '')
    }
  }

  const choose = html('select', { 'aria-label': 'Kind of entries' })
  for (const { id, label } of kinds) choose.append(html('option', { value: id }, label))
  choose.addEventListener('change', () => {
    kind = kinds.find(({ id }) => id === choose.value) ?? kinds[0]
    apply()
  })
  const dots = html('div', { class: 'dots', role: 'group', 'aria-label': 'Inboxes shown' })
  for (const { provider, label } of lanes()) {
    const dot = html('button', {
      type: 'button',
      class: `dot provider-${provider}`,
      'aria-pressed': 'true',
      'aria-label': label,
      title: label,
    })
    dot.addEventListener('click', () => {
      if (!muted.delete(provider)) muted.add(provider)
      dot.setAttribute('aria-pressed', String(!muted.has(provider)))
      apply()
    })
    dots.append(dot)
  }
  filters.append(dots, choose)

  return {
    add(lane: Lane, entry: TraceEntry) {
      const { text, tone } = describeEntry(entry, lane.bars.at(-1)?.number)
      const row = html(
        'li',
        {
          class: `entry provider-${lane.provider}`,
          'data-type': entry.type,
          'data-provider': lane.provider,
          'data-tone': tone,
        },
        html('time', {}, clock(entry.at)),
        html('span', { class: 'entry-who' }, lane.label),
        html('span', { class: 'entry-what' }, text),
      )
      row.hidden = !shown(entry.type, lane.provider)
      entries.prepend(row)
      while (entries.children.length > kept) entries.lastElementChild?.remove()
    },
  }
}
