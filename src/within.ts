import type { Environment } from './environment/environment.js'

/** `work`, or what `late` makes of it after `limit` milliseconds. Aborting `signal` ends the wait and its timer. */
export function within<T>(
  environment: Environment,
  limit: number,
  work: PromiseLike<T>,
  late: () => T,
  signal?: AbortSignal,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const cancel = environment.schedule(environment.now() + limit, () => resolve(new Promise((done) => done(late()))))
    const abort = (): void => {
      cancel()
      reject(signal!.reason as Error)
    }
    const end = (): void => {
      cancel()
      signal?.removeEventListener('abort', abort)
    }
    signal?.addEventListener('abort', abort)
    work.then(resolve, reject)
    work.then(end, end)
  })
}
