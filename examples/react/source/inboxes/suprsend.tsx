import { useState } from 'react'
import {
  NotificationFeed,
  SuprSendFeedProvider,
  SuprSendProvider,
  useAuthenticateUser,
  useSuprSendClient,
} from '@suprsend/react'
import type { Session } from 'inbox-session'
import { useAdapter, useSession, useToken } from 'inbox-session/react'
import { suprsend } from 'inbox-session/suprsend'
import { suprsendTheme } from '../themes.js'

interface Props {
  session: Session
  /** Without a slash at its end. */
  url: string
  publicKey: string
}

/** SuprSend's feed. Each user gets another provider: nothing of the last one stays. */
export function SuprSendPane(props: Props) {
  const state = useSession(props.session)
  return 'user' in state && <UserFeed key={state.user.id} user={state.user.id} {...props} />
}

function UserFeed({ session, user, url, publicKey }: Props & { user: string }) {
  const token = useToken(session)
  const [opened, setOpened] = useState(false)
  const [attempt, setAttempt] = useState(0)
  // Once open it stays, without a token too: a provider that goes takes the browser's push subscription along.
  if (token && !opened) setOpened(true)
  if (!opened) return null

  return (
    <SuprSendProvider
      key={attempt}
      publicApiKey={publicKey}
      host={url}
      distinctId={user}
      userToken={token}
      refreshUserToken={session.refreshUserToken}
      // It does not try again by itself.
      userAuthenticationHandler={({ response }) => {
        if (response.error) setTimeout(() => setAttempt(attempt + 1), 5_000)
      }}
    >
      <Supply session={session} />
      <SuprSendFeedProvider host={{ apiHost: url, socketHost: url }}>
        <NotificationFeed theme={suprsendTheme} />
      </SuprSendFeedProvider>
    </SuprSendProvider>
  )
}

/** A changed `userToken` never reaches the socket. The adapter brings it there, once the provider has its client. */
function Supply({ session }: { session: Session }) {
  const { authenticatedUser } = useAuthenticateUser()
  return authenticatedUser ? <Supplied session={session} /> : null
}

function Supplied({ session }: { session: Session }) {
  const client = useSuprSendClient()
  useAdapter(session, () => suprsend(client), [client])
  return null
}
