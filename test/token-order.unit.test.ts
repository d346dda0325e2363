import { describe, expect, it } from 'vitest'
import { type Claims, isNewer, isSameUser, issuedAt, readAnswer } from '../src/token.js'
import { ada, hour, makeToken } from './support/states.js'
import { jwt } from './support/tokens.js'
import { start } from './support/world.js'

const second = 1_000
const day = 24 * hour
const now = start / second
const tokenOf = (value: string, receivedAt: number, iat?: unknown) =>
  makeToken(value, { receivedAt, claims: { iat } as Claims })

describe('of two tokens that one is preferred', () => {
  it('which is the only one', () => {
    expect(isNewer(tokenOf('a', start), undefined)).toBe(true)
  })

  const pairs: [string, ReturnType<typeof tokenOf>, ReturnType<typeof tokenOf>][] = [
    ['which was issued later, though it came earlier', tokenOf('a', start, now + 1), tokenOf('b', start + hour, now)],
    ['which says when it was issued', tokenOf('a', start, now), tokenOf('b', start + hour)],
    ['which came later, where both were issued in one second', tokenOf('a', start + 1, now), tokenOf('b', start, now)],
    ['which came later, where neither says when it was issued', tokenOf('a', start + 1), tokenOf('b', start)],
    ['whose text is greater, where all else is the same', tokenOf('b', start, now), tokenOf('a', start, now)],
    [
      'which came later, where both say a time more than a minute after that',
      tokenOf('a', start + 1, now + 7_200),
      tokenOf('b', start, now + 9_000),
    ],
    [
      'which was issued later, where the other one came earlier and says tomorrow',
      tokenOf('a', start + hour, now + 3_600),
      tokenOf('b', start, now + day / second),
    ],
  ]
  it.each(pairs)('%s, and never both', (_, one, other) => {
    expect([isNewer(one, other), isNewer(other, one)]).toEqual([true, false])
  })

  it('but not to itself', () => {
    const token = tokenOf('a', start, now)
    expect(isNewer(token, tokenOf('a', start, now))).toBe(false)
  })
})

it('a token says when it was issued, and that is a minute after its receipt at most', () => {
  expect(issuedAt(tokenOf('a', start, now + 59))).toBe(start + 59 * second)
  expect(issuedAt(tokenOf('a', start, now + day / second))).toBe(start + 60 * second)
  expect(issuedAt(tokenOf('a', start))).toBeNaN()
})

it('nobody is the same as nobody, and as no one else', () => {
  expect(isSameUser(undefined, undefined)).toBe(true)
  expect(isSameUser(ada, undefined)).toBe(false)
  expect(isSameUser({ id: undefined as never, tenant: 't' }, undefined)).toBe(false)
})

it('an answer that throws when it is read is named as that', () => {
  const answer = {
    get token() {
      throw new RangeError('no')
    },
  }
  expect(() => readAnswer(answer, start)).toThrow('The answer cannot be read (RangeError: no)')
})

describe('a lifetime', () => {
  const read = (answer: unknown, arrived = start) => readAnswer(answer, start, arrived)
  const hourLong = (from: number) => jwt({ iat: from, exp: from + 3_600 })

  it('by the server’s clock is never longer than from the token’s issue to its end', () => {
    expect(read({ token: hourLong(now), serverTime: start - hour }).lifetime).toBe(hour)
    expect(read({ token: hourLong(now), serverTime: start + hour / 2 }).lifetime).toBe(hour / 2)
  })

  it('of a token that ends before it was issued is what the server’s clock says', () => {
    const token = jwt({ iat: now + 7_200, exp: now + 3_600 })
    expect(read({ token, serverTime: start }).lifetime).toBe(hour)
    expect(read({ token: jwt({ iat: now + 3_600, exp: now + 3_600 }), serverTime: start }).lifetime).toBe(hour)
  })

  it('that would be over on arrival is the whole one: the clock is more likely wrong', () => {
    const ahead = (left: number) => hourLong(now - 3_600 + left)
    expect(read(ahead(0.999)).lifetime).toBe(hour)
    expect(read(ahead(1)).lifetime).toBe(second)
    expect(read(ahead(6), start + 5 * second).lifetime).toBe(hour)
    expect(read(ahead(7), start + 5 * second).lifetime).toBe(7 * second)
  })
})
