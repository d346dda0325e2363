import { describe, expect, it } from 'vitest'
import { journaling } from '../support/journal.js'
import { openStorage } from '../support/storage.js'
import { type Window, createTabs, failureOf, oneToken, watch } from '../support/tabs-scene.js'
import { tokenFor } from '../support/tokens.js'

const minute = 60_000
const pair = async (options?: Parameters<typeof createTabs>[0]) => {
  const scene = createTabs(options)
  const windows = scene.openAll(2) as [Window, Window]
  await scene.advance(1_000)
  return { scene, windows }
}

describe('a sign-out', () => {
  it('signs out every tab within a second, and no call follows for two lifetimes (F51)', async () => {
    const scene = createTabs({ seconds: 100 })
    const windows = scene.openAll(5)
    const kept = windows.map(({ session }) => {
      const sdk = journaling()
      session.attach(sdk.adapter)
      return sdk
    })
    await scene.advance(1_000)
    void windows[0]!.session.signOut()
    await scene.advance(1_000)
    for (const [index, { session, of, tab }] of windows.entries()) {
      expect(session.state).toEqual({ status: 'signed-out' })
      expect(of('signed-out')).toMatchObject([{ user: { id: 'ann' }, reason: index ? 'other-tab' : 'here' }])
      expect(tab.timers).toBe(0)
      expect(kept[index]!.journal.at(-1)).toMatch(/^detach .* by sign-out$/)
      expect(await failureOf(session.getToken())).toMatchObject({ code: 'signed_out' })
    }
    const { length } = scene.calls
    await scene.advance(200_000)
    expect(scene.calls).toHaveLength(length)
  })

  it('is told once: signed-out tabs do not pass it on', async () => {
    const scene = createTabs()
    const windows = scene.openAll(6)
    await scene.advance(1_000)
    const { length } = scene.origin.posted
    void windows[0]!.session.signOut()
    await scene.advance(1_000)
    expect(scene.origin.posted.length - length).toBe(1)
  })

  it('while another tab is in the middle of its call: that answer reaches nobody (F74)', async () => {
    const { storage, items } = openStorage()
    const scene = createTabs({ latency: 2_000, storage })
    const windows = scene.openAll(3)
    const asked = windows.map(({ session }) => watch(session.getToken()))
    await scene.advance(1_000)
    const caller = windows.findIndex(({ tab }) => tab === scene.calls[0]!.tab)
    void windows[(caller + 1) % 3]!.session.signOut()
    await scene.advance(10_000)
    expect(windows.map(({ status }) => status())).toEqual(Array(3).fill('signed-out'))
    expect(windows.flatMap(({ of }) => of('token'))).toEqual([])
    expect(asked.map(({ error }) => error?.code)).toEqual(Array(3).fill('signed_out'))
    expect(scene.calls).toHaveLength(1)
    expect(scene.calls[0]!.signal.aborted).toBe(true)
    expect([...items.values()]).toEqual([])
  })

  it('and a sign-in right after it: the others stay signed out, the new sign-in has its token', async () => {
    const { scene, windows } = await pair()
    void windows[0].session.signOut()
    windows[0].session.signIn('ann')
    await scene.advance(2_000)
    expect(windows[0].status()).toBe('fresh')
    expect(windows[1].status()).toBe('signed-out')
  })

  it('inside a listener of another tab’s token ends there as well', async () => {
    const scene = createTabs({ seconds: 100 })
    const windows = scene.openAll(3)
    await scene.advance(1_000)
    const stop = windows[1]!.session.on('token', () => void windows[1]!.session.signOut())
    await scene.advance(100_000)
    stop()
    expect(windows.map(({ status }) => status())).toEqual(Array(3).fill('signed-out'))
    await scene.advance(200_000)
    expect(scene.calls).toHaveLength(2)
  })

  it('takes the stored token away for all of them', async () => {
    const { storage, items } = openStorage()
    const { scene, windows } = await pair({ storage })
    expect(items.size).toBe(1)
    void windows[1].session.signOut()
    await scene.advance(5_000)
    expect(items.size).toBe(0)
    scene.open()
    await scene.advance(1_000)
    expect(scene.calls).toHaveLength(2)
  })
})

