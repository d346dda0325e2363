import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { chromiumPath } from '../browser.js'
import { type Engine, type EngineName, engineNames } from './engine.js'
import { launchPuppeteer } from './puppeteer.js'
import { launchWebKit } from './webkit.js'

export type { Capabilities, Engine, EngineName, Tab } from './engine.js'

/** The engines that ENGINES names (chromium,firefox,webkit); default: all. */
export function chosenEngines(): EngineName[] {
  const names = (process.env.ENGINES ?? engineNames.join()).split(',').map((name) => name.trim())
  const unknown = names.find((name) => !engineNames.includes(name as EngineName))
  if (unknown !== undefined) throw new Error(`ENGINES names '${unknown}'; there are ${engineNames.join(', ')}.`)
  return names as EngineName[]
}

const onPath = (program: string) =>
  (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)))

const miniBrowser = () => {
  const machine = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }[process.arch as string] ?? process.arch
  const places = ['webkit2gtk-4.1', 'webkitgtk-6.0', 'webkit2gtk-4.0'].map(
    (name) => `/usr/lib/${machine}/${name}/MiniBrowser`,
  )
  return process.env.MINIBROWSER_BIN ?? places.find((place) => existsSync(place)) ?? places[0]!
}

const paths: Record<EngineName, () => string> = {
  chromium: () => chromiumPath,
  firefox: () => process.env.FIREFOX_BIN ?? '/usr/bin/firefox-esr',
  webkit: miniBrowser,
}
const packages: Record<EngineName, string> = {
  chromium: 'chromium (or set CHROMIUM_BIN)',
  firefox: 'firefox-esr (or set FIREFOX_BIN)',
  webkit: 'webkit2gtk-driver xvfb (MINIBROWSER_BIN says where MiniBrowser is)',
}

/** False where the engine is missing (says what to install); with CI=true that is an error. */
export function hasEngine(name: EngineName): boolean {
  const programs = name === 'webkit' ? ['WebKitWebDriver', 'Xvfb'] : []
  const missing = [
    ...[paths[name]()].filter((path) => !existsSync(path)),
    ...programs.filter((program) => !onPath(program)),
  ]
  if (missing.length === 0) return true
  const hint = `${name}: ${missing.join(' and ')} not found: apt-get install ${packages[name]}.`
  if (process.env.CI) throw new Error(hint)
  console.warn(`${hint} Its tests are skipped.`)
  return false
}

export function launchEngine(name: EngineName): Promise<Engine> {
  return name === 'webkit' ? launchWebKit(paths[name]()) : launchPuppeteer(name, paths[name]())
}
