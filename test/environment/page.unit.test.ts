// @vitest-environment happy-dom
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createPage } from '../../src/environment/page.js'

const show = (visibility: 'visible' | 'hidden') =>
  Object.defineProperty(document, 'visibilityState', { configurable: true, value: visibility })
const setOnline = (online: boolean | undefined) =>
  Object.defineProperty(navigator, 'onLine', { configurable: true, value: online })

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
  show('visible')
  setOnline(true)
})

describe('a wake', () => {
  it.each(['pageshow', 'focus', 'online', 'offline'])('is a %s of the window', (type) => {
    const run = vi.fn()
    const stop = createPage(globalThis).onWake(run)
    window.dispatchEvent(new Event(type))
    stop()
    expect(run).toHaveBeenCalledTimes(1)
  })

  it('is a resume of the document', () => {
    const run = vi.fn()
    const stop = createPage(globalThis).onWake(run)
    document.dispatchEvent(new Event('resume'))
    stop()
    expect(run).toHaveBeenCalledTimes(1)
  })

  it('is a page that becomes visible, not one that is hidden', () => {
    const run = vi.fn()
    const stop = createPage(globalThis).onWake(run)
    show('hidden')
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))
    expect(run).not.toHaveBeenCalled()
    show('visible')
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))
    expect(run).toHaveBeenCalledTimes(1)
    stop()
  })

  it('is the network that comes or goes, in a hidden page too', () => {
    const run = vi.fn()
    const stop = createPage(globalThis).onWake(run)
    show('hidden')
    window.dispatchEvent(new Event('offline'))
    window.dispatchEvent(new Event('online'))
    expect(run).toHaveBeenCalledTimes(2)
    stop()
  })

  it('is not a field of the page that is focused', () => {
    const run = vi.fn()
    const stop = createPage(globalThis).onWake(run)
    const field = document.body.appendChild(document.createElement('input'))
    field.focus()
    field.remove()
    stop()
    expect(run).not.toHaveBeenCalled()
  })

  it('reaches each subscriber until it unsubscribes', () => {
    const page = createPage(globalThis)
    const [first, second] = [vi.fn(), vi.fn()]
    const stopFirst = page.onWake(first)
    const stopSecond = page.onWake(second)
    window.dispatchEvent(new Event('focus'))
    stopFirst()
    stopFirst()
    window.dispatchEvent(new Event('focus'))
    stopSecond()
    window.dispatchEvent(new Event('focus'))
    expect([first.mock.calls.length, second.mock.calls.length]).toEqual([1, 2])
  })
})

describe('the listeners', () => {
  const watch = () => {
    const open: string[] = []
    for (const [name, target] of Object.entries({ window, document })) {
      const { addEventListener, removeEventListener } = target as EventTarget
      vi.spyOn(target as EventTarget, 'addEventListener').mockImplementation(function (type, ...rest) {
        open.push(`${name} ${type}`)
        addEventListener.call(target, type, ...rest)
      })
      vi.spyOn(target as EventTarget, 'removeEventListener').mockImplementation(function (type, ...rest) {
        open.splice(open.indexOf(`${name} ${type}`), 1)
        removeEventListener.call(target, type, ...rest)
      })
    }
    return open
  }

  it('come with the subscriber and go with it', () => {
    const open = watch()
    const page = createPage(globalThis)
    expect(open).toEqual([])
    const stop = page.onWake(() => {})
    expect(open).toHaveLength(6)
    stop()
    expect(open).toEqual([])
  })

  it('leave the page eligible for the back/forward cache: none for unload or beforeunload (F86)', () => {
    const open = watch()
    createPage(globalThis).onWake(() => {})()
    const stop = createPage(globalThis).onWake(() => {})
    expect(open.join()).not.toMatch(/unload/)
    stop()
  })
})

describe('the state of the page', () => {
  it('is read when asked for', () => {
    const page = createPage(globalThis)
    expect([page.visible, page.online]).toEqual([true, true])
    show('hidden')
    setOnline(false)
    expect([page.visible, page.online]).toEqual([false, false])
  })

  it('is online where the browser does not say', () => {
    setOnline(undefined)
    expect(createPage(globalThis).online).toBe(true)
  })

  it('is visible and online where there is no document, and no wake comes', () => {
    for (const name of ['document', 'navigator', 'addEventListener', 'removeEventListener'])
      vi.stubGlobal(name, undefined)
    const page = createPage(globalThis)
    expect([page.visible, page.online]).toEqual([true, true])
    page.onWake(() => expect.unreachable())()
  })

  it('tells a worker, which has no document, that the network came back', () => {
    vi.stubGlobal('document', undefined)
    const run = vi.fn()
    const stop = createPage(globalThis).onWake(run)
    window.dispatchEvent(new Event('online'))
    stop()
    expect(run).toHaveBeenCalledTimes(1)
  })
})