describe('close() in one tab', () => {
  it('signs nobody out', async () => {
    const { scene, windows } = await pair({ seconds: 100 })
    await Promise.all([windows[0].session.close(), scene.advance(1)])
    await scene.advance(300_000)
    expect(windows[1].status()).toBe('fresh')
    expect(windows[1].of('signed-out')).toEqual([])
  })
})

describe('different users in different tabs (F52)', () => {
  it('share nothing, and neither signs the other out', async () => {
    const { storage } = openStorage()
    const scene = createTabs({ seconds: 100, storage })
    const ann = scene.open({ user: 'ann' })
    const bob = scene.open({ user: 'bob' })
    await scene.advance(300_000)
    expect(ann.token()!.user.id).toBe('ann')
    expect(bob.token()!.user.id).toBe('bob')
    void ann.session.signOut()
    await scene.advance(300_000)
    expect(bob.status()).toBe('fresh')
    expect(bob.of('signed-out')).toEqual([])
  })

  it('nor do tenants, however they are spelt', async () => {
    const scene = createTabs({ subject: false })
    const users = [{ id: 'a', tenant: 'b:c' }, { id: 'a:b', tenant: 'c' }, { id: 'a","b' }, 'a'] as const
    const windows = users.map((user) => scene.open({ user }))
    await scene.advance(1_000)
    scene.broken.delete('G3: a token of somebody else')
    expect(scene.calls).toHaveLength(4)
    expect(new Set(windows.map(({ token }) => token()!.value)).size).toBe(4)
    void windows[3]!.session.signOut()
    await scene.advance(1_000)
    expect(windows.map(({ status }) => status())).toEqual(['fresh', 'fresh', 'fresh', 'signed-out'])
  })

  it('a switch of the user in one tab leaves the other tabs with theirs', async () => {
    const { scene, windows } = await pair()
    const anns = oneToken(windows)
    windows[0].session.signIn('bob')
    await scene.advance(1_000)
    expect(windows[0].token()!.user.id).toBe('bob')
    expect(windows[1].token()!.value).toBe(anns)
    expect(scene.calls.map(({ user }) => user.id)).toEqual(['ann', 'bob'])
    windows[0].session.signIn('ann')
    await scene.advance(1_000)
    expect(oneToken(windows)).toBe(anns)
    expect(scene.calls).toHaveLength(2)
  })
})

