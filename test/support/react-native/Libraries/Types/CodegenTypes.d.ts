import type { NativeSyntheticEvent } from '../../index.js'

export type Double = number
export type Int32 = number
export type WithDefault<Value, _Default> = Value | null | undefined
export type DirectEventHandler<Body> = (event: NativeSyntheticEvent<Body>) => void
