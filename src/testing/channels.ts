import type { Scope } from '../environment/scope.js'
import type { Device, Line } from './device.js'

/** A message that was posted. */
export interface TestMessage {
  /** True time, epoch ms. */
  readonly at: number
  readonly channel: string
  readonly data: unknown
}

/** One page's part in the channels of the origin. */
export interface ChannelClient {
  readonly BroadcastChannel: NonNullable<Scope['BroadcastChannel']>
  /** Open channels. */
  count(): number
  drop(): void
}

/** The broadcast channels of one origin. */
export interface Channels {
  /** `delay`: ms a message takes to this page; `copies`: how often it arrives, 0 is lost. */
  client(line: Line, delay: () => number, copies: () => number): ChannelClient
  /** Names of open channels. */
  names(): string[]
  /** Everything that was posted. */
  readonly messages: TestMessage[]
}

type Port = InstanceType<NonNullable<Scope['BroadcastChannel']>>

interface OpenChannel {
  readonly name: string
  readonly client: object
  deliver(data: unknown, from: object): void
}

export function createChannels(device: Device): Channels {
  const open = new Set<OpenChannel>()
  const messages: TestMessage[] = []
  return {
    messages,
    names: () => [...open].map(({ name }) => name),
    client(line, delay, copies) {
      const client = {}
      const create = function (name: string): Port {
        const arrivals = new WeakMap<object, number>()
        const port: Port = {
          onmessage: null,
          postMessage(data) {
            if (!device.has(line)) return
            if (!open.has(channel)) throw new DOMException('The channel is closed.', 'InvalidStateError')
            const copy: unknown = structuredClone(data)
            messages.push({ at: device.truth(), channel: name, data: copy })
            for (const other of open) if (other !== channel && other.name === name) other.deliver(copy, channel)
          },
          close: () => void open.delete(channel),
        }
        const channel: OpenChannel = {
          name,
          client,
          deliver(data, from) {
            for (let left = copies(); left > 0; left--) {
              // Those of one sender keep their order.
              const at = Math.max(device.awake() + delay(), arrivals.get(from) ?? 0)
              arrivals.set(from, at)
              device.plan(line, at - device.awake(), () => {
                if (open.has(channel)) port.onmessage?.({ data: structuredClone(data) } as MessageEvent)
              })
            }
          },
        }
        if (device.has(line)) open.add(channel)
        return port
      }
      return {
        BroadcastChannel: create as unknown as ChannelClient['BroadcastChannel'],
        count: () => [...open].filter((one) => one.client === client).length,
        drop: () => open.forEach((one) => one.client === client && open.delete(one)),
      }
    },
  }
}
