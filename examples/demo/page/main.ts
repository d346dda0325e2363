import { createSession, fromEndpoint, isSessionError, type TraceEntry } from 'inbox-session'
import { api, type DemoState } from './api.js'
import { createCard } from './card.js'
import { createAccount, createControls, faultWords, type Actions } from './controls.js'
import { byId, reducedMotion, write } from './dom.js'
import { createFeed } from './feed.js'
import { courierInbox } from './inboxes/courier.js'
import { engagespotInbox } from './inboxes/engagespot.js'
import { notifizzInbox } from './inboxes/notifizz.js'
import { suprsendInbox } from './inboxes/suprsend.js'
import { createLane, type Lane } from './lane.js'
import { createSummary } from './summary.js'
import { createTabs } from './tabs.js'
import { createTimeline } from './timeline.js'
import { createTogether } from './together.js'
import { duration } from './words.js'

let server: DemoState = await api.state()
const number = await api.tab()

const spoken: string[] = []
const announcer = byId('announcer')
const say = (words: string) => {
  spoken.push(words)
  if (spoken.length > 1) return
  setTimeout(() => write(announcer, spoken.splice(0).join('. ')), 400)
}

const inboxes = [courierInbox, suprsendInbox, engagespotInbox, notifizzInbox]
const lanes: Lane[] = []
const rows = inboxes.map((inbox) => {
  const { provider, label } = inbox
  const endpoint = fromEndpoint(`/api/token/${provider}`, {
    // For the demo's counts alone; the sessions need no such thing.
    headers: () => ({ 'x-demo-tab': `${number}`, 'x-demo-replaces': `${lane.bars.at(-1)?.number ?? ''}` }),
  })
  const session = createSession({
    source(request) {
      lane.asks()
      return endpoint(request)
    },
    name: provider,
    // The default waits up to a minute between two tries, which suits tokens of an hour. These live seconds.
    retry: { minDelay: 1_000, maxDelay: Math.min(10_000, server.life * 350) },
  })
  const lane: Lane = createLane(provider, label, session, (entry) => changed(row, entry))
  const card = createCard(lane, inbox, say)
  const row = { inbox, lane, card, session }
  lanes.push(lane)
  return row
})
type Row = (typeof rows)[number]

const timeline = createTimeline(byId('plot'), lanes, () => tabs)
const feed = createFeed(byId('entries'), byId('filters'), () => lanes)

function changed(row: Row, entry?: TraceEntry): void {
  if (entry) feed.add(row.lane, entry)
  row.card.update()
  timeline.invalidate()
  tabs.share()
  summarise(server)
}

const user = () => server.users.find(({ id }) => id === server.user)
// Answers to questions asked before the last action are old news.
let acts = 0
const act = async (run: () => unknown) => {
  acts++
  try {
    await run()
  } catch (error) {
    if (!isSessionError(error)) say('That did not work: the demo’s server did not answer as expected.')
  }
  acts++
}

const signIn = () => {
  const who = user()
  if (who) for (const { session } of rows) session.signIn({ id: who.id, email: who.email })
}
const signOut = () => Promise.all(rows.map(({ session }) => session.signOut()))
const summarise = createSummary(rows, signIn)

const actions: Actions = {
  fault: (fault) => void act(async () => (show(await api.fault(fault)), tabs.acted())),
  revoke: () =>
    void act(async () => {
      timeline.moment('tokens refused')
      show(await api.revoke())
    }),
  send: () => void act(async () => show(await api.send())),
  refresh: () => rows.forEach(({ session }) => void act(() => session.refresh())),
  life: (seconds) => void act(async () => show(await api.life(seconds))),
  user: (id) => void act(async () => (follow(await api.login(id)), tabs.acted())),
  signOut: () => void act(async () => follow(await api.logout())),
}

/** Brings the sessions to whoever the backend says is signed in, here or in another tab. */
function follow(state: DemoState): void {
  if (state.user !== server.user) {
    timeline.moment(server.users.find(({ id }) => id === state.user)?.name ?? 'signed out')
  }
  show(state)
  if (state.user) signIn()
  else void act(signOut)
}

const tabs = createTabs(number, lanes, {
  changed() {
    timeline.invalidate()
    together(tabs.all(), server)
  },
  look: () => void look(),
  forget: () => lanes.forEach((lane) => lane.forget(Date.now() - 4_000 * server.life)),
})
const together = createTogether(number, lanes)
const showControls = createControls(byId('controls'), actions)
const showAccount = createAccount(byId('account'), server.users, actions)

function show(state: DemoState): void {
  if (state.fault !== server.fault) {
    const open = timeline.bands.at(-1)
    if (open && open.to === undefined) open.to = Date.now()
    if (state.fault !== 'none') timeline.bands.push({ from: Date.now(), label: faultWords[state.fault] })
    if (state.fault !== 'none') say(faultWords[state.fault])
  } else if (state.fault !== 'none' && !timeline.bands.length) {
    timeline.bands.push({ from: Date.now(), label: faultWords[state.fault] })
  }
  server = state
  document.body.dataset.fault = state.fault
  document.body.dataset.user = state.user ?? ''
  showControls(state)
  showAccount(state)
  for (const { inbox, card } of rows) card.seen(state.providers[inbox.provider])
  together(tabs.all(), state)
  timeline.setLife(state.life * 1000)
  const life = duration(state.life * 1000)
  write(
    byId('lead'),
    `Each token below dies after ${life}. Its session fetches the next one early and hands it to the provider’s own SDK, so the inbox never notices. Try to break it.`,
  )
  summarise(state)
}

for (const { inbox, lane, card, session } of rows) {
  byId('inboxes').append(card.element)
  const { settings } = server.providers[inbox.provider]
  inbox.mount({ root: card.inbox, session, settings, arrived: (title) => lane.arrived(title) })
  card.update()
  session.on('signed-out', ({ reason }) => {
    if (reason === 'other-tab' && server.user) void look()
  })
}
show(server)
signIn()

const frame = () => {
  const now = Date.now()
  timeline.frame(now)
  for (const { card } of rows) card.frame(now)
}
const loop = () => {
  frame()
  if (reducedMotion.matches) setTimeout(() => requestAnimationFrame(loop), 500)
  else requestAnimationFrame(loop)
}
loop()

// What the providers saw, and what another tab of the demo changed.
async function look(): Promise<void> {
  const before = acts
  const state = await api.state().catch(() => null)
  if (state === null) return summarise(undefined)
  if (before !== acts) return
  if (state.user === server.user) show(state)
  else follow(state)
}
const poll = async () => {
  if (!document.hidden) await look()
  setTimeout(() => void poll(), 700)
}
void poll()
