import type { DemoState } from './api.js'
import type { Card } from './card.js'
import { byId, html, write } from './dom.js'
import type { Lane } from './lane.js'

/** The line above the headline, and the notice when sessions have stopped for good. */
export function createSummary(rows: readonly { lane: Lane; card: Card }[], signIn: () => void) {
  const health = byId('health')
  const notice = byId('notice')
  const words = html('span')
  const again = html('button', { type: 'button', class: 'quiet', 'data-action': 'sign-in' }, 'Sign in again')
  again.addEventListener('click', signIn)
  notice.append(words, ' ', again)

  return (server: DemoState | undefined): void => {
    const connected = rows.filter(({ lane, card }) => lane.current && Number(card.element.dataset.sockets) > 0).length
    const stopped = rows.filter(({ lane }) => lane.state.status === 'failed')
    health.dataset.tone = !server ? 'bad' : !server.user ? 'idle' : connected === rows.length ? 'good' : 'warn'
    const signedIn = server?.user ? `${connected} of ${rows.length} connected` : 'signed out'
    write(health, server ? signedIn : 'the demo’s server has gone')
    notice.hidden = !stopped.length || !server?.user
    if (notice.hidden) return
    const who = stopped.length === 1 ? 'One session has' : `${stopped.length} sessions have`
    const held = stopped.some(({ lane }) => lane.current) ? ' Tokens still held serve to their end.' : ''
    write(words, `${who} stopped asking, because the last answer was final.${held}`)
  }
}
