import { useEffect, useState } from 'react'
import { backend, type State } from './backend.js'
import { Header } from './header.js'
import { CourierPane } from './inboxes/courier.js'
import { EngagespotPane } from './inboxes/engagespot.js'
import { SuprSendPane } from './inboxes/suprsend.js'
import { LogIn } from './log-in.js'
import { labels, ways } from './providers.js'
import { journals, sessions, signIn, signOut, type ProviderName } from './sessions.js'
import { Timeline } from './timeline.js'
import { TokenCard } from './token-card.js'

/** The whole page. `start` is what the backend said when it was opened. */
export function App({ start }: { start: State }) {
  const [user, setUser] = useState(start.user)
  const [provider, setProvider] = useState<ProviderName>('courier')
  const session = sessions[provider]
  const { users, providers } = start
  const { courier, engagespot, suprsend } = providers

  useEffect(() => {
    if (user) signIn({ id: user })
  }, [user])

  // Another tab logged out.
  useEffect(() => session.on('signed-out', ({ reason }) => reason === 'other-tab' && setUser(undefined)), [session])

  const logIn = async (id: string) => setUser((await backend.logIn(id)).user)
  const logOut = async () => {
    await signOut()
    await backend.logOut()
    setUser(undefined)
  }

  if (!user) return <LogIn users={users} onLogIn={(id) => void logIn(id)} />

  return (
    <>
      <Header
        users={users}
        user={user}
        provider={provider}
        onUser={(id) => void logIn(id)}
        onProvider={setProvider}
        onLogOut={() => void logOut()}
      />
      <main className="columns">
        <section className={`card inbox ${provider}`} aria-label={`${labels[provider]} inbox`}>
          {provider === 'courier' && <CourierPane session={session} url={courier.settings.url} />}
          {provider === 'engagespot' && <EngagespotPane session={session} {...engagespot.settings} />}
          {provider === 'suprsend' && (
            <SuprSendPane session={session} {...suprsend.settings} url={suprsend.settings.url.replace(/\/$/, '')} />
          )}
        </section>
        <aside aria-label="The token">
          <button className="send" onClick={() => void backend.send()}>
            Send {users.find(({ id }) => id === user)?.name} a message
          </button>
          <TokenCard session={session} way={ways[provider]} onRefuse={() => void backend.refuse(provider)} />
          <Timeline journal={journals[provider]} />
        </aside>
      </main>
    </>
  )
}
