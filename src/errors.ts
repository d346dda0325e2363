/** What went wrong. The README's table says for each what to do about it. */
export type SessionErrorCode =
  | 'unauthorized'
  | 'subject_mismatch'
  | 'source_failed'
  | 'timeout'
  | 'offline'
  | 'invalid_answer'
  | 'expired_on_arrival'
  | 'stale_token'
  | 'rejected'
  | 'signed_out'
  | 'user_changed'
  | 'closed'
  | 'storage_failed'
  | 'adapter_failed'

/** What an error knows beside its code and message. */
export interface SessionErrorDetails {
  /** HTTP status of the answer that caused it. */
  status?: number | undefined
  /** Milliseconds the server asked to wait before the next call. */
  retryAfter?: number | undefined
  /** Whether trying again later can help. Default: by the code. */
  retryable?: boolean | undefined
}

const brand = Symbol.for('inbox-session.error')
const finalCodes = /^(unauthorized|subject_mismatch|rejected|signed_out|user_changed|closed)$/
const otherCodes =
  /^(source_failed|timeout|offline|invalid_answer|expired_on_arrival|stale_token|storage_failed|adapter_failed)$/

// Whoever threw the original may have quoted a token: only runs that read like words are kept.
const redact = (text: string): string =>
  text.replace(/[\w+/=-]{12,}/g, (run) =>
    /^([A-Z]?[a-z_/-]{2,}([A-Z][a-z_/-]{2,})*|[A-Z_]+)$/.test(run) ? run : '[redacted]',
  )

/**
 * The one error class of this library: `code` says what happened, `retryable` whether waiting can help.
 * Its message never holds a token; a source may throw one itself to set `status` and `retryAfter` (milliseconds).
 */
export class SessionError extends Error {
  readonly code: SessionErrorCode
  readonly retryable: boolean
  declare readonly status?: number
  declare readonly retryAfter?: number

  constructor(code: SessionErrorCode, message: string = code, details: SessionErrorDetails = {}) {
    super(redact(message))
    this.name = 'SessionError'
    const final = finalCodes.test(code)
    this.code = typeof code === 'string' && (final || otherCodes.test(code)) ? code : 'source_failed'
    const { status, retryAfter, retryable } = details
    this.retryable = typeof retryable === 'boolean' ? retryable : !final
    if (Number.isFinite(status)) this.status = status!
    if (Number.isFinite(retryAfter) && retryAfter! >= 0) this.retryAfter = retryAfter!
    Object.defineProperty(this, brand, { value: true })
  }
}

/** Throw it from a source to say: nobody is signed in at the backend. Final: no call until `signIn` or `refresh`. */
export class UnauthorizedError extends SessionError {
  constructor(message = 'The source says nobody is signed in.', details?: SessionErrorDetails) {
    super('unauthorized', message, details)
  }
}

/** True for errors of this library, also those of another copy of it or another realm; with `code`, only for that code. */
export function isSessionError(error: unknown, code?: SessionErrorCode): error is SessionError {
  return Boolean((error as Record<symbol, unknown> | null)?.[brand]) && (!code || (error as SessionError).code === code)
}

/** Any thrown value as a SessionError of ours: code, name and message, redacted, never the object itself or its cause. */
export function toSessionError(error: unknown, code: SessionErrorCode, context: string): SessionError {
  try {
    if (isSessionError(error, 'unauthorized')) return new UnauthorizedError(error.message, error)
    if (isSessionError(error)) return new SessionError(error.code, error.message, error)
    const what =
      error instanceof Error ? [error.name, error.message].filter(Boolean).map(String).join(': ') : typeof error
    return new SessionError(code, `${context} (${what})`)
  } catch {
    // It could not even be read.
    return new SessionError(code, context)
  }
}
