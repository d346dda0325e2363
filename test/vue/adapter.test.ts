// @vitest-environment happy-dom
import type { Adapter } from 'inbox-session'
import { useAdapter } from 'inbox-session/vue'
import { defineComponent, effectScope, h, nextTick, onErrorCaptured, onMounted, ref } from 'vue'
import { expect, onTestFinished, test } from 'vitest'
import { createScene, createSdk, mount } from './scene.js'

test('an SDK is supplied from when the component is mounted until it is unmounted', async () => {
  const { session, signIn, advance } = createScene()
  const sdk = createSdk()
  const shown = ref(true)
  const One = defineComponent(() => {
    useAdapter(session, sdk.create)
    return () => h('p')
  })
  mount(() => (shown.value ? h(One) : null))
  await signIn()
  await advance(3_600_000)
  expect(sdk.calls).toEqual(['attach ann', 'update ann'])
  shown.value = false
  await advance(0)
  expect(sdk.calls).toEqual(['attach ann', 'update ann', 'detach'])
  await advance(3_600_000)
  expect(sdk.calls).toHaveLength(3)
})

test('create and attach find the element of the component in the page', async () => {
  const { session, signIn, advance } = createScene()
  await signIn()
  const found: unknown[] = []
  const look = () => found.push(document.querySelector('#inbox')?.isConnected)
  const { app } = mount(
    defineComponent(() => {
      useAdapter(session, () => {
        look()
        return { name: 'widget', attach: look }
      })
      return () => h('div', { id: 'inbox' })
    }),
  )
  await advance(0)
  expect(found).toEqual([true, true])
  app.unmount()
})

test('renders and changed props leave the adapter alone; its callbacks see what is current', async () => {
  const { session, signIn, advance } = createScene()
  const seen: string[] = []
  let created = 0
  const One = defineComponent({
    props: ['label'],
    setup(props) {
      useAdapter(session, () => {
        created++
        const note = () => void seen.push(props.label)
        return { name: 'sdk', attach: note, update: note }
      })
      return () => h('p', props.label)
    },
  })
  const label = ref('one')
  mount(() => h(One, { label: label.value }))
  await signIn()
  label.value = 'two'
  await advance(3_600_000)
  expect(seen).toEqual(['one', 'two'])
  expect(created).toBe(1)
})

test('what create closes over is read when the component is mounted, not when it is set up', async () => {
  const { session, signIn } = createScene()
  let tenant = 'early'
  const seen: string[] = []
  const Child = defineComponent(() => {
    onMounted(() => (tenant = 'late'))
    return () => h('p')
  })
  mount(
    defineComponent(() => {
      useAdapter(session, () => {
        seen.push(tenant)
        return { name: 'sdk', attach() {} }
      })
      return () => h(Child)
    }),
  )
  await signIn()
  expect(seen).toEqual(['late'])
})

test('another key is another adapter', async () => {
  const { session, signIn, advance } = createScene()
  await signIn()
  const calls: string[] = []
  const One = defineComponent({
    props: ['feed'],
    setup({ feed }) {
      useAdapter(session, () => ({
        name: feed,
        attach: () => void calls.push(`+${feed}`),
        detach: () => void calls.push(`-${feed}`),
      }))
      return () => h('p')
    },
  })
  const feed = ref('news')
  mount(() => h(One, { feed: feed.value, key: feed.value }))
  await advance(0)
  feed.value = 'offers'
  await advance(0)
  expect(calls.sort()).toEqual(['+news', '+offers', '-news'])
})

test('a component that is replaced by one with the same SDK lets go of that first, however long it takes', async () => {
  const { session, signIn, advance, tab } = createScene()
  await signIn()
  const calls: string[] = []
  const takeASecond = async (word: string) => {
    calls.push(word)
    await new Promise<void>((resolve) => tab.schedule(tab.now() + 1_000, resolve))
    calls.push(`${word} done`)
  }
  const One = defineComponent(() => {
    useAdapter(session, () => ({
      name: 'sdk',
      attach: () => takeASecond('attach'),
      detach: () => takeASecond('detach'),
    }))
    return () => h('p')
  })
  const key = ref(1)
  mount(() => h(One, { key: key.value }))
  await advance(10_000)
  key.value = 2
  await advance(10_000)
  const once = ['attach', 'attach done']
  expect(calls).toEqual([...once, 'detach', 'detach done', ...once])
})

test('in an effect scope it is attached at once, until the scope ends', async () => {
  const { session, signIn, advance } = createScene()
  await signIn()
  const sdk = createSdk()
  const scope = effectScope()
  scope.run(() => useAdapter(session, sdk.create))
  await advance(0)
  expect(sdk.calls).toEqual(['attach ann'])
  scope.stop()
  await advance(0)
  expect(sdk.calls).toEqual(['attach ann', 'detach'])
})

const failing = (): Adapter => {
  throw new Error('no SDK here')
}

test('an error in create reaches the parent that captures errors, and nothing is attached', async () => {
  const { session, signIn, advance, listeners } = createScene()
  await signIn()
  const captured: unknown[] = []
  const traces: string[] = []
  onTestFinished(session.on('trace', ({ type }) => void traces.push(type)))
  const One = defineComponent(() => {
    useAdapter(session, failing)
    return () => h('p', 'still here')
  })
  const { app, text } = mount(
    defineComponent(() => {
      onErrorCaptured((error) => {
        captured.push(error)
        return false
      })
      return () => h(One)
    }),
  )
  await advance(10_000)
  expect(captured).toEqual([new Error('no SDK here')])
  expect(text()).toBe('still here')
  app.unmount()
  await advance(10_000)
  expect(traces).not.toContain('adapter')
  expect(listeners()).toBe(0)
})

test('an error in create reaches the handler of the app once', () => {
  const { session } = createScene()
  const handled: unknown[] = []
  mount(
    defineComponent(() => {
      useAdapter(session, failing)
      return () => h('p')
    }),
    (app) => (app.config.errorHandler = (error) => void handled.push(error)),
  )
  expect(handled).toEqual([new Error('no SDK here')])
})

test('outside components an error in create is thrown to the caller', () => {
  const { session } = createScene()
  const scope = effectScope()
  expect(() => scope.run(() => useAdapter(session, failing))).toThrow('no SDK here')
  scope.stop()
})

test('a component that is unmounted while its SDK still attaches is let go of when that is done', async () => {
  const { session, signIn, advance } = createScene()
  await signIn()
  const calls: string[] = []
  let attached = (): void => {}
  const { app } = mount(
    defineComponent(() => {
      useAdapter(session, () => ({
        name: 'slow',
        attach: () => new Promise<void>((resolve) => ((attached = resolve), calls.push('attach'))),
        detach: () => void calls.push('detach'),
      }))
      return () => h('p')
    }),
  )
  await advance(0)
  app.unmount()
  await advance(0)
  expect(calls).toEqual(['attach'])
  attached()
  await nextTick()
  await advance(0)
  expect(calls).toEqual(['attach', 'detach'])
})

test('a component that appears and disappears in one flush attaches nothing', async () => {
  const { session, signIn, advance } = createScene()
  await signIn()
  const sdk = createSdk()
  const shown = ref(false)
  const One = defineComponent(() => {
    useAdapter(session, sdk.create)
    return () => h('p')
  })
  mount(() => (shown.value ? h(One) : null))
  // Renders after the first app, in the same flush.
  mount(() => {
    if (shown.value) shown.value = false
    return null
  })
  shown.value = true
  await advance(10)
  expect(sdk.calls).toEqual([])
})
