/** Everything a run depends on: plain data, so that it can be printed, cut down and played again. */
export interface Scenario {
  readonly seed: number
  readonly setup: Setup
  readonly steps: readonly Step[]
}

export interface Setup {
  /** Messages are lost, tabs stop without a word, locks, channels and storage fail: tabs may act on their own. */
  readonly lossy: boolean
  /** Seconds a token lives. */
  readonly lifetime: number
  /** Longest time of a call, ms; each takes a drawn part of it. */
  readonly latency: number
  /** Ms the backend's clock is ahead. */
  readonly skew: number
  /** How the device's clocks go: only one of the odd ways in one run, both at once nobody could tell apart. */
  readonly clock: 'steady' | 'set' | 'uncounted'
  readonly storage: boolean
  readonly refreshWhenHidden: boolean
  /** What this browser lacks, in all tabs. */
  readonly lacks: {
    locks?: 'absent' | 'throws' | 'rejects'
    channels?: 'absent' | 'throws'
    localStorage?: 'absent' | 'blocked'
  }
  /** Longest delays, ms. */
  readonly messageDelay: number
  readonly lockDelay: number
  readonly storageDelay: number
}

/** Something that happens, and how long nothing else does. Tabs go by a number, modulo those there are. */
export interface Step {
  readonly act: string
  readonly tab: number
  readonly value?: any
  readonly after: number
}

const mulberry = (seed: number) => {
  let state = seed | 0
  return (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

type Pick = <T>(...choices: readonly T[]) => T

/** What may happen anywhere, and how often. */
const always = (pick: Pick, { lifetime }: Setup): Record<string, [weight: number, value?: () => unknown]> => ({
  open: [3, () => pick('ann', 'ann', 'ann', 'bob')],
  close: [1],
  crash: [1],
  leave: [2],
  comeBack: [3],
  freeze: [1],
  resume: [2],
  hide: [2],
  show: [2],
  signIn: [2, () => pick('ann', 'ann', 'ann', 'bob')],
  signOut: [1],
  getToken: [8],
  askOften: [1],
  refresh: [3],
  refuse: [2],
  attach: [2, () => pick('good', 'faulty')],
  detach: [1],
  adapters: [2, () => pick('well', 'throw', 'hang', 'slow')],
  online: [2, () => pick([true, true], [false, false], [false, true], [true, true])],
  backend: [
    6,
    () =>
      pick<unknown>(
        ...['mend', 'mend', 'mend', 'html', 'empty', 'network', 'hangs', 'nobody', 'ended', 'same', 'other'],
        ...[{ status: 500 }, { status: 503, retryAfter: 30 }, { status: 429, retryAfter: 120 }],
        ...[{ status: 429, retryAfter: 'soon' }, { status: 401 }, { status: 403 }],
      ),
  ],
  store: [1, () => pick('well', 'well', 'throws', 'rejects', 'hangs', 'full', 'corrupt', 'slow')],
  sleep: [1, () => Math.round(pick(0.3, 2) * lifetime * 1_000)],
  pass: [4, () => undefined],
})

const lossyOnes = (pick: Pick): Record<string, [weight: number, value?: () => unknown]> => ({
  stop: [2],
  occupy: [1],
  locks: [2, () => pick('absent', 'throws', 'rejects', undefined)],
  channels: [2, () => pick('absent', 'throws', undefined)],
  localStorage: [2, () => pick('absent', 'blocked', 'full', undefined)],
  timers: [2, () => pick({ throttle: 1_000 }, { throttle: 60_000 }, { early: 5 }, { late: 2_000 }, {})],
  lose: [2, () => pick(0, 2, 1)],
  repeat: [2],
  junk: [1, () => pick<unknown>(null, 'refused', { version: 2 }, { id: 'x', message: { version: 1, type: 'token' } })],
})

/** A scenario of up to six tabs and two users, drawn from a seed. Every third is lossy. */
export function draw(seed: number): Scenario {
  const random = mulberry(seed)
  const pick: Pick = (...choices) => choices[Math.floor(random() * choices.length)]!
  const lossy = seed % 3 === 0
  const clock = pick<Setup['clock']>('steady', 'steady', 'set', 'uncounted')
  const latest = lossy ? 3_000 : 40
  const setup: Setup = {
    lossy,
    // Where messages are lost, tabs meet again at the next refresh.
    lifetime: lossy ? pick(20, 60, 100) : pick(20, 100, 600, 3_600),
    latency: pick(0, 50, 1_500),
    skew: pick(0, 0, -3_600_000, 90_000, 3_600_000),
    clock,
    // A record that was written before the clock was set back looks younger than it is.
    storage: clock !== 'set' && random() < 0.4,
    refreshWhenHidden: random() < 0.8,
    lacks: lossy
      ? pick<Setup['lacks']>(
          {},
          {},
          {},
          { locks: 'absent' },
          { locks: 'rejects', localStorage: 'blocked' },
          { channels: 'absent' },
        )
      : {},
    messageDelay: pick(0, 40, latest),
    lockDelay: pick(0, 5),
    storageDelay: pick(0, 20),
  }
  const acts = Object.entries({ ...always(pick, setup), ...(lossy && lossyOnes(pick)) }).filter(
    // A message that waited, or is posted again, when the clock was set back cannot be told from a fresh one.
    ([act]) => !(clock === 'set' && /^(stop|repeat)$/.test(act)),
  )
  if (clock === 'set') acts.push(['setWallClock', [2, () => pick(-3_600_000, 3_600_000, 86_400_000, 0)]])
  const total = acts.reduce((sum, [, [weight]]) => sum + weight, 0)
  const next = (): Step => {
    let left = random() * total
    const [act, [, value]] = acts.find(([, [weight]]) => (left -= weight) < 0)!
    const pause = pick(0, 1_000, 5_000, 5_000, 5_000, 60_000, setup.lifetime * 500)
    return {
      act,
      tab: Math.floor(random() * 60),
      ...(value && { value: value() }),
      after: Math.round(random() * pause),
    }
  }
  const opening = Array.from({ length: pick(1, 2, 3, 4, 6) }, (): Step => {
    return { act: 'open', tab: 0, value: pick('ann', 'ann', 'ann', 'bob'), after: pick(0, 0, 200) }
  })
  return { seed, setup, steps: [...opening, ...Array.from({ length: pick(10, 30, 60) }, next)] }
}
