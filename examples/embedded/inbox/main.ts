import { createSession, type Session } from 'inbox-session'
import { fromBridge, webviewEndpoint, type Endpoint } from 'inbox-session/bridge'
import { byId, write } from '../../demo/page/dom.js'
import { keepInbox } from './courier.js'
import { nobodyWords, tokenWords } from './words.js'

// Which page may embed this one is what its own server says, never an address it was called with or from.
const { appOrigin, courier } = (await (await fetch('/settings.json')).json()) as { appOrigin: string; courier: string }
/** No secret, and no proof: tokens come only for whoever is logged in at the app. */
const user = new URLSearchParams(location.search).get('user')

function show({ state }: Session): void {
  const signedIn = 'user' in state && state.status !== 'failed'
  byId('inbox').hidden = !signedIn
  byId('nobody').hidden = signedIn
  write(byId('nobody'), nobodyWords(state))
  write(byId('token'), tokenWords(state))
}

function start(endpoint: Endpoint): void {
  // No cookie, no log-in, no token endpoint: the page around this one is asked.
  const session = createSession({ name: 'courier', source: fromBridge(endpoint) })
  const draw = () => show(session)
  session.subscribe(draw)
  setInterval(draw, 500)
  draw()
  keepInbox(session, courier, byId('inbox'))
  if (user) session.signIn(user)
}

/** Undefined: this page is no part of another one. */
function findApp(): Endpoint | undefined {
  try {
    return webviewEndpoint({ targetOrigin: appOrigin })
  } catch {
    return undefined
  }
}

const app = findApp()
if (app) start(app)
else write(byId('nobody'), `This inbox is part of an app. Open it there: ${appOrigin}`)
