import type { AdapterContext } from 'inbox-session'
import { notifizz, type NotifizzOptions } from 'inbox-session/notifizz'
import { beforeEach, expect, test, vi } from 'vitest'

// No package of Notifizz could be installed: these tests hold the adapter to the documented options and nothing more.
let journal: string[] = []
let shown: NotifizzOptions[] = []

beforeEach(() => {
  journal = []
  shown = []
})

const mount = (options: NotifizzOptions) => {
  const number = shown.push(options)
  journal.push(`mount ${number}`)
  return { destroy: () => void journal.push(`destroy ${number}`) }
}

const contextOf = (value: string, user: { id: string; email?: string } = { id: 'ada' }): AdapterContext => ({
  token: { value, user, receivedAt: 0, generation: 1 },
  signal: new AbortController().signal,
  getToken: () => Promise.reject(new Error('not asked')),
  report: () => {},
})

test('a backend token is mounted with the user it was made for', () => {
  void notifizz(mount, { apiKey: 'key' }).attach(contextOf('hash', { id: 'ada', email: 'ada@example.com' }))
  expect(shown).toEqual([
    { apiKey: 'key', authType: 'backendToken', token: 'hash', userId: 'ada', userEmail: 'ada@example.com' },
  ])
})

test('a user without an email is mounted without one', () => {
  void notifizz(mount, { apiKey: 'key' }).attach(contextOf('hash'))
  expect(shown).toStrictEqual([{ apiKey: 'key', authType: 'backendToken', token: 'hash', userId: 'ada' }])
})

test('a Firebase token speaks for itself', () => {
  const adapter = notifizz(mount, { apiKey: 'key', authType: 'firebase' })
  void adapter.attach(contextOf('id token', { id: 'ada', email: 'ada@example.com' }))
  expect(shown).toEqual([{ apiKey: 'key', authType: 'firebase', token: 'id token' }])
})

test('the same token for the same user touches nothing', async () => {
  const adapter = notifizz(mount, { apiKey: 'key' })
  const handle = await adapter.attach(contextOf('hash'))
  await adapter.update!(handle, contextOf('hash'))
  expect(journal).toEqual(['mount 1'])
})

test.each([
  ['token', contextOf('other hash')],
  ['user', contextOf('hash', { id: 'grace' })],
  ['email', contextOf('hash', { id: 'ada', email: 'ada@example.com' })],
])('another %s removes the widget before it mounts a new one', async (_, context) => {
  const adapter = notifizz(mount, { apiKey: 'key' })
  await adapter.update!(await adapter.attach(contextOf('hash')), context)
  expect(journal).toEqual(['mount 1', 'destroy 1', 'mount 2'])
  expect(shown[1]!.token).toBe(context.token.value)
})

test('signing out removes the widget that is mounted then', async () => {
  const adapter = notifizz(mount, { apiKey: 'key' })
  const handle = await adapter.attach(contextOf('first'))
  const context = contextOf('second')
  await adapter.update!(handle, context)
  await adapter.detach!(handle, 'sign-out', context.token)
  expect(journal).toEqual(['mount 1', 'destroy 1', 'mount 2', 'destroy 2'])
})

test('a mount that failed is made up for by the next update, and nothing is removed twice', async () => {
  const fragile = vi.fn(mount)
  const adapter = notifizz(fragile, { apiKey: 'key' })
  const handle = await adapter.attach(contextOf('first'))
  fragile.mockImplementationOnce(() => {
    throw new Error('script blocked')
  })
  expect(() => adapter.update!(handle, contextOf('second'))).toThrow('script blocked')
  await adapter.update!(handle, contextOf('second'))
  await adapter.detach!(handle, 'detach', contextOf('second').token)
  expect(journal).toEqual(['mount 1', 'destroy 1', 'mount 2', 'destroy 2'])
})

test('a widget that was lost to a failed mount is not taken for the one that is asked for', async () => {
  const fragile = vi.fn(mount)
  const adapter = notifizz(fragile, { apiKey: 'key' })
  const handle = await adapter.attach(contextOf('first'))
  fragile.mockImplementationOnce(() => {
    throw new Error('script blocked')
  })
  expect(() => adapter.update!(handle, contextOf('second'))).toThrow('script blocked')
  await adapter.update!(handle, contextOf('first'))
  expect(journal).toEqual(['mount 1', 'destroy 1', 'mount 2'])
})

test('two inboxes of one adapter do not share a widget', async () => {
  const adapter = notifizz(mount, { apiKey: 'key' })
  const first = await adapter.attach(contextOf('hash'))
  await adapter.attach(contextOf('hash'))
  await adapter.detach!(first, 'detach', contextOf('hash').token)
  expect(journal).toEqual(['mount 1', 'mount 2', 'destroy 1'])
})
