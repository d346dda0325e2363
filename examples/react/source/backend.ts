import type { ProviderName } from './sessions.js'

export interface Account {
  id: string
  name: string
  email: string
}

/** What the app's backend tells the page: who is logged in, who could be, and the providers' addresses and public keys. */
export interface State {
  user?: string
  users: readonly Account[]
  providers: Record<ProviderName, { settings: { url: string; apiKey: string; publicKey: string } }>
}

async function call(path: string, body?: object): Promise<State> {
  const response = await fetch(path, body && { method: 'POST', body: JSON.stringify(body) })
  if (!response.ok) throw new Error(`${path} answered ${response.status}`)
  return (await response.json()) as State
}

export const backend = {
  state: () => call('/api/state'),
  logIn: (user: string) => call('/api/login', { user }),
  logOut: () => call('/api/logout', {}),
  /** Sends the user a message, through every provider. */
  send: () => call('/api/messages', {}),
  /** The provider refuses the tokens it has seen so far. */
  refuse: (provider: ProviderName) => call('/api/revoke', { provider }),
}
