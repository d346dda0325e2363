import type { ComponentType, ReactNode } from 'react'

/** What a native view tells about what happened in it. */
export interface NativeSyntheticEvent<Body> {
  readonly nativeEvent: Body
  preventDefault(): void
}

export interface ViewStyle {
  flex?: number
  width?: number | string
  height?: number | string
  backgroundColor?: string
  opacity?: number
}

export type StyleProp<Style> = Style | readonly StyleProp<Style>[] | false | null | undefined

/** Narrower than the real ones: a prop that is not listed here or by the webview does not compile. */
export interface ViewProps {
  children?: ReactNode
  style?: StyleProp<ViewStyle>
  testID?: string
}

export interface NativeScrollEvent {
  readonly contentOffset: { readonly x: number; readonly y: number }
}

export interface NativeMethodsMixin {
  focus(): void
  blur(): void
}

export interface UIManagerStatic {
  getViewManagerConfig(name: string): { Commands: Record<string, number> }
}

export type HostComponent<Props> = ComponentType<Props>

// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- a mark without members there, too
export interface TurboModule {}
