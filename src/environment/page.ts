import type { Environment } from './environment.js'
import type { Scope } from './scope.js'

// The first two are events of the document, the others of the window; a worker has the network's alone.
const wakeEvents = 'visibilitychange resume pageshow focus online offline'

/** Whether the page is seen and the network there, and when that should be looked at again. Inert on a server. */
export function createPage(scope: Scope): Pick<Environment, 'onWake' | 'online' | 'visible'> {
  const page = {
    get online() {
      return scope.navigator?.onLine !== false
    },
    get visible() {
      return scope.document?.visibilityState !== 'hidden'
    },
    onWake(run: () => void) {
      const wake = (event: Event) => {
        if (page.visible || event.type[0] !== 'v') run()
      }
      const each = (method: 'addEventListener' | 'removeEventListener') =>
        wakeEvents.split(' ').forEach((type, index) => {
          const target = index < 2 ? scope.document : scope
          target?.[method]?.(type, wake)
        })
      each('addEventListener')
      return () => each('removeEventListener')
    },
  }
  return page
}
