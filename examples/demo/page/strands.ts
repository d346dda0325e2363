import { html, svg } from './dom.js'
import type { Bar, Mark } from './lane.js'
import type { Scale } from './shapes.js'
import type { Strand, Tab } from './tabs.js'
import { clock } from './words.js'

const title = (text: string) => svg('title', {}, text)

/** The token as this tab had it: from when it came until the next one did. */
function drawBar(bar: Bar, y: number, { x, edge, bar: height }: Scale): SVGGElement {
  const from = x(bar.since)
  const end = Math.min(bar.to, bar.cut?.at ?? Infinity, bar.replaced ?? Infinity)
  const to = Math.min(end === Infinity ? edge : x(end), edge)
  const used = bar.due === undefined ? to : Math.max(from, Math.min(to, x(bar.due)))
  const group = svg('g', { class: 'bar' }, title(`Token ${bar.number} of ${bar.user}, here since ${clock(bar.since)}`))
  const part = (name: string, start: number, stop: number) => {
    if (stop > start) group.append(svg('rect', { class: name, x: start, y, width: stop - start, height }))
  }
  part('bar-life', from, used)
  part('bar-margin', used, to)
  if (used - from > 30)
    group.append(svg('text', { class: 'bar-name', x: from + 8, y: y + height / 2 }, `${bar.number}`))
  if (bar.cut && to === x(bar.cut.at))
    group.append(svg('path', { class: `bar-cut bar-${bar.cut.why}`, d: `M${to} ${y - 2}V${y + height + 2}` }))
  return group
}

function drawMark(mark: Mark, y: number, { x }: Scale): SVGGElement {
  const at = x(mark.at)
  const group = svg('g', { class: `mark mark-${mark.kind}` }, title(`${clock(mark.at)} ${mark.text}`))
  if (mark.kind === 'asked') group.append(svg('circle', { cx: at, cy: y, r: 5 }))
  if (mark.kind === 'told') group.append(svg('circle', { cx: at, cy: y, r: 2.75 }))
  if (mark.kind === 'failure') {
    const cross = `M${at - 3.5} ${y - 3.5}l7 7m0 -7l-7 7`
    group.append(
      svg('path', { class: 'mark-halo', d: cross }),
      svg('path', { class: mark.told ? 'mark-cross told' : 'mark-cross', d: cross }),
    )
  }
  return group
}

/** A lane for each tab, and in it a strand for each session; lines lead from the tab that asked to those that were told. */
export function drawTabs(tabs: readonly Tab[], own: number, scale: Scale): SVGElement[] {
  const bars: SVGElement[] = []
  const links: SVGElement[] = []
  const marks: SVGElement[] = []
  const draw = (strand: Strand, tab: number, row: number) => {
    const middle = (index: number) => scale.y(index, row) + scale.bar / 2
    const group = svg('g', { class: `provider-${strand.provider}` })
    for (const bar of strand.bars) group.append(drawBar(bar, scale.y(tab, row), scale))
    bars.push(group)
    for (const mark of strand.marks) {
      const from = tabs.findIndex(({ number }) => number === mark.by)
      const x = scale.x(mark.at)
      if (from >= 0) links.push(svg('path', { class: 'link', d: `M${x} ${middle(from)}V${middle(tab)}` }))
      marks.push(drawMark(mark, middle(tab), scale))
    }
  }
  tabs.forEach(({ number, strands }, tab) => {
    const y = scale.y(tab, 0)
    const height = scale.y(tab + 1, 0) - y
    if (number === own)
      bars.push(svg('rect', { class: 'lane-own', x: -2 * scale.edge, y: y - 9, width: 3 * scale.edge, height }))
    strands.forEach((strand, row) => draw(strand, tab, row))
  })
  return [...bars, ...links, ...marks]
}

/** What stands beside a tab's lane. */
export function labelTab({ number, asked, told, strands }: Tab, own: number): HTMLElement {
  const held = strands.map(({ provider, bars }) => {
    const last = bars.at(-1)
    return `${provider} ${last && !last.cut && last.to > Date.now() ? last.number : '-'}`
  })
  return html(
    'li',
    { class: 'lane-tab', 'data-tab': number, 'data-held': held.join(', ') },
    html('strong', {}, `Tab ${number}`, number === own && html('span', { class: 'own' }, 'this tab')),
    html('span', {}, `asked ${asked}`),
    html('span', {}, `told ${told}`),
  )
}
