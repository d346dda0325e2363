// @vitest-environment happy-dom
import { useSession, useToken } from 'inbox-session/vue'
import { defineComponent, effectScope, h, nextTick, ref } from 'vue'
import { expect, test } from 'vitest'
import { createScene, listenToConsole, mount } from './scene.js'

test('in an effect scope it follows the session until the scope ends', async () => {
  const { browser, session, listeners, advance } = createScene()
  const scope = effectScope()
  const { state, token } = scope.run(() => ({ state: useSession(session), token: useToken(session) }))!
  session.signIn('ann')
  expect(state.value.status).toBe('fetching')
  await advance(1_000)
  expect(state.value).toBe(session.state)
  expect(browser.backend.tokens.indexOf(token.value!)).toBe(0)
  scope.stop()
  expect(listeners()).toBe(0)
})

test('a store that a component was the first to use outlives that component', async () => {
  const { session, listeners, advance } = createScene()
  const scope = effectScope(true)
  let store: ReturnType<typeof useSession> | undefined
  const useStore = () => (store ??= scope.run(() => useSession(session))!)
  const One = defineComponent(() => {
    const state = useStore()
    return () => state.value.status
  })
  const shown = ref(true)
  const { text } = mount(() => (shown.value ? h(One) : null))
  shown.value = false
  await nextTick()
  session.signIn('ann')
  await advance(1_000)
  shown.value = true
  await nextTick()
  expect(text()).toBe('fresh')
  expect(listeners()).toBe(1)
  scope.stop()
})

test('with neither component nor scope Vue warns, and the state is followed', async () => {
  const { session } = createScene()
  const printed = listenToConsole()
  let stop = (): void => {}
  const state = useSession(
    Object.create(session, { subscribe: { value: (run: () => void) => (stop = session.subscribe(run)) } }),
  )
  session.signIn('ann')
  expect(state.value.status).toBe('fetching')
  expect(printed.splice(0)).toEqual([expect.stringContaining('no active effect scope')])
  stop()
})
