// Runs in Node and in a page alike: the library from dist beside what one would write by hand.
import { createSession, fromEndpoint } from 'inbox-session'

const encode = (value) => btoa(JSON.stringify(value)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
let serial = 0

/** As long as an RS256 token of a real backend: about 890 characters, 415 of them payload. */
export function mint(seconds) {
  const now = Math.floor(Date.now() / 1000)
  const claims = { sub: 'ada', jti: String(serial++), iat: now, exp: now + seconds, scope: 'inbox '.repeat(37) }
  return [encode({ alg: 'RS256', typ: 'JWT', kid: 'k'.repeat(64) }), encode(claims), 's'.repeat(342)].join('.')
}

/** Module variables, one compare, single flight: the least that keeps a token. */
export function handWritten(source) {
  let token, expiresAt, flight
  const adopt = (value) => {
    expiresAt = JSON.parse(atob(value.split('.')[1])).exp * 1000
    return (token = value)
  }
  return {
    adopt,
    async getToken() {
      if (token && Date.now() < expiresAt - 5000) return token
      flight ??= Promise.resolve(source())
        .then(adopt)
        .finally(() => (flight = undefined))
      return flight
    },
  }
}

const middle = (values, part = 0.5) => values.toSorted((a, b) => a - b)[Math.round((values.length - 1) * part)]
export const spread = (values) => ({ low: middle(values, 0.25), median: middle(values), high: middle(values, 0.75) })

/** Nanoseconds a call: every contestant gets 15 rounds of about 60 ms, in turns. Awaited calls follow one another. */
async function inTurns(contestants, rounds = 15, milliseconds = 60) {
  const time = async (run, count) => {
    const start = performance.now()
    globalThis.benchSum = (globalThis.benchSum ?? 0) + (await run(count))
    return ((performance.now() - start) * 1e6) / count
  }
  const counts = {}
  for (const [name, run] of Object.entries(contestants)) {
    await time(run, 20_000)
    counts[name] = Math.ceil((milliseconds * 1e6) / Math.max(0.2, await time(run, 50_000)))
  }
  const results = Object.fromEntries(Object.keys(contestants).map((name) => [name, []]))
  for (let round = 0; round < rounds; round++)
    for (const [name, run] of Object.entries(contestants)) results[name].push(await time(run, counts[name]))
  return results
}

/** getToken() while the token is good; reading it off the snapshot, beside the same getter written by hand. */
export async function hotPath() {
  const source = () => mint(3600)
  const memo = handWritten(source)
  memo.adopt(mint(3600))
  const session = createSession({ source })
  session.signIn('ada', mint(3600))
  const same = await session.getToken()
  const awaited = (call) => async (count) => {
    let sum = 0
    for (let index = 0; index < count; index++) sum += (await call()).length
    return sum
  }
  const view = Object.freeze({ status: 'fresh', token: Object.freeze({ generation: 1 }) })
  const plain = {
    get state() {
      return view
    },
  }
  const read = (holder) => (count) => {
    let sum = 0
    for (let index = 0; index < count; index++) sum += holder.state.token.generation
    return sum
  }
  const contestants = {
    ours: awaited(() => session.getToken()),
    memo: awaited(() => memo.getToken()),
    state: read(session),
    getter: read(plain),
  }
  const times = await inTurns(contestants)
  if ((await session.getToken()) !== same) throw new Error('the token was replaced meanwhile')
  await session.close()
  const ratio = (one, other) => spread(times[one].map((value, round) => value / times[other][round]))
  const nanoseconds = Object.fromEntries(Object.entries(times).map(([name, values]) => [name, spread(values)]))
  return { ...nanoseconds, ratio: ratio('ours', 'memo'), stateRatio: ratio('state', 'getter') }
}

/** 1 000 callers in one tick, the token spent an hour ago (the wall clock is set forward), a source that takes 50 ms. */
export async function crowd(rounds = 9) {
  const realNow = Date.now
  const results = []
  for (let round = 0; round < rounds; round++) {
    let requests = 0
    let answeredAt = 0
    const source = async () => {
      requests++
      await new Promise((resolve) => setTimeout(resolve, 50))
      answeredAt = performance.now()
      return mint(3600)
    }
    const session = createSession({ source })
    session.signIn('ada', mint(3600))
    await session.getToken()
    try {
      Date.now = () => realNow.call(Date) + 3_600_000
      const tokens = await Promise.all(Array.from({ length: 1000 }, () => session.getToken()))
      const beyond = performance.now() - answeredAt
      results.push({ requests, beyond, distinct: new Set(tokens).size })
    } finally {
      await session.close()
      Date.now = realNow
    }
  }
  return {
    requests: Math.max(...results.map(({ requests }) => requests)),
    distinct: Math.max(...results.map(({ distinct }) => distinct)),
    beyond: spread(results.map(({ beyond }) => beyond)),
  }
}

/** How often a token is decoded: jwt-decode calls atob once each time. */
export async function decodes(tokens = 10) {
  const real = globalThis.atob
  const realNow = Date.now
  let ahead = 0
  let count = 0
  globalThis.atob = (text) => {
    count++
    return real(text)
  }
  Date.now = () => realNow.call(Date) + ahead
  const session = createSession({ source: () => mint(3600) })
  try {
    session.signIn('ada', mint(3600))
    for (let index = 1; index <= tokens; index++) {
      for (let call = 0; call < 100; call++) await session.getToken()
      if (index < tokens) ahead += 3_600_000
    }
    return count / session.state.token.generation
  } finally {
    await session.close()
    globalThis.atob = real
    Date.now = realNow
  }
}

/** Milliseconds from the first statement to the token, over a bare fetch, in a page that has long started. */
export async function firstToken(url, rounds = 51, dropped = 5) {
  const bare = async () => (await (await fetch(url, { cache: 'no-store' })).json()).token
  const ours = async () => {
    const session = createSession({ source: fromEndpoint(url) })
    session.signIn('ada')
    const token = await session.getToken()
    return [token, session]
  }
  const time = async (run) => {
    const start = performance.now()
    const result = await run()
    const elapsed = performance.now() - start
    await result[1].close?.()
    return elapsed
  }
  const differences = []
  for (let round = -dropped; round < rounds; round++) {
    const first = round % 2 ? bare : ours
    const one = await time(first)
    const other = await time(first === bare ? ours : bare)
    if (round >= 0) differences.push(first === ours ? one - other : other - one)
  }
  return spread(differences)
}
