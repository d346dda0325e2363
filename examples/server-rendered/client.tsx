import { StrictMode } from 'react'
import { hydrateRoot } from 'react-dom/client'
import { take } from './embed.js'
import { takeFirstToken } from './first-token.js'
import { Page, type PageData } from './page.js'
import { createInboxSession } from './session.js'

const first = takeFirstToken()
const data = take<PageData>('page-data')
if (data) start(data)

function start(data: PageData): void {
  const inbox = createInboxSession()
  const { session } = inbox
  // Somebody else is logged in by now, or nobody: the server knows what to show.
  session.on('error', ({ code }) => {
    if (code === 'unauthorized' || code === 'subject_mismatch') location.reload()
  })
  session.on('signed-out', ({ reason }) => {
    if (reason === 'other-tab') location.reload()
  })
  session.signIn(data.person.id, first)
  hydrateRoot(
    document.getElementById('root')!,
    <StrictMode>
      <Page inbox={inbox} data={data} />
    </StrictMode>,
  )
}
