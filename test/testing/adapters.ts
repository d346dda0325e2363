import type { Adapter, AdapterContext } from 'inbox-session'
import type { AdapterUnderTest, CreateAdapter } from 'inbox-session/testing'

/** What the faults below are faults of: an SDK that holds a token, and an adapter that does all it should. */
export const createSound = (): AdapterUnderTest & { sdk: { token?: string | undefined }; adapter: Adapter } => {
  const sdk: { token?: string | undefined } = {}
  return {
    sdk,
    adapter: {
      name: 'sdk',
      attach: ({ token }) => void (sdk.token = token.value),
      update: (_, { token }) => void (sdk.token = token.value),
      detach: () => void (sdk.token = undefined),
    },
    used: () => sdk.token,
  }
}

/** As sound, but its SDK asks for a token each time it needs one. */
export const createAsking = (): AdapterUnderTest => {
  let context: AdapterContext | undefined
  return {
    adapter: { name: 'asks', attach: (given) => void (context = given), detach: () => void (context = undefined) },
    used: () => context?.token.value,
  }
}

type Sound = ReturnType<typeof createSound>

const faulty =
  (fault: (sound: Sound) => Partial<Adapter>): CreateAdapter =>
  () => {
    const sound = createSound()
    return { ...sound, adapter: { ...sound.adapter, ...fault(sound) } }
  }
const never = () => new Promise<never>(() => {})
const soon = async () => {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
}

let shared: string | undefined

