// `npm run build [-- --force]`: dist/natspace, the command, and dist/lib, the library.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bunPath } from './lib/bun-path.mjs'
import { Failure, isMain, main, root, run, say } from './lib/run.mjs'
import { setup } from './setup.mjs'

const products = [
  { name: 'dist/natspace', made: 'dist/natspace', make: buildCommand },
  { name: 'dist/lib', made: 'dist/lib/index.js', make: buildLibrary },
]

/**
 * One executable: Bun's runtime and our code as bytecode, which starts in a quarter of the time of plain JavaScript; in
 * chunks, so that a command loads only what it uses. A command that root runs must not take
 * settings from files in the folder it happens to stand in, so the two autoloads are off.
 */
function buildCommand() {
  // The command always runs on Bun: what only Node needs (koffi) is left out.
  const constants = ['--define', 'process.versions.bun="1"']
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
  return run(bunPath(), ['build', ...options, ...safety, 'src/cli/main.ts', '--outfile', 'dist/natspace'])
}

/** ES modules and their types, for Node and for Bun. */
function buildLibrary() {
  rmSync(join(root, 'dist/lib'), { recursive: true, force: true })
  return run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'])
}

/** A digest of everything that the products are made from. */
function digestOfInputs() {
  const hash = createHash('sha256')
  const settings = [
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'scripts/build.mjs',
  ]
  const sources = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && !entry.name.endsWith('.test.ts'))
    .map(entry => join(entry.parentPath ?? entry.path, entry.name))
    .sort()
  for (const file of [...settings.map(name => join(root, name)), ...sources])
    hash.update(file).update(readFileSync(file))
  return hash.digest('hex')
}

/** Builds what is missing or older than its sources. Throws a Failure when a compiler refuses. */
export function build({ force = false } = {}) {
  mkdirSync(join(root, 'dist'), { recursive: true })
  const digest = digestOfInputs()
  for (const { name, made, make } of products) {
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
    say('Built: dist/natspace, dist/lib')
  })
