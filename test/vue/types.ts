import type { Session, SessionState } from 'inbox-session'
import { useAdapter, useSession, useToken } from 'inbox-session/vue'
import type { ComputedRef, ShallowRef } from 'vue'

// Checked by `npx tsc -p .`: what must not compile does not. Never run.

declare const session: Session

type Same<One, Other> =
  (<T>() => T extends One ? 1 : 2) extends <T>() => T extends Other ? 1 : 2 ? (One extends Other ? true : false) : false
const same = <One, Other>(_: Same<One, Other>): void => {}

export function useTypes(): void {
  const state = useSession(session)
  same<typeof state, Readonly<ShallowRef<SessionState>>>(true)
  const token = useToken(session)
  same<typeof token, ComputedRef<string | undefined>>(true)
  same<ReturnType<typeof useAdapter>, void>(true)

  // A token is there only in some states.
  if (state.value.status === 'fresh') state.value.token.value.slice()
  // @ts-expect-error: not narrowed
  void state.value.token
  // @ts-expect-error: a failed session may have no token
  if (state.value.status === 'failed') void state.value.token.value
  // @ts-expect-error: no such status
  if (state.value.status === 'signed-in') return
  // @ts-expect-error: may be undefined
  token.value.slice()

  // Nobody but the session changes it.
  // @ts-expect-error: read-only
  state.value = { status: 'signed-out' }
  // @ts-expect-error: read-only
  state.value.status = 'closed'
  // @ts-expect-error: read-only
  token.value = 'mine'

  // @ts-expect-error: no session
  useSession()
  // @ts-expect-error: a state is no session
  useSession(session.state)
  // @ts-expect-error: the session itself, not a ref of it
  useToken({ value: session })
  // @ts-expect-error: not a getter either
  useToken(() => session)

  useAdapter(session, () => ({ name: 'sdk', attach: ({ token: { value } }) => value.length }))
  useAdapter(session, () => ({ name: 'sdk', attach: async () => 1, update: () => {}, detach: () => {} }))
  // @ts-expect-error: what makes an adapter, not an adapter: it is made when the component is mounted
  useAdapter(session, { name: 'sdk', attach() {} })
  // @ts-expect-error: no adapter without a name
  useAdapter(session, () => ({ attach() {} }))
  // @ts-expect-error: no adapter without attach
  useAdapter(session, () => ({ name: 'sdk' }))
  // @ts-expect-error: an adapter is made at once
  useAdapter(session, async () => ({ name: 'sdk', attach() {} }))
  // @ts-expect-error: what is detached has a reason of three
  useAdapter(session, () => ({ name: 'sdk', attach() {}, detach: (_, reason: 'bored') => reason }))
  // @ts-expect-error: no list of dependencies as in React
  useAdapter(session, () => ({ name: 'sdk', attach() {} }), [session])
  // @ts-expect-error: no session
  useAdapter(() => ({ name: 'sdk', attach() {} }))
}
