import { svg } from './dom.js'
import type { Attempt, Bar, Lane, Mark } from './lane.js'
import { clock, duration } from './words.js'

/** How instants and rows become coordinates; a lane has two rows so that overlapping tokens stay apart. */
export interface Scale {
  x(at: number): number
  /** The rightmost coordinate worth drawing. */
  edge: number
  /** The upper edge of a lane's row 0 or 1. */
  y(lane: number, row: number): number
  bar: number
}

const title = (text: string) => svg('title', {}, text)

function drawBar(bar: Bar, y: number, scale: Scale): SVGGElement {
  const { x, edge, bar: height } = scale
  const from = x(bar.from)
  const planned = Math.min(bar.to === Infinity ? edge : x(bar.to), edge)
  const to = bar.cut ? Math.min(x(bar.cut.at), planned) : planned
  const due = bar.due === undefined || bar.due >= bar.to ? undefined : x(bar.due)
  const width = Math.max(2, to - from)
  const ends = bar.to === Infinity ? 'it does not end' : `ends ${clock(bar.to)}`
  const life = bar.to === Infinity ? '' : `, lives ${duration(bar.to - bar.from)}`
  const group = svg('g', { class: 'bar' }, title(`Token ${bar.number} of ${bar.user}${life}: ${ends}`))
  if (planned > to && bar.to !== Infinity)
    group.append(svg('rect', { class: 'bar-lost', x: to, y, width: planned - to, height, rx: 3 }))
  group.append(svg('rect', { class: 'bar-margin', x: from, y, width, height, rx: 3 }))
  const used = Math.max(2, Math.min(due ?? to, to) - from)
  group.append(svg('rect', { class: 'bar-life', x: from, y, width: used, height, rx: 3 }))
  if (used > 30) {
    const name = used > 74 ? `token ${bar.number}` : `${bar.number}`
    group.append(svg('text', { class: 'bar-name', x: from + 7, y: y + height / 2 }, name))
  }
  if (due !== undefined && due <= to) {
    group.append(svg('path', { class: 'bar-due', d: `M${due} ${y - 3}V${y + height + 3}` }))
  }
  if (bar.cut?.why === 'refused') {
    group.append(svg('path', { class: 'bar-cut', d: `M${to} ${y - 4}V${y + height + 4}` }))
  }
  return group
}

function drawMark(mark: Mark, next: Mark | undefined, middle: number, low: number, { x }: Scale): SVGGElement {
  const at = x(mark.at)
  const group = svg('g', { class: `mark mark-${mark.kind}` }, title(`${clock(mark.at)} ${mark.text}`))
  if (mark.kind === 'arrived') {
    group.append(svg('circle', { cx: at, cy: low, r: 2.5 }))
    return group
  }
  if (mark.retryAt !== undefined) {
    const retry = x(mark.retryAt)
    group.append(svg('path', { class: 'mark-wait', d: `M${at + 6} ${middle}H${Math.max(at + 6, retry - 4)}` }))
    // A retry that failed has its own cross.
    if (!next) group.append(svg('circle', { class: 'mark-retry', cx: retry, cy: middle, r: 3.5 }))
  }
  if (mark.kind === 'failure') {
    group.append(svg('path', { class: 'mark-cross', d: `M${at - 4} ${middle - 4}l8 8m0 -8l-8 8` }))
  }
  return group
}

const drawAttempt = (attempt: Attempt, middle: number, { x, edge }: Scale, now: number): SVGPathElement =>
  svg('path', { class: 'attempt', d: `M${x(attempt.from)} ${middle}H${Math.min(edge, x(attempt.to ?? now))}` })

/** Everything of one lane between the edges of the scale. */
export function drawLane(lane: Lane, index: number, scale: Scale, now: number): SVGGElement {
  const group = svg('g', { class: `lane provider-${lane.provider}` })
  // The row of the token that is to come: there the attempts to get it are seen, failed ones included.
  const rowOf = (at: number): number => {
    const before = lane.bars.filter((bar) => bar.from <= at).at(-1)
    return before ? (before.generation + 1) % 2 : 0
  }
  const middle = (at: number) => scale.y(index, rowOf(at)) + scale.bar / 2
  const low = scale.y(index, 1) + scale.bar + 7
  for (const attempt of lane.attempts) group.append(drawAttempt(attempt, middle(attempt.from - 1), scale, now))
  for (const bar of lane.bars) group.append(drawBar(bar, scale.y(index, bar.generation % 2), scale))
  const failures = lane.marks.filter(({ kind }) => kind === 'failure')
  for (const mark of lane.marks) {
    if (mark.kind === 'asked' || mark.kind === 'told') continue
    const next = failures.find(
      ({ at }) => at > mark.at && !lane.bars.some((bar) => bar.from > mark.at && bar.from < at),
    )
    group.append(drawMark(mark, next, middle(mark.at - 1), low, scale))
  }
  return group
}
