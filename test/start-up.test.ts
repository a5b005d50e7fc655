/** What every run of a command loads: a file more on that way costs each of them, and is seen nowhere else. */
import { beforeAll, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

const root = join(import.meta.dirname, '..')

/** The files of the executable by their names, as scripts/build.mjs has them cut, but readable. */
const files = new Map<string, string>()

beforeAll(async () => {
  const { outputs } = await Bun.build({
    entrypoints: [join(root, 'src/cli/main.ts')],
    target: 'bun',
    format: 'esm',
    splitting: true,
    naming: { chunk: '[name]-[hash].[ext]' },
    minify: { syntax: true },
    // The page is not looked at here: any JSON does.
    define: { 'process.versions.bun': '"1"', PAGE_MODULE: JSON.stringify(join(root, 'package.json')) },
  })
  for (const output of outputs) files.set(basename(output.path), await output.text())
})

/** The files that are loaded with a command, which is one that begins with its name; what is imported later does not count. */
const loadedWith = (command: string): string[] => {
  const seen = new Set<string>()
  const next = [...files.keys()].filter(name => name === 'main.js' || name.startsWith(`${command}-`))
  for (let name = next.pop(); name !== undefined; name = next.pop()) {
    if (seen.has(name)) continue
    seen.add(name)
    const imported = (files.get(name) ?? '').matchAll(/^(?:import|\} from|export)[^;]*?"\.[^"]*\/([^"/]+)"/gm)
    next.push(...[...imported].map(([, file = '']) => file))
  }
  return [...seen].map(name => files.get(name) ?? '')
}

const sourcesIn = (texts: readonly string[]): string[] =>
  texts.flatMap(text => [...text.matchAll(/^\/\/ (src\/\S+\.ts)$/gm)].map(([, file = '']) => file))

/** Parts that a run of the command hardly ever needs: see src/linux/nftables/late.ts and src/space/ruleset/table.ts. */
const late = [
  'src/linux/nftables/compile/compile.ts',
  'src/linux/nftables/decompile/decompile.ts',
  'src/linux/nftables/evaluate/hook.ts',
  'src/linux/nftables/text/rule-text.ts',
  'src/space/ruleset/chains.ts',
]

for (const command of ['up', 'status', 'exec', 'down', 'plugin'])
  test(`${command} loads neither what is hardly ever needed nor node:fs`, () => {
    const texts = loadedWith(command)
    const sources = sourcesIn(texts)
    // So the files were found.
    expect(sources.length).toBeGreaterThan(40)
    expect(sources).toContain(`src/cli/${command === 'plugin' ? 'plugin' : `commands/${command}`}.ts`)
    expect(sources.filter(file => late.includes(file))).toEqual([])
    const modules = texts.flatMap(text =>
      [...text.matchAll(/ from "(?:node:)?([a-z_]+)"/g)].map(([, name]) => name),
    )
    expect(modules.filter(name => name !== 'module' && name !== 'path')).toEqual([])
  })

test('and the late parts are there, in files of their own', () => {
  const sources = sourcesIn([...files.values()])
  for (const file of late) expect(sources).toContain(file)
})

test('no module does anything by being loaded, as the bundler is told', () => {
  expect(JSON.parse(readFileSync(join(root, 'src/package.json'), 'utf8'))).toMatchObject({
    sideEffects: false,
  })
})
