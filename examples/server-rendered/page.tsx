import { Inbox, type Message } from './inbox.js'
import type { InboxSession } from './session.js'
import { TokenLife } from './token-life.js'

export interface Person {
  id: string
  name: string
}

/** What the page is made of, on the server and in the browser; nothing in it is secret. */
export interface PageData {
  person: Person
  people: readonly Person[]
  messages: readonly Message[]
  /** Engagespot's address and this app's public key. */
  engagespot: { url: string; apiKey: string }
}

export function Page({ inbox, data }: { inbox: InboxSession; data: PageData }) {
  const { session } = inbox
  const { person, people, messages, engagespot } = data
  return (
    <>
      <header className="bar">
        <h1>{person.name}’s inbox</h1>
        <form method="post" action="/log-in">
          <label className="hidden" htmlFor="user">
            Another person
          </label>
          <select id="user" name="user" defaultValue={person.id}>
            {people.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
          <button>Switch</button>
        </form>
        <form
          method="post"
          action="/log-out"
          onSubmit={(event) => {
            event.preventDefault()
            // The server first: another tab that hears of the sign-out loads its page again.
            void fetch('/log-out', { method: 'POST', redirect: 'manual' })
              .then(() => session.signOut())
              .finally(() => location.assign('/'))
          }}
        >
          <button>Log out</button>
        </form>
      </header>
      <main>
        <TokenLife inbox={inbox} />
        <Inbox session={session} first={messages} engagespot={engagespot} />
        <form
          method="post"
          action="/message"
          onSubmit={(event) => {
            event.preventDefault()
            void fetch('/message', { method: 'POST', redirect: 'manual' })
          }}
        >
          <button className="main">Send a message</button>
        </form>
      </main>
    </>
  )
}
