import { createInstance } from '@engagespot/core'
import { SuprSend } from '@suprsend/web-sdk'
import { Courier } from '@trycourier/courier-ui-inbox'
import { indexedDBStorage, webStorage } from 'inbox-session'
import type { Adapter, AdapterContext } from 'inbox-session'
import { courier } from 'inbox-session/courier'
import { engagespot } from 'inbox-session/engagespot'
import { suprsend } from 'inbox-session/suprsend'
import { testAdapter, testStorage } from 'inbox-session/testing'
import { collect } from '../../testing/runner.js'

declare global {
  interface Window {
    /** Runs all suites: how many tests passed, and what did not. */
    runSuites(): Promise<{ passed: number; failed: string[] }>
    /** What the last rule says of an adapter that leaves a rejection to nobody. */
    runCareless(): Promise<string | undefined>
  }
}

const engagespotWithSDK = () => {
  let connected: string | undefined
  const create = (credentials: { userId: string; userToken: string }) => {
    const instance = createInstance({ apiKey: 'key', baseUrl: location.origin, disableAutoStart: true, ...credentials })
    const { disconnect } = instance.realTime
    connected = credentials.userToken
    instance.realTime.disconnect = () => {
      if (connected === credentials.userToken) connected = undefined
      return disconnect.call(instance.realTime)
    }
    return instance
  }
  return { adapter: engagespot(create), used: () => connected }
}

const suprsendWithSDK = () => {
  const client = new SuprSend('key', { host: location.origin })
  return { adapter: suprsend(client), used: () => (client as unknown as { userToken?: string }).userToken }
}

// The SDK keeps one object for the page; each adapter gets one of its own, as if on a page of its own.
const courierWithSDK = () => {
  const shared = new (Courier as unknown as new () => typeof Courier.shared)()
  const apiUrls = {
    courier: { rest: location.origin, graphql: location.origin },
    inbox: { graphql: location.origin, webSocket: location.origin.replace('http', 'ws') },
  }
  return { adapter: courier(shared, { props: { apiUrls } }), used: () => shared.client?.options.accessToken }
}

window.runSuites = async () => {
  // Providers that answer everybody, after a moment.
  window.fetch = async () => {
    await new Promise((resolve) => setTimeout(resolve, 5))
    return Response.json({ status: 'success' })
  }

  const suites = {
    localStorage: collect((runner) => testStorage('localStorage', () => webStorage('localStorage'), runner)),
    sessionStorage: collect((runner) => testStorage('sessionStorage', () => webStorage('sessionStorage'), runner)),
    indexedDB: collect((runner) => testStorage('indexedDB', indexedDBStorage, runner)),
    engagespot: collect((runner) => testAdapter('engagespot', engagespotWithSDK, runner)),
    suprsend: collect((runner) => testAdapter('suprsend', suprsendWithSDK, runner)),
    courier: collect((runner) => testAdapter('courier', courierWithSDK, runner)),
  }
  const failed: string[] = []
  let passed = 0
  for (const [name, { titles, run }] of Object.entries(suites))
    for (const title of titles) {
      const message = await run(title)
      if (message === undefined) passed++
      else failed.push(`${name} ${title}: ${message}`)
    }
  return { passed, failed }
}

window.runCareless = () => {
  const careless = (): Adapter => {
    let context: AdapterContext
    return { name: 'careless', attach: (given) => void (context = given), detach: () => void context.getToken() }
  }
  const { titles, run } = collect((runner) => testAdapter('careless', careless, runner))
  return run(titles.at(-1)!)
}
