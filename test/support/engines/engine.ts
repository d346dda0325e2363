export const engineNames = ['chromium', 'firefox', 'webkit'] as const
export type EngineName = (typeof engineNames)[number]

/** What can be done to a tab of this engine beyond opening, reading and closing it. */
export interface Capabilities {
  /** The network of one tab can be cut. */
  offline: boolean
  /** Another tab in front hides this one. */
  activate: boolean
  /** The window can be put away, which hides the page. */
  minimise: boolean
  freeze: boolean
  crash: boolean
}

/** One running browser of its own profile, without a window where the engine has such a mode. */
export interface Engine {
  readonly name: EngineName
  readonly version: string
  readonly can: Capabilities
  /** A new tab, in front where that can be said. Resolves when the page has loaded. */
  open(url: string): Promise<Tab>
  /** Ends every process of it and removes its profile; calling it again does nothing. */
  close(): Promise<void>
}

export interface Tab {
  /** Runs in the page, without what surrounds the function here; promises are awaited; JSON in, JSON out. */
  eval<Args extends unknown[], Result>(run: (...args: Args) => Result | Promise<Result>, ...args: Args): Promise<Result>
  /** Leaves the page for another. */
  goto(url: string): Promise<void>
  /** Asks the history for the page before; poll for what should be there then. */
  back(): Promise<void>
  /** Brings it to the front, which hides the other tabs of engines that can `activate`. */
  activate(): Promise<void>
  minimise(): Promise<void>
  offline(cut: boolean): Promise<void>
  /** As a browser does with a tab that was long out of sight: nothing runs until it is thawed. */
  freeze(frozen: boolean): Promise<void>
  /** Its process ends without a word; the tab stays. */
  crash(): Promise<void>
  close(): Promise<void>
}

export const cannot = (name: EngineName, what: string) => (): never => {
  throw new Error(`${name} has no way to ${what}: ask engine.can first.`)
}
