import type { SessionState } from 'inbox-session'

/** Why there are no messages. */
export const nobodyWords = ({ status }: SessionState): string =>
  status === 'failed' ? 'The app has no token for this inbox.' : 'Nobody is signed in.'

/** What keeps the inbox alive. */
export function tokenWords(state: SessionState): string {
  const token = 'token' in state ? state.token : undefined
  if (token?.expiresAt === undefined) return 'user' in state ? 'Asks the app for a token' : 'No token'
  const left = Math.max(0, Math.round((token.expiresAt - Date.now()) / 1_000))
  return `Token ${String(token.extra?.number)} from the app · ${left} s left`
}
