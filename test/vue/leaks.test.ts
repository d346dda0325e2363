// @vitest-environment happy-dom
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { useAdapter, useSession, useToken } from 'inbox-session/vue'
import { createApp, defineComponent, effectScope, h } from 'vue'
import { expect, test } from 'vitest'
import { type Scene, createScene, createSdk } from './scene.js'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const heapOf = async ({ advance }: Scene) => {
  for (let time = 0; time < 3; time++) {
    await advance(0)
    collect()
  }
  return process.memoryUsage().heapUsed
}
const eachTime = (times: number) => Array.from({ length: times }, () => ['attach ann', 'detach']).flat()

test('a thousand mounts leave no listener and no adapter behind', async () => {
  const scene = createScene()
  await scene.signIn()
  const sdk = createSdk()
  const One = defineComponent(() => {
    const state = useSession(scene.session)
    const token = useToken(scene.session)
    useAdapter(scene.session, sdk.create)
    return () => h('p', [state.value.status, token.value?.length])
  })
  for (let time = 0; time < 1_000; time++) {
    const app = createApp(One)
    app.mount(document.createElement('div'))
    await scene.advance(0)
    expect(scene.listeners()).toBe(2)
    app.unmount()
    expect(scene.listeners()).toBe(0)
  }
  await scene.advance(0)
  expect(sdk.calls.splice(0)).toEqual(eachTime(1_000))
  // The refresh of the session's own, and nothing for those that are gone.
  expect(scene.tab.leftovers.timers).toBe(1)
  await scene.advance(3_600_000)
  expect(sdk.calls).toEqual([])
}, 30_000)

// Without elements: the page that is simulated here gives their memory back when it likes.
test('a thousand effect scopes leave no listener, no adapter and no memory behind', async () => {
  const scene = createScene()
  await scene.signIn()
  const sdk = createSdk()
  const round = async (times: number) => {
    for (let time = 0; time < times; time++) {
      const scope = effectScope()
      scope.run(() => {
        useSession(scene.session)
        useToken(scene.session)
        useAdapter(scene.session, sdk.create)
      })
      await scene.advance(0)
      scope.stop()
    }
    await scene.advance(0)
    expect(sdk.calls.splice(0)).toEqual(eachTime(times))
    expect(scene.listeners()).toBe(0)
  }
  await round(200)
  const before = await heapOf(scene)
  await round(1_000)
  expect((await heapOf(scene)) - before).toBeLessThan(1_000_000)
}, 30_000)
