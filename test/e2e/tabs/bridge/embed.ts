import type { Tab } from '../../../support/engines/index.js'
import type { Command } from '../../pages/embedded.js'
import type { Look } from '../../pages/embedding.js'

/** A page with users and their frames. */
export interface Embedding {
  readonly tab: Pick<Tab, 'eval' | 'close'>
  /** Signs a user in, whose tokens live so many seconds, and makes a frame that is not shown yet. */
  enter(user: string, life: number, address: string, sandbox?: string): Promise<void>
  /** With `origin` it is served at once, while the frame still holds its first, empty page. */
  show(user: string, origin?: string): Promise<void>
  serve(user: string, origin: string): Promise<void>
  look(user: string): Promise<Look>
  tell(user: string, command: Command): Promise<void>
  /** Has the session outside mint another token. */
  renew(user: string): Promise<void>
  signOut(user: string): Promise<void>
  /** Has the frame show another page. */
  go(user: string, address: string): Promise<void>
  /** Takes the frame out of the page. */
  remove(user: string): Promise<void>
  close(): Promise<void>
}

export async function openEmbedding(
  open: (url: string) => Promise<Pick<Tab, 'eval' | 'close'>>,
  home: string,
): Promise<Embedding> {
  const tab = await open(`${home}/embedding`)
  return {
    tab,
    enter: (...given) => tab.eval((...them) => window.embedding.enter(...them), ...given),
    show: (user, origin = '') => tab.eval((...them) => window.embedding.show(...them), user, origin),
    serve: (...given) => tab.eval((...them) => window.embedding.serve(...them), ...given),
    look: (user) => tab.eval((name) => window.embedding.look(name), user),
    tell: (...given) => tab.eval((...them) => window.embedding.tell(...them), ...given),
    renew: (user) =>
      tab.eval(async (name) => {
        const { session } = window.embedding.scenes.get(name)!
        session.invalidate(await session.getToken())
        await session.getToken()
      }, user),
    signOut: (user) => tab.eval((name) => window.embedding.scenes.get(name)!.session.signOut(), user),
    go: (...given) => tab.eval((name, to) => void (window.embedding.scenes.get(name)!.frame.src = to), ...given),
    remove: (user) => tab.eval((name) => window.embedding.scenes.get(name)!.frame.remove(), user),
    close: () => tab.close(),
  }
}
