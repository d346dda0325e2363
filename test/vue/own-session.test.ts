// @vitest-environment happy-dom
import { createSession } from 'inbox-session'
import type { Session } from 'inbox-session'
import { createTestBrowser } from 'inbox-session/testing'
import { useSession } from 'inbox-session/vue'
import { type InjectionKey, defineComponent, h, inject, nextTick, onScopeDispose, provide, ref, watchEffect } from 'vue'
import { expect, test } from 'vitest'
import { listenToConsole, mount } from './scene.js'

const nothing = { timers: 0, listeners: 0, channels: 0, locks: 0 }
const key: InjectionKey<Session> = Symbol('inbox')

function createPage() {
  listenToConsole()
  const browser = createTestBrowser()
  const tab = browser.tab()
  const advance = async (ms: number) => {
    await browser.advance(ms)
    await nextTick()
  }
  const seen: string[] = []
  const Status = defineComponent(() => {
    const state = useSession(inject(key)!)
    return () => {
      seen.push(`${state.value.status} ${'user' in state.value ? state.value.user.id : ''}`)
      return h('p')
    }
  })
  // The pattern of the README.
  const Inbox = defineComponent({
    props: ['user'],
    setup(props) {
      const session = createSession({ source: tab.source, environment: tab })
      onScopeDispose(() => void session.close())
      watchEffect(() => (props.user ? session.signIn(props.user) : void session.signOut()), { flush: 'post' })
      provide(key, session)
      const state = useSession(session)
      return () => h('div', [state.value.status, h(Status)])
    },
  })
  return { browser, tab, advance, seen, Inbox }
}

test('a session that a component makes asks once, follows the user, and ends with the component', async () => {
  const { browser, tab, advance, seen, Inbox } = createPage()
  const user = ref('ann')
  const shown = ref(true)
  mount(() => (shown.value ? h(Inbox, { user: user.value }) : null))
  await advance(1_000)
  expect(browser.backend.calls).toHaveLength(1)
  user.value = 'bob'
  await advance(1_000)
  user.value = ''
  await advance(1_000)
  expect(seen.splice(0)).toEqual([
    'signed-out ',
    'fetching ann',
    'fresh ann',
    'fetching bob',
    'fresh bob',
    'signed-out ',
  ])
  user.value = 'ann'
  await advance(1_000)
  shown.value = false
  await advance(20_000)
  expect(tab.leftovers).toEqual(nothing)
  expect(seen).toEqual(['fetching ann', 'fresh ann'])
})

test('a component that goes away during its first fetch leaves nothing', async () => {
  const { tab, advance, Inbox } = createPage()
  const { app } = mount(() => h(Inbox, { user: 'ann' }))
  await advance(10)
  app.unmount()
  await advance(20_000)
  expect(tab.leftovers).toEqual(nothing)
})
