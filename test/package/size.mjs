// The size gate: bundles the built package as an app would, fails over a limit and where the README says another number.
//   node test/package/size.mjs            checks (after `npm run build`)
//   node test/package/size.mjs --write    puts the numbers into the README
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { measure } from './measure.mjs'

const at = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
/** What a reader is told: kB of 1000 bytes. */
const inWords = ({ brotli }) => `${(brotli / 1000).toFixed(1)} kB`
const marked = /<!-- size:([\w-]+) -->([^<]*)<!-- \/size -->/g

function checkReadme(parts, write) {
  if (!existsSync(at('README.md'))) return ['README.md is missing.']
  const text = readFileSync(at('README.md'), 'utf8')
  const byName = new Map(parts.map((part) => [part.name, inWords(part)]))
  const corrected = text.replace(marked, (all, name) =>
    byName.has(name) ? `<!-- size:${name} -->${byName.get(name)}<!-- /size -->` : all,
  )
  if (write) writeFileSync(at('README.md'), corrected)
  const told = [...(write ? corrected : text).matchAll(marked)]
  const faults = told
    .filter(([, name, value]) => byName.get(name) !== value)
    .map(([, name, value]) =>
      byName.has(name)
        ? `README.md says ${value.trim() || 'nothing'} for ${name}; it is ${byName.get(name)} (--write corrects it).`
        : `README.md tells the size of ${name}, which is none of ${[...byName.keys()].join(', ')}.`,
    )
  if (!told.some(([, name]) => name === 'core'))
    faults.push(`README.md does not tell the core's size: <!-- size:core -->${byName.get('core')}<!-- /size -->`)
  return faults
}

const parts = await measure()
console.table(Object.fromEntries(parts.map(({ name, ...rest }) => [name, rest])))
const faults = [
  ...parts
    .filter(({ brotli, limit }) => limit && brotli > limit)
    .map(
      ({ name, brotli, limit }) =>
        `${name} has ${brotli} B after brotli, ${brotli - limit} over its limit of ${limit}.`,
    ),
  ...checkReadme(parts, process.argv.includes('--write')),
]
for (const fault of faults) console.error(fault)
process.exitCode = faults.length ? 1 : 0
