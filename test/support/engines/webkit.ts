import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Engine, type Tab, cannot } from './engine.js'
import { type Household, createHousehold } from './processes.js'

type Command = (method: 'GET' | 'POST' | 'DELETE', path: string, body?: object) => Promise<any>

const can = { offline: false, activate: false, minimise: true, freeze: false, crash: false }
const patience = 30_000

/** WebKitGTK's MiniBrowser over plain WebDriver, on a display of its own. */
export async function launchWebKit(path: string): Promise<Engine> {
  const household = createHousehold('webkit')
  try {
    const driver = await startDriver(household, await startDisplay(household))
    const { sessionId, capabilities } = await driver('POST', '/session', {
      capabilities: { alwaysMatch: { 'webkitgtk:browserOptions': { binary: path, args: ['--automation'] } } },
    })
    const command: Command = (method, way, body) => driver(method, `/session/${sessionId}${way}`, body)
    await command('POST', '/timeouts', { script: patience })
    return {
      name: 'webkit',
      version: `WebKitGTK ${capabilities.browserVersion}`,
      can,
      open: openerOf(command, await command('GET', '/window')),
      async close() {
        await command('DELETE', '').catch(() => {})
        await household.end()
      },
    }
  } catch (error) {
    await household.end()
    throw error
  }
}

/** `first`: the window that stays; the session would end with the last one. */
function openerOf(command: Command, first: string): Engine['open'] {
  // There is one current window for all: two commands belong together, and only one pair at a time.
  let queue: Promise<unknown> = Promise.resolve()
  const alone = <T>(run: () => Promise<T>): Promise<T> => {
    const turn = queue.then(run)
    queue = turn.catch(() => {})
    return turn
  }
  const inWindow = (handle: string, ...rest: Parameters<Command>) =>
    alone(async () => {
      await command('POST', '/window', { handle })
      return command(...rest)
    })

  return async (url) => {
    // What WebDriver calls a tab would start out of sight.
    const { handle } = await inWindow(first, 'POST', '/window/new', { type: 'window' })
    const tab: Tab = {
      async eval(run, ...args) {
        const answer = await inWindow(handle, 'POST', '/execute/async', { script: bodyOf(run), args })
        if (answer.error) throw new Error(answer.error)
        return answer.value
      },
      goto: (to) => inWindow(handle, 'POST', '/url', { url: to }),
      back: () => inWindow(handle, 'POST', '/back'),
      activate: cannot('webkit', 'activate'),
      minimise: () => inWindow(handle, 'POST', '/window/minimize'),
      offline: cannot('webkit', 'cut the network'),
      freeze: cannot('webkit', 'freeze'),
      crash: cannot('webkit', 'crash'),
      close: () => inWindow(handle, 'DELETE', '/window'),
    }
    await tab.goto(url)
    return tab
  }
}

/** The body of an asynchronous script, whose last argument takes the answer. */
const bodyOf = (run: (...args: any[]) => unknown) => `
  const given = [...arguments], answer = given.pop()
  new Promise((resolve) => resolve((${run})(...given))).then(
    (value = null) => answer({ value }),
    (error) => answer({ error: String(error?.stack || error) }),
  )`

async function startDisplay(household: Household): Promise<string> {
  const args = ['-displayfd', '3', '-screen', '0', '1280x800x24', '-nolisten', 'tcp']
  const server = await household.start('Xvfb', args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
  const output = server.stdio[3] as Readable & { unref?(): void }
  // It takes a free display and says which.
  const [number] = await Promise.race([
    once(output, 'data'),
    once(server, 'exit').then(() => Promise.reject(new Error('Xvfb ended at once.'))),
  ])
  output.unref?.()
  return `:${String(number).trim()}`
}

async function startDriver({ folder, start }: Household, display: string): Promise<Command> {
  const port = await freePort()
  await start('WebKitWebDriver', ['-p', String(port)], {
    env: {
      ...process.env,
      ...{ HOME: folder, XDG_DATA_HOME: folder, XDG_CACHE_HOME: folder, XDG_CONFIG_HOME: folder },
      ...{ DISPLAY: display, GDK_BACKEND: 'x11', NO_AT_BRIDGE: '1', LIBGL_ALWAYS_SOFTWARE: '1' },
    },
  })
  const base = `http://127.0.0.1:${port}`
  for (let tries = 100; ; tries--) {
    try {
      await fetch(`${base}/status`)
      break
    } catch (error) {
      if (tries === 0) throw error
      await sleep(50)
    }
  }
  return async (method, path, body = {}) => {
    const response = await fetch(base + path, {
      method,
      signal: AbortSignal.timeout(patience + 5_000),
      ...(method === 'POST' && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
    const { value } = (await response.json()) as { value: any }
    if (!response.ok) throw new Error(`${method} ${path}: ${value.error}, ${value.message}`)
    return value
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}
