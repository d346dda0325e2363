import type { DemoState, Fault, ProviderName } from '../backend.js'

export type { DemoState, Fault, ProviderName } from '../backend.js'

async function post<Answer = DemoState>(path: string, body: object = {}): Promise<Answer> {
  const response = await fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`${path} answered ${response.status}`)
  return (await response.json()) as Answer
}

/** What the demo's backend offers beside its token endpoint. Most calls answer the state after it. */
export const api = {
  state: async (): Promise<DemoState> => (await (await fetch('/api/state')).json()) as DemoState,
  /** A number for this tab, which no other one has. */
  tab: async (): Promise<number> => (await post<{ number: number }>('/api/tab')).number,
  login: (user: string) => post('/api/login', { user }),
  logout: () => post('/api/logout'),
  send: () => post('/api/messages'),
  fault: (fault: Fault) => post('/api/fault', { fault }),
  life: (seconds: number) => post('/api/life', { seconds }),
  revoke: (provider?: ProviderName) => post('/api/revoke', { provider }),
}
