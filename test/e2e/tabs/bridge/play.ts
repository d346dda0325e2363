import type { Tab } from '../../../support/engines/index.js'
import type { Story } from '../../pages/bridge.js'
import { print } from '../setup.js'
import type { Sites } from './sites.js'

/** The stories of all these hosts, played at once: each in a page of its own, inside the one of `tab`. */
export async function play(
  tab: Pick<Tab, 'eval'>,
  sites: Sites,
  hosts: readonly string[],
): Promise<Record<string, Story>> {
  const started = Date.now()
  const stories = await tab.eval(
    (users, origin) => {
      const tell = async (user: string): Promise<[string, Story]> => {
        const frame = document.createElement('iframe')
        const name = encodeURIComponent(user)
        frame.src = `/host?user=${name}`
        const loaded = new Promise((resolve) => frame.addEventListener('load', resolve))
        document.body.append(frame)
        await loaded
        const story = await frame.contentWindow!.story(`${origin}/stranger?of=${name}`)
        frame.remove()
        return [user, story]
      }
      return Promise.all(users.map(tell))
    },
    hosts,
    sites.origins[2],
  )
  print(`${hosts.length} hosts played in ${Date.now() - started} ms`)
  return Object.fromEntries(stories)
}
