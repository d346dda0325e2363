import { type Adoption, type Happening, type MachineEvent, type MachineState, initialState } from '../../src/state.js'
import { type Token, type User, createToken } from '../../src/token.js'
import { start } from './world.js'

export const ada: User = { id: 'ada' }
export const bob: User = { id: 'bob' }
export const minute = 60_000
export const hour = 60 * minute

export const makeToken = (value: string, more: Partial<Token> = {}): Token =>
  createToken({ value, user: ada, receivedAt: start, expiresAt: start + hour, generation: 1, ...more })

/** A token with its schedule: due at 80 %, spent 5 s or a tenth before its end. */
export const adoptionOf = (token: Token): Adoption => {
  const lifetime = (token.expiresAt ?? Infinity) - token.receivedAt
  return {
    token,
    dueAt: token.receivedAt + 0.8 * lifetime,
    spentAt: token.receivedAt + Math.max(lifetime - 5_000, 0.9 * lifetime),
  }
}

/** A machine's state that differs from the first one in this. */
export const stateOf = (more: Partial<MachineState>): MachineState => ({ ...initialState, ...more })

/** An event at that time, the network and the page being there unless said otherwise. */
export const eventOf = (
  happening: Happening,
  now: number = start,
  { online = true, eager = true }: { online?: boolean; eager?: boolean } = {},
): MachineEvent => ({ ...happening, now, online, eager })

/** Freezes all that is reachable, so that a change throws. */
export const deepFreeze = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    Object.values(value).forEach(deepFreeze)
  }
  return value
}
