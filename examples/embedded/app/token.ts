import type { Session, SessionState, Token } from 'inbox-session'
import { byId, write } from '../../demo/page/dom.js'

/** The number that the backend gave this token. */
export const numberOf = ({ extra, generation }: Pick<Token, 'extra' | 'generation'>): number =>
  Number(extra?.number ?? generation)

function describe(state: SessionState): string {
  const good = 'token' in state && state.token
  switch (state.status) {
    case 'fresh':
      return 'fresh'
    case 'fetching':
      return good ? 'asks for the next one' : 'asks for one'
    case 'waiting':
      return good ? 'tries again, this one still serves' : 'tries again'
    case 'failed':
      return 'stopped: log in again'
    default:
      return 'none'
  }
}

/** Shows how the session is and how long its token will live. */
export function drawToken(session: Session): void {
  const draw = () => {
    const { state } = session
    const token = 'token' in state ? state.token : undefined
    const life = token?.expiresAt === undefined ? 0 : token.expiresAt - token.receivedAt
    const left = Math.min(life, Math.max(0, (token?.expiresAt ?? 0) - Date.now()))
    const seconds = (ms: number) => Math.round(ms / 1_000)
    write(byId('token-title'), token ? `Token ${numberOf(token)}` : 'Token')
    write(byId('token-state'), describe(state))
    byId('token-state').dataset.status = state.status
    const none = 'user' in state ? 'On its way' : 'Nobody is logged in.'
    write(byId('token-left'), token ? `${seconds(left)} s left of ${seconds(life)} s` : none)
    ;(byId('token-life') as HTMLProgressElement).value = life && left / life
    for (const id of ['refresh', 'refuse']) (byId(id) as HTMLButtonElement).disabled = !token
  }
  session.subscribe(draw)
  setInterval(draw, 500)
  draw()
}
