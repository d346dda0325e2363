import { Writable } from 'node:stream'
import { type Session, createSession } from 'inbox-session'
import { useAdapter, useSession, useToken } from 'inbox-session/react'
import { createTestToken } from 'inbox-session/testing'
import { StrictMode, Suspense, createElement } from 'react'
import { renderToPipeableStream, renderToString } from 'react-dom/server'
import { expect, test, vi } from 'vitest'
import { countListeners, watchConsole } from './stage.js'

watchConsole()

const create = vi.fn(() => ({ name: 'sdk', attach: () => undefined }))
const Inbox = ({ session }: { session: Session }) => {
  useAdapter(session, create, [])
  return `${useSession(session).status} ${useToken(session) ?? 'none'}`
}
const page = (session: Session) =>
  createElement(StrictMode, null, createElement(Suspense, null, createElement(Inbox, { session })))

const toStream = (session: Session) =>
  new Promise<string>((resolve, reject) => {
    let html = ''
    const write = (chunk: Buffer, _: string, done: () => void) => ((html += String(chunk)), done())
    const target = new Writable({ write, final: (done) => (resolve(html), done()) })
    const { pipe } = renderToPipeableStream(page(session), { onAllReady: () => void pipe(target), onError: reject })
  })

const renderers = [
  ['renderToString', async (session: Session) => renderToString(page(session))],
  ['renderToPipeableStream', toStream],
] as const

/** One session of the module for all requests, as a careless app has it. */
function createShared(initial?: string) {
  const source = vi.fn(async (): Promise<string> => createTestToken({ sub: 'ann' }))
  const counted = countListeners(createSession({ source }))
  if (initial) counted.session.signIn('ann', initial)
  return { ...counted, source }
}

test.each(renderers)('%s asks nobody, subscribes nobody and attaches nothing', async (_, render) => {
  const { session, source, subscriptions } = createShared()
  expect(await render(session)).toContain('signed-out none')
  expect(source).not.toHaveBeenCalled()
  expect(create).not.toHaveBeenCalled()
  expect(subscriptions()).toBe(0)
})

test.each(renderers)('%s writes no token into the page, even where the session has one', async (_, render) => {
  const token = createTestToken({ sub: 'ann' })
  const { session, source, subscriptions } = createShared(token)
  expect(session.state.status).toBe('fresh')
  const html = await render(session)
  expect(html).toContain('signed-out none')
  expect(html.includes(token.slice(0, 12))).toBe(false)
  expect(source).not.toHaveBeenCalled()
  expect(subscriptions()).toBe(0)
  await session.close()
})

test.each(renderers)('two requests that %s renders at once have nothing in common', async (_, render) => {
  const [ann, bob] = [createShared(createTestToken({ sub: 'ann' })), createShared()]
  const pages = await Promise.all([render(ann.session), render(bob.session)])
  expect(pages[0]).toBe(pages[1])
  expect([ann.source, bob.source].flatMap(({ mock }) => mock.calls)).toEqual([])
  await ann.session.close()
  expect(bob.session.state.status).toBe('signed-out')
})
