// What is inside, as CycloneDX (ECMA-424) and as the words that the licenses want to be passed on.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../run.mjs'
import { filesBelow, locked, manifest } from './files.mjs'

/** The runtime is no dependency of the library, but most of the executable. */
const runtime = 'bun'

/** The packages that the page's sources name; the bundler takes from each what is used. */
const pageImports = () => {
  const sources = filesBelow(join(root, 'ui/src')).filter(
    name => /\.(ts|svelte)$/.test(name) && !name.endsWith('.test.ts'),
  )
  const names = sources.flatMap(name =>
    [
      ...readFileSync(join(root, 'ui/src', name), 'utf8').matchAll(
        /from '(@[^/']+\/[^/']+|[a-z][^/':]*)['/]/g,
      ),
    ].map(match => match[1]),
  )
  return [...new Set(names)].filter(name => locked()[`node_modules/${name}`] !== undefined).sort()
}

/**
 * All that may be in what we give to users, in order: what the library needs, what the page is made with, the runtime, and
 * what these need in turn. Types and packages for other systems are in none of it. `[{name, version, …}]`
 */
export const ingredients = processors => {
  const packages = locked()
  const natives = processors.map(name => `@koromix/koffi-linux-${name}`)
  const waiting = [...Object.keys(manifest.dependencies), ...natives, ...pageImports(), runtime]
  const found = new Map()
  for (const name of waiting) {
    const entry = packages[`node_modules/${name}`]
    if (entry === undefined || found.has(name) || name.startsWith('@types/')) continue
    found.set(name, { name, ...entry })
    waiting.push(...Object.keys(entry.dependencies ?? {}))
  }
  return [...found.values()].sort((one, other) => (one.name < other.name ? -1 : 1))
}

const reference = ({ name, version }) => `pkg:npm/${name.replace('@', '%40')}@${version}`

const component = entry => ({
  type: entry.name === runtime ? 'platform' : 'library',
  'bom-ref': reference(entry),
  name: entry.name,
  version: entry.version,
  hashes: [
    {
      alg: 'SHA-512',
      content: Buffer.from(entry.integrity.slice('sha512-'.length), 'base64').toString('hex'),
    },
  ],
  licenses: [{ license: { id: entry.license } }],
  purl: reference(entry),
})

/** A name of its own for each content (RFC 9562, version 8: what the digest gives), so that it is the same each time. */
const serialOf = text => {
  const digits = createHash('sha256').update(text).digest('hex')
  const variant = '89ab'[Number.parseInt(digits[16], 16) % 4]
  const parts = [
    digits.slice(0, 8),
    digits.slice(8, 12),
    `8${digits.slice(13, 16)}`,
    `${variant}${digits.slice(17, 20)}`,
    digits.slice(20, 32),
  ]
  return `urn:uuid:${parts.join('-')}`
}

/** The bill of materials; `time`: seconds since 1970. */
export const bill = (time, processors) => {
  const entries = ingredients(processors)
  const names = new Set(entries.map(({ name }) => name))
  const refOf = new Map(entries.map(entry => [entry.name, reference(entry)]))
  const own = { name: manifest.name, version: manifest.version }
  const needs = ({ dependencies = {} }) =>
    Object.keys(dependencies)
      .filter(name => names.has(name))
      .map(name => refOf.get(name))
      .sort()
  const tops = [...Object.keys(manifest.dependencies), ...pageImports(), runtime]
  const body = {
    metadata: {
      timestamp: new Date(time * 1000).toISOString(),
      component: {
        type: 'application',
        'bom-ref': reference(own),
        ...own,
        description: manifest.description,
        licenses: [{ license: { id: manifest.license } }],
        purl: reference(own),
      },
    },
    components: entries.map(component),
    dependencies: [
      { ref: reference(own), dependsOn: [...new Set(tops)].map(name => refOf.get(name)).sort() },
      ...entries.map(entry => ({ ref: reference(entry), dependsOn: needs(entry) })),
    ],
  }
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: serialOf(JSON.stringify(body)),
    version: 1,
    ...body,
  }
}

const line = '-'.repeat(78)

/** The licenses of all that is inside the executable, in full. */
export const notices = processors => {
  const parts = ingredients(processors).map(({ name, version, license }) => {
    const folder = join(root, 'node_modules', name)
    const files = existsSync(folder)
      ? readdirSync(folder).filter(file => /^(licen[cs]e|notice)/i.test(file))
      : []
    const words = files.sort().map(file => readFileSync(join(folder, file), 'utf8').trim())
    const text =
      words.length > 0 ? words.join('\n\n') : `Under the license ${license}; its package has no text of it.`
    return `${line}\n${name} ${version} (${license})\n${line}\n\n${text}\n`
  })
  return `The executable of natspace has code of these packages in it, or was made with them.\n\n${parts.join('\n')}`
}
