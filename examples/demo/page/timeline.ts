import { html, reducedMotion, svg } from './dom.js'
import type { Lane } from './lane.js'
import { drawLane, type Scale } from './shapes.js'
import { drawTabs, labelTab } from './strands.js'
import type { Tabs } from './tabs.js'
import { clock } from './words.js'

/** A stretch of time in which the token endpoint was made to misbehave. */
export interface Band {
  from: number
  to?: number | undefined
  label: string
}

export interface Timeline {
  readonly bands: Band[]
  /** Draws a vertical line with words: another user, a refusal. */
  moment(label: string): void
  /** What is shown has changed. */
  invalidate(): void
  /** How much time the plot shows, for tokens of that life. */
  setLife(ms: number): void
  /** Moves the strip; called once a frame. */
  frame(now: number): void
}

const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600].map((step) => step * 1000)
const nowAt = 0.68

/**
 * A strip of SVG that is drawn only when something happened and otherwise moved by one transform. It has a lane for each
 * session while this is the only tab, and else a lane for each tab.
 */
export function createTimeline(root: HTMLElement, lanes: readonly Lane[], tabs: () => Tabs): Timeline {
  const strip = svg('svg', { class: 'strip', 'aria-hidden': 'true' })
  const view = html(
    'div',
    { class: 'view' },
    strip,
    html('div', { class: 'veil' }),
    html('div', { class: 'now' }, html('span', {}, 'now')),
  )
  const labels = html('ul', { class: 'lane-labels' })
  const names = lanes.map(({ provider, label }) =>
    html('li', { class: `provider-${provider}` }, html('span', { class: 'swatch' }), label),
  )
  root.append(labels, view)
  view.style.setProperty('--now', String(nowAt))

  const bands: Band[] = []
  let moments: { at: number; label: string }[] = []
  let life = 60_000
  let width = 0
  let origin = 0
  let dirty = true
  let drawnAt = 0
  let moved = ''

  const measure = () => {
    width = view.clientWidth
    dirty = true
  }
  new ResizeObserver(measure).observe(view)

  const draw = (now: number) => {
    const narrow = width < 520
    const span = life * (narrow ? 2.4 : 3.9)
    const rate = width / span
    const { number, all } = tabs()
    const open = all()
    const shared = open.length > 1
    const laneHeight = shared ? 70 : narrow ? 46 : 50
    const top = 22
    const count = shared ? open.length : lanes.length
    const height = top + laneHeight * count + 22
    const left = now - span * nowAt
    origin = now
    drawnAt = now
    dirty = false
    // A quarter of the width is drawn beyond both edges: that long the strip may only move.
    const spare = span / 4
    const edge = width * (1 - nowAt) + width / 4
    const scale: Scale = {
      x: (at) => Math.round((at - origin) * rate * 10) / 10,
      edge,
      bar: shared ? 11 : narrow ? 13 : 14,
      y: (lane, row) => top + lane * laneHeight + 5 + row * (shared ? 15.5 : narrow ? 17 : 18),
    }
    for (const lane of lanes) lane.forget(left - spare)
    moments = moments.filter(({ at }) => at > left - spare)
    bands.splice(0, bands.length, ...bands.filter(({ to }) => (to ?? now) > left - spare))

    const shapes: SVGElement[] = []
    for (const { from, to, label } of bands) {
      const start = scale.x(Math.max(from, left - spare))
      const end = to === undefined ? edge : scale.x(to)
      shapes.push(
        svg('rect', {
          class: 'band',
          x: start,
          y: top - 4,
          width: Math.max(1, end - start),
          height: height - top - 16,
        }),
      )
      shapes.push(svg('text', { class: 'band-label', x: start + 1, y: top - 10 }, label))
    }
    const step = steps.find((value) => value * rate >= (narrow ? 74 : 96)) ?? 3_600_000
    for (let at = Math.ceil((left - spare) / step) * step; scale.x(at) < edge; at += step) {
      const x = scale.x(at)
      shapes.push(svg('path', { class: 'tick', d: `M${x} ${top - 4}V${height - 20}` }))
      shapes.push(svg('text', { class: 'tick-label', x, y: height - 6 }, clock(at)))
    }
    for (let index = 0; index < count; index++) {
      const y = top + index * laneHeight - 4
      shapes.push(svg('path', { class: 'rule', d: `M${-width * 1.25} ${y}H${edge}` }))
    }
    if (shared) {
      shapes.push(...drawTabs(open, number, scale))
      labels.replaceChildren(...open.map((tab) => labelTab(tab, number)))
    } else {
      shapes.push(...lanes.map((lane, index) => drawLane(lane, index, scale, now)))
      labels.replaceChildren(...names)
    }
    for (const { at, label } of moments) {
      const x = scale.x(at)
      shapes.push(svg('path', { class: 'moment', d: `M${x} ${top - 4}V${height - 20}` }))
      shapes.push(svg('text', { class: 'moment-label', x: x + 1, y: top - 10 }, label))
    }
    root.style.setProperty('--lane', `${laneHeight}px`)
    root.style.setProperty('--top', `${top - 4}px`)
    root.style.height = `${height}px`
    strip.setAttribute('height', String(height))
    strip.replaceChildren(...shapes)
  }

  return {
    bands,
    moment(label) {
      moments.push({ at: Date.now(), label })
      dirty = true
    },
    invalidate() {
      dirty = true
    },
    setLife(ms) {
      life = Math.max(ms, 5_000)
      dirty = true
    },
    frame(now) {
      if (!width) return
      const span = life * (width < 520 ? 2.4 : 3.9)
      if (dirty || now - drawnAt > span / 8) draw(now)
      else if (reducedMotion.matches && now - drawnAt < 1_000) return
      if (reducedMotion.matches && now !== drawnAt) draw(now)
      // A quarter of a pixel is as smooth as the eye can tell, and most frames then cost nothing.
      const x = Math.round((width * nowAt - ((now - origin) * width) / span) * 4) / 4
      const next = `translate3d(${x}px,0,0)`
      if (next !== moved) strip.style.transform = moved = next
    },
  }
}
