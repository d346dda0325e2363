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
    const abort = (): void => end(reject, signal!.reason)
    const cancel = environment.schedule(environment.now() + limit, () =>
      end(resolve, new Promise((done) => done(late!()))),
    )
    const end = <Value>(settle: (value: Value) => void, value: Value): void => {
      cancel()
      signal?.removeEventListener('abort', abort)
      settle(value)
    }
    if (signal?.aborted) return abort()
    signal?.addEventListener('abort', abort)
    work.then(
      (value) => end(resolve, value),
      (error: unknown) => end(reject, error),
    )
  })
}
