import { html } from '../dom.js'

export interface Item {
  id: string
  title: string
  body: string
  /** Epoch ms. */
  at: number
}

const ago = (at: number): string => new Date(at).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })

/** A plain list of messages, for SDKs that bring data and no elements. Tells of titles it has not shown before. */
export function createList(root: HTMLElement, arrived: (title: string) => void) {
  const list = html('ul', { class: 'messages' })
  const known = new Set<string>()
  let first = true
  root.append(list)
  const empty = (words: string) => list.replaceChildren(html('li', { class: 'empty' }, words))
  empty('Signed out')
  return {
    show(items: readonly Item[]) {
      const unique = [...new Map(items.map((item) => [item.id, item])).values()]
      for (const { id, title } of unique) {
        if (!known.has(id) && !first) arrived(title)
        known.add(id)
      }
      first = false
      if (!unique.length) return empty('Nothing here yet')
      list.replaceChildren(
        ...unique.map(({ id, title, body, at }) =>
          html(
            'li',
            { class: 'message', 'data-id': id },
            html('p', { class: 'message-title' }, title),
            html('p', { class: 'message-body' }, body),
            html('time', {}, ago(at)),
          ),
        ),
      )
    },
    /** Nothing of the last user stays on the page. */
    clear(words = 'Signed out') {
      known.clear()
      first = true
      empty(words)
    },
  }
}
