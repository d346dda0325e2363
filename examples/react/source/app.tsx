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
  const [problem, setProblem] = useState('')
  const session = sessions[provider]
  const { users, providers } = start
  const { courier, engagespot, suprsend } = providers

  const attempt = (act: () => Promise<unknown>) => {
    setProblem('')
    act().catch(() => setProblem('The backend did not answer. Try again in a moment.'))
  }

  useEffect(() => {
    if (user) signIn({ id: user })
  }, [user])

  // Another tab logged out, or logged in as somebody else: the backend knows.
  useEffect(() => {
    const look = () => attempt(async () => setUser((await backend.state()).user))
    const stops = [
      session.on('signed-out', ({ reason }) => reason === 'other-tab' && look()),
      session.on('error', ({ code }) => /^(unauthorized|subject_mismatch)$/.test(code) && look()),
    ]
    return () => stops.forEach((stop) => stop())
  }, [session])

  const logIn = (id: string) => attempt(async () => setUser((await backend.logIn(id)).user))
  // The backend first: another tab that hears of the sign-out asks it who is logged in.
  const logOut = () =>
    attempt(async () => {
      await backend.logOut()
      await signOut()
      setUser(undefined)
    })

  const alert = problem && (
    <p className="problem" role="alert">
      {problem}
    </p>
  )
  if (!user)
    return (
      <>
        {alert}
        <LogIn users={users} onLogIn={logIn} />
      </>
    )

  return (
    <>
      {alert}
      <Header users={users} user={user} provider={provider} onUser={logIn} onProvider={setProvider} onLogOut={logOut} />
      <main className="columns">
        <section className={`card inbox ${provider}`} aria-label={`${labels[provider]} inbox`}>
          {provider === 'courier' && <CourierPane session={session} url={courier.settings.url} />}
          {provider === 'engagespot' && <EngagespotPane session={session} {...engagespot.settings} />}
          {provider === 'suprsend' && (
            <SuprSendPane session={session} {...suprsend.settings} url={suprsend.settings.url.replace(/\/$/, '')} />
          )}
        </section>
        <aside aria-label="The token">
          <button className="send" onClick={() => attempt(backend.send)}>
            Send {users.find(({ id }) => id === user)?.name} a message
          </button>
          <TokenCard session={session} way={ways[provider]} onRefuse={() => attempt(() => backend.refuse(provider))} />
          <Timeline journal={journals[provider]} />
        </aside>
      </main>
    </>
  )
}
