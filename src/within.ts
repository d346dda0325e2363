import type { Environment } from './environment/environment.js'

/** `work`, or what `late` makes of it after `limit` milliseconds. Aborting `signal` ends the wait and its timer. */
export function within<T>(
  environment: Environment,
  limit: number,
  work: PromiseLike<T>,
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
    const cancel = environment.schedule(environment.now() + limit, () => {
      end()
      new Promise<T>((done) => done(late!())).then(resolve, reject)
    })
    signal?.addEventListener('abort', abort)
    work.then(resolve, reject)
    work.then(end, end)
    if (signal?.aborted) abort()
  })
}
