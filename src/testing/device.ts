import { check } from '../policy.js'

/** What is still to happen, somewhere on the device. */
export interface Task {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

/** Tasks that keep their order among themselves; `running` says whether they may go on. */
export interface Line {
  readonly running: () => boolean
  readonly tasks: Task[]
}

/** The device's clocks, and everything that is still to happen on it. All times are milliseconds. */
export interface Device {
  /** What the clock on the wall shows, epoch ms. */
  wall(): number
  /** What `performance.now()` counts. */
  monotonic(): number
  /** What timers and the network go by: stands still while the device sleeps. */
  awake(): number
  /** The true time, epoch ms: nobody sets it. */
  truth(): number
  /** Uniform in [0, 1); the same row of numbers for the same seed and name. */
  randomFor(name: string): () => number
  line(running?: () => boolean): Line
  /** Drops a line with all that waits in it, for good. */
  drop(line: Line): void
  /** False once it was dropped: whose line it was does nothing any more. */
  has(line: Line): boolean
  /** Runs `run` after `delay`; returns what takes it back. */
  plan(line: Line, delay: number, run: () => void): () => void
  /**
   * Lets `ms` pass and everything happen that falls due. Rejects with the first thing that was thrown meanwhile, and with a
   * TypeError where `ms` is no length of time.
   */
  advance(ms: number): Promise<void>
  sleep(ms: number, countsOn: boolean): Promise<void>
  setWallClock(at: number): void
}

const defaultStart = 1_790_000_000_000
const tooMany = 1_000_000

/** Small, fast and good enough to draw scenarios from (mulberry32). */
const seeded = (seed: number): (() => number) => {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const hash = (text: string): number => {
  let sum = 0
  for (const character of text) sum = (Math.imul(sum, 31) + character.codePointAt(0)!) | 0
  return sum
}

/** Without a seed what falls due at one time happens in the order it was planned in; with one, lines take turns by chance. */
export function createDevice(start: number = defaultStart, seed?: number): Device {
  const lines = new Set<Line>()
  const draw = seeded(seed ?? 0)
  let time = 0
  let slept = 0
  let asleepUncounted = 0
  let wallSet = 0
  let order = 0
  let last: Promise<unknown> = Promise.resolve()

  const truth = (): number => start + time + slept

  /** The next task, and the line it waits in. Overdue ones count as due now. */
  const next = (until: number): [Line, Task] | undefined => {
    let found: [Line, Task][] = []
    let first = Infinity
    for (const line of lines) {
      const [task] = line.tasks
      if (!task || task.at > until || !line.running()) continue
      const at = Math.max(task.at, time)
      if (at > first) continue
      if (at < first) found = []
      first = at
      found.push([line, task])
    }
    if (seed !== undefined) return found[Math.floor(draw() * found.length)]
    return found.sort(([, one], [, other]) => one.at - other.at || one.order - other.order)[0]
  }

  const run = async (ms: number): Promise<void> => {
    const until = time + ms
    const { port1, port2 } = new MessageChannel()
    // Promises that were settled have run by then, and no fake timer reaches it.
    const turn = (): Promise<void> =>
      new Promise((resolve) => {
        port1.onmessage = () => resolve()
        port2.postMessage(undefined)
      })
    const thrown: unknown[] = []
    try {
      await turn()
      for (let count = 0, found; (found = next(until)); count++) {
        const [line, task] = found
        if (count > tooMany)
          throw new Error(`More than ${tooMany} things happened in ${ms} ms: something runs for ever.`)
        line.tasks.splice(line.tasks.indexOf(task), 1)
        time = Math.max(time, task.at)
        try {
          task.run()
        } catch (error) {
          thrown.push(error)
        }
        await turn()
      }
      time = until
    } finally {
      port1.close()
    }
    if (thrown.length) throw thrown[0]
  }

  const after = (ms: number, work: () => Promise<void>): Promise<void> => {
    const result = last.then(() => {
      check(Number.isFinite(ms) && ms >= 0, 'ms')
      return work()
    })
    last = result.catch(() => {})
    return result
  }

  return {
    wall: () => truth() + wallSet,
    monotonic: () => time + slept - asleepUncounted,
    awake: () => time,
    truth,
    randomFor: (name) => seeded(hash(name) + Math.imul(seed ?? 0, 7_919)),
    line(running = () => true) {
      const line: Line = { running, tasks: [] }
      lines.add(line)
      return line
    },
    drop: (line) => void lines.delete(line),
    has: (line) => lines.has(line),
    plan({ tasks }, delay, run) {
      const task: Task = { at: time + Math.max(delay, 0), order: ++order, run }
      let index = tasks.length
      while (index && tasks[index - 1]!.at > task.at) index--
      tasks.splice(index, 0, task)
      return () => {
        const found = tasks.indexOf(task)
        if (found >= 0) tasks.splice(found, 1)
      }
    },
    advance: (ms) => after(ms, () => run(ms)),
    sleep: (ms, countsOn) =>
      after(ms, () => {
        slept += ms
        if (!countsOn) asleepUncounted += ms
        return run(0)
      }),
    setWallClock(at) {
      check(Number.isFinite(at), 'ms')
      wallSet = at - truth()
    },
  }
}
