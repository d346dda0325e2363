import type { DemoState } from './api.js'
import { byId, html, write } from './dom.js'
import type { Lane } from './lane.js'
import type { Tab } from './tabs.js'

const key = (item: string): HTMLElement => {
  const [name = '', words = ''] = item.split('|')
  return html('li', {}, html('i', { class: `key key-${name}` }), words)
}
const alone = [
  'life|a token',
  'due|refresh point',
  'margin|margin',
  'fail|failure',
  'retry|next try',
  'message|message',
]
const shared = ['asked|asked the backend', 'told|told by another tab', 'fail|failure']

/** The words around the timeline: the legend, and with several tabs what they share and what it costs. */
export function createTogether(number: number, lanes: readonly Lane[]) {
  const title = document.title
  const names = lanes.map(({ provider, label }) =>
    html('li', { class: `provider-${provider}` }, html('span', { class: 'swatch' }), label),
  )
  const count = byId('together-count')
  let drawn: boolean | undefined
  return (tabs: readonly Tab[], { requests, refreshes }: DemoState): void => {
    const several = tabs.length > 1
    if (several !== drawn) {
      drawn = several
      byId('legend').replaceChildren(...(several ? [...names, ...shared.map(key)] : alone.map(key)))
      byId('together').hidden = !several
      document.title = several ? `Tab ${number} · ${title}` : title
    }
    const each = (requests / refreshes).toFixed(2)
    write(count, refreshes ? `${requests} requests for ${refreshes} refreshes, ${each} each.` : 'none so far.')
  }
}
