// @vitest-environment happy-dom
import type { Adapter, Session } from 'inbox-session'
import { useAdapter, useSession } from 'inbox-session/react'
import { Component, createElement } from 'react'
import type { ReactNode } from 'react'
import { expect, test, vi } from 'vitest'
import { type Sdk, createSdk } from './sdk.js'
import { createStage, mount, printed, throwLikeABrowser, watchConsole } from './stage.js'

watchConsole()

interface Props {
  session: Session
  create: () => Adapter
  deps?: readonly unknown[]
}
const Inbox = ({ session, create, deps = [] }: Props) => (useAdapter(session, create, deps), null)

async function signedIn(options?: Parameters<typeof createSdk>[1]) {
  const stage = createStage()
  const sdk = createSdk(stage, options)
  await stage.run(() => stage.session.signIn('ann'))
  await stage.advance(1_000)
  return { ...stage, sdk }
}

test('an SDK gets every new token while its component is mounted, and is let go of when it is not', async () => {
  const { session, advance, sdk } = await signedIn()
  const { unmount } = await mount(createElement(Inbox, { session, create: () => sdk.adapter() }))
  await advance(3_000_000)
  await unmount()
  await advance(3_600_000)
  expect(sdk.log).toEqual(['attach token 0', 'update token 1', 'detach'])
})

test('a render that changes no dep keeps the adapter, and what create saw (F98)', async () => {
  const { session, advance, sdk } = await signedIn()
  const inbox = (note: string) => createElement(Inbox, { session, create: () => sdk.adapter(note), deps: [1, 'a'] })
  const { render } = await mount(inbox('first '))
  await render(inbox('second '))
  await advance(3_000_000)
  expect(sdk.log).toEqual(['first attach token 0', 'first update token 1'])
})

test('another dep creates the adapter anew; the one before gets no token any more (F98)', async () => {
  const { session, advance, sdk } = await signedIn()
  const inbox = (note: string) => createElement(Inbox, { session, create: () => sdk.adapter(note), deps: [note] })
  const { render } = await mount(inbox('first '))
  await advance(0)
  await render(inbox('second '))
  await advance(3_000_000)
  expect(sdk.log).toEqual(['first attach token 0', 'first detach', 'second attach token 0', 'second update token 1'])
})

test('deps that change faster than an SDK can follow attach the first and the last', async () => {
  const { session, advance, sdk } = await signedIn({ takes: 100 })
  const inbox = (note: string) => createElement(Inbox, { session, create: () => sdk.adapter(note), deps: [note] })
  const { render } = await mount(inbox('1 '))
  for (const note of ['2 ', '3 ', '4 ']) await render(inbox(note))
  await advance(1_000)
  expect(sdk.log).toEqual([
    '1 attach token 0',
    '1 attach token 0 done',
    '1 detach',
    '1 detach done',
    '4 attach token 0',
    '4 attach token 0 done',
  ])
  expect(sdk.user()).toBe('ann')
})

test('a component that takes another one’s place waits until the SDK has been let go of', async () => {
  const { session, advance, sdk } = await signedIn({ takes: 100 })
  const inbox = (key: string) => createElement(Inbox, { key, session, create: () => sdk.adapter(`${key} `) })
  const { render } = await mount(inbox('left'))
  await advance(1_000)
  await render(inbox('right'))
  await advance(1_000)
  expect(sdk.log.slice(2)).toEqual([
    'left detach',
    'left detach done',
    'right attach token 0',
    'right attach token 0 done',
  ])
  expect(sdk.user()).toBe('ann')
})

test('an SDK that hangs holds up no other one', async () => {
  const stage = await signedIn()
  const hanging: Adapter = { name: 'hanging', attach: () => new Promise(() => {}) }
  const both = (key: string) => [
    createElement(Inbox, { key: `${key}1`, session: stage.session, create: () => hanging }),
    createElement(Inbox, { key: `${key}2`, session: stage.session, create: () => stage.sdk.adapter(`${key} `) }),
  ]
  const { render } = await mount(both('left'))
  await stage.advance(0)
  await render(both('right'))
  await stage.advance(0)
  expect(stage.sdk.log).toEqual(['left attach token 0', 'left detach', 'right attach token 0'])
})

test('a switch of the user with a key on the component leaves the new user signed in at the SDK', async () => {
  const { session, run, advance, sdk } = await signedIn({ takes: 100 })
  const Keyed = () => {
    const state = useSession(session)
    const key = 'user' in state ? state.user.id : 'nobody'
    return createElement(Inbox, { key, session, create: () => sdk.adapter(`${key} `) })
  }
  await mount(createElement(Keyed))
  await advance(1_000)
  await run(() => session.signIn('bob'))
  await advance(1_000)
  expect(sdk.user()).toBe('bob')
  expect(sdk.log.slice(2)).toEqual(['ann detach', 'ann detach done', 'bob attach token 1', 'bob attach token 1 done'])
})

test('another session in the same place takes the adapter along', async () => {
  const [one, other] = [await signedIn(), await signedIn()]
  const inbox = ({ session, sdk }: { session: Session; sdk: Sdk }) =>
    createElement(Inbox, { session, create: () => sdk.adapter() })
  const { render } = await mount(inbox(one))
  await one.advance(0)
  await render(inbox(other))
  await one.advance(0)
  expect(one.sdk.log).toEqual(['attach token 0', 'detach'])
  expect(other.sdk.log).toEqual(['attach token 0'])
})

class Boundary extends Component<{ children: ReactNode }> {
  override state: { message?: string } = {}
  static getDerivedStateFromError = ({ message }: Error) => ({ message })
  override render = () => this.state.message ?? this.props.children
}

test('what create throws goes to the error boundary and leaves nothing behind', async () => {
  const { session, advance, sdk, listeners } = await signedIn()
  const attach = vi.spyOn(Object.getPrototypeOf(session) as Session, 'attach')
  const caught: unknown[] = []
  throwLikeABrowser()
  const Reads = () => useSession(session).status
  const create = () => {
    throw new Error('no key')
  }
  const broken = [
    createElement(Reads, { key: 1 }),
    createElement(Inbox, { key: 2, session, create: () => sdk.adapter() }),
    createElement(Inbox, { key: 3, session, create }),
  ]
  const { text } = await mount(createElement(Boundary, null, broken), {
    onCaughtError: (error) => void caught.push(error),
  })
  await advance(1_000)
  expect(text()).toBe('no key')
  expect(attach).not.toHaveBeenCalled()
  expect([listeners(), sdk.log]).toEqual([0, []])
  if (!caught.length) expect(printed.splice(0)).toEqual([expect.stringContaining('error occurred in the <Inbox>')])
})
