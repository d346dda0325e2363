import { computed, shallowRef } from 'vue'
import { api, type DemoState } from './api.js'
import { sessions } from './sessions.js'

const all = Object.values(sessions)
const state = shallowRef<DemoState>()

/** Whoever is logged in at the backend. */
export const person = computed(() => state.value?.users.find(({ id }) => id === state.value?.user))
export const people = computed(() => state.value?.users ?? [])
/** Addresses and public keys of the providers. */
export const settingsOf = (provider: keyof typeof sessions) => state.value!.providers[provider].settings

let latest: DemoState | undefined

/** The sessions follow the login, never the other way round. */
async function follow(next: DemoState): Promise<void> {
  latest = next
  const { id, email } = next.users.find(({ id }) => id === next.user) ?? {}
  if (id) for (const session of all) session.signIn({ id, email })
  else await Promise.all(all.map((session) => session.signOut()))
  // Somebody may have logged in while the SDKs let go.
  if (next === latest) state.value = next
}

/** What a person should know about the last thing they did; empty: it worked. */
export const problem = shallowRef('')
export const attempt = async (act: () => Promise<unknown>): Promise<void> => {
  problem.value = ''
  await act().catch(() => (problem.value = 'The backend did not answer. Try again in a moment.'))
}

export const logIn = (id: string) => attempt(async () => follow(await api.logIn(id)))
export const logOut = () => attempt(async () => follow(await api.logOut()))

/** At the start, and whenever a session hears that somebody else is logged in: another tab may have changed it. */
export async function look(): Promise<void> {
  const next = await api.state()
  if (!state.value || next.user !== state.value.user) await follow(next)
}

for (const session of all) {
  session.on('signed-out', ({ reason }) => {
    if (reason === 'other-tab') void attempt(look)
  })
  session.on('error', ({ code }) => {
    if (code === 'unauthorized' || code === 'subject_mismatch') void attempt(look)
  })
}
