// @vitest-environment happy-dom
import { useSession, useToken } from 'inbox-session/react'
import { createTestToken } from 'inbox-session/testing'
import { StrictMode, Suspense, createElement } from 'react'
import type { ReactNode } from 'react'
import { type Root, hydrateRoot } from 'react-dom/client'
import { renderToString } from 'react-dom/server'
import { expect, onTestFinished, test } from 'vitest'
import { createStage, watchConsole } from './stage.js'

watchConsole()

/** A page from the server, its HTML left as it was; `mismatches` is what React had to mend. */
function createPage() {
  const stage = createStage()
  const { session, run, label } = stage
  const element = document.createElement('div')
  const mismatches: unknown[] = []
  const shown: string[] = []
  const Reads = () => {
    const text = `${useSession(session).status} ${label(useToken(session))}`
    shown.push(text)
    return createElement('p', null, text)
  }
  const hydrate = async (page: ReactNode) => {
    let root: Root | undefined
    await run(() => {
      root = hydrateRoot(element, page, { onRecoverableError: (error) => void mismatches.push(error) })
    })
    onTestFinished(() => run(() => root!.unmount()))
  }
  return { ...stage, element, mismatches, shown, Reads, hydrate }
}

test('a session with a token that came with the page hydrates without a mismatch and without a request', async () => {
  const { session, run, browser, tab, element, mismatches, shown, Reads, hydrate } = createPage()
  const page = createElement(StrictMode, null, createElement(Reads))
  element.innerHTML = renderToString(page)
  expect(element.textContent).toBe('signed-out none')
  const [served] = element.children
  shown.length = 0
  const issuedAt = Math.floor(tab.now() / 1_000)
  await run(() => session.signIn('ann', createTestToken({ sub: 'ann', issuedAt })))
  await hydrate(page)
  expect(element.textContent).toBe('fresh ?')
  expect(element.children[0]).toBe(served)
  expect([shown[0], mismatches, browser.backend.calls]).toEqual(['signed-out none', [], []])
})

test('a boundary that hydrates ten minutes late matches the page, then shows what the session has become', async () => {
  const { session, run, advance, element, mismatches, Reads, hydrate, listeners } = createPage()
  let loaded = true
  let load!: () => void
  const loading = new Promise<void>((resolve) => (load = resolve))
  const Late = () => {
    if (!loaded) throw loading
    return createElement(Reads)
  }
  const page = [
    createElement(Reads, { key: 1 }),
    createElement(Suspense, { key: 2, fallback: 'loading' }, createElement(Late)),
  ]
  element.innerHTML = renderToString(page)
  loaded = false
  await hydrate(page)
  await run(() => session.signIn('ann'))
  await advance(600_000)
  await run(() => session.signIn('bob'))
  await advance(1_000)
  expect(element.textContent).toBe('fresh token 1signed-out none')
  const served = element.children[1]
  await run(() => {
    loaded = true
    load()
  })
  expect(element.textContent).toBe('fresh token 1fresh token 1')
  expect(element.children[1]).toBe(served)
  expect(mismatches).toEqual([])
  expect(listeners()).toBe(4)
})
