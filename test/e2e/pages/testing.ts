import { createTestBrowser } from 'inbox-session/testing'
import { type Player, type Step, createPlayer, play } from './player.js'

declare global {
  interface Window {
    player: Player
    /** The same in the simulated browser, `settling` milliseconds after each step. */
    simulate(steps: readonly Step[], settling: number): Promise<string[]>
  }
}

window.player = createPlayer(window)
window.simulate = (steps, settling) => {
  const browser = createTestBrowser()
  const tabs = [browser.tab(), browser.tab()]
  const players = tabs.map((tab) => ({ ...createPlayer(tab.window), close: tab.close, crash: tab.crash }))
  const stage = {
    async act(tab: number, act: string, args: readonly unknown[]) {
      ;(players[tab - 1]![act as keyof Player] as (...args: unknown[]) => void)(...args)
      await browser.advance(settling)
    },
    look: (tab: number) => players[tab - 1]!.look(),
  }
  return play(stage, steps)
}
