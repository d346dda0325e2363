import { getEventListeners } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { within } from '../src/within.js'
import { createWorld } from './support/world.js'

const never = new Promise<never>(() => {})

describe('work that ends in time', () => {
  it('is answered with what it brings, and its timer is gone', async () => {
    const world = createWorld()
    const late = vi.fn(() => 'late')
    const result = within(world.environment, 1_000, Promise.resolve('done'), undefined, late)
    expect(world.timers).toBe(1)
    expect(await result).toBe('done')
    await world.flush()
    expect(world.timers).toBe(0)
    await world.advance(5_000)
    expect(late).not.toHaveBeenCalled()
  })

  it('and fails is answered with its own error, and its timer is gone', async () => {
    const world = createWorld()
    const error = new Error('no')
    await expect(within(world.environment, 1_000, Promise.reject(error))).rejects.toBe(error)
    await world.flush()
    expect(world.timers).toBe(0)
  })
})

describe('work that takes too long', () => {
  it('is answered by what was agreed on for that, exactly at the limit', async () => {
    const world = createWorld()
    const ended = vi.fn()
    void within(world.environment, 1_000, never, undefined, () => 'late').then(ended)
    await world.advance(999)
    expect(ended).not.toHaveBeenCalled()
    await world.advance(1)
    expect(ended).toHaveBeenCalledWith('late')
    expect(world.timers).toBe(0)
  })

  it('is a failure where that throws', async () => {
    const world = createWorld()
    const error = new Error('too late')
    const result = within(world.environment, 1_000, never, undefined, () => {
      throw error
    })
    const settled = expect(result).rejects.toBe(error)
    await world.advance(1_000)
    await settled
  })

  it('changes nothing any more when it ends or fails after all', async () => {
    const world = createWorld()
    let succeed!: (value: string) => void
    let fail!: (error: Error) => void
    const slow = within(
      world.environment,
      10,
      new Promise<string>((resolve) => (succeed = resolve)),
      undefined,
      () => 'late',
    )
    const bad = within(
      world.environment,
      10,
      new Promise<string>((_, reject) => (fail = reject)),
      undefined,
      () => 'late',
    )
    await world.advance(10)
    succeed('done')
    fail(new Error('unhandled?'))
    await world.flush()
    expect(await Promise.all([slow, bad])).toEqual(['late', 'late'])
  })

  it('may take as long as it likes where there is no limit, and no timer waits for it', () => {
    const world = createWorld()
    void within(world.environment, Infinity, never)
    expect(world.timers).toBe(0)
  })
})

describe('a wait that is given up', () => {
  it('rejects with the reason of the signal, and neither timer nor listener is left', async () => {
    const world = createWorld()
    const controller = new AbortController()
    const reason = new Error('not wanted')
    const result = within(world.environment, 1_000, never, controller.signal, () => 'late' as never)
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1)
    controller.abort(reason)
    await expect(result).rejects.toBe(reason)
    expect(world.timers).toBe(0)
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
  })

  it('before it began rejects at once, whatever the work does', async () => {
    const world = createWorld()
    for (const work of [never, Promise.resolve('done'), Promise.reject(new Error('no'))]) {
      const result = within<string>(world.environment, 1_000, work, AbortSignal.abort())
      await expect(result).rejects.toMatchObject({ name: 'AbortError' })
    }
    await world.flush()
    expect(world.timers).toBe(0)
  })

  it('leaves no listener on a signal that lives on, however the work ended', async () => {
    const world = createWorld()
    const { signal } = new AbortController()
    await within(world.environment, 1_000, Promise.resolve(), signal)
    await within(world.environment, 1_000, Promise.reject(new Error('no')), signal).catch(() => {})
    const late = within(world.environment, 1_000, never, signal, () => 1 as never)
    await world.advance(1_000)
    await late
    await world.flush()
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })
})
