import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const heading = '## What this protects and what it cannot'

/** From the section's heading to the next one of its rank. */
const sectionOf = (readme: string): string => {
  const [, after = ''] = `\n${readme}`.split(`\n${heading}\n`)
  return after.split('\n## ')[0]!
}
const section = sectionOf(readFileSync(`${root}README.md`, 'utf8'))
const rows = section.split('\n').filter((line) => line.startsWith('| **'))

/** The titles a row names, each with the file that was named last before it. */
const named = (row: string): [file: string, title: string][] => {
  let file = ''
  return [...row.matchAll(/`([\w/.-]+\.test\.ts)`|“([^”]+)”/g)].flatMap(([, path, title]) => {
    if (path) file = path
    return title ? [[file, title] as [string, string]] : []
  })
}
/** The titles of a file's tests, as they are written there. */
const titlesOf = (file: string): string[] => {
  const path = `${root}test/${file}`
  const source = existsSync(path) ? readFileSync(path, 'utf8') : ''
  return [...source.matchAll(/(['"`])((?:\\.|(?!\1)[^\\\n])*)\1,?\s*(?:async|\(|function)/g)].map(([, , title]) =>
    title!.replace(/\\(.)/g, '$1'),
  )
}

describe('what the README says of security', () => {
  it('stands there, as claims that each name a test', () => {
    expect(rows.length, `the section "${heading}" is missing or empty`).toBeGreaterThan(10)
    const without = rows.filter((row) => !named(row).length).map((row) => row.split('**')[1])
    expect(without).toEqual(['A debugger'])
  })

  it('names only tests that exist', () => {
    const all = rows.flatMap(named)
    expect(all.length).toBeGreaterThan(20)
    expect(all.filter(([file, title]) => !titlesOf(file).includes(title))).toEqual([])
  })

  it('leaves out none of the files that show it', () => {
    const files = new Set(rows.flatMap(named).map(([file]) => file))
    for (const name of ['channel', 'inspection', 'requests', 'sign-out'])
      expect(files).toContain(`security/${name}.test.ts`)
    expect(files).toContain('e2e/security.test.ts')
  })
})
