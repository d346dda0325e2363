// @vitest-environment happy-dom
import { useAdapter, useSession } from 'inbox-session/vue'
import {
  type Component,
  Suspense,
  Teleport,
  Transition,
  defineAsyncComponent,
  defineComponent,
  h,
  ref,
  shallowRef,
} from 'vue'
import { expect, test } from 'vitest'
import { createScene, createSdk, mount } from './scene.js'

/** A component whose setup waits until `ready` is called. */
function createSlow(use: () => () => string) {
  const seen: string[] = []
  let ready = (): void => {}
  const component = defineComponent(async () => {
    const read = use()
    await new Promise<void>((resolve) => (ready = resolve))
    return () => {
      seen.push(read())
      return h('p', seen.at(-1))
    }
  })
  return { component, seen, ready: () => ready() }
}

const inSuspense = (current: () => Component) => () =>
  h(Suspense, { timeout: 0 }, { default: () => h(current()), fallback: () => h('i', 'wait') })

test('a component that is loaded late shows the state there is when it comes', async () => {
  const scene = createScene()
  const seen: string[] = []
  let loaded = (_: Component): void => {}
  const Late = defineAsyncComponent(() => new Promise<Component>((resolve) => (loaded = resolve)))
  const { text } = mount(() => h(Late))
  await scene.signIn()
  expect(scene.listeners()).toBe(0)
  loaded(
    defineComponent(() => {
      const state = useSession(scene.session)
      return () => (seen.push(state.value.status), state.value.status)
    }),
  )
  await scene.advance(0)
  expect(text()).toBe('fresh')
  expect(seen).toEqual(['fresh'])
})

test('an async setup that waits while the state moves on renders once, with the newest', async () => {
  const scene = createScene()
  const slow = createSlow(() => {
    const state = useSession(scene.session)
    return () => state.value.status
  })
  const { text } = mount(inSuspense(() => slow.component))
  await scene.signIn()
  expect(text()).toBe('wait')
  slow.ready()
  await scene.advance(0)
  expect(text()).toBe('fresh')
  expect(slow.seen).toEqual(['fresh'])
})

test('the SDK of an async setup is supplied from when that is in the page', async () => {
  const scene = createScene()
  await scene.signIn()
  const sdk = createSdk()
  const slow = createSlow(() => {
    useAdapter(scene.session, sdk.create)
    return () => 'ready'
  })
  mount(inSuspense(() => slow.component))
  await scene.advance(10_000)
  expect(sdk.calls).toEqual([])
  slow.ready()
  await scene.advance(0)
  expect(sdk.calls).toEqual(['attach ann'])
})

test('a branch that is replaced before it was ready leaves no listener and attaches nothing', async () => {
  const scene = createScene()
  await scene.signIn()
  const sdk = createSdk()
  const slow = createSlow(() => {
    const state = useSession(scene.session)
    useAdapter(scene.session, sdk.create)
    return () => state.value.status
  })
  const Other = defineComponent(() => () => h('p', 'other'))
  const current = shallowRef<Component>(slow.component)
  const { text } = mount(inSuspense(() => current.value))
  await scene.advance(0)
  expect(scene.listeners()).toBe(1)
  current.value = Other
  await scene.advance(0)
  expect(text()).toBe('other')
  expect(scene.listeners()).toBe(0)
  slow.ready()
  await scene.advance(10_000)
  expect(text()).toBe('other')
  expect(sdk.calls).toEqual([])
  expect(scene.listeners()).toBe(0)
})

test('a page that goes away while the next one is not ready stays supplied until it is', async () => {
  const scene = createScene()
  await scene.signIn()
  const sdk = createSdk()
  const Inbox = defineComponent(() => {
    const state = useSession(scene.session)
    useAdapter(scene.session, sdk.create)
    return () => h('p', state.value.status)
  })
  const next = createSlow(() => () => 'next')
  const current = shallowRef<Component>(Inbox)
  const { text } = mount(() =>
    h(Suspense, null, { default: () => h('div', { key: current.value === Inbox ? 1 : 2 }, h(current.value)) }),
  )
  await scene.advance(0)
  current.value = next.component
  await scene.advance(0)
  expect([text(), scene.listeners()]).toEqual(['fresh', 1])
  expect(sdk.calls).toEqual(['attach ann'])
  next.ready()
  await scene.advance(0)
  expect([text(), scene.listeners()]).toEqual(['next', 0])
  expect(sdk.calls).toEqual(['attach ann', 'detach'])
})

test('an app that ends while a branch is pending leaves no listener', async () => {
  const scene = createScene()
  const slow = createSlow(() => {
    const state = useSession(scene.session)
    useAdapter(scene.session, createSdk().create)
    return () => state.value.status
  })
  const { app } = mount(inSuspense(() => slow.component))
  await scene.signIn()
  app.unmount()
  slow.ready()
  await scene.advance(1_000)
  expect(scene.listeners()).toBe(0)
  expect(slow.seen).toEqual([])
})

test('a teleported component in a transition follows and ends like any other', async () => {
  const scene = createScene()
  const shown = ref(true)
  const One = defineComponent(() => {
    const state = useSession(scene.session)
    return () => h('p', { id: 'teleported' }, state.value.status)
  })
  mount(() =>
    h(
      Teleport,
      { to: 'body' },
      h(Transition, { css: false }, () => (shown.value ? h(One) : undefined)),
    ),
  )
  await scene.signIn()
  expect(document.querySelector('#teleported')?.textContent).toBe('fresh')
  shown.value = false
  await scene.advance(0)
  expect(document.querySelector('#teleported')).toBe(null)
  expect(scene.listeners()).toBe(0)
})
