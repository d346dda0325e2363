/** Items are handled one after another: what is pushed while one is handled waits for its turn. */
export interface Queue<Item> {
  push(item: Item): void
  /** Handles what waits, unless that is under way. */
  run(): void
  busy(): boolean
}

/** `handle` must not throw. */
export function createQueue<Item extends object>(handle: (item: Item) => void): Queue<Item> {
  const items: Item[] = []
  let busy = false
  return {
    push: (item) => void items.push(item),
    run() {
      if (busy) return
      busy = true
      for (let item; (item = items.shift());) handle(item)
      busy = false
    },
    busy: () => busy,
  }
}
