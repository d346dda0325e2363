import { createSession } from 'inbox-session'
import { createTestToken } from 'inbox-session/testing'

declare global {
  interface Window {
    /** Opens, uses and closes that many sessions, one after another; resolves with the names of the locks that are left. */
    cycles(count: number): Promise<string[]>
  }
}

window.cycles = async (count) => {
  for (; count > 0; count--) {
    const session = createSession({
      source: async ({ user }) => createTestToken({ sub: user.id }),
      // What is written down is given up as well.
      storage: { getItem: () => null, setItem() {}, removeItem() {} },
    })
    session.on('token', () => {})
    session.subscribe(() => {})
    session.attach({ name: 'sdk', attach() {}, update() {} })
    session.signIn(`ann-${count % 7}`)
    await session.getToken()
    await session.close()
  }
  // The browser hears of the last release a moment later.
  await new Promise((resolve) => setTimeout(resolve, 100))
  const { held = [], pending = [] } = await navigator.locks.query()
  return [...held, ...pending].map(({ name }) => name!)
}
