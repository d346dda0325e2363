import { type Policy, budgetFreeAt, refreshDelay, retryDelay, usableTime } from '../../src/policy.js'

// Crowds of clients that follow the shipped policy. Times are milliseconds; bins are seconds.

export interface Crowd {
  policy: Policy
  clients: number
  /** Lifetime of every token. */
  life: number
  /** The first tokens come evenly within this. */
  spread: number
  random: () => number
}

/** The most of a Poisson-distributed count that `bins` draws of that mean exceed in half of all cases. */
export function randomPeak(mean: number, bins: number): number {
  let term = Math.exp(-mean)
  let below = term
  let count = 0
  while (below ** bins < 0.5) below += term *= mean / ++count
  return count
}

/** Requests in each second while all goes well, for so many lifetimes. */
export function refreshes({ policy, clients, life, spread, random }: Crowd, lifetimes: number) {
  const horizon = lifetimes * life
  const bins = new Uint32Array(Math.ceil((horizon + life) / 1_000))
  let requests = 0
  let gaps = 0
  for (let client = 0; client < clients; client++) {
    let at = random() * spread
    for (let cold = true; at < horizon; cold = false) {
      const gap = refreshDelay(policy, life, cold, random())
      bins[Math.floor((at += gap) / 1_000)]!++
      gaps += gap
      requests++
    }
  }
  const period = gaps / requests / 1_000
  const mean = clients / period
  return {
    /** Mean seconds between two requests of a client, the first gap included. */
    period,
    /** Requests a second. */
    mean,
    /** More requests than one each lifetime, as a share. */
    extra: life / 1_000 / period - 1,
    /** Requests in the busiest second around the k-th refresh. */
    peak: (cycle: number) =>
      Math.max(...bins.subarray(Math.floor((cycle - 0.5) * period), Math.ceil((cycle + 0.5) * period))),
    /** What clients with random phases would have there. */
    randomPeak: randomPeak(mean, Math.round(period)),
  }
}

/** A backend that is down from `from` for `duration`: how many are without a good token, and when. */
export function outage({ policy, clients, life, spread, random }: Crowd, from: number, duration: number) {
  const end = from + duration
  const usable = usableTime(policy, life)
  const found = { due: 0, during: 0, after: 0, longest: 0 }
  for (let client = 0; client < clients; client++) {
    let received = random() * spread
    let due = received + refreshDelay(policy, life, true, random())
    while (due < from) {
      received = due
      due += refreshDelay(policy, life, false, random())
    }
    if (due >= end) continue
    found.due++
    let at = due
    for (let attempt = 1; at < end; attempt++) at += retryDelay(policy, attempt, random())
    if (received + usable < end) found.during++
    else if (received + usable < at) found.after++
    found.longest = Math.max(found.longest, at - received - usable)
  }
  return found
}

/** All need a token within `spread` at the start of an outage of `duration`; afterwards whoever asks is served. */
export function storm({ policy, clients, spread, random }: Crowd, duration: number) {
  const call = 100
  const bins = new Uint32Array((duration + 600_000) / 1_000)
  const served = new Float64Array(clients)
  let failed = 0
  let most = 0
  for (let client = 0; client < clients; client++) {
    const calls: number[] = []
    let at = random() * spread
    for (; at < duration; at = Math.max(at + call + retryDelay(policy, calls.length, random()), budgetFreeAt(calls))) {
      calls.push(at)
      bins[Math.floor(at / 1_000)]!++
    }
    bins[Math.floor(at / 1_000)]!++
    failed += calls.length
    most = Math.max(most, calls.length)
    served[client] = (at + call - duration) / 1_000
  }
  served.sort()
  const recovery = bins.subarray(duration / 1_000)
  const after = (share: number) => served[Math.ceil(share * clients) - 1]!
  const window = after(0.99)
  return {
    failed: failed / clients,
    most,
    peakDuring: Math.max(...bins.subarray(0, duration / 1_000)),
    firstSecond: recovery[0]!,
    peakAfter: Math.max(...recovery),
    half: after(0.5),
    window,
    last: after(1),
    /** The least rate that serves 99 % in that time. */
    optimum: (0.99 * clients) / window,
  }
}
