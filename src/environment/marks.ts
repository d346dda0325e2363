import type { Scope } from './scope.js'

/** What tabs leave for each other in localStorage: no secrets. Where there is none, nothing is left and nothing found. */
export interface Marks {
  /** What the names of all entries begin with. */
  readonly base: string
  /** Whether there is a localStorage. */
  readonly usable: boolean
  /** Puts this tab's mark, or takes it away. */
  mark(present: boolean): void
  /** What takes the marks of other tabs away; undefined: there are none. */
  others(): (() => void) | undefined
  note(text: string): void
  /** Takes the notes that were left before `time` (by the device's clock) as known. */
  skipNotes(time: number): void
  /** Calls `tell` with each note that is new. */
  readNotes(tell: (text: string) => void): void
}

/** Short, the same in every tab, and does not show what it was made of. */
const digest = (text: string): string => {
  let sum = 5381
  for (const character of text) sum = (Math.imul(sum, 33) ^ character.codePointAt(0)!) >>> 0
  return sum.toString(36)
}

/** Whatever the platform refuses is done without. */
export const attempt = <T>(work: () => T): T | undefined => {
  try {
    return work()
  } catch {
    return undefined
  }
}

/** The marks of the tabs that share `key`; `self` tells this one from the others. */
export function createMarks(key: string, scope: Scope, self: string): Marks {
  const base = `inbox-session:${digest(key)}:`
  const own = `${base}here:${self}`
  const noteBase = `${base}note:`
  const seen = new Map<string, string | null | undefined>()
  const names = (start: string): string[] =>
    attempt(() => Object.keys(scope.localStorage!).filter((name) => name.startsWith(start))) ?? []
  const read = (name: string): string | null | undefined => attempt(() => scope.localStorage!.getItem(name))
  const drop = (name: string): unknown => attempt(() => scope.localStorage!.removeItem(name))
  const store = (name: string, value: string): unknown => attempt(() => scope.localStorage!.setItem(name, value))
  return {
    base,
    usable: Boolean(attempt(() => scope.localStorage)),
    mark: (present) => void (present ? store(own, String(scope.Date.now())) : drop(own)),
    others() {
      const marks = names(`${base}here:`)
        .filter((name) => name !== own)
        .map((name) => [name, read(name)] as const)
      // A tab that marked itself anew meanwhile is there.
      const sweep = (): void => marks.forEach(([name, value]) => read(name) === value && drop(name))
      return marks.length ? sweep : undefined
    },
    note(text) {
      const value = `${self} ${scope.Date.now()}`
      seen.set(noteBase + text, value)
      store(noteBase + text, value)
    },
    skipNotes(time) {
      for (const name of names(noteBase)) {
        const value = read(name)
        if (Number(value?.split(' ')[1]) < time) seen.set(name, value)
      }
    },
    readNotes(tell) {
      for (const name of names(noteBase)) {
        const value = read(name)
        if (seen.get(name) === value) continue
        seen.set(name, value)
        tell(name.slice(noteBase.length))
      }
    },
  }
}
