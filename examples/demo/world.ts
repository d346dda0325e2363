import { randomBytes, randomUUID } from 'node:crypto'
import { generateKeyPair } from 'jose'
import { createCourierStandIn, issueCourierToken } from './providers/courier.js'
import { createEngagespotStandIn, signEngagespotToken } from './providers/engagespot.js'
import { createNotifizzStandIn } from './providers/notifizz.js'
import { createSuprSendStandIn, signSuprSendToken } from './providers/suprsend.js'
import type { ProviderStandIn } from './providers/provider.js'

export const providerNames = ['courier', 'suprsend', 'engagespot', 'notifizz'] as const
export type ProviderName = (typeof providerNames)[number]

/** One provider as the app's backend sees it. */
export interface Provider {
  standIn: ProviderStandIn
  /** A token for that user that lives so many seconds; Notifizz's hash has no end. */
  mint(userId: string, life: number): Promise<string>
  /** What the page may know: addresses and public keys. */
  settings: Record<string, string> & { url: string }
}

export interface World {
  providers: Record<ProviderName, Provider>
  close(): Promise<void>
}

const apiKey = (kind: string): string => `${kind}_${randomBytes(12).toString('hex')}`

/** Starts the four stand-ins with keys made for this run, and knows how to mint for each. */
export async function createWorld(): Promise<World> {
  const courierKey = apiKey('courier')
  const suprsendKey = apiKey('public')
  const engagespotKey = apiKey('engagespot')
  const notifizzKey = apiKey('notifizz')
  const es256 = await generateKeyPair('ES256')
  const rs256 = await generateKeyPair('RS256')

  const courier = await createCourierStandIn({ apiKey: courierKey })
  const suprsend = await createSuprSendStandIn({ publicKey: suprsendKey, verifyKey: es256.publicKey })
  const engagespot = await createEngagespotStandIn({ apiKey: engagespotKey, verifyKey: rs256.publicKey })
  const notifizz = await createNotifizzStandIn({ apiKey: notifizzKey })

  const providers: World['providers'] = {
    courier: {
      standIn: courier,
      mint: (userId, expiresIn) => issueCourierToken({ url: courier.url, apiKey: courierKey, userId, expiresIn }),
      settings: { url: courier.url },
    },
    suprsend: {
      standIn: suprsend,
      mint: (userId, expiresIn) => signSuprSendToken({ privateKey: es256.privateKey, userId, expiresIn }),
      settings: { url: suprsend.url, publicKey: suprsendKey },
    },
    engagespot: {
      standIn: engagespot,
      mint: (userId, expiresIn) =>
        signEngagespotToken({ privateKey: rs256.privateKey, apiKey: engagespotKey, userId, expiresIn }),
      settings: { url: engagespot.url, apiKey: engagespotKey },
    },
    notifizz: {
      standIn: notifizz,
      mint: (userId) => Promise.resolve(notifizz.hashNotifizzToken(userId)),
      settings: { url: notifizz.url, apiKey: notifizzKey },
    },
  }
  return {
    providers,
    async close() {
      await Promise.all(Object.values(providers).map(({ standIn }) => standIn.close()))
    },
  }
}

const stories: ((count: number) => [title: string, body: string])[] = [
  (count) => [`Invoice ${2040 + count} was paid`, 'Northwind settled it this morning. The receipt is attached.'],
  (count) => [`Order ${5100 + count} is on its way`, 'The carrier expects to deliver it tomorrow before noon.'],
  (count) => [`Build ${8300 + count} passed`, 'All checks are green. It can be released when you are ready.'],
  (count) => [`Comment on draft ${1200 + count}`, 'Could we say this in one sentence instead of three?'],
  (count) => [`Visit ${3700 + count} is confirmed`, 'Tuesday, 10:30, second floor. Bring nothing but questions.'],
]
let told = 0

/** A message with a title that never comes twice in a run. */
export function nextMessage(): { id: string; title: string; body: string } {
  const [title, body] = stories[told % stories.length]!(++told)
  return { id: randomUUID(), title, body }
}
