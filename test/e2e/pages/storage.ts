import { createSession, indexedDBStorage, webStorage, type Session, type Token, type TokenStorage } from 'inbox-session'

type Kind = 'localStorage' | 'sessionStorage' | 'indexedDB'

declare global {
  interface Window {
    mint(userId: string): Promise<string>
    storageOf(kind: Kind): TokenStorage
    start(kind: Kind, userId?: string): void
    scene: { session: Session; errors: string[]; thrown: string[]; token(): Pick<Token, 'receivedAt' | 'expiresAt'> }
  }
}

window.storageOf = (kind) => (kind === 'indexedDB' ? indexedDBStorage() : webStorage(kind))

window.start = (kind, userId = 'ada') => {
  const errors: string[] = []
  const thrown: string[] = []
  for (const type of ['error', 'unhandledrejection']) addEventListener(type, () => thrown.push(type))
  const session = createSession({ source: ({ user }) => window.mint(user.id), storage: window.storageOf(kind) })
  session.on('error', ({ code }) => errors.push(code))
  session.signIn(userId)
  const token = () => {
    const { receivedAt, expiresAt } = (session.state as { token: Token }).token
    return { receivedAt, expiresAt }
  }
  window.scene = { session, errors, thrown, token }
}
