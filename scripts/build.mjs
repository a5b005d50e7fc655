// `npm run build [-- --force]`: dist/ui, the page, dist/natspace, the command, and dist/lib, the library.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { bunPath } from './lib/bun-path.mjs'
import { Failure, isMain, main, root, run, say } from './lib/run.mjs'
import { setup } from './setup.mjs'

const settings = ['package.json', 'package-lock.json', 'scripts/build.mjs']
const compilerSettings = ['tsconfig.json', 'tsconfig.build.json']
const pageInputs = [
  ...settings,
  'ui',
  'src/server/protocol.ts',
  'src/server/front/page.ts',
  'scripts/pack-page.ts',
]
const sourceInputs = [...settings, ...compilerSettings, 'src']

// In this order: the command has the page in it.
const products = [
  { name: 'dist/ui', made: 'dist/page.json', make: buildPage, inputs: pageInputs },
  {
    name: 'dist/natspace',
    made: 'dist/natspace',
    make: buildCommand,
    inputs: [...sourceInputs, ...pageInputs],
  },
  { name: 'dist/lib', made: 'dist/lib/index.js', make: buildLibrary, inputs: sourceInputs },
]

/** The page as files, and then packed into one, which the command takes in. */
function buildPage() {
  const vite = [
    'node_modules/vite/bin/vite.js',
    'build',
    '--config',
    'ui/vite.config.ts',
    '--logLevel',
    'warn',
  ]
  return run(process.execPath, vite) || run(bunPath(), ['scripts/pack-page.ts'])
}

/**
 * One executable: Bun's runtime and our code as bytecode, which starts in a quarter of the time of plain JavaScript; in
 * chunks, so that a command loads only what it uses. A command that root runs must not take
 * settings from files in the folder it happens to stand in, so the two autoloads are off. `target`: another processor
 * than this one, as `bun-linux-arm64`, and `runtime` the Bun for it. Returns the compiler's exit status.
 */
export function compileCommand({ out, target, runtime }) {
  // The command always runs on Bun: what only Node needs (koffi) is left out.
  const page = '"../../../dist/page.json"'
  const constants = ['--define', 'process.versions.bun="1"', '--define', `PAGE_MODULE=${page}`]
  const chunks = ['--splitting', '--min-chunk-size=20000']
  // Most runs end before a compiled function has earned back the time of compiling it, so functions must be a hundred
  // times as hot as usual before they are. Commands that stay (src/cli/jit.ts) put this back to 1.
  const patience = ['--compile-jit-policy=100']
  const options = [
    '--compile',
    '--minify',
    '--bytecode',
    '--format=esm',
    ...chunks,
    ...constants,
    ...patience,
  ]
  const safety = ['--no-compile-autoload-dotenv', '--no-compile-autoload-bunfig']
  const processor = target === undefined ? [] : [`--target=${target}`, `--compile-executable-path=${runtime}`]
  return run(bunPath(), ['build', ...options, ...safety, ...processor, 'src/cli/main.ts', '--outfile', out])
}

function buildCommand() {
  return compileCommand({ out: 'dist/natspace' })
}

/** ES modules and their types, for Node and for Bun. */
function buildLibrary() {
  rmSync(join(root, 'dist/lib'), { recursive: true, force: true })
  return run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'])
}

/** A digest of files and folders that a product is made from, wherever the checkout lies; tests are none of them. */
function digestOf(inputs) {
  const hash = createHash('sha256')
  const files = inputs.map(input => join(root, input)).flatMap(path => filesIn(path))
  for (const file of [...new Set(files)].sort()) hash.update(relative(root, file)).update(readFileSync(file))
  return hash.digest('hex')
}

function filesIn(path) {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && !entry.name.endsWith('.test.ts'))
    .map(entry => join(entry.parentPath ?? entry.path, entry.name))
}

/** Builds what is missing or older than its sources. Throws a Failure when a compiler refuses. */
export function build({ force = false } = {}) {
  mkdirSync(join(root, 'dist'), { recursive: true })
  for (const { name, made, make, inputs } of products) {
    const digest = digestOf(inputs)
    const stamp = join(root, `${name}.stamp`)
    const fresh = existsSync(join(root, made)) && existsSync(stamp) && readFileSync(stamp, 'utf8') === digest
    if (fresh && !force) continue
    say(`Building ${name} …`)
    rmSync(stamp, { force: true })
    if (make() !== 0) throw new Failure(`Building ${name} failed: see the messages above.`)
    writeFileSync(stamp, digest)
  }
}

if (isMain(import.meta.url))
  main(() => {
    setup()
    build({ force: process.argv.includes('--force') })
    say('Built: dist/ui, dist/natspace, dist/lib')
  })
