import type { Environment } from './environment/environment.js'

/** `work`, or what `late` makes of it after `limit` milliseconds. Aborting `signal` ends the wait and its timer. */
export function within<T>(
  { now, schedule }: Pick<Environment, 'now' | 'schedule'>,
  limit: number,
  work: Promise<T>,
  signal?: AbortSignal,
  late?: () => T,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const end = (): void => {
      cancel()
      signal?.removeEventListener('abort', abort)
    }
    const abort = (): void => {
      end()
      reject(signal!.reason)
    }
    const cancel = schedule(now() + limit, () => {
      end()
      resolve(Promise.resolve().then(late))
    })
    signal?.addEventListener('abort', abort)
    work.finally(end).then(resolve, reject)
    if (signal?.aborted) abort()
  })
}
