/** `v-focus`: where a keyboard or a screen reader goes on when one view takes another's place. */
export const vFocus = { mounted: (element: HTMLElement): void => element.focus() }
