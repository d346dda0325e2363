import type { DemoState } from '../../demo/backend.js'

export type { DemoState } from '../../demo/backend.js'
export type Person = DemoState['users'][number]

async function call(path: string, body?: object): Promise<DemoState> {
  const answer = await fetch(`/api/${path}`, body && { method: 'POST', body: JSON.stringify(body) })
  if (!answer.ok) throw new Error(`The backend answered ${answer.status}.`)
  return (await answer.json()) as DemoState
}

/** The app's own backend. */
export const api = {
  state: () => call('state'),
  logIn: (user: string) => call('login', { user }),
  logOut: () => call('logout', {}),
  sendMessage: () => call('messages', {}),
  revokeTokens: () => call('revoke', {}),
}
