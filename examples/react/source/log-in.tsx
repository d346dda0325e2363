import type { Account } from './backend.js'

/** The app's own login. A real one asks for more than a name. */
export function LogIn({ users, onLogIn }: { users: readonly Account[]; onLogIn: (id: string) => void }) {
  return (
    <main className="log-in card">
      <h1>Log in</h1>
      <p>Three inboxes from three vendors, in React. Each is opened with a token that lives seconds.</p>
      <ul>
        {users.map(({ id, name, email }, index) => (
          <li key={id}>
            <button autoFocus={index === 0} onClick={() => onLogIn(id)}>
              <strong>{name}</strong> <span>{email}</span>
            </button>
          </li>
        ))}
      </ul>
    </main>
  )
}
