import { randomUUID } from 'node:crypto'
import { Hono, type Context } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import { users } from '../demo/backend.js'
import { nextMessage, type World } from '../demo/world.js'
import { pageHeaders, renderLogIn, renderPage } from './document.js'
import type { FirstToken } from './first-token.js'
import { readMessages } from './inbox.js'

export interface ServerOptions {
  world: World
  client: string
  style: string
  /** Seconds that a token lives. */
  life: number
}

const cookie = 'server_rendered_login'

/** The app's server: it renders the page with a first token in it, and mints all later ones at an endpoint. */
export function createApp({ world, client, style, life }: ServerOptions) {
  const { mint, settings, standIn } = world.providers.engagespot
  const engagespot = { url: settings.url, apiKey: settings.apiKey ?? '' }
  const people = users.map(({ id, name }) => ({ id, name }))
  const logins = new Map<string, string>()
  const requested: { at: number; user: string }[] = []
  const app = new Hono()

  const personOf = (c: Context) => people.find(({ id }) => id === logins.get(getCookie(c, cookie) ?? ''))

  const mintFirst = async (user: string): Promise<FirstToken> => ({
    token: await mint(user, life),
    expiresIn: life,
    extra: { minted: 'with the page' },
  })
  const load = async (token: string) => {
    const headers = { authorization: `Bearer ${token}` }
    const answer = await fetch(`${engagespot.url}v3/notifications?pageNo=1&limit=15`, { headers })
    return readMessages(((await answer.json()) as { data: Parameters<typeof readMessages>[0] }).data)
  }

  app.get('/', async (c) => {
    const person = personOf(c)
    const headers = pageHeaders(engagespot.url)
    if (!person) return c.html(renderLogIn(people), 200, headers)
    // No provider, no messages and no token: the page comes all the same, and asks for them by itself.
    const first = await mintFirst(person.id).catch(() => undefined)
    const messages = first ? await load(first.token).catch(() => []) : []
    return c.html(renderPage({ person, people, messages, engagespot }, first), 200, headers)
  })

  app.get('/api/inbox-token', async (c) => {
    const person = personOf(c)
    c.header('cache-control', 'no-store')
    if (!person) return c.json({ error: 'nobody is logged in' }, 401)
    requested.push({ at: Date.now(), user: person.id })
    return c.json({ token: await mint(person.id, life), expiresIn: life })
  })

  app.post('/log-in', async (c) => {
    const { user } = await c.req.parseBody()
    const person = people.find(({ id }) => id === user)
    if (!person) return c.text('No such user.', 400)
    logins.delete(getCookie(c, cookie) ?? '')
    const login = randomUUID()
    logins.set(login, person.id)
    setCookie(c, cookie, login, { httpOnly: true, sameSite: 'Lax', path: '/' })
    return c.redirect('/', 303)
  })
  app.post('/log-out', (c) => {
    logins.delete(getCookie(c, cookie) ?? '')
    deleteCookie(c, cookie, { path: '/' })
    return c.redirect('/', 303)
  })
  app.post('/message', (c) => {
    const person = personOf(c)
    if (person) standIn.send(person.id, nextMessage())
    return c.redirect('/', 303)
  })

  const file = (path: string, type: string, body: string) =>
    app.get(path, (c) => c.body(body, 200, { 'content-type': `${type}; charset=utf-8`, 'cache-control': 'no-cache' }))
  file('/client.js', 'text/javascript', client)
  file('/style.css', 'text/css', style)

  for (const { id } of people) for (let count = 0; count < 3; count++) standIn.send(id, nextMessage())
  return { app, requested: requested as readonly { at: number; user: string }[] }
}
