export { createTestBrowser } from './browser.js'
export { createTestToken } from './token.js'

export type { BackendCall, BackendFault, TestBackend } from './backend.js'
export type { TestBrowser } from './browser.js'
export type { TestMessage } from './channels.js'
export type { StorageFault, TestStorage } from './store.js'
export type { TestTab } from './tab.js'
export type { TabFaults, TestWindow } from './window.js'
