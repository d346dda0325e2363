import { type Engine, type EngineName, type Tab, launchEngine } from '../../support/engines/index.js'
import type { Report, StartOptions } from '../pages/tab.js'
import { type Account, type Backend, createBackend } from './backend.js'

type Options = Omit<Partial<StartOptions>, 'id'>

/** A tab with the page of the tests in it. */
export interface Member extends Tab {
  readonly id: string
  /** Signs in; resolves then, to what waits for the first token and gives the ms it took. */
  start(options?: Options): Promise<() => Promise<number>>
  report(): Promise<Report>
}

/** One browser and one backend, for a file of tests or a row of a table. */
export interface Fleet {
  readonly engine: Engine
  readonly backend: Backend
  /** A user of their own. */
  account(settings?: Parameters<Backend['account']>[1]): Account
  /** Tabs that have loaded the page and not signed in yet. */
  open(account: Account, count: number): Promise<Member[]>
  /** Tabs that are signed in. */
  signedIn(account: Account, count: number, options?: Options): Promise<Member[]>
  /** A page without a session, in front of the others. */
  cover(): Promise<Tab>
  closeTabs(): Promise<void>
  close(): Promise<void>
}

export async function createFleet(name: EngineName): Promise<Fleet> {
  const backend = await createBackend()
  const engine = await launchEngine(name)
  const tabs = new Set<Tab>()
  let accounts = 0
  let members = 0

  const opened = async (url: string): Promise<Tab> => {
    const tab = await engine.open(url)
    tabs.add(tab)
    const { close } = tab
    return Object.assign(tab, {
      close() {
        tabs.delete(tab)
        return close()
      },
    })
  }
  const join = async (user: string): Promise<Member> => {
    const tab = await opened(backend.url)
    const id = `tab-${++members}`
    return Object.assign(tab, {
      id,
      async start(options = {}) {
        await tab.eval((given) => window.tab.start(given), { user, id, ...options })
        return () => tab.eval(() => window.tab.started)
      },
      report: () => tab.eval(() => window.tab.report()),
    } satisfies Partial<Member>)
  }
  const fleet: Fleet = {
    engine,
    backend,
    account: (settings) => backend.account(`user-${++accounts}`, settings),
    async open({ id }, count) {
      const joined: Member[] = []
      while (joined.length < count) joined.push(await join(id))
      return joined
    },
    async signedIn(account, count, options) {
      const joined = await fleet.open(account, count)
      const waits = await Promise.all(joined.map((member) => member.start(options)))
      await Promise.all(waits.map((first) => first()))
      return joined
    },
    async cover() {
      const tab = await opened(backend.elsewhere)
      if (engine.can.activate) await tab.activate()
      return tab
    },
    async closeTabs() {
      await Promise.all([...tabs].map((tab) => tab.close().catch(() => {})))
    },
    async close() {
      await engine.close()
      await backend.close()
    },
  }
  return fleet
}
