import type { Person } from './page.js'

export function LogIn({ people }: { people: readonly Person[] }) {
  return (
    <main className="log-in">
      <h1>Who are you?</h1>
      <p>An example needs no password.</p>
      <form method="post" action="/log-in">
        {people.map(({ id, name }) => (
          <button key={id} name="user" value={id} className="choice">
            <span className="avatar" aria-hidden="true">
              {name[0]}
            </span>
            {name}
          </button>
        ))}
      </form>
    </main>
  )
}
