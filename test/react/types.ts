// Checked by `tsc -p .`; nothing here runs.
import type { Adapter, Session, SessionState } from 'inbox-session'
import { createSession } from 'inbox-session'
import { useAdapter, useSession, useToken } from 'inbox-session/react'

declare const session: Session
declare const adapter: Adapter
declare const withHandle: Adapter<{ close(): void }>

export function Inbox(): string {
  const state: SessionState = useSession(session)
  const token: string | undefined = useToken(session)
  useAdapter(session, () => adapter, [])
  useAdapter(session, () => withHandle, [token, 1, { any: 'thing' }] as const)

  // What there is depends on the status.
  // @ts-expect-error: a state without a user has no token
  void state.token
  // @ts-expect-error: nor a user
  void state.user
  if (state.status === 'fresh') void state.token.value.length
  // @ts-expect-error: between tokens there is none
  if (state.status === 'fetching') void state.token.value
  if (state.status === 'fetching') void state.token?.value
  // @ts-expect-error: only a failed attempt has an error
  if (state.status === 'fresh') void state.error
  if (state.status === 'waiting') void [state.error.code, state.retryAt, state.user.id]
  // @ts-expect-error: what has failed is not tried again by itself
  if (state.status === 'failed') void state.retryAt
  // @ts-expect-error: no such status
  if (state.status === 'loading') return ''

  // Snapshots are read only.
  // @ts-expect-error: nobody sets a status
  state.status = 'signed-out'
  // @ts-expect-error: nor a token
  if (state.status === 'fresh') state.token = state.token
  // @ts-expect-error: nor another user
  if (state.status === 'fresh') state.user.id = 'somebody else'
  // @ts-expect-error: nor what is in a token
  if (state.status === 'fresh') state.token.value = 'another'

  // @ts-expect-error: there may be none
  void token.length
  // @ts-expect-error: a raw token, not a Token
  void token?.claims

  // @ts-expect-error: a session, not its options
  useSession({ source: () => 'token' })
  // @ts-expect-error: nor the function that makes one
  useToken(createSession)
  // @ts-expect-error: there is no session of the air
  useSession()
  // @ts-expect-error: one that is not made yet is none
  useSession(undefined as Session | undefined)

  // @ts-expect-error: deps are not optional: without them every render would attach anew
  useAdapter(session, () => adapter)
  // @ts-expect-error: deps are a list
  useAdapter(session, () => adapter, 'user')
  // @ts-expect-error: a function that makes the adapter, not the adapter
  useAdapter(session, adapter, [])
  // @ts-expect-error: an adapter has a name
  useAdapter(session, () => ({ attach: () => undefined }), [])
  // @ts-expect-error: and an attach
  useAdapter(session, () => ({ name: 'sdk' }), [])
  // @ts-expect-error: made at once
  useAdapter(session, async () => adapter, [])
  // @ts-expect-error: made always
  useAdapter(session, () => undefined, [])
  // @ts-expect-error: it gives nothing back
  void useAdapter(session, () => adapter, []).detach
  return state.status
}
