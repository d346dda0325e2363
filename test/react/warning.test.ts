// @vitest-environment happy-dom
import { type Session, createSession } from 'inbox-session'
import type * as original from 'inbox-session/react'
import { createElement } from 'react'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { mount, printed, watchConsole } from './stage.js'

watchConsole()

// Once per page: each test is a page of its own.
let hooks: typeof original
const load = async () => {
  vi.resetModules()
  hooks = await import('inbox-session/react')
}
beforeEach(load)

const make = () => createSession({ source: () => 'never asked' })
const Reads = ({ session }: { session: Session }) => hooks.useSession(session).status
const Holds = ({ session }: { session: Session }) => String(hooks.useToken(session))
const MakesOne = () => hooks.useSession(make()).status

test.each([
  ['useSession', () => hooks.useSession(make()).status],
  ['useToken', () => String(hooks.useToken(make()))],
])('a new session for each render of %s is told about, once per page', async (_, Bad) => {
  const { render } = await mount([createElement(Bad, { key: 1 }), createElement(Bad, { key: 2 })])
  for (let times = 0; times < 10; times++)
    await render([createElement(Bad, { key: 1 }), createElement(Bad, { key: 2 })])
  expect(printed.splice(0)).toEqual([expect.stringContaining('new session each time it renders')])
})

test('under StrictMode it is told about as well', async () => {
  const { render } = await mount(createElement(MakesOne), { strict: true })
  for (let times = 0; times < 5; times++) await render(createElement(MakesOne))
  expect(printed.splice(0)).toHaveLength(1)
})

test('a parent that makes one for its child is told about', async () => {
  const Parent = () => {
    const session = make()
    return [hooks.useSession(session).status, createElement(Reads, { key: 1, session })]
  }
  const { render } = await mount(createElement(Parent))
  for (let times = 0; times < 5; times++) await render(createElement(Parent))
  expect(printed.splice(0)).toHaveLength(1)
})

test('sessions that follow each other, each closed before the next, are nothing to talk about', async () => {
  let session = make()
  const { render } = await mount(createElement(Holds, { session }))
  for (let times = 0; times < 10; times++) {
    void session.close()
    session = make()
    await render(createElement(Holds, { session }))
  }
  expect(printed).toEqual([])
})

test('a component that shows one of some sessions after the other is nothing to talk about', async () => {
  const sessions = [make(), make(), make()]
  const { render } = await mount(createElement(Holds, { session: sessions[0]! }))
  for (const session of sessions.slice(1)) await render(createElement(Holds, { session }))
  expect(printed).toEqual([])
})

test('going to and fro between sessions is nothing to talk about', async () => {
  const sessions = [make(), make()]
  const { render } = await mount(createElement(Holds, { session: sessions[0]! }))
  for (let times = 1; times < 10; times++) await render(createElement(Holds, { session: sessions[times % 2]! }))
  expect(printed).toEqual([])
})

test('many sessions at once are nothing to talk about', async () => {
  const holders = Array.from({ length: 5 }, (_, key) => createElement(Holds, { key, session: make() }))
  const { render } = await mount(holders, { strict: true })
  for (let times = 0; times < 5; times++) await render([...holders])
  expect(printed).toEqual([])
})

test.each(['production', ''])('in the mode "%s" nothing is said', async (mode) => {
  vi.stubEnv('NODE_ENV', mode)
  await load()
  const { render } = await mount(createElement(MakesOne))
  for (let times = 0; times < 5; times++) await render(createElement(MakesOne))
  vi.unstubAllEnvs()
  expect(printed).toEqual([])
})

test('where reading the mode fails, as in a page without a bundler, nothing is said and nothing breaks', async () => {
  const { env } = process
  let reads = 0
  Object.defineProperty(process, 'env', {
    configurable: true,
    get() {
      if (!/(src|dist)\/react\.[jt]s/.test(new Error().stack!)) return env
      reads++
      throw new ReferenceError('process is not defined')
    },
  })
  onTestFinished(() => void Object.defineProperty(process, 'env', { value: env, writable: true, configurable: true }))
  await load()
  const { render } = await mount(createElement(MakesOne))
  for (let times = 0; times < 5; times++) await render(createElement(MakesOne))
  expect([printed, reads]).toEqual([[], 1])
})
