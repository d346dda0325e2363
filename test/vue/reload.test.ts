// @vitest-environment happy-dom
import { useAdapter, useSession } from 'inbox-session/vue'
import { type Component, defineComponent, h, nextTick } from 'vue'
import { expect, test } from 'vitest'
import { createScene, createSdk, mount } from './scene.js'

/** What the dev server's client calls; Vue keeps it here in development. */
const runtime = (
  globalThis as unknown as {
    __VUE_HMR_RUNTIME__: {
      createRecord(id: string, component: Component): boolean
      reload(id: string, component: Component): void
      rerender(id: string, render: () => unknown): void
    }
  }
).__VUE_HMR_RUNTIME__

function createPage() {
  const scene = createScene()
  const sdk = createSdk()
  const page = (version: string): Component => ({
    ...defineComponent({
      name: 'InboxPage',
      setup() {
        const state = useSession(scene.session)
        useAdapter(scene.session, sdk.create)
        return { state }
      },
      render() {
        return h('p', `${version} ${this.state.status}`)
      },
    }),
    __hmrId: 'page',
  })
  const first = page('one')
  runtime.createRecord('page', first)
  return { scene, sdk, page, first }
}

test('a component that is reloaded asks nothing, and its SDK is let go of before it is supplied again', async () => {
  const { scene, sdk, page, first } = createPage()
  const { text } = mount(() => h(first))
  await scene.signIn()
  expect(text()).toBe('one fresh')
  runtime.reload('page', page('two'))
  await scene.advance(100)
  expect(text()).toBe('two fresh')
  expect(sdk.calls).toEqual(['attach ann', 'detach', 'attach ann'])
  expect([scene.listeners(), scene.calls()]).toEqual([1, 1])
})

test('a template that is replaced keeps what the setup holds', async () => {
  const { scene, sdk, first } = createPage()
  const { text } = mount(() => h(first))
  await scene.signIn()
  runtime.rerender('page', function (this: { state: { status: string } }) {
    return h('p', `three ${this.state.status}`)
  })
  await nextTick()
  expect(text()).toBe('three fresh')
  expect(sdk.calls).toEqual(['attach ann'])
  expect([scene.listeners(), scene.calls()]).toEqual([1, 1])
})
