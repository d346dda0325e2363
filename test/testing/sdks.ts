import type { User } from 'inbox-session'
import { courier } from 'inbox-session/courier'
import { engagespot } from 'inbox-session/engagespot'
import { notifizz } from 'inbox-session/notifizz'
import { suprsend } from 'inbox-session/suprsend'
import type { AdapterUnderTest, CreateAdapter } from 'inbox-session/testing'

// The SDKs as far as our adapters touch them. The real ones run in test/e2e.

const createCourier = (): AdapterUnderTest => {
  interface Options {
    userId: string
    jwt?: string
    accessToken: string
  }
  const createSocket = () => ({ connect: async () => socketOpened(), onOpen() {}, onClose() {} })
  const socketOpened = () => undefined
  const createClient = (options: Options) => ({
    options,
    inbox: { options, socket: createSocket(), getMessages: async () => options.accessToken },
  })
  const shared = {
    client: undefined as ReturnType<typeof createClient> | undefined,
    signIn(props: { userId: string; jwt?: string }) {
      if (shared.client) shared.signOut()
      shared.client = createClient({ ...props, accessToken: props.jwt! })
    },
    signOut() {
      shared.client = undefined
    },
  }
  const datastore = { load: async () => shared.client?.inbox.getMessages(), listenForUpdates: async () => {} }
  return { adapter: courier(shared, { datastore }), used: () => shared.client?.options.accessToken }
}

const createSuprSend: CreateAdapter = (tab) => {
  const later = (ms: number) => new Promise<void>((resolve) => void tab.schedule(tab.now() + ms, resolve))
  let token: string | undefined
  const client = {
    feeds: { feedInstances: [], initialize: () => ({}) },
    async identify(_: unknown, userToken?: string) {
      await later(200)
      token = userToken
      return { status: 'success' }
    },
    async reset() {
      token = undefined
      await later(50)
      return { status: 'success' }
    },
  }
  return { adapter: suprsend(client), used: () => token }
}

const createEngagespot = (): AdapterUnderTest => {
  let connected: string | undefined
  const create = ({ userToken }: { userToken: string }) => {
    connected = userToken
    return {
      realTime: {
        disconnect: () => {
          if (connected === userToken) connected = undefined
        },
      },
    }
  }
  return { adapter: engagespot(create), used: () => connected }
}

const createNotifizz = (): AdapterUnderTest => {
  const mounted: { token: string; userId?: User['id'] }[] = []
  const mount = (options: { token: string }) => {
    mounted.push(options)
    return { destroy: () => void mounted.splice(mounted.indexOf(options), 1) }
  }
  return { adapter: notifizz(mount, { apiKey: 'key' }), used: () => mounted.at(-1)?.token }
}

export const sdks: readonly [name: string, create: CreateAdapter][] = [
  ['courier', createCourier],
  ['suprsend', createSuprSend],
  ['engagespot', createEngagespot],
  ['notifizz', createNotifizz],
]
