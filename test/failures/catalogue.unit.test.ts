import { readFileSync, readdirSync } from 'node:fs'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'

const catalogue: Record<string, string> = {
  F01: 'a lifetime longer than a timer can wait',
  F02: 'a lead longer than the lifetime',
  F03: 'a backend that answers ended tokens',
  F04: 'a refresh that brings the same token again',
  F06: 'an end in milliseconds',
  F07: 'a token without an end, or no JWT at all',
  F08: 'an end of a wrong type',
  F09: 'letters beyond ASCII, and base64url',
  F10: 'a laptop that sleeps',
  F12: 'a lock that times out at the moment of waking',
  F13: 'timers slowed down in the background',
  F14: 'a timer that fires early',
  F15: 'two margins that disagree',
  F16: 'a clock that is ahead of the server',
  F17: 'a clock that is behind the server',
  F18: 'an issue, or a start of validity, in the future',
  F19: 'a skew that is guessed anew at each load',
  F21: 'a clock set back',
  F22: 'a clock set forward',
  F23: 'another time zone, and summer time',
  F25: 'a crowd that signed in together',
  F26: 'a crowd after an outage',
  F27: 'many tabs that are due together',
  F28: 'a tab that waited for the lock and calls again',
  F29: 'many tabs restored at once',
  F30: 'news of a token that is not there yet',
  F32: 'a listener or a source that asks its own session',
  F33: 'a lock that nobody gives back',
  F35: 'a frozen tab that holds the lock',
  F36: 'noise when the lock is busy',
  F38: 'a holder of the stand-in lock that crashes',
  F39: 'two holders of the stand-in lock',
  F40: 'asking for the lock over and over',
  F41: 'a slowed-down tab that others wait for',
  F42: 'a tab that closes in the middle of its call',
  F43: 'a failure that every tab makes for itself',
  F44: 'no Web Locks',
  F45: 'Web Locks that throw',
  F46: 'no BroadcastChannel',
  F47: 'a channel that is closed already',
  F49: 'messages of others, broken and forged',
  F50: 'a storm of messages',
  F51: 'a sign-out in one tab',
  F52: 'two users in two tabs',
  F54: 'a start without network',
  F55: 'a network that is there and said not to be',
  F57: 'a passing failure taken for a sign-out',
  F58: 'a final verdict',
  F59: 'a storm of retries',
  F60: 'callers one after the other, each with a request',
  F61: 'a server that asks to wait',
  F62: 'a request that hangs',
  F63: 'a caller who gives up',
  F65: 'a login page in place of an answer',
  F66: 'a cache that answers an old token',
  F67: '401 without end',
  F68: 'many 401 at once',
  F70: 'a body that is sent twice',
  F71: 'a token on its way to another origin',
  F72: 'a source that asks through the wrapped fetch',
  F73: 'a source that misbehaves',
  F74: 'an answer after the sign-out',
  F75: 'another user in the middle of a call',
  F76: 'a token for somebody else',
  F77: 'the last user’s token at the start',
  F79: 'stuck without a token',
  F80: 'nobody, somebody, nobody',
  F81: 'a blocked storage',
  F82: 'a full storage',
  F83: 'a corrupt record',
  F84: 'a storage that is slow, hangs or rejects',
  F86: 'the way back from the back/forward cache',
  F88: 'a webview and its native side',
  F89: 'mounting twice',
  F90: 'several sessions of one name',
  F91: 'leaks',
  F92: 'a server',
  F94: 'storms of rendering',
  F95: 'a listener that throws',
  F97: 'a background failure that nobody handles',
  F98: 'a closure over what is old',
  F99: 'tokens in logs and errors',
  F100: 'an adapter that fails',
  F101: 'an SDK that asks in a loop',
  F103: 'a call lost when the page is left',
}

/** What has no test yet, and why. */
const open: Record<string, string> = {}

const folder = new URL('./', import.meta.url)

/** The titles of all tests in a file that run. */
function titlesIn(name: string): string[] {
  const titles: string[] = []
  const visit = (node: ts.Node): void => {
    const [title] = ts.isCallExpression(node) ? node.arguments : []
    if (title && ts.isStringLiteralLike(title)) {
      const called = (node as ts.CallExpression).expression.getText()
      if (/^(test|it)\b(?!\.(skip|todo))/.test(called)) titles.push(title.text)
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(name, readFileSync(new URL(name, folder), 'utf8'), ts.ScriptTarget.Latest, true))
  return titles
}

const files = readdirSync(folder).filter((name) => name.endsWith('.test.ts') && !name.startsWith('catalogue.'))
const titles = files.flatMap(titlesIn)
const idsOf = (title: string): string[] => title.match(/\bF\d+\b/g) ?? []
const tested = new Set(titles.map((title) => /^F\d+(?= )/.exec(title)?.[0]))

describe('the failure catalogue', () => {
  test.each(Object.entries(catalogue).filter(([id]) => !open[id]))('%s has a test: %s', (id) => {
    expect([...tested]).toContain(id)
  })

  test('tells of nothing as missing that is there', () => {
    expect(Object.keys(open).filter((id) => !catalogue[id] || tested.has(id))).toEqual([])
  })

  test('holds every id that a test is titled with, and every test is titled with one', () => {
    const unknown = titles.filter((title) => !/^F\d+ /.test(title) || idsOf(title).some((id) => !catalogue[id]))
    expect(unknown).toEqual([])
  })

  test('is in order', () => {
    const ids = Object.keys(catalogue)
    expect(ids).toEqual([...ids].sort((one, other) => Number(one.slice(1)) - Number(other.slice(1))))
  })
})
