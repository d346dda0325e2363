import { EventEmitter } from 'eventemitter3'
import type { SessionEvents, TraceEntry } from './api.js'
import type { Unsubscribe } from './environment/environment.js'
import { toSessionError } from './errors.js'
import { check } from './policy.js'
import { createQueue } from './queue.js'
import type { Token } from './token.js'

/** Tells everybody, in order, after the change is complete: what a listener does in turn waits for its turn. */
export interface Events {
  /** Runs after everything that was told before. */
  later(run: () => void): void
  tell<Name extends keyof SessionEvents>(event: Name, payload: SessionEvents[Name]): void
  /** Adds the time. */
  trace(entry: Omit<TraceEntry, 'at'>): void
  on<Name extends keyof SessionEvents>(event: Name, listener: (payload: SessionEvents[Name]) => void): Unsubscribe
  /** Delivers what is waiting, unless that is under way already. */
  deliver(): void
  end(): void
}

/**
 * Nothing is told while `held`: first the world has to agree with the state.
 * `current` is asked right before a token is told to a listener: the one before may have signed its user out.
 */
export function createEvents(now: () => number, held: () => boolean, current: (token: Token) => boolean): Events {
  const emitter = new EventEmitter()
  const outbox = createQueue((run: () => void) => run())
  const later = outbox.push
  const tell: Events['tell'] = (event, payload) => later(() => emitter.emit(event, payload))
  const deliver = (): void => {
    if (!held()) outbox.run()
  }
  return {
    later,
    tell,
    deliver,
    trace: (entry) => tell('trace', Object.freeze({ at: now(), ...entry } as TraceEntry)),
    on(event, listener) {
      check(typeof listener === 'function', 'listener')
      const run = (payload: SessionEvents[typeof event]): void => {
        new Promise((resolve) => resolve((event !== 'token' || current(payload as Token)) && listener(payload))).catch(
          (error: unknown) => {
            if (event === 'error' || event === 'trace') return
            tell('error', toSessionError(error, 'adapter_failed', `A listener of "${event}" failed`))
            deliver()
          },
        )
      }
      emitter.on(event, run)
      return () => void emitter.off(event, run)
    },
    end: () => void emitter.removeAllListeners(),
  }
}
