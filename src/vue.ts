import {
  type ComputedRef,
  type ShallowRef,
  computed,
  getCurrentInstance,
  inject,
  onMounted,
  onScopeDispose,
  shallowRef,
  ssrContextKey,
} from 'vue'
import type { Session, SessionState } from './api.js'
import type { Adapter } from './attach.js'

/**
 * Starts what ends with the scope. At once; but when the component is mounted where it is one that needs to be, one that hydrates (only then
 * has it an element before it is rendered), or one on a server, where none ever is.
 */
const during = (start: () => () => unknown, needsMount?: boolean): void => {
  const instance = getCurrentInstance()
  // Before Vue 3.5 a component may be mounted after its end: then nothing starts.
  let stop = (): unknown => (start = () => stop)
  onScopeDispose(() => stop())
  const begin = (): unknown => (stop = start())
  if (instance && inject<unknown>(ssrContextKey, instance.isMounted ? 0 : needsMount || instance.vnode.el))
    onMounted(begin)
  else begin()
}

/**
 * The session's state, until the component or effect scope ends; what uses it runs again when it changes, and not otherwise.
 * On a server, and for the render that hydrates, it is signed-out: the page's HTML never depends on a token.
 * With neither component nor scope Vue warns, and the session is followed until it is closed.
 */
export const useSession = (session: Session): Readonly<ShallowRef<SessionState>> => {
  const state = shallowRef<SessionState>({ status: 'signed-out' })
  during(() => {
    if (state.value.status !== session.state.status) state.value = session.state
    return session.subscribe(() => (state.value = session.state))
  })
  return state
}

/**
 * The raw token while there is a good one; what uses it runs again when it is another one (before Vue 3.4 with every change of the state).
 * Undefined on a server and for the render that hydrates.
 */
export const useToken = (session: Session): ComputedRef<string | undefined> => {
  const state = useSession(session)
  return computed(() => (state.value as { token?: { value: string } }).token?.value)
}

/**
 * Keeps an SDK supplied from when the component is mounted, outside components at once, until the component or effect scope ends; also while
 * KeepAlive keeps the component. Never in a component on a server. `create` is called once: give the component another `key` for another adapter.
 */
export const useAdapter = (session: Session, create: () => Adapter): void =>
  during(() => session.attach(create()), true)
