import type { SessionOptions } from './api.js'
import { browserEnvironment } from './environment/browser.js'
import { type Policy, check, createPolicy } from './policy.js'
import type { User } from './token.js'

/** Options with every default filled in. */
export type Settings = Required<Pick<SessionOptions, 'source' | 'name' | 'refreshWhenHidden' | 'environment'>> &
  Pick<SessionOptions, 'storage' | 'subject'> & { readonly policy: Policy }

const hasMethods = (value: unknown, ...names: string[]): boolean =>
  names.every((name) => typeof (value as Record<string, unknown> | undefined)?.[name] === 'function')

/** Checks the options of a session. Throws a TypeError that names the option. */
export function readOptions(options: SessionOptions): Settings {
  const { source, name = 'default', storage, subject, refreshWhenHidden = true } = options ?? {}
  const environment = options?.environment ?? browserEnvironment()
  check(typeof source === 'function', 'source')
  check(typeof name === 'string', 'name')
  check(storage === undefined || hasMethods(storage, 'getItem', 'setItem', 'removeItem'), 'storage')
  check(subject === undefined || subject === false || typeof subject === 'function', 'subject')
  check(typeof refreshWhenHidden === 'boolean', 'refreshWhenHidden')
  check(hasMethods(environment, 'now', 'random', 'schedule', 'onWake'), 'environment')
  return { source, name, storage, subject, refreshWhenHidden, environment, policy: createPolicy(options) }
}

/** The user that `signIn` was given, frozen. Throws a TypeError for one without an id. */
export function readUser(user: string | User): User {
  const { id, tenant, email } = typeof user === 'string' ? { id: user } : (user ?? {})
  check(id && typeof id === 'string', 'user')
  check(tenant === undefined || typeof tenant === 'string', 'user.tenant')
  return Object.freeze({ id, tenant, email })
}
