import { setTimeout as sleep } from 'node:timers/promises'
import type { Message, ProviderStandIn, Seen } from './providers/provider.js'
import type { Report, Row } from './report.js'
import { providerNames, type ProviderName } from './world.js'

export type Phase = 'start' | 'healthy' | 'outage' | 'recovery' | 'refusal' | 'switch' | 'end'

/** A message the backend sent, and to whom. */
export interface Sent extends Message {
  at: number
  user: string
}

export interface WatchOptions {
  standIns: Record<ProviderName, ProviderStandIn>
  sent: readonly Sent[]
  user: string
  /** The text a person can read in each inbox. */
  read(): Promise<Record<ProviderName, string>>
  /** Milliseconds after an outage in which an SDK may still use a token that ended in it. */
  outageGrace: number
}

export interface Watch {
  /** What happens from now on; `limit`: how long an inbox may be without a socket in it, in milliseconds. */
  phase(name: Phase, limit?: number): void
  /** Another user is about to sign in. */
  switchTo(user: string): void
  /** The new user's inboxes are there: nothing of the last one may be seen from now on. */
  switched(): void
  allConnected(within: number, when: string): Promise<void>
  allArrived(within: number, when: string): Promise<void>
  violate(who: string, words: string): void
  finish(): Promise<Report>
}

interface Stretch {
  phase: Phase
  from: number
  to: number
  limit?: number | undefined
}

/** Milliseconds an old connection, or a request on its way, may linger beside the new one. */
const lingering = 1_000
/** Calls an SDK may make by itself with a token that ended while the backend is down: more is a storm. */
const excusedLimit = 20

const count = (text: string, part: string): number => text.split(part).length - 1

