// What both tables of messages are written with.

/** Something that is sent: a message of version 1 unless it says otherwise, or data as it comes. */
export interface Sent {
  message?: object
  origin?: string
  times?: number
  data?: unknown[]
}

export const allowed = 'https://page.example'
export const longest = 131_072

/** A message from this origin. */
export const from = (origin: string, message: object): Sent => ({ origin, message })
export const data = (...given: unknown[]): Sent => ({ data: given })
export const twice = (message: object): Sent => ({ message, times: 2 })

/** A message as a text of so many characters. */
export const sized = (message: object, length: number): string => {
  const text = JSON.stringify({ inboxSession: 1, ...message, padding: '' })
  return text.replace('"padding":""', `"padding":"${'x'.repeat(length - text.length)}"`)
}

/** What is no message, for neither side. */
export const noMessages = {
  text: data('', 'hello', '{"inboxSession":1,"type":"sig', 'undefined', '[object Object]', '['.repeat(100_000)),
  json: data('null', 'true', '1', '"text"', '[]', '[{"inboxSession":1}]', '{}', '{"inboxSession":{}}'),
}

/** Says it: '$id' stands for `id`, '$now' for the device's clock in seconds. */
export function send(given: Sent | object, to: { hand(data: unknown, origin?: string): void }, id = ''): void {
  const { message = given, origin, times = 1, data } = given as Sent
  const text = JSON.stringify({ inboxSession: 1, ...message })
    .replace(/\$id/g, id)
    .replace(/"\$now([+-]\d+)"/g, (_, by) => String(Date.now() / 1_000 + Number(by)))
  for (const one of data ?? Array.from({ length: times }, () => text)) to.hand(one, origin)
}
