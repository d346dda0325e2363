import { UnsecuredJWT, decodeJwt, decodeProtectedHeader } from 'jose'
import { jwtDecode } from 'jwt-decode'
import { createSession } from 'inbox-session'
import { createTestBrowser, createTestToken } from 'inbox-session/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'

afterEach(() => void vi.useRealTimers())

const name = 'Žluťoučký 贾翼 😀 ÿþ?>~'

describe('createTestToken', () => {
  it('makes a token of an hour from now', () => {
    vi.useFakeTimers({ now: 1_800_000_000_999 })
    expect(decodeJwt(createTestToken())).toMatchObject({ iat: 1_800_000_000, exp: 1_800_003_600 })
  })

  it('lives as long as it is told to, from when it is told to', () => {
    const { iat, exp } = decodeJwt(createTestToken({ issuedAt: 1_000, expiresIn: 60 }))
    expect([iat, exp]).toEqual([1_000, 1_060])
    expect(decodeJwt(createTestToken({ issuedAt: 1_000, expiresIn: -10 })).exp).toBe(990)
  })

  it('says everything else as a claim, and nothing of its two options', () => {
    const claims = { sub: 'ann', tenant: 'acme', roles: ['reader'], nested: { deep: [1, null] }, jti: 'mine' }
    const token = createTestToken({ ...claims, issuedAt: 1_000, expiresIn: 60 })
    expect(decodeJwt(token)).toEqual({ ...claims, iat: 1_000, exp: 1_060 })
  })

  it('lets iat and exp be claims like others: of any kind, or left out', () => {
    expect(decodeJwt(createTestToken({ exp: 'soon' as never })).exp).toBe('soon')
    expect(Object.keys(decodeJwt(createTestToken({ exp: undefined, iat: undefined })))).toEqual(['jti'])
  })

  it('never makes the same token twice, unless it is given a jti', () => {
    const tokens = Array.from({ length: 1_000 }, () => createTestToken({ sub: 'ann', issuedAt: 1_000 }))
    expect(new Set(tokens).size).toBe(1_000)
    const same = { sub: 'ann', issuedAt: 1_000, jti: 'one' }
    expect(createTestToken(same)).toBe(createTestToken(same))
  })

  it.each(['jose', 'jwt-decode', 'a look by hand'])(
    'is read by %s, whatever letters and padding it has (F09)',
    (reader) => {
      for (let padding = 0; padding < 4; padding++) {
        const claims = { name, padding: '~'.repeat(padding) }
        const token = createTestToken(claims)
        const byHand = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as unknown
        const read = { jose: decodeJwt, 'jwt-decode': jwtDecode }[reader] ?? (() => byHand(token.split('.')[1]!))
        expect(read(token)).toMatchObject(claims)
        expect(token).toMatch(/^[\w-]+\.[\w-]+\.$/)
      }
    },
  )

  it('is an unsecured JWT by the book', () => {
    const token = createTestToken({ sub: 'ann' })
    expect(UnsecuredJWT.decode(token).payload.sub).toBe('ann')
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'none', typ: 'JWT' })
  })

  it('is a token to a session: its user, its lifetime, its claims', async () => {
    const browser = createTestBrowser()
    const tab = browser.tab()
    const issuedAt = Math.floor(browser.now / 1_000)
    const session = createSession({
      environment: tab,
      source: ({ user }) => createTestToken({ sub: user.id, name, issuedAt, expiresIn: 300 }),
    })
    session.signIn('ann')
    await browser.advance(1_000)
    const { state } = session
    if (state.status !== 'fresh') return expect.unreachable(state.status)
    expect(state.token.claims).toMatchObject({ sub: 'ann', name })
    expect(state.token.expiresAt! - state.token.receivedAt).toBe(300_000)
    await session.close()
  })

  it('holds large claims', () => {
    const text = 'é'.repeat(1_000_000)
    expect(decodeJwt(createTestToken({ text })).text).toBe(text)
  })

  it.each([
    ['claims', null],
    ['claims', 'ann'],
    ['claims', [1]],
    ['expiresIn', { expiresIn: '3600' }],
    ['expiresIn', { expiresIn: NaN }],
    ['expiresIn', { expiresIn: Infinity }],
    ['issuedAt', { issuedAt: new Date(0) }],
    ['issuedAt', { issuedAt: null }],
    ['big', { big: 1n }],
  ])('names the option of the wrong kind: %s of %o', (option, claims) => {
    expect(() => createTestToken(claims as never)).toThrow(TypeError)
    expect(() => createTestToken(claims as never)).toThrow(`"${option}"`)
  })
})
