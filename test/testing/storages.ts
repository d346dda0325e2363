import { type TokenStorage, memoryStorage } from 'inbox-session'

type Fault = (storage: TokenStorage) => Partial<TokenStorage>

const faulty = (fault: Fault) => () => {
  const storage = memoryStorage()
  return { ...storage, ...fault(storage) }
}
const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

const plainObject = (): TokenStorage => {
  const items: Record<string, string> = {}
  return {
    getItem: (key) => items[key] ?? null,
    setItem: (key, value) => void (items[key] = value),
    removeItem: (key) => void delete items[key],
  }
}

/** Each with one thing wrong, under the rule that has to find it. */
export const faultyStorages: readonly [rule: string, what: string, says: RegExp, create: () => TokenStorage][] = [
  [
    'reads null',
    'undefined for null',
    /expected null, got undefined/,
    faulty((to) => ({ getItem: async (key) => (await to.getItem(key)) ?? undefined! })),
  ],
  [
    'any text',
    'an empty text is nothing',
    /expected "", got null/,
    faulty((to) => ({ getItem: async (key) => (await to.getItem(key)) || null })),
  ],
  [
    'any text',
    'trims',
    /one space: expected " ", got ""/,
    faulty((to) => ({ setItem: (key, value) => to.setItem(key, value.trim()) })),
  ],
  [
    'any text',
    'one byte a character',
    /lines and tabs: .* from character 16 on/,
    faulty((to) => ({ setItem: (key, value) => to.setItem(key, Buffer.from(value, 'latin1').toString('latin1')) })),
  ],
  [
    'any text',
    'as much as a cookie',
    /64 kB: .* got a text of 4096/,
    faulty((to) => ({ setItem: (key, value) => to.setItem(key, value.slice(0, 4_096)) })),
  ],
  [
    'any text',
    'parses what it reads',
    /JSON: .* got an object/,
    faulty((to) => ({
      async getItem(key) {
        const text = await to.getItem(key)
        try {
          return JSON.parse(text!) as string
        } catch {
          return text
        }
      },
    })),
  ],
  [
    'any text',
    'can be read once',
    /read again/,
    faulty((to) => ({
      async getItem(key) {
        const value = await to.getItem(key)
        await to.removeItem(key)
        return value
      },
    })),
  ],
  [
    'written last',
    'keeps what was written first',
    /expected "two", got "one"/,
    faulty((to) => ({
      setItem: async (key, value) => void ((await to.getItem(key)) ?? (await to.setItem(key, value))),
    })),
  ],
  ['look alike', 'a plain object', /__proto__ before it was written/, plainObject],
  [
    'look alike',
    'lower case',
    /a: expected "value 0", got "value 1"/,
    faulty((to) => ({
      getItem: (key) => to.getItem(key.toLowerCase()),
      setItem: (key, value) => to.setItem(key.toLowerCase(), value),
      removeItem: (key) => to.removeItem(key.toLowerCase()),
    })),
  ],
  [
    'look alike',
    'removes what begins so',
    /beside a removed one/,
    () => {
      const items = new Map<string, string>()
      return {
        getItem: (key) => items.get(key) ?? null,
        setItem: (key, value) => void items.set(key, value),
        removeItem: (key) => [...items.keys()].forEach((one) => one.startsWith(key) && items.delete(one)),
      }
    },
  ],
  ['removes a key', 'removes nothing', /a key that was removed: expected null/, faulty(() => ({ removeItem() {} }))],
  [
    'removes a key',
    'minds what is not there',
    /not found/,
    faulty((to) => ({
      async removeItem(key) {
        if ((await to.getItem(key)) === null) throw new Error('not found')
        await to.removeItem(key)
      },
    })),
  ],
  [
    'removes a key',
    'removes all',
    /another key/,
    () => {
      const items = new Map<string, string>()
      return {
        getItem: (key) => items.get(key) ?? null,
        setItem: (key, value) => void items.set(key, value),
        removeItem: () => items.clear(),
      }
    },
  ],
  [
    'order of calls',
    'the shorter the faster',
    /expected "three", got "two"/,
    faulty((to) => ({ setItem: async (key, value) => (await turns(6 - value.length), to.setItem(key, value)) })),
  ],
  [
    'after a reload',
    'too long a key is dropped',
    /calls of the source after a reload: expected 0, got 1/,
    faulty((to) => ({ setItem: (key, value) => (key.length < 30 ? to.setItem(key, value) : undefined) })),
  ],
  [
    'newest token',
    'a cache in front that is never filled again',
    /the token after a reload/,
    faulty((to) => {
      const seen = new Set<string>()
      return {
        setItem: (key, value) => (seen.has(key) ? undefined : (seen.add(key), to.setItem(key, value))),
        removeItem: (key) => (seen.delete(key), to.removeItem(key)),
      }
    }),
  ],
  [
    'after a sign-out',
    'removes nothing',
    /still in the storage after another user has signed in/,
    faulty(() => ({ removeItem() {} })),
  ],
  [
    'after a sign-out',
    'has written when it says so, and once more later',
    /still in the storage after a sign-out/,
    faulty((to) => ({
      async setItem(key, value) {
        await to.setItem(key, value)
        void turns(20).then(() => to.setItem(key, value))
      },
    })),
  ],
  [
    'slow',
    'never answers',
    /A call has not ended/,
    faulty((to) => ({
      getItem: (key) => (key.startsWith('inbox-session:["c') ? new Promise(() => {}) : to.getItem(key)),
    })),
  ],
  ['slow', 'removes nothing', /still in the storage after a sign-out/, faulty(() => ({ removeItem() {} }))],
  [
    'on the console',
    'talks',
    /console\.debug/,
    faulty((to) => ({ setItem: (key, value) => (console.debug('written', { key, value }), to.setItem(key, value)) })),
  ],
  [
    'on the console',
    'lets a rejection go',
    /unhandledRejection/,
    faulty((to) => ({ setItem: (key, value) => (void Promise.reject(new Error('lost')), to.setItem(key, value)) })),
  ],
]
