// @vitest-environment happy-dom
import type { Session } from 'inbox-session'
import { useAdapter, useSession, useToken } from 'inbox-session/vue'
import {
  type Component,
  Suspense,
  createSSRApp,
  defineAsyncComponent,
  defineComponent,
  effectScope,
  h,
  nextTick,
} from 'vue'
import { renderToString } from 'vue/server-renderer'
import { expect, onTestFinished, test } from 'vitest'
import { type Scene, createScene, createSdk } from './scene.js'

/** Renders on a server where somebody is signed in, then hydrates in a page where somebody is. */
async function hydrate(client: Scene, createRoot: (session: Session) => Component) {
  const server = createScene()
  await server.signIn()
  const html = await renderToString(createSSRApp(createRoot(server.session)))
  for (const token of server.browser.backend.tokens) expect(html).not.toContain(token.slice(-12))
  expect(server.listeners()).toBe(0)

  const element = document.createElement('div')
  element.innerHTML = html
  document.body.append(element)
  const [before] = element.children
  const app = createSSRApp(createRoot(client.session))
  app.mount(element)
  onTestFinished(() => app.unmount())
  return { app, element, html, before }
}

/** A component that shows the status and notes what it shows. */
const createStatus = (seen: string[]) => (session: Session) =>
  defineComponent(() => {
    const state = useSession(session)
    return () => {
      seen.push(state.value.status)
      return h('p', { class: state.value.status }, state.value.status)
    }
  })

test('a page that was rendered on a server hydrates as it is, then shows the state there is', async () => {
  const client = createScene()
  await client.signIn()
  const seen: string[] = []
  const { element, before, html } = await hydrate(client, createStatus(seen))
  expect(html).toBe('<p class="signed-out">signed-out</p>')
  await nextTick()
  expect(element.children[0]).toBe(before)
  expect(element.innerHTML).toBe('<p class="fresh">fresh</p>')
  expect(seen).toEqual(['signed-out', 'signed-out', 'fresh'])
  expect(client.listeners()).toBe(1)
})

test('where nobody is signed in hydrating renders once and asks nothing', async () => {
  const client = createScene()
  const seen: string[] = []
  await hydrate(client, createStatus(seen))
  await client.advance(1_000)
  // Once here, once on the server.
  expect(seen).toEqual(['signed-out', 'signed-out'])
  expect(client.calls()).toBe(0)
})

test('a token is in the page only after it was hydrated', async () => {
  const client = createScene()
  await client.signIn()
  const { element, html } = await hydrate(client, (session) =>
    defineComponent(() => {
      const token = useToken(session)
      return () => h('p', token.value ? 'with' : 'without')
    }),
  )
  expect(html).toBe('<p>without</p>')
  await nextTick()
  expect(element.textContent).toBe('with')
})

test('what a setup reads at once is signed-out too, on the server and while it hydrates', async () => {
  const client = createScene()
  await client.signIn()
  const read: unknown[] = []
  await hydrate(client, (session) =>
    defineComponent(() => {
      read.push(useSession(session).value.status, useToken(session).value)
      return () => h('p')
    }),
  )
  expect(read).toEqual(['signed-out', undefined, 'signed-out', undefined])
})

test.each(['by a strategy', 'because its code came late'])(
  'a component that hydrates minutes late, %s, renders first what the server did, whatever happened meanwhile',
  async (why) => {
    const client = createScene()
    const seen: string[] = []
    let wake = (): void => {}
    const { element } = await hydrate(client, (session) => {
      const Status = createStatus(seen)(session)
      const isSlow = session === client.session && why !== 'by a strategy'
      const Late = defineAsyncComponent({
        loader: () =>
          isSlow ? new Promise<Component>((resolve) => (wake = () => resolve(Status))) : Promise.resolve(Status),
        ...(isSlow ? {} : { hydrate: (run: () => void): void => void (wake = run) }),
      })
      const Early = createStatus([])(session)
      return () => h('div', [h(Early), h(Late)])
    })
    const [early, late] = element.querySelectorAll('p')
    await client.signIn()
    await client.advance(300_000)
    expect([early!.className, late!.className]).toEqual(['fresh', 'signed-out'])
    seen.splice(0)
    wake()
    await client.advance(0)
    expect(seen).toEqual(['signed-out', 'fresh'])
    expect(element.querySelectorAll('p')[1]).toBe(late)
    expect(late!.className).toBe('fresh')
  },
)

test('a component with an async setup hydrates as it is though the state moves on before it is ready', async () => {
  const client = createScene()
  const seen: string[] = []
  let ready = (): void => {}
  const { element } = await hydrate(client, (session) => {
    const isServer = session !== client.session
    const Slow = defineComponent(async () => {
      const state = useSession(session)
      if (!isServer) await new Promise<void>((resolve) => (ready = resolve))
      return () => {
        seen.push(state.value.status)
        return h('p', { class: state.value.status }, state.value.status)
      }
    })
    return () => h(Suspense, null, { default: () => h(Slow) })
  })
  const [before] = element.querySelectorAll('p')
  seen.splice(0)
  await client.signIn()
  expect(seen).toEqual([])
  ready()
  await client.advance(0)
  expect(seen).toEqual(['signed-out', 'fresh'])
  expect(element.querySelector('p')).toBe(before)
  expect(before!.className).toBe('fresh')
})

test('a store that a hydrating component is the first to use is signed-out until that is mounted', async () => {
  const client = createScene()
  await client.signIn()
  const seen: string[] = []
  const scopes = [effectScope(true), effectScope(true)]
  const { element } = await hydrate(client, (session) => {
    const scope = scopes[session === client.session ? 1 : 0]!
    return defineComponent(() => {
      const state = scope.run(() => useSession(session))!
      return () => {
        seen.push(state.value.status)
        return h('p', state.value.status)
      }
    })
  })
  await nextTick()
  expect(seen).toEqual(['signed-out', 'signed-out', 'fresh'])
  expect(element.textContent).toBe('fresh')
  scopes.forEach((scope) => scope.stop())
})

test('what is mounted later in a hydrated app shows the state at once', async () => {
  const client = createScene()
  await client.signIn()
  const seen: string[] = []
  const { element } = await hydrate(client, (session) => {
    const Status = createStatus(seen)(session)
    return defineComponent(() => {
      const state = useSession(session)
      return () => h('div', state.value.status === 'fresh' ? h(Status) : 'wait')
    })
  })
  await nextTick()
  expect(element.textContent).toBe('fresh')
  expect(seen).toEqual(['fresh'])
})

test('an SDK is supplied from when its component is hydrated, never on the server', async () => {
  const client = createScene()
  await client.signIn()
  const sdk = createSdk()
  const { app } = await hydrate(client, (session) =>
    defineComponent(() => {
      useAdapter(session, sdk.create)
      return () => h('p')
    }),
  )
  await client.advance(0)
  expect(sdk.calls).toEqual(['attach ann'])
  app.unmount()
  await client.advance(0)
  expect(sdk.calls).toEqual(['attach ann', 'detach'])
})
