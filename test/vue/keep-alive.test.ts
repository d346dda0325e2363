// @vitest-environment happy-dom
import { useAdapter, useSession } from 'inbox-session/vue'
import { KeepAlive, defineComponent, h, ref } from 'vue'
import { expect, test } from 'vitest'
import { type Scene, createScene, createSdk, mount } from './scene.js'

/** Pages of which KeepAlive keeps as many as it may, and the one that is shown. */
function createPages({ session }: Scene, max = 10) {
  const sdk = createSdk()
  const seen: string[] = []
  let setups = 0
  const page = ref<'inbox' | 'one' | 'two' | 'none'>('inbox')
  const Inbox = defineComponent({
    name: 'InboxPage',
    setup() {
      setups++
      const state = useSession(session)
      useAdapter(session, sdk.create)
      return () => {
        seen.push(state.value.status)
        return h('p', state.value.status)
      }
    },
  })
  const other = (name: string) => defineComponent({ name, setup: () => () => h('p', name) })
  const pages = { inbox: Inbox, one: other('one'), two: other('two'), none: undefined }
  const mounted = mount(() =>
    h(KeepAlive, { max }, () => {
      const component = pages[page.value]
      return component ? h(component) : null
    }),
  )
  return { ...mounted, sdk, seen, page, setups: () => setups }
}

test('a kept component shows what is true when it comes back, in the first thing it shows', async () => {
  const scene = createScene()
  const { page, text, setups } = createPages(scene)
  await scene.advance(0)
  expect(text()).toBe('signed-out')
  page.value = 'one'
  await scene.advance(0)
  await scene.signIn()
  expect(text()).toBe('one')
  page.value = 'inbox'
  await scene.advance(0)
  expect(text()).toBe('fresh')
  expect(setups()).toBe(1)
  expect(scene.listeners()).toBe(1)
})

test('coming and going a hundred times renders no page again, attaches nothing again and asks nothing', async () => {
  const scene = createScene()
  await scene.signIn()
  const { page, seen, sdk } = createPages(scene)
  for (let time = 0; time < 100; time++) {
    page.value = 'one'
    await scene.advance(10)
    page.value = 'inbox'
    await scene.advance(10)
  }
  expect(seen).toEqual(['fresh'])
  expect(sdk.calls).toEqual(['attach ann'])
  expect(scene.calls()).toBe(1)
})

test('the SDK of a kept component is supplied while that is not shown', async () => {
  const scene = createScene()
  await scene.signIn()
  const { page, sdk } = createPages(scene)
  await scene.advance(0)
  page.value = 'one'
  await scene.advance(3_600_000)
  expect(sdk.calls).toEqual(['attach ann', 'update ann'])
})

test('when the cache drops the component the SDK is let go of and nobody listens', async () => {
  const scene = createScene()
  await scene.signIn()
  const { page, sdk } = createPages(scene, 1)
  await scene.advance(0)
  page.value = 'one'
  await scene.advance(0)
  expect(sdk.calls).toEqual(['attach ann', 'detach'])
  expect(scene.listeners()).toBe(0)
})

test('when the app ends a kept component that is not shown ends as well', async () => {
  const scene = createScene()
  await scene.signIn()
  const { page, sdk, app } = createPages(scene)
  await scene.advance(0)
  page.value = 'none'
  await scene.advance(0)
  expect(scene.listeners()).toBe(1)
  app.unmount()
  await scene.advance(0)
  expect(sdk.calls).toEqual(['attach ann', 'detach'])
  expect(scene.listeners()).toBe(0)
})
