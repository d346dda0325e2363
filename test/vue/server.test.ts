import { createSession } from 'inbox-session'
import type { Session } from 'inbox-session'
import { useAdapter, useSession, useToken } from 'inbox-session/vue'
import * as vue from 'vue'
import {
  type Component,
  Suspense,
  createSSRApp,
  defineComponent,
  effectScope,
  h,
  inject,
  nextTick,
  onScopeDispose,
  provide,
  watchEffect,
} from 'vue'
import { pipeToNodeWritable, renderToString, renderToWebStream } from 'vue/server-renderer'
import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { createScene, createSdk, listenToConsole } from './scene.js'

/** For compilers only, so Vue gives it no type. */
const { withAsyncContext } = vue as unknown as {
  withAsyncContext<Value>(run: () => Promise<Value>): [Promise<Value>, () => void]
}

const createPage = (session: Session, create = createSdk().create) =>
  defineComponent(() => {
    const state = useSession(session)
    const token = useToken(session)
    useAdapter(session, create)
    return () => h('p', [state.value.status, ' ', token.value ?? 'no token'])
  })

const signedOut = '<p>signed-out no token</p>'

test('a session that is signed in on the server is rendered signed-out, and nothing listens to it', async () => {
  const { session, signIn, listeners, calls, advance } = createScene()
  await signIn()
  const sdk = createSdk()
  expect(await renderToString(createSSRApp(createPage(session, sdk.create)))).toBe(signedOut)
  await advance(10_000)
  expect(sdk.calls).toEqual([])
  expect([listeners(), calls()]).toEqual([0, 1])
})

test('a session of the module is asked for nothing however often it is rendered', async () => {
  const { session, listeners, calls, advance } = createScene()
  for (let time = 0; time < 100; time++) await renderToString(createSSRApp(createPage(session)))
  await advance(100_000)
  expect([listeners(), calls()]).toEqual([0, 0])
})

test('in a stream it is signed-out as well', async () => {
  const { session, signIn } = createScene()
  await signIn()
  expect(await new Response(renderToWebStream(createSSRApp(createPage(session)))).text()).toBe(signedOut)
  const chunks: Buffer[] = []
  await new Promise<void>((resolve) =>
    pipeToNodeWritable(
      createSSRApp(createPage(session)),
      {},
      new Writable({
        write: (chunk: Buffer, _, done) => (chunks.push(chunk), done()),
        final: (done) => (done(), resolve()),
      }),
    ),
  )
  expect(Buffer.concat(chunks).toString()).toBe(signedOut)
})

test('a setup that throws after it used the session leaves no listener', async () => {
  const { session, signIn, listeners } = createScene()
  const printed = listenToConsole()
  await signIn()
  const Broken = defineComponent(() => {
    useSession(session)
    useToken(session)
    useAdapter(session, createSdk().create)
    throw new Error('broken page')
  })
  await expect(renderToString(createSSRApp(Broken))).rejects.toThrow('broken page')
  expect(printed.splice(0)).toEqual([expect.stringContaining('Unhandled error during execution of setup')])
  const Rejected = defineComponent(async () => {
    useSession(session)
    await Promise.resolve()
    throw new Error('broken later')
  })
  const app = createSSRApp(() => h(Suspense, null, { default: () => h(Rejected) }))
  app.config.errorHandler = () => {}
  await renderToString(app)
  expect(listeners()).toBe(0)
})

test('behind an await of an async setup it is signed-out and leaves no listener too', async () => {
  const { session, signIn, listeners, advance } = createScene()
  await signIn()
  const sdk = createSdk()
  // What the compiler makes of `await` in <script setup>.
  const Slow = defineComponent({
    async setup() {
      const [promise, restore] = withAsyncContext(() => Promise.resolve())
      await promise
      restore()
      const state = useSession(session)
      useAdapter(session, sdk.create)
      return () => h('p', state.value.status)
    },
  })
  const html = await renderToString(createSSRApp(() => h(Suspense, null, { default: () => h(Slow) })))
  expect(html).toBe('<p>signed-out</p>')
  await advance(1_000)
  expect(listeners()).toBe(0)
  expect(sdk.calls).toEqual([])
})

test('a store in a component on a server is signed-out and leaves no listener', async () => {
  const { session, signIn, listeners } = createScene()
  await signIn()
  const Page = defineComponent(() => {
    const scope = effectScope(true)
    const state = scope.run(() => {
      useAdapter(session, createSdk().create)
      return useSession(session)
    })!
    return () => h('p', state.value.status)
  })
  expect(await renderToString(createSSRApp(Page))).toBe('<p>signed-out</p>')
  expect(listeners()).toBe(0)
})

test('two requests at one time share nothing: each has the session it provided', async () => {
  const printed = listenToConsole()
  const asked: string[] = []
  const render = async (user: string) => {
    const session = createSession({ source: ({ user: { id } }) => (asked.push(id), null) })
    session.signIn(user, { token: `${user}-token-of-the-page`, expiresIn: 3_600 })
    const seen: unknown[] = []
    const Child: Component = defineComponent(async () => {
      const given = inject<Session>('inbox')!
      const state = useSession(given)
      await Promise.resolve()
      seen.push(given === session, state.value.status)
      return () => h('p', state.value.status)
    })
    const html = await renderToString(
      createSSRApp(
        defineComponent(() => {
          provide('inbox', session)
          return () => h(Suspense, null, { default: () => h(Child) })
        }),
      ),
    )
    await session.close()
    return { html, seen }
  }
  const pages = await Promise.all(['ann', 'bob'].map(render))
  for (const { html, seen } of pages) {
    expect(html).toBe('<p>signed-out</p>')
    expect(seen).toEqual([true, 'signed-out'])
  }
  expect(asked).toEqual([])
  expect(printed).toEqual([])
})

test('a session that a component makes and signs in when it is mounted asks nothing on a server', async () => {
  const printed = listenToConsole()
  let asked = 0
  const Page = defineComponent(() => {
    const session = createSession({ source: () => (asked++, null) })
    onScopeDispose(() => void session.close())
    watchEffect(() => session.signIn('ann'), { flush: 'post' })
    const state = useSession(session)
    return () => h('p', state.value.status)
  })
  expect(await renderToString(createSSRApp(Page))).toBe('<p>signed-out</p>')
  await nextTick()
  expect(asked).toBe(0)
  expect(printed).toEqual([])
})
