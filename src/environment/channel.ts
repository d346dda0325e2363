import { within } from '../within.js'
import type { Clock } from './clock.js'
import { type Holder, timeToAnswer } from './lock.js'
import { attempt } from './marks.js'
import type { Scope } from './scope.js'

/** What goes over the channel beside the message: its name, and how long it took. */
interface Envelope {
  readonly id: string
  /** By the device's clock, which all tabs share. */
  readonly sentAt: number
  readonly message?: unknown
  /** True: a question to whoever holds the lock. A name: the answer to the question of that name. */
  readonly ping?: true | string
}

/** Messages to and from the other tabs, and what is heard of the one that holds the lock. */
export interface Channel extends Holder {
  /** False while it is shut, and where there is none. */
  isOpen(): boolean
  /** Throws where the platform has no channels. */
  open(): void
  shut(): void
  post(message: unknown): void
  /** The name of the last message posted here. */
  posted(): string | undefined
  /** Resolves when the messages of those names have arrived, or have not in time. */
  waitFor(names: Promise<readonly string[]>, signal: AbortSignal | undefined): Promise<void>
  /** This tab got the lock, and so answers for it; or it gave it back. */
  hold(locked: boolean): void
}

/** Time after which a message that has not arrived is not waited for, ms. */
export const delivery = 1_000
const remembered = 50
const longestName = 40
const nothing = (): void => {}

/** `self` names this tab, `hear` is called with each message of another and its age in ms. */
export function createChannel(
  key: string,
  self: string,
  clock: Clock,
  scope: Scope,
  hear: (message: unknown, age: number) => void,
): Channel {
  const { now } = clock
  const known = new Set<string>()
  const arrivals = new Set<() => void>()
  let channel: InstanceType<NonNullable<Scope['BroadcastChannel']>> | undefined
  let count = 0
  let posted: string | undefined
  let question = ''
  let questionAt = -Infinity
  let answerAt = -Infinity
  let holding = 0

  const remember = (id: unknown): void => {
    if (typeof id !== 'string' || id.length > longestName) return
    known.add(id)
    if (known.size > remembered) known.delete(known.values().next().value!)
    arrivals.forEach((check) => check())
  }
  const send = (content: Pick<Envelope, 'message' | 'ping'>): string => {
    const id = `${self}-${++count}`
    attempt(() => channel?.postMessage({ ...content, id, sentAt: scope.Date.now() } satisfies Envelope))
    return id
  }
  const answer = (): void => {
    answerAt = now()
    send({ ping: question })
  }
  const receive = ({ id, sentAt, message, ping }: Partial<Envelope>): void => {
    if (typeof ping === 'string') {
      answerAt = now()
      remember(ping)
    } else if (ping && typeof id === 'string') {
      // The answer may have come before the question: they are of different senders.
      if (known.has(id)) return
      question = id
      questionAt = now()
      if (holding) answer()
    } else {
      remember(id)
      if (Object(message) === message) hear(message, attempt(() => Math.max(0, scope.Date.now() - Number(sentAt))) || 0)
    }
  }

  return {
    isOpen: () => Boolean(channel),
    open() {
      channel = new scope.BroadcastChannel!(key)
      channel.onmessage = ({ data }) => receive(Object(data) as Partial<Envelope>)
    },
    shut() {
      channel?.close()
      channel = undefined
    },
    post(message) {
      remember((posted = send({ message })))
    },
    posted: () => posted,
    async waitFor(names, signal) {
      let check = nothing
      let over = false
      const arrived = names.then((expected) => {
        return new Promise<void>((resolve) => {
          check = () => expected.every((name) => known.has(name)) && resolve()
          if (!over) arrivals.add(check)
          check()
        })
      })
      await within(clock, delivery, arrived, signal, nothing).finally(() => {
        over = true
        arrivals.delete(check)
      })
    },
    hold(locked) {
      holding += locked ? 1 : -1
      // It was put to the one before.
      if (locked && questionAt > answerAt) answer()
    },
    heardAt: () => answerAt,
    isSilent(since) {
      const time = now()
      if (questionAt >= since && questionAt > answerAt) return time - questionAt >= timeToAnswer
      if (channel && time - answerAt >= timeToAnswer) {
        questionAt = time
        question = send({ ping: true })
      }
      return false
    },
  }
}
