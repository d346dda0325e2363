import { useEffect, useState } from 'react'
import type { Token } from 'inbox-session'
import { useSession } from 'inbox-session/react'
import type { InboxSession } from './session.js'

/** Where the token came from and how long it is good. On the server and while the page hydrates there is none to tell of. */
export function TokenLife({ inbox }: { inbox: InboxSession }) {
  const state = useSession(inbox.session)
  const [now, setNow] = useState<number>()

  useEffect(() => {
    const tick = () => setNow(Date.now())
    tick()
    const timer = setInterval(tick, 1_000)
    return () => clearInterval(timer)
  }, [])

  const { token } = state as { token?: Token }
  const left = token?.expiresAt && now ? Math.max(0, token.expiresAt - now) : undefined
  const life = token?.expiresAt ? token.expiresAt - token.receivedAt : 1
  const origin = token?.extra?.minted === 'with the page' ? 'came with the page' : 'came from the endpoint'
  return (
    <section className="life" aria-label="Token">
      <p>
        {token && left !== undefined
          ? `The token ${origin}, ${Math.round(left / 1_000)} s left`
          : state.status === 'failed'
            ? 'Stopped'
            : 'No token yet'}
      </p>
      <p className="asked">{`requests for a token from this page: ${now ? inbox.asked() : 0}`}</p>
      <progress value={(left ?? 0) / life} aria-label="Life left in the token" />
    </section>
  )
}
