import { useEffect, useRef, useSyncExternalStore } from 'react'
import type { Session, SessionState } from './api.js'
import type { Adapter } from './attach.js'

declare const process: { readonly env: { readonly NODE_ENV?: string } }
declare const console: { warn(text: string): void }

// Bundlers put the name of their mode in the place of the whole variable. Without one a browser has no `process`.
const hasMode = /* @__PURE__ */ ((): boolean => {
  try {
    return Boolean(process.env.NODE_ENV)
  } catch {
    return false
  }
})()

const seen = /* @__PURE__ */ new WeakSet<Session>()
let isWarned = false

/** Five commits in a row, each with a session nobody saw before while the last one is open: no app switches like that. */
function useWarning(session: Session): void {
  const past = useRef({ session, strangers: 0 })
  const { session: last, strangers } = past.current
  const isReplaced = last.state.status === 'closed'
  useEffect(() => {
    const count = isReplaced || seen.has(session) ? 0 : strangers + 1
    seen.add(session)
    past.current = { session, strangers: count }
    if (count < 5 || isWarned) return
    isWarned = true
    console.warn(
      'inbox-session: a component gets a new session each time it renders. Make it outside, or in an effect, and keep it.',
    )
  })
}

const signedOut: SessionState = /* @__PURE__ */ Object.freeze({ status: 'signed-out' })
const onServer = (): SessionState => signedOut
const nothing = (): undefined => undefined

/**
 * The session's state; the component renders again when it changes, and not otherwise.
 * On a server, and for the render that hydrates, it is signed-out: the page's HTML never depends on a token.
 */
export function useSession(session: Session): SessionState {
  if (hasMode && process.env.NODE_ENV !== 'production') useWarning(session)
  return useSyncExternalStore(session.subscribe, () => session.state, onServer)
}

/**
 * The raw token while there is a good one; the component renders again when it is another one.
 * Undefined on a server and for the render that hydrates.
 */
export function useToken(session: Session): string | undefined {
  if (hasMode && process.env.NODE_ENV !== 'production') useWarning(session)
  return useSyncExternalStore(
    session.subscribe,
    () => (session.state as { token?: { value: string } }).token?.value,
    nothing,
  )
}

/**
 * Keeps an SDK supplied while the component is mounted.
 * `create` is called after the mount, and again when the session or one of `deps` is another one: like an effect it sees what
 * was there when it was called, so list what it uses. What it throws goes to the nearest error boundary.
 * StrictMode calls it twice and attaches one adapter; a server calls it never.
 */
export function useAdapter(session: Session, create: () => Adapter, deps: readonly unknown[]): void {
  useEffect(() => {
    const adapter = create()
    let detach: (() => Promise<void>) | undefined
    let isMounted = true
    // Later, if at all: StrictMode unmounts at once.
    queueMicrotask(() => {
      if (isMounted) detach = session.attach(adapter)
    })
    return () => {
      isMounted = false
      void detach?.()
    }
  }, [session, ...deps])
}
