import type { Environment } from 'inbox-session'

interface Timer {
  at: number
  run: () => void
}

export interface World {
  readonly environment: Environment & { online: boolean; visible: boolean; server: boolean }
  /** Armed timers that would fire some day. */
  readonly timers: number
  /** Listeners for wakes. */
  readonly listeners: number
  /** Moves the clock and runs what falls due, in order, with all promise reactions between. */
  advance(ms: number): Promise<void>
  /** Moves the clock and runs nothing: a page that sleeps, is frozen or throttled. */
  jump(ms: number): void
  /** As `jump`; then runs what is overdue. */
  sleep(ms: number): Promise<void>
  /** Tells the page came back, or the network came or went. */
  wake(): Promise<void>
  setOnline(online: boolean): Promise<void>
  setVisible(visible: boolean): Promise<void>
  /** Lets all promise reactions run. */
  flush(): Promise<void>
}

export const start = Date.UTC(2026, 0, 1)

/** Draws in [0, 1) that are the same in every run (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A page of its own on a virtual clock. `random` answers the draws, 0.5 by default. */
export function createWorld(random: () => number = () => 0.5): World {
  let now = start
  const timers = new Set<Timer>()
  const wakes = new Set<() => void>()
  const flush = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  const next = (): Timer | undefined => [...timers].sort((one, other) => one.at - other.at)[0]
  const environment = {
    now: () => now,
    random,
    online: true,
    visible: true,
    server: false,
    schedule(at: number, run: () => void) {
      if (!(at < Infinity)) return () => {}
      const timer = { at, run }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    onWake(run: () => void) {
      wakes.add(run)
      return () => void wakes.delete(run)
    },
  }
  const runDue = async (until: number): Promise<void> => {
    await flush()
    for (let timer, runs = 0; (timer = next()) && timer.at <= until;) {
      if (++runs > 100_000) throw new Error('timers run for ever')
      timers.delete(timer)
      now = Math.max(now, timer.at)
      timer.run()
      await flush()
    }
    now = Math.max(now, until)
  }
  const wake = async (): Promise<void> => {
    for (const run of [...wakes]) run()
    await flush()
  }
  return {
    environment,
    get timers() {
      return timers.size
    },
    get listeners() {
      return wakes.size
    },
    flush,
    wake,
    advance: (ms) => runDue(now + ms),
    jump: (ms) => void (now += ms),
    async sleep(ms) {
      await flush()
      now += ms
      await runDue(now)
    },
    async setOnline(online) {
      environment.online = online
      await wake()
    },
    async setVisible(visible) {
      environment.visible = visible
      if (visible) await wake()
    },
  }
}
