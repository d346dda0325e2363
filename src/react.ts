import { useEffect, useRef, useSyncExternalStore } from 'react'
import type { Session, SessionState } from './api.js'
import type { Adapter } from './attach.js'

declare const process: { readonly env: { readonly NODE_ENV?: string } } | undefined
declare const console: { warn(text: string): void }

// Bundlers put the name of the mode here, and leave out what is for development.
const development = typeof process === 'object' && process.env.NODE_ENV !== 'production'
const signedOut: SessionState = { status: 'signed-out' }
const always = [() => signedOut, () => undefined] as const

/** Warns, once for each component, where every render brings another session: each would ask the backend anew. */
function useWarning(session: Session): void {
  const seen = useRef<{ last?: Session; others: number }>({ others: 0 })
  useEffect(() => {
    const { last, others } = seen.current
    seen.current = { last: session, others: session === last && others < 3 ? 0 : others + 1 }
    if (seen.current.others === 3)
      console.warn(
        'inbox-session: each render makes a new session. Make it outside the component, or keep it in a state.',
      )
  })
}

/**
 * The session's state; the component renders again when it changes, and not otherwise.
 * On a server, and for the render that hydrates, it is signed-out: the page's HTML never depends on a token.
 */
export function useSession(session: Session): SessionState {
  if (development) useWarning(session)
  return useSyncExternalStore(session.subscribe, () => session.state, always[0])
}

/** The raw token while there is a good one; the component renders again when it is another one. Undefined on a server and for the render that hydrates. */
export function useToken(session: Session): string | undefined {
  if (development) useWarning(session)
  return useSyncExternalStore(
    session.subscribe,
    () => (session.state as { token?: { value: string } }).token?.value,
    always[1],
  )
}

/**
 * Keeps an SDK supplied while the component is mounted.
 * `create` is called once for a mount, and again when the session or one of `deps` is another one: like an effect it sees what it saw when it was called, so list what it uses.
 */
export function useAdapter(session: Session, create: () => Adapter, deps: readonly unknown[]): void {
  useEffect(() => {
    const detach = session.attach(create())
    return () => void detach()
  }, [session, ...deps])
}
