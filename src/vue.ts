import {
  type ComputedRef,
  type ShallowRef,
  computed,
  getCurrentInstance,
  onMounted,
  onScopeDispose,
  onServerPrefetch,
  shallowRef,
} from 'vue'
import type { Session, SessionState } from './api.js'
import type { Adapter } from './attach.js'

/**
 * The session's state, until the component or effect scope ends.
 * On a server, and while a component hydrates, it is signed-out: the page's HTML never depends on a token.
 */
export function useSession(session: Session): Readonly<ShallowRef<SessionState>> {
  const state = shallowRef<SessionState>({ status: 'signed-out' })
  const read = (): void => void (state.value = session.state)
  const instance = getCurrentInstance()
  const stop = session.subscribe(read)
  onScopeDispose(stop)
  // A server renders once and ends no scope.
  if (instance) onServerPrefetch(stop)
  // The element is there before the component only where it is hydrated.
  if (instance?.vnode.el) onMounted(read)
  else read()
  return state
}

/** The raw token while there is a good one. */
export function useToken(session: Session): ComputedRef<string | undefined> {
  const state = useSession(session)
  return computed(() => (state.value as { token?: { value: string } }).token?.value)
}

/** Keeps an SDK supplied: from when the component is mounted, or at once in an effect scope, until that ends. */
export function useAdapter(session: Session, create: () => Adapter): void {
  let detach: (() => Promise<void>) | undefined
  const attach = (): void => void (detach = session.attach(create()))
  onScopeDispose(() => void detach?.())
  if (getCurrentInstance()) onMounted(attach)
  else attach()
}
