type Listener = (event: Event) => void

/** What `addEventListener` hangs on: a window or a document. Knows how many listeners it has. */
export interface EventHub {
  addEventListener(type: string, listener: Listener, capture?: boolean | { capture?: boolean }): void
  removeEventListener(type: string, listener: Listener, capture?: boolean | { capture?: boolean }): void
  /** Capturing listeners first. One that throws keeps no other from being called; the first error is thrown in the end. */
  fire(type: string, more?: object): void
  /** Types of the listeners there are. */
  types(): string[]
}

/** Runs all of them, whatever they throw; the first error is thrown in the end. */
export function runAll(...works: (() => unknown)[]): void {
  const thrown: unknown[] = []
  for (const work of works)
    try {
      work()
    } catch (error) {
      thrown.push(error)
    }
  if (thrown.length) throw thrown[0]
}

const isCapture = (options?: boolean | { capture?: boolean }): boolean =>
  typeof options === 'object' ? Boolean(options.capture) : Boolean(options)

export function createEventHub(): EventHub {
  let listeners: { type: string; listener: Listener; capture: boolean }[] = []
  const find = (type: string, listener: Listener, capture: boolean): (typeof listeners)[number] | undefined =>
    listeners.find((one) => one.type === type && one.listener === listener && one.capture === capture)
  return {
    addEventListener(type, listener, options) {
      const capture = isCapture(options)
      if (!find(type, listener, capture)) listeners = [...listeners, { type, listener, capture }]
    },
    removeEventListener(type, listener, options) {
      const found = find(type, listener, isCapture(options))
      listeners = listeners.filter((one) => one !== found)
    },
    fire(type, more = {}) {
      const event = Object.assign(new Event(type), more)
      const called = listeners.filter((one) => one.type === type)
      const ordered = [...called.filter(({ capture }) => capture), ...called.filter(({ capture }) => !capture)]
      runAll(...ordered.map((one) => () => listeners.includes(one) && one.listener(event)))
    },
    types: () => listeners.map(({ type }) => type),
  }
}