/** Follows the sockets, the requests and the inboxes on the page, and notes everything that must not be. */
export function createWatch({ standIns, sent, user: first, read, outageGrace }: WatchOptions): Watch {
  const violations: string[] = []
  const violate = (who: string, words: string) => {
    const line = `${who}: ${words}`
    if (!violations.includes(line)) violations.push(line)
  }
  const began = Date.now()
  const stretches: Stretch[] = [{ phase: 'start', from: began, to: Infinity }]
  let user = first
  let switchedAt = Infinity
  let running = true

  const inboxes = new Map(
    providerNames.map((name) => [
      name,
      { arrived: new Set<string>(), missed: new Set<string>(), longest: 0, since: began, told: false, doubled: began },
    ]),
  )
  const each = (run: (name: ProviderName, inbox: NonNullable<ReturnType<typeof inboxes.get>>) => void) =>
    inboxes.forEach((inbox, name) => run(name, inbox))
  const connected = (name: ProviderName) => standIns[name].sockets(user) > 0
  const mine = () => sent.filter((message) => message.user === user && message.at >= began)
  const missing = (name: ProviderName) => mine().filter(({ title }) => !inboxes.get(name)!.arrived.has(title))

  const lookAtSockets = () => {
    const now = Date.now()
    const { phase, from, limit } = stretches.at(-1)!
    each((name, inbox) => {
      if (standIns[name].sockets(user) < 2) inbox.doubled = now
      else if (now - inbox.doubled > lingering) violate(name, 'kept two connections open at once')
      if (connected(name) || phase !== 'healthy') {
        inbox.since = now
        inbox.told = false
        return
      }
      const gap = now - Math.max(inbox.since, from)
      inbox.longest = Math.max(inbox.longest, gap)
      if (limit !== undefined && gap > limit && !inbox.told) {
        inbox.told = true
        violate(name, `had no connection for more than ${limit / 1000} s while all was well`)
      }
    })
  }
  const sockets = setInterval(lookAtSockets, 10)

  const lookAtPage = async () => {
    const texts = await read()
    const expected = mine()
    const foreign = Date.now() > switchedAt ? sent.filter((message) => message.user !== user) : []
    each((name, inbox) => {
      const text = texts[name] ?? ''
      for (const { title } of expected) {
        const times = count(text, title)
        if (times) inbox.arrived.add(title)
        if (times > 1) violate(name, `showed “${title}” ${times} times`)
      }
      for (const { title } of foreign) {
        if (count(text, title)) violate(name, `showed another user’s “${title}”`)
      }
    })
  }
  const reading = (async () => {
    while (running) {
      await lookAtPage().catch(
        (error: unknown) => running && violate('the page', `could not be read: ${String(error)}`),
      )
      await sleep(150)
    }
  })()

  const until = async (holds: () => boolean, within: number): Promise<boolean> => {
    const end = Date.now() + within
    while (!holds()) {
      if (Date.now() > end) return false
      await sleep(20)
    }
    return true
  }

  const excused = ({ at }: Seen): boolean =>
    stretches.some(({ phase, from, to }) => phase === 'outage' && at >= from && at <= to + outageGrace)
  // A refusal is news to an SDK only once; when the provider has accepted a new token, the old one must be gone.
  const refusedTooLate = (name: ProviderName, { at }: Seen): number => {
    const refusal = stretches.find(({ phase }) => phase === 'refusal')
    const healed = standIns[name].seen.find((request) => refusal && request.at > refusal.from && request.status < 400)
    return healed ? at - healed.at : refusal ? 0 : Infinity
  }

  const judge = (name: ProviderName): Row => {
    const { seen } = standIns[name]
    let wrongUser = 0
    let excusedCalls = 0
    for (const request of seen) {
      const { claimedUser, tokenUser, reason, what, at } = request
      const late = tokenUser !== undefined && tokenUser !== user && at > switchedAt
      if (reason === 'user' || (claimedUser && tokenUser && claimedUser !== tokenUser) || late) {
        wrongUser++
        violate(name, `a request (${what}) carried another user’s token`)
      } else if (reason === 'expired') {
        if (excused(request)) excusedCalls++
        else
          violate(
            name,
            `a request (${what}) carried a token that had ended, ${Math.round((at - began) / 1000)} s into the check`,
          )
      } else if (reason === 'revoked') {
        const late = refusedTooLate(name, request)
        if (late > lingering)
          violate(name, `a request (${what}) carried a refused token ${late} ms after the new one was accepted`)
      } else if (reason) violate(name, `a request (${what}) was refused: ${reason}`)
    }
    if (excusedCalls > excusedLimit)
      violate(name, `knocked ${excusedCalls} times with an ended token while the backend was down`)
    const refused = seen.filter(({ status }) => status === 401 || status === 403)
    const good = seen.filter(({ status }) => status < 400)
    return {
      name,
      connected: connected(name),
      longestGap: inboxes.get(name)!.longest,
      received: 0,
      sent: 0,
      refused: refused.length,
      excused: excusedCalls,
      tokens: new Set(good.map(({ tokenId }) => tokenId)).size,
      wrongUser,
    }
  }

  return {
    phase(phase, limit) {
      const now = Date.now()
      stretches.at(-1)!.to = now
      stretches.push({ phase, from: now, to: Infinity, limit })
    },
    switchTo(next) {
      user = next
    },
    switched() {
      switchedAt = Date.now()
    },
    async allConnected(within, when) {
      const results = providerNames.map(async (name) => {
        if (!(await until(() => connected(name), within))) violate(name, `was not connected ${within / 1000} s ${when}`)
      })
      await Promise.all(results)
    },
    async allArrived(within, when) {
      await until(() => providerNames.every((name) => !missing(name).length), within)
      for (const name of providerNames) {
        const { missed } = inboxes.get(name)!
        const late = missing(name).filter(({ title }) => !missed.has(title))
        for (const { title } of late) missed.add(title)
        const [one, ...more] = late
        if (one) violate(name, `“${one.title}”${more.length ? ` and ${more.length} more` : ''} had not arrived ${when}`)
      }
    },
    violate,
    async finish() {
      const rows = providerNames.map(judge)
      running = false
      clearInterval(sockets)
      await reading
      const all = sent.filter(({ at }) => at >= began)
      for (const row of rows) {
        row.sent = all.length
        row.received = all.filter(({ title }) => inboxes.get(row.name)!.arrived.has(title)).length
        if (!row.connected) violate(row.name, 'was not connected at the end')
        if (row.received < row.sent) violate(row.name, `received ${row.received} of ${row.sent} messages`)
      }
      return { rows, violations, notes: [] }
    },
  }
}
