import type { Adapter, AdapterContext } from '../attach.js'

/** The widget's documented options. The token goes in as it is, never decoded. */
export interface NotifizzOptions {
  apiKey: string
  authType: 'backendToken' | 'firebase'
  token: string
  /** With `backendToken` only. */
  userId?: string
  /** With `backendToken` only, where the user has an email. */
  userEmail?: string
}

/** A mounted widget. */
export interface NotifizzWidget {
  destroy(): void
}

/** What `notifizz` is told once. */
export interface NotifizzSettings {
  apiKey: string
  /** `backendToken`: a hash your backend makes, without an end. `firebase`: ID tokens, see `fromFirebase`. Default 'backendToken'. */
  authType?: 'backendToken' | 'firebase' | undefined
}

interface Mounted {
  widget?: NotifizzWidget | undefined
  of?: string
}

/**
 * Keeps the Notifizz widget supplied: `notifizz((options) => ({ destroy: show(options) }), { apiKey })`. `mount` puts the
 * widget on the page and returns what removes it; both happen again only when the token or the user changed. Throws what they
 * throw. Tested against Notifizz's documentation only: no package of theirs could be installed.
 */
export function notifizz(
  mount: (options: NotifizzOptions) => NotifizzWidget,
  { apiKey, authType = 'backendToken' }: NotifizzSettings,
): Adapter {
  const remove = (mounted: Mounted): void => {
    const { widget } = mounted
    mounted.widget = undefined
    widget?.destroy()
  }

  const show = (mounted: Mounted, { token: { value, user } }: AdapterContext): Mounted => {
    const of = JSON.stringify([value, user.id, user.email])
    if (mounted.widget && mounted.of === of) return mounted
    remove(mounted)
    mounted.widget = mount({
      apiKey,
      authType,
      token: value,
      ...(authType === 'backendToken' && { userId: user.id, ...(user.email && { userEmail: user.email }) }),
    })
    mounted.of = of
    return mounted
  }

  return {
    name: 'notifizz',
    attach: (context) => show({}, context),
    update: (mounted: Mounted, context) => show(mounted, context),
    detach: (mounted: Mounted) => remove(mounted),
  }
}
