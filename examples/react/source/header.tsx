import type { Account } from './backend.js'
import { labels } from './providers.js'
import type { ProviderName } from './sessions.js'

interface Props {
  users: readonly Account[]
  user: string
  provider: ProviderName
  onUser: (id: string) => void
  onProvider: (provider: ProviderName) => void
  onLogOut: () => void
}

/** Which inbox, whose, and the way out. */
export function Header({ users, user, provider, onUser, onProvider, onLogOut }: Props) {
  return (
    <header>
      <h1>Inbox</h1>
      <fieldset className="choice">
        <legend className="unseen">Inbox of</legend>
        {(Object.keys(labels) as ProviderName[]).map((name) => (
          <label key={name}>
            <input type="radio" name="provider" checked={name === provider} onChange={() => onProvider(name)} />
            <span>{labels[name]}</span>
          </label>
        ))}
      </fieldset>
      <div className="account">
        <label>
          <span className="unseen">User</span>
          <select value={user} onChange={({ target }) => onUser(target.value)}>
            {users.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <button onClick={onLogOut}>Log out</button>
      </div>
    </header>
  )
}
