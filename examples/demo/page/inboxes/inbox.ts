import type { Session } from 'inbox-session'
import type { DemoState, ProviderName } from '../api.js'

export interface Place {
  /** The element the inbox is put into. */
  root: HTMLElement
  session: Session
  settings: DemoState['providers'][ProviderName]['settings']
  /** A message reached the inbox. */
  arrived(title: string): void
}

/** One provider's inbox on the page. */
export interface Inbox {
  provider: ProviderName
  label: string
  /** The package and version that runs here. */
  sdk: string
  note?: string
  /** Puts the inbox into the page and keeps it supplied by the session. */
  mount(place: Place): void
}
