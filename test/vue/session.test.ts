// @vitest-environment happy-dom
import { useSession, useToken } from 'inbox-session/vue'
import {
  computed,
  defineComponent,
  effectScope,
  h,
  nextTick,
  onMounted,
  onUpdated,
  ref,
  shallowRef,
  watchEffect,
} from 'vue'
import { expect, test } from 'vitest'
import { createScene, mount } from './scene.js'

const hour = 3_600_000

/** A component that counts how often it renders. */
const createCounter = (read: () => () => string | undefined) => {
  const counts = { setups: 0, renders: 0, updates: 0, seen: [] as (string | undefined)[] }
  const component = defineComponent(() => {
    const value = read()
    counts.setups++
    onUpdated(() => counts.updates++)
    return () => {
      counts.renders++
      counts.seen.push(value())
      return h('p', value())
    }
  })
  return { component, counts }
}

test('a component mounts with the state there is: one render, and none that says signed-out first', async () => {
  const { session, signIn } = createScene()
  await signIn()
  const { component, counts } = createCounter(() => {
    const state = useSession(session)
    expect(state.value).toBe(session.state)
    return () => state.value.status
  })
  const { text } = mount(component)
  await nextTick()
  expect(text()).toBe('fresh')
  expect(counts).toMatchObject({ renders: 1, updates: 0, seen: ['fresh'] })
})

test('a store that is first used when a component is mounted already begins at once', async () => {
  const { session, signIn, listeners } = createScene()
  await signIn()
  const scope = effectScope(true)
  let status: string | undefined
  mount(
    defineComponent(() => {
      onMounted(() => (status = scope.run(() => useSession(session))!.value.status))
      return () => h('p')
    }),
  )
  expect(status).toBe('fresh')
  expect(listeners()).toBe(1)
  scope.stop()
})

test('what a component does in its own setup is in its first render', async () => {
  const { session, advance } = createScene()
  const { component, counts } = createCounter(() => {
    const state = useSession(session)
    session.signIn('ann')
    return () => state.value.status
  })
  mount(component)
  await nextTick()
  expect(counts.seen).toEqual(['fetching'])
  await advance(1_000)
  expect(counts.seen).toEqual(['fetching', 'fresh'])
})

test('fifty components of one session ask the backend once', async () => {
  const { session, calls, advance, listeners } = createScene()
  const One = defineComponent(() => {
    const token = useToken(session)
    const state = useSession(session)
    return () => h('p', [state.value.status, token.value ? '+' : '-'])
  })
  const { text } = mount(() => Array.from({ length: 50 }, () => h(One)))
  session.signIn('ann')
  await advance(1_000)
  expect(calls()).toBe(1)
  expect(text()).toBe('fresh+'.repeat(50))
  expect(listeners()).toBe(100)
})

test('a hundred focus flips with a good token render nothing and ask nothing', async () => {
  const { session, tab, calls, signIn, advance } = createScene()
  await signIn()
  const state = createCounter(() => {
    const value = useSession(session)
    return () => value.value.status
  })
  const token = createCounter(() => {
    const value = useToken(session)
    return () => value.value
  })
  mount(() => [h(state.component), h(token.component)])
  for (let time = 0; time < 100; time++) {
    tab.hide()
    await advance(50)
    tab.show()
    await advance(50)
  }
  expect(state.counts).toMatchObject({ renders: 1, updates: 0 })
  expect(token.counts).toMatchObject({ renders: 1, updates: 0 })
  expect(calls()).toBe(1)
})