describe('a token the provider refused in one tab', () => {
  it('is not used in another, for one call in all', async () => {
    const scene = createTabs()
    const windows = scene.openAll(5)
    await scene.advance(20_000)
    const refused = scene.refuse(windows[2]!)
    await scene.flush()
    for (const { token } of windows) expect(token()?.value).not.toBe(refused)
    await scene.advance(1_000)
    expect(oneToken(windows)).not.toBe(refused)
    expect(scene.calls).toHaveLength(2)
    for (const { of } of windows) expect(of('expired')).toMatchObject([{ reason: 'rejected' }])
  })

  it('refused in several at once: still one call (F101)', async () => {
    const scene = createTabs()
    const windows = scene.openAll(5)
    await scene.advance(20_000)
    for (const window of windows) scene.refuse(window)
    await scene.advance(1_000)
    expect(scene.calls).toHaveLength(2)
    oneToken(windows)
  })

  it('does not come back by a message that was late, or came twice', async () => {
    const scene = createTabs()
    const windows = scene.openAll(3)
    await scene.advance(20_000)
    windows[1]!.tab.copies = () => 3
    const asked = watch(windows[0]!.session.refresh())
    await scene.advance(60)
    expect(asked.value).toBeDefined()
    const refused = scene.refuse(windows[0]!)
    await scene.advance(5_000)
    expect(windows.flatMap(({ of }) => of('token').slice(-1)).map(({ value }) => value)).not.toContain(refused)
    oneToken(windows)
  })

  it('nor in a tab that hears of the refusal first and of the token later', async () => {
    const scene = createTabs()
    const [minting, refusing, late] = scene.openAll(3) as [Window, Window, Window]
    await scene.advance(20_000)
    const delays = [2_000]
    late.tab.latency = () => delays.shift() ?? 5
    const asked = watch(minting.session.refresh())
    await scene.advance(100)
    expect(refusing.token()!.value).toBe(asked.value)
    scene.backend.fail()
    const refused = scene.refuse(refusing)
    await scene.advance(5_000)
    expect(late.of('token').map(({ value }) => value)).not.toContain(refused)
    scene.backend.mend()
    await scene.advance(60_000)
    expect(oneToken(scene.windows)).not.toBe(refused)
  })

  it('nor by the storage, nor by a tab that opens later', async () => {
    const { storage, text } = openStorage()
    const scene = createTabs({ storage })
    const windows = scene.openAll(2)
    await scene.advance(20_000)
    const refused = scene.refuse(windows[0]!)
    scene.backend.fail()
    await scene.advance(1_000)
    expect(text()).not.toContain(refused)
    const late = scene.open()
    await scene.advance(1_000)
    expect(late.of('token')).toEqual([])
    scene.backend.mend()
    await scene.advance(60_000)
    oneToken(scene.windows)
  })

  it('nor when its user comes back to a tab that was somebody else’s meanwhile', async () => {
    const { storage } = openStorage()
    const scene = createTabs({ storage })
    const [one, other] = scene.openAll(2) as [Window, Window]
    await scene.advance(20_000)
    one.session.signIn('bob')
    await scene.advance(1_000)
    const refused = scene.refuse(other)
    await scene.advance(1_000)
    one.session.signIn('ann')
    await scene.advance(1_000)
    expect(one.token()!.value).toBe(other.token()!.value)
    expect(one.of('token').at(-1)!.value).not.toBe(refused)
    expect(scene.calls.filter(({ user }) => user.id === 'ann')).toHaveLength(2)
  })

  it('nor when it was refused by the user’s last tab, now closed', async () => {
    const { storage } = openStorage()
    const scene = createTabs({ storage })
    const [one, other] = scene.openAll(2) as [Window, Window]
    await scene.advance(20_000)
    one.session.signIn('bob')
    await scene.advance(1_000)
    scene.refuse(other)
    await Promise.all([other.session.close(), scene.advance(3_000)])
    one.session.signIn('ann')
    await scene.advance(1_000)
    expect(one.status()).toBe('fresh')
  })

  it('a provider that refuses every token: the final state is that of all, with no storm of calls', async () => {
    const scene = createTabs()
    const windows = scene.openAll(4)
    for (const { session } of windows) session.on('token', ({ value }) => session.invalidate(value))
    await scene.advance(60 * minute)
    expect(scene.calls.length).toBeLessThanOrEqual(12)
    expect(windows.map(({ status }) => status())).toEqual(Array(4).fill('failed'))
  })

  it('and an SDK in each of ten tabs that refuses one token after the other stays within one budget (G1)', async () => {
    const scene = createTabs()
    const windows = scene.openAll(10)
    await scene.advance(20_000)
    for (let step = 0; step < 120; step++) {
      for (const { session, token } of windows) if (token()) session.invalidate(token()!.value)
      await scene.advance(500)
    }
    expect(scene.calls.length).toBeLessThanOrEqual(12)
  })
})

describe('a token of another tab', () => {
  it('that is for somebody else is not taken (F76)', async () => {
    const scene = createTabs()
    const windows = scene.openAll(2)
    await scene.advance(1_000)
    const { key, message } = scene.origin.posted.find(({ message }) => JSON.stringify(message).includes('ey'))!
    const mine = scene.backend.minted[0]!
    const forged = JSON.stringify(message).replaceAll(mine, tokenFor('bob', scene.origin.now + 60_000))
    scene.origin.forge(key, JSON.parse(forged))
    await scene.advance(1_000)
    expect(oneToken(windows)).toBe(mine)
  })
})
