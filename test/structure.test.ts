/** What keeps the parts of natspace apart, and the checkout free of traces of the machine it was written on. */
import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import manifest from '../package.json' with { type: 'json' }
import { version } from '../src/version.ts'

const root = join(import.meta.dirname, '..')
const skipped = new Set(['node_modules', 'dist', 'build', '.git'])
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

/** Every file below a folder of the checkout, as paths from its root. */
const filesBelow = (folder: string): string[] =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap(entry => {
    const path = join(folder, entry.name)
    if (skipped.has(entry.name) || entry.name.endsWith('.log')) return []
    return entry.isDirectory() ? filesBelow(path) : [path]
  })

const everything = filesBelow('.')
const sources = everything.filter(file => /^src\/.*\.ts$/.test(file))
/** Used by tests and generators alone: left out of the library by tsconfig.build.json. */
const isUnshipped = (file: string): boolean =>
  /\.test\.ts$|test-support\.ts$/.test(file) || file === 'src/space/spec/json-schema.ts'
const product = sources.filter(file => !isUnshipped(file))

/** Each place may import from itself and from those above it. A file belongs to the longest path that fits. */
const order = [
  'src/version.ts',
  'src/linux/net',
  'src/linux/sys',
  'src/linux/netlink',
  'src/linux/rtnetlink',
  'src/linux/nftables',
  'src/linux/conntrack',
  'src/linux/packet',
  'src/linux',
  'src/space',
  'src/insight',
  'src/engine.ts',
  'src/library',
  'src/index.ts',
  'src/testing',
  'src/testing.ts',
  'src/lab',
  'src/cni',
  'src/server',
  'src/cli',
]
const longestFirst = order.toSorted((a, b) => b.length - a.length)
const rank = (file: string): number =>
  order.indexOf(longestFirst.find(place => file === place || file.startsWith(`${place}/`)) ?? '')

const importsOf = (file: string): string[] =>
  // Comments go first: an example in one imports nothing, and neither does a sentence.
  [
    ...read(file)
      .replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
      // A sentence may end in "from", so what stands behind the quote must look like a path or a package.
      .matchAll(/(?:\bfrom|\bimport|\bimport\(|\brequire\() *['"]([.@a-z][^'"\s,]*)['"]/g),
  ].map(match => match[1] ?? '')

/** The package that an import names: `@scope/name/part` is in `@scope/name`. */
const packageOf = (target: string): string =>
  target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/')

test('every source has its place in the order of imports', () => {
  expect(sources.filter(file => rank(file) < 0)).toEqual([])
})

test('each place imports only from itself and from those above it', () => {
  const wrong = sources.flatMap(file =>
    importsOf(file)
      .filter(target => target.startsWith('.'))
      .map(target => relative(root, join(root, dirname(file), target)))
      .filter(target => target.startsWith('src/') && rank(target) > rank(file))
      .map(target => `${file} imports ${target}`),
  )
  expect(wrong).toEqual([])
})

test('only src/linux/sys loads a foreign function interface', () => {
  const outside = sources.filter(file => !file.startsWith('src/linux/sys/'))
  expect(outside.filter(file => /['"](?:bun:ffi|koffi)['"]/.test(read(file)))).toEqual([])
})

test('what the library is made of runs on Node too', () => {
  const portable = product.filter(file => !/^src\/(?:linux\/sys|cli)\//.test(file))
  expect(portable.filter(file => /['"]bun(?::\w+)?['"]|\bBun\.\w/.test(read(file)))).toEqual([])
})

test('what is not shipped is not imported by what is', () => {
  const wrong = product.flatMap(file =>
    importsOf(file)
      .filter(target => isUnshipped(relative(root, join(root, dirname(file), target))))
      .map(target => `${file} imports ${target}`),
  )
  expect(wrong).toEqual([])
})

test('the product needs no package that is not among its dependencies', () => {
  const foreign = product.flatMap(file =>
    importsOf(file)
      .filter(target => !/^(?:\.|node:|bun:)/.test(target))
      .filter(target => !Object.keys(manifest.dependencies).includes(packageOf(target)))
      .map(target => `${file} imports ${target}`),
  )
  expect(foreign).toEqual([])
})

test('no source is longer than 400 lines', () => {
  const written = product.filter(file => !read(file).startsWith('// DO NOT EDIT'))
  const lengths = written.map(file => ({ file, lines: read(file).split('\n').length - 1 }))
  for (const { file, lines } of lengths)
    if (lines > 200) console.warn(`${file} has ${lines} lines: is it one thing?`)
  expect(lengths.filter(({ lines }) => lines > 400)).toEqual([])
})

test('the lock file names no download address', () => {
  expect(read('package-lock.json')).not.toMatch(/"resolved"|https?:[^"]*\.tgz/)
})

// The patterns are written so that they do not match themselves.
const forbidden: Record<string, RegExp> = {
  'a note to do something later': /\b(?:TO[D]O|FIX[M]E|XX[X])\b/,
  'the host of a package registry':
    /\bregistry\.[a-z]+[a-z.]*\.[a-z]+|\b(?:deb|security)\.debian[.]org|\bpypi[.]org|\bproxy\.golang[.]org/,
  'a path of some developer’s machine': /(?<![\w.~}*])\/(?:wor[k]|roo[t]|hom[e]|User[s])\//,
}

for (const [what, pattern] of Object.entries(forbidden)) {
  test(`no file names ${what}`, () => {
    const texts = everything.filter(file => !/\.(?:png|ico|woff2?|pcapng?|bin|gz)$/.test(file))
    const found = texts.flatMap(file =>
      read(file)
        .split('\n')
        .flatMap((line, index) =>
          pattern.test(line) ? [`${file}:${index + 1}: ${line.trim().slice(0, 100)}`] : [],
        ),
    )
    expect(found).toEqual([])
  })
}

test('the version is that of package.json', () => {
  expect(version).toBe(manifest.version)
})
