import { readFileSync, readdirSync } from 'node:fs'
import type { GuestMessage, HostMessage } from 'inbox-session/bridge'
import { describe, expect, test } from 'vitest'

type Type = GuestMessage['type'] | HostMessage['type']
const types = { hello: 1, ask: 1, token: 1, denied: 1, 'signed-out': 1 } satisfies Record<Type, 1>
const fields = ['id', 'user', 'tenant', 'reason', 'token', 'expiresIn', 'sentAt', 'extra', 'final', 'retryAfter']
const texts = [...Object.keys(types), ...fields, 'initial', 'rejected', 'forced']
const folder = `${import.meta.dirname}/../../examples/native/`
const halves = ['InboxWebView.tsx', 'InboxSessionBridge.swift', 'InboxSessionBridge.kt', 'inbox_session_bridge.dart']

// The others cannot run here: that they know the whole protocol is all that is noticed.
describe.each(halves)('%s', (name) => {
  const code = readFileSync(folder + name, 'utf8')

  test('knows every type of message and every field, the version and how long a message may be', () => {
    expect(texts.filter((text) => !new RegExp(`(?<![\\w-])${text}(?![\\w-])`).test(code))).toEqual([])
    expect(code).toMatch(/inboxSession\W{1,6}1\b/)
    expect(code).toMatch(/131_?072/)
  })

  test('lets the page that is there say who it is before it hears anything', () => {
    expect(code).toMatch(/location\.origin === /)
  })
})

test.each(readdirSync(folder))('%s logs nothing, and says that it was not run on a device', (name) => {
  const code = readFileSync(folder + name, 'utf8')
  expect(code).not.toMatch(/console\.|\b(debugP|p)rint(ln)?\(|NSLog|os_log|Logger|Log\.[dewiv]\(/)
  expect(code.replace(/\n\/\/ /g, ' ')).toMatch(/^\/\/ For .+ never run( on a device)?\. MIT\./)
})

test.each(['InboxSessionPlugin.kt', 'InboxSessionPlugin.swift'])(
  '%s wraps no message: Capacitor’s object is it',
  (name) => {
    expect(readFileSync(folder + name, 'utf8')).not.toMatch(/"message"\s*[:,]\s*(answer|text)\b/)
  },
)
