import type { DemoState } from '../../demo/page/api.js'
import { byId, html } from '../../demo/page/dom.js'

let shown: string | undefined

/** Who is logged in, or who could be. */
export function drawAccount({ user, users }: DemoState): void {
  const focused = byId('logged-in').contains(document.activeElement) || byId('people').contains(document.activeElement)
  byId('logged-in').hidden = !user
  byId('logged-out').hidden = Boolean(user)
  if (!byId('people').firstChild)
    byId('people').append(
      ...users.map(({ id, name, email }) =>
        html(
          'li',
          {},
          html('button', { type: 'button', 'data-user': id }, html('strong', {}, name), html('span', {}, email)),
        ),
      ),
    )
  const select = byId('person') as HTMLSelectElement
  if (!select.firstChild) select.append(...users.map(({ id, name }) => html('option', { value: id }, name)))
  if (user) select.value = user
  // Where a keyboard goes on when what it was on has left the page.
  if (focused && Boolean(user) !== Boolean(shown)) byId(user ? 'frame-title' : 'log-in-title').focus()
  shown = user
}
