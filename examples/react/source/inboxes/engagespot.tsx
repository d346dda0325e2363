import { Engagespot } from '@engagespot/react-component'
import type { Session } from 'inbox-session'
import { useSession } from 'inbox-session/react'
import { engagespotTheme } from '../themes.js'

const panel = { isOpen: true, setIsOpen() {}, disableDismiss: true }

interface Props {
  session: Session
  url: string
  apiKey: string
}

/** Engagespot's panel. It ignores a `userToken` that changes: the key makes another panel for each token. */
export function EngagespotPane({ session, url, apiKey }: Props) {
  const state = useSession(session)
  const token = 'token' in state ? state.token : undefined
  if (!token) return null

  return (
    <Engagespot
      key={token.generation}
      userId={token.user.id}
      userToken={token.value}
      apiKey={apiKey}
      baseUrl={url}
      theme={engagespotTheme}
      panel={panel}
      panelOnly
      disableWebPush
      disableTextTranslation
    />
  )
}