test('a refresh in the background renders twice where the state is used, once where the token is', async () => {
  const { browser, session, signIn, advance, calls } = createScene()
  await signIn()
  const state = createCounter(() => {
    const value = useSession(session)
    return () => value.value.status
  })
  const token = createCounter(() => {
    const value = useToken(session)
    return () => value.value
  })
  const status = createCounter(() => {
    const value = useSession(session)
    const known = computed(() => ('user' in value.value ? value.value.user.id : undefined))
    return () => known.value
  })
  mount(() => [h(state.component), h(token.component), h(status.component)])
  await advance(hour)
  expect(calls()).toBe(2)
  expect(state.counts.seen).toEqual(['fresh', 'fetching', 'fresh'])
  expect(token.counts.seen.map((value) => browser.backend.tokens.indexOf(value!))).toEqual([0, 1])
  expect(status.counts.seen).toEqual(['ann'])
})

test('useToken triggers nothing when only the status changes', async () => {
  const { browser, session, signIn, advance } = createScene()
  await signIn()
  const runs: number[] = []
  const scope = effectScope()
  scope.run(() => {
    const token = useToken(session)
    watchEffect(() => runs.push(browser.backend.tokens.indexOf(token.value!)), { flush: 'sync' })
  })
  browser.backend.fail({ status: 503 })
  session.refresh().catch(() => {})
  await advance(5_000)
  expect(session.state.status).not.toBe('fresh')
  expect(runs).toEqual([0])
  scope.stop()
})

test('the token is undefined before there is one and after sign-out', async () => {
  const { session, browser, signIn, advance } = createScene()
  const { component, counts } = createCounter(() => {
    const token = useToken(session)
    return () => (token.value ? `token ${browser.backend.tokens.indexOf(token.value)}` : 'none')
  })
  mount(component)
  await signIn()
  const out = session.signOut()
  await advance(100)
  await out
  expect(counts.seen).toEqual(['none', 'token 0', 'none'])
})

test('a component that is unmounted during a fetch hears nothing more, and the fetch goes on', async () => {
  const { session, listeners, advance, calls } = createScene()
  const shown = ref(true)
  const { component, counts } = createCounter(() => {
    const state = useSession(session)
    return () => state.value.status
  })
  mount(() => (shown.value ? h(component) : null))
  session.signIn('ann')
  await advance(10)
  shown.value = false
  await nextTick()
  expect(listeners()).toBe(0)
  await advance(1_000)
  expect(counts.seen).toEqual(['signed-out', 'fetching'])
  expect(session.state.status).toBe('fresh')
  expect(calls()).toBe(1)
})

test('two apps on one session ask once, show the same, and end on their own', async () => {
  const { session, calls, listeners, advance } = createScene()
  const One = defineComponent(() => {
    const state = useSession(session)
    return () => h('p', state.value.status)
  })
  const first = mount(One)
  const second = mount(One)
  session.signIn('ann')
  await advance(1_000)
  expect([first.text(), second.text(), calls()]).toEqual(['fresh', 'fresh', 1])
  first.app.unmount()
  expect(listeners()).toBe(1)
  const out = session.signOut()
  await advance(100)
  await out
  expect(second.text()).toBe('signed-out')
})

test('a user switch is seen as one change of user, with no state of the other in between', async () => {
  const { session, signIn, advance } = createScene()
  await signIn('ann')
  const { component, counts } = createCounter(() => {
    const state = useSession(session)
    return () => `${state.value.status} ${'user' in state.value ? state.value.user.id : ''}`
  })
  mount(component)
  session.signIn('bob')
  await advance(1_000)
  expect(counts.seen).toEqual(['fresh ann', 'fetching bob', 'fresh bob'])
})

test('a component with another session shows that one at once where its key is another', async () => {
  const first = createScene()
  const second = createScene()
  await first.signIn('ann')
  await second.signIn('bob')
  const One = defineComponent({
    props: ['session'],
    setup(props) {
      const state = useSession(props.session)
      return () => ('user' in state.value ? state.value.user.id : 'nobody')
    },
  })
  const current = shallowRef(first)
  const { text } = mount(() => h(One, { session: current.value.session, key: current.value === first ? 1 : 2 }))
  expect(text()).toBe('ann')
  current.value = second
  await nextTick()
  expect(text()).toBe('bob')
  expect([first.listeners(), second.listeners()]).toEqual([0, 1])
})
