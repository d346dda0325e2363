import { createSession, fromEndpoint, type Session, type User } from 'inbox-session'
import { createJournal, type Journal } from './journal.js'

export type ProviderName = 'courier' | 'engagespot' | 'suprsend'

const open = (name: ProviderName): Session => createSession({ name, source: fromEndpoint(`/api/token/${name}`) })

/** Made once, outside of all components. An app has one provider and so one session; this page shows three. */
export const sessions: Record<ProviderName, Session> = {
  courier: open('courier'),
  engagespot: open('engagespot'),
  suprsend: open('suprsend'),
}

/** For the timelines; the sessions need no such thing. */
export const journals: Record<ProviderName, Journal> = {
  courier: createJournal(sessions.courier),
  engagespot: createJournal(sessions.engagespot),
  suprsend: createJournal(sessions.suprsend),
}

const all = Object.values(sessions)

/** Opens the sessions for this user, or switches them over. */
export function signIn(user: User): void {
  for (const session of all) session.signIn(user)
}

/** Resolves when no SDK has a token any more. */
export async function signOut(): Promise<void> {
  await Promise.all(all.map((session) => session.signOut()))
}
