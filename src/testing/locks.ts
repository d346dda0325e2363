import type { Scope } from '../environment/scope.js'
import type { Device, Line } from './device.js'

type LockManager = NonNullable<NonNullable<Scope['navigator']>['locks']>
type Work = (lock: { name: string; mode: 'exclusive' } | null) => unknown

interface Options {
  readonly signal?: AbortSignal
  readonly ifAvailable?: boolean
  readonly mode?: string
  readonly steal?: boolean
}

/** One page's part in the locks of the origin. */
export interface LockClient {
  /**
   * `navigator.locks`: exclusive locks, with `signal` or `ifAvailable`. Rejects with a NotSupportedError what it does not
   * have (`steal`, shared locks) and what no browser takes: both options at once, a name that begins with a hyphen.
   */
  readonly manager: LockManager
  /** Locks it holds or waits for. */
  count(): number
  /** Lets go of everything without a word: the page is gone. */
  drop(): void
}

/** The locks of one origin. */
export interface Locks {
  /** `delay`: milliseconds until a page hears that it got a lock. */
  client(line: Line, delay: () => number): LockClient
  held(): string[]
  pending(): string[]
  /** Somebody else has every lock, until the returned function is called. */
  occupy(): () => void
}

interface Request {
  readonly name: string
  readonly client: object
  granted: boolean
  grant(): void
}

export function createLocks(device: Device): Locks {
  let requests: Request[] = []
  let occupants = 0
  const isHeld = (name: string): boolean => occupants > 0 || requests.some((one) => one.granted && one.name === name)
  const grantNext = (): void => {
    for (const request of requests) {
      if (request.granted || isHeld(request.name)) continue
      request.granted = true
      request.grant()
    }
  }
  const end = (gone: (request: Request) => boolean): void => {
    requests = requests.filter((one) => !gone(one))
    grantNext()
  }
  const names = (granted: boolean): string[] =>
    requests.filter((one) => one.granted === granted).map(({ name }) => name)

  return {
    held: () => names(true),
    pending: () => names(false),
    occupy() {
      let over = false
      occupants++
      return () => {
        if (over) return
        over = true
        occupants--
        grantNext()
      }
    },
    client(line, delay) {
      const client = {}
      const request = (name: string, ...rest: unknown[]): Promise<unknown> => {
        const work = rest.at(-1) as Work
        const { signal, ifAvailable, mode, steal } = ((rest.length > 1 && rest[0]) || {}) as Options
        return new Promise((resolve, reject) => {
          let takeBack = (): void => {}
          const begin = (lock: Parameters<Work>[0]): void => {
            signal?.removeEventListener('abort', abort)
            const done = Promise.resolve(lock).then(work)
            done.finally(() => end((one) => one === asked)).then(resolve, reject)
          }
          const asked: Request = {
            name,
            client,
            granted: false,
            grant: () => void (takeBack = device.plan(line, delay(), () => begin({ name, mode: 'exclusive' }))),
          }
          // Also one that was granted and has not heard of it.
          const abort = (): void => {
            takeBack()
            end((one) => one === asked)
            reject(signal!.reason as Error)
          }
          if (!device.has(line)) return
          if (steal || mode === 'shared' || (signal && ifAvailable) || name.startsWith('-'))
            return reject(new DOMException('Not a lock of the simulated browser.', 'NotSupportedError'))
          if (signal?.aborted) return reject(signal.reason as Error)
          if (ifAvailable && isHeld(name)) return void device.plan(line, delay(), () => begin(null))
          signal?.addEventListener('abort', abort)
          requests.push(asked)
          grantNext()
        })
      }
      const query: LockManager['query'] = () =>
        new Promise((resolve) => {
          const named = (granted: boolean): { name: string }[] => names(granted).map((name) => ({ name }))
          device.plan(line, 0, () => resolve({ held: named(true), pending: named(false) } as never))
        })
      return {
        manager: { request, query },
        count: () => requests.filter((one) => one.client === client).length,
        drop: () => end((one) => one.client === client),
      }
    },
  }
}
