import type { Lane } from './lane.js'
import { html, svg, write } from './dom.js'
import { clock, describeState, duration } from './words.js'
import type { DemoState } from './api.js'

export interface Card {
  readonly element: HTMLElement
  /** Where the inbox itself is put. */
  readonly inbox: HTMLElement
  /** The session's state has changed. */
  update(): void
  /** What the provider says it saw. */
  seen(stats: DemoState['providers'][keyof DemoState['providers']] | undefined): void
  /** Runs the ring down; called often. */
  frame(now: number): void
}

const radius = 22
const round = 2 * Math.PI * radius

/** The panel of one inbox: ring, state, facts and the inbox. */
export function createCard(lane: Lane, made: { sdk: string; note?: string }, say: (words: string) => void): Card {
  const { provider, label } = lane
  const track = svg('circle', { class: 'ring-track', cx: 27, cy: 27, r: radius })
  const arc = svg('circle', {
    class: 'ring-arc',
    cx: 27,
    cy: 27,
    r: radius,
    'stroke-dasharray': round,
    transform: 'rotate(-90 27 27)',
  })
  const count = html('span', { class: 'ring-count' })
  const unit = html('span', { class: 'ring-unit' })
  const ring = html(
    'div',
    { class: 'ring', role: 'img' },
    svg('svg', { viewBox: '0 0 54 54', 'aria-hidden': 'true' }, track, arc),
    html('div', { class: 'ring-words', 'aria-hidden': 'true' }, count, unit),
  )
  const chip = html('span', { class: 'chip' })
  const detail = html('p', { class: 'detail' })
  const facts = { token: html('dd'), left: html('dd'), socket: html('dd'), answers: html('dd') }
  const fact = (name: string, value: HTMLElement) => html('div', {}, html('dt', {}, name), value)
  const inbox = html('div', { class: 'inbox' })
  const element = html(
    'article',
    { class: `card provider-${provider}`, 'data-provider': provider, 'aria-labelledby': `${provider}-name` },
    html(
      'header',
      { class: 'card-head' },
      ring,
      html(
        'div',
        { class: 'card-title' },
        html('h2', { id: `${provider}-name` }, label, made.note ? html('span', { class: 'note' }, made.note) : ''),
        chip,
      ),
      html('p', { class: 'sdk' }, made.sdk),
    ),
    detail,
    html(
      'dl',
      { class: 'facts' },
      fact('token', facts.token),
      fact('ends in', facts.left),
      fact('socket', facts.socket),
      fact('answered', facts.answers),
    ),
    inbox,
  )

  let status = ''
  let drawn = -1
  const show = (share: number) => {
    const offset = Math.round(round * (1 - share) * 4) / 4
    if (offset !== drawn) arc.style.strokeDashoffset = String((drawn = offset))
  }

  const card: Card = {
    element,
    inbox,
    update() {
      const { state } = lane
      const words = describeState(state)
      element.dataset.status = state.status
      element.dataset.tone = words.tone
      write(chip, words.text)
      write(detail, words.detail)
      const next = `${label}: ${words.text}, ${words.detail}`
      // Every refresh passes through "fetching": only what lasts is worth saying.
      if (next !== status && (words.tone !== 'busy' || !('token' in state && state.token))) {
        if (status) say(next)
        status = next
      }
      const { current } = lane
      write(facts.token, current ? `#${current.number}` : '–')
      const due = current?.due
      ring.setAttribute(
        'aria-label',
        due && Number.isFinite(due) ? `next refresh at ${clock(due)}` : 'no refresh planned',
      )
    },
    seen(stats) {
      element.dataset.sockets = String(stats?.sockets ?? 0)
      const sockets = stats?.sockets ?? 0
      write(facts.socket, sockets > 1 ? `${sockets} open` : sockets ? 'open' : 'closed')
      facts.answers.replaceChildren(
        html('span', { title: 'requests the provider accepted' }, `${stats?.accepted ?? 0} ok`),
        stats?.refused
          ? html('span', { class: 'refusals', title: 'requests the provider refused' }, ` ${stats.refused} refused`)
          : '',
      )
    },
    frame(now) {
      const { state, current } = lane
      const left = current && current.to !== Infinity ? current.to - now : undefined
      write(facts.left, current ? (left === undefined ? 'never' : duration(left)) : '–')
      if (state.status === 'waiting') {
        const wait = state.retryAt - now
        const failed = lane.marks.filter(({ kind }) => kind === 'failure').at(-1)?.at ?? now
        show(Number.isFinite(wait) ? Math.min(1, Math.max(0, wait / Math.max(1, state.retryAt - failed))) : 1)
        write(count, Number.isFinite(wait) ? `${Math.max(0, Math.ceil(wait / 1000))}` : '…')
        write(unit, 'retry')
        return
      }
      if (!current) {
        show(0)
        write(count, state.status === 'fetching' ? '…' : '–')
        write(unit, '')
        return
      }
      // Where no refresh is to come, what is left of the token counts.
      const stopped = state.status === 'failed'
      const due = (stopped ? undefined : current.due) ?? current.to
      if (!Number.isFinite(due)) {
        show(1)
        write(count, '∞')
        write(unit, '')
        return
      }
      show(Math.min(1, Math.max(0, (due - now) / (due - current.from))))
      const wait = Math.max(0, Math.ceil((due - now) / 1000))
      write(count, wait >= 600 ? `${Math.round(wait / 60)}` : `${wait}`)
      write(unit, state.status === 'fetching' ? 'now' : wait >= 600 ? 'min' : stopped ? 'left' : 'sec')
    },
  }
  return card
}
