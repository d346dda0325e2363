import type { ProviderName } from './sessions.js'

/** What people call them. */
export const labels: Record<ProviderName, string> = {
  courier: 'Courier',
  engagespot: 'Engagespot',
  suprsend: 'SuprSend',
}

/** How a new token reaches each of them. */
export const ways: Record<ProviderName, string> = {
  courier: 'A new token goes into the running client.',
  engagespot: 'A new token makes another panel: this one keeps its first, and never tells when that is refused.',
  suprsend: 'A new token goes into the running client and its socket.',
}
