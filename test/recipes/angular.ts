import { DestroyRef, type Signal, inject, signal } from '@angular/core'
import type { Session, SessionState } from 'inbox-session'

/** Called where `inject` may be; follows until that component or service is destroyed. */
export function sessionSignal(session: Session): Signal<SessionState> {
  const state = signal(session.state)
  inject(DestroyRef).onDestroy(session.subscribe(() => state.set(session.state)))
  return state.asReadonly()
}
