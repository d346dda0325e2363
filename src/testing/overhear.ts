type Listener = (...details: unknown[]) => void

/** The parts of the real world, under any runner, where something may come out beside the calls. */
interface Outside {
  readonly console: Record<string, Listener>
  readonly process?: {
    on?(event: string, listener: Listener): unknown
    off?(event: string, listener: Listener): unknown
  }
  readonly addEventListener?: ((event: string, listener: Listener) => void) | undefined
  readonly removeEventListener?: ((event: string, listener: Listener) => void) | undefined
}

const methods = ['debug', 'error', 'info', 'log', 'trace', 'warn']
const processEvents = ['unhandledRejection', 'uncaughtException']
const pageEvents = ['unhandledrejection', 'error']
const pieceLength = 12

/** All that a console could show of a value. */
const textOf = (value: unknown, seen: Set<unknown> = new Set<unknown>()): string => {
  if (Object(value) !== value) return String(value)
  if (seen.has(value) || seen.size > 10_000) return ''
  seen.add(value)
  try {
    const inside = value instanceof Map || value instanceof Set ? Array.from<unknown>(value) : []
    const error: unknown[] = value instanceof Error ? [value.message, value.stack, value.cause] : []
    const parts = [...error, ...inside, ...Object.entries(value as Record<string, unknown>).flat()]
    return [String(value), ...parts.map((part) => textOf(part, seen))].join(' ')
  } catch {
    // What cannot be read is not shown either.
    return ''
  }
}

/** Whether a text holds 12 characters in a row of the payload or signature of one of the tokens. */
export function holdsPiece(text: string, tokens: readonly string[]): boolean {
  const pieces = new Set<string>()
  for (const part of tokens.flatMap((token) => token.split('.').slice(1)))
    for (let at = 0; at + pieceLength <= part.length; at++) pieces.add(part.slice(at, at + pieceLength))
  for (let at = 0; at + pieceLength <= text.length; at++) if (pieces.has(text.slice(at, at + pieceLength))) return true
  return false
}

/** What came out while somebody listened. */
export interface Overheard {
  /** The console methods that were called with a piece of a token. */
  readonly leaks: readonly string[]
  /** Rejections and errors that nobody caught, by name. */
  readonly unhandled: readonly string[]
  /** Puts everything back. */
  stop(): void
}

/** Listens to the console and to errors that nobody catches. What holds a piece of a token is kept off the console. */
export function overhear(tokens: readonly string[]): Overheard {
  const outside = globalThis as unknown as Outside
  const { console, process } = outside
  const leaks: string[] = []
  const unhandled: string[] = []
  const undo: (() => void)[] = []

  for (const method of methods) {
    const original = console[method]
    if (typeof original !== 'function') continue
    const heard: Listener = (...input) => {
      if (holdsPiece(input.map((part) => textOf(part)).join(' '), tokens)) leaks.push(`console.${method}`)
      else original.apply(console, input)
    }
    console[method] = heard
    undo.push(() => {
      if (console[method] === heard) console[method] = original
    })
  }
  for (const event of processEvents) {
    const note: Listener = () => unhandled.push(event)
    process?.on?.(event, note)
    undo.push(() => process?.off?.(event, note))
  }
  for (const event of pageEvents) {
    const note: Listener = () => unhandled.push(event)
    outside.addEventListener?.(event, note)
    undo.push(() => outside.removeEventListener?.(event, note))
  }
  return { leaks, unhandled, stop: () => undo.forEach((each) => each()) }
}