/** Each with one thing wrong, under the rule that has to find it, with what it says. */
export const faultyAdapters: readonly [rule: string, what: string, says: RegExp, create: CreateAdapter][] = [
  ['has a name', 'none', /no name/, faulty(() => ({ name: '' }))],
  ['has a name', 'no attach', /no function "attach"/, faulty(() => ({ attach: undefined as never }))],
  ['has a name', 'an update that is none', /"update"/, faulty(() => ({ update: true as never }))],
  ['token in hand', 'attach does nothing', /expected newest, got none/, faulty(() => ({ attach() {} }))],
  [
    'token in hand',
    'attach throws',
    /failed to attach \(Error: no window\)/,
    faulty(() => ({
      attach() {
        throw new Error('no window')
      },
    })),
  ],
  ['every newer token', 'update does nothing', /expected newest, got number 1 of 2/, faulty(() => ({ update() {} }))],
  [
    'every newer token',
    'an update that works once',
    /got number 2 of 3/,
    faulty(({ sdk }) => {
      let used = false
      return {
        update(_, { token }) {
          if (!used) sdk.token = token.value
          used = true
        },
      }
    }),
  ],
  [
    'same token again',
    'minds it',
    /failed to update \(Error: already there\)/,
    faulty(({ sdk }) => ({
      update(_, { token }) {
        if (token.value === sdk.token) throw new Error('already there')
        sdk.token = token.value
      },
    })),
  ],
  [
    'same token again',
    'takes it for a sign-out',
    /got none/,
    faulty(({ sdk }) => ({
      update: (_, { token }) => void (sdk.token = token.value === sdk.token ? undefined : token.value),
    })),
  ],
  [
    'slow attach',
    'starts late with the first token',
    /got number 1 of 2/,
    faulty(({ sdk }) => ({
      attach: ({ token }) =>
        void soon().then(() => {
          sdk.token = token.value
        }),
      update() {},
    })),
  ],
  ['lets go at sign-out', 'no detach', /expected none, got number 2/, faulty(() => ({ detach: undefined as never }))],
  [
    'lets go at sign-out',
    'asks for a token to say goodbye with',
    /failed to detach/,
    () => {
      let context: AdapterContext
      return {
        name: 'polite',
        attach: (given) => void (context = given),
        detach: async () => void (await context.getToken()),
      }
    },
  ],
  ['before it takes the next', 'no detach', /still had a token/, faulty(() => ({ detach() {} }))],
  [
    'before it takes the next',
    'is for one user',
    /failed to attach \(Error: another user\)/,
    faulty(({ sdk }) => {
      let owner: string | undefined
      return {
        attach({ token }) {
          if ((owner ??= token.user.id) !== token.user.id) throw new Error('another user')
          sdk.token = token.value
        },
      }
    }),
  ],
  [
    'attached again',
    'can be used once',
    /failed to attach \(Error: destroyed\)/,
    faulty(({ sdk }) => {
      let destroyed = false
      return {
        attach({ token }) {
          if (destroyed) throw new Error('destroyed')
          sdk.token = token.value
        },
        detach() {
          destroyed = true
          sdk.token = undefined
        },
      }
    }),
  ],
  [
    'a sign-out in the middle',
    'goes on after it was let go',
    /expected none, got number 1 of 1/,
    faulty(({ sdk }) => ({
      attach: ({ token }) =>
        void soon().then(() => {
          sdk.token = token.value
        }),
    })),
  ],
  [
    'another user in the middle',
    'goes on after it was let go',
    /expected newest, got number 1 of 2/,
    faulty(({ sdk }) => {
      let first = true
      return {
        attach({ token }) {
          sdk.token = token.value
          if (first)
            void soon().then(() => {
              sdk.token = token.value
            })
          first = false
        },
      }
    }),
  ],
  [
    'a sign-out in the middle',
    'hears the signal and is done: nobody may attach again',
    /failed to attach/,
    faulty(({ sdk }) => {
      let over = false
      return {
        async attach({ token, signal }) {
          signal.addEventListener('abort', () => (over = true))
          await soon()
          if (over) throw new Error('over')
          sdk.token = token.value
        },
      }
    }),
  ],
  [
    'asks for no token',
    'says its token has ended',
    /calls of the source: expected 1/,
    faulty(({ sdk }) => ({
      attach({ token, report }) {
        sdk.token = token.value
        if (token.generation === 1) report({ kind: 'expired' })
      },
    })),
  ],
  [
    'outage',
    'gives up after an error',
    /expected newest/,
    (tab) => {
      const sound = createSound()
      let cancel = () => {}
      let broken = false
      const poll = (context: AdapterContext) => {
        cancel()
        cancel = tab.schedule(tab.now() + 10_000, () => {
          context.getToken().catch(() => (broken = true))
          poll(context)
        })
      }
      const take = (context: AdapterContext) => {
        if (!broken) sound.sdk.token = context.token.value
        poll(context)
      }
      const adapter: Adapter = {
        name: 'gives up',
        attach: take,
        update: (_, context) => take(context),
        detach() {
          cancel()
          sound.sdk.token = undefined
        },
      }
      return { adapter, used: sound.used }
    },
  ],
  [
    'beside another one',
    'one place for all',
    /still had a token|expected/,
    () => ({
      adapter: {
        name: 'global',
        attach: ({ token }) => void (shared = token.value),
        update: (_, { token }) => void (shared = token.value),
        detach: () => void (shared = undefined),
      },
      used: () => shared,
    }),
  ],
  [
    'leaves nothing behind',
    'a timer',
    /timers after close: expected 0, got 1/,
    (tab) => ({
      name: 'ticks',
      attach() {
        const tick = () => void tab.schedule(tab.now() + 1_000, tick)
        tick()
      },
    }),
  ],
  [
    'leaves nothing behind',
    'goes on asking',
    /uses of its context after close: expected 0/,
    faulty(() => ({
      attach({ getToken }) {
        void (async () => {
          for (let time = 0; time < 100; time++) {
            await soon()
            await getToken().catch(() => {})
          }
        })()
      },
    })),
  ],
  ['never throws', 'hangs at sign-out', /failed to detach in time/, faulty(() => ({ detach: never }))],
  [
    'never throws',
    'minds a third update',
    /failed to update \(Error: enough\)/,
    faulty(({ sdk }) => {
      let updates = 0
      return {
        update(_, { token }) {
          if (++updates === 3) throw new Error('enough')
          sdk.token = token.value
        },
      }
    }),
  ],
  [
    'tells the console',
    'the token',
    /console\.info/,
    faulty(({ sdk }) => ({
      attach({ token }) {
        sdk.token = token.value
        console.info('connected', { options: { auth: token.value } })
      },
    })),
  ],
  [
    'tells the console',
    'a piece of it in an error',
    /console\.error/,
    faulty(({ sdk }) => ({
      update(_, { token }) {
        sdk.token = token.value
        console.error(new Error(`refused: ${token.value.slice(40, 60)}…`))
      },
    })),
  ],
  [
    'to nobody',
    'asks at sign-out and looks away',
    /unhandledRejection/,
    () => {
      let context: AdapterContext
      return { name: 'careless', attach: (given) => void (context = given), detach: () => void context.getToken() }
    },
  ],
]
