// `scripts/release`: everything that is given to users, in build/release. See docs/release.md.
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { build, compileCommand } from './build.mjs'
import { bunPath } from './lib/bun-path.mjs'
import { makeArchive, makeDeb } from './lib/release/archives.mjs'
import { bill, notices } from './lib/release/bill.mjs'
import { manifest, must, packageFolder, writeJson } from './lib/release/files.mjs'
import { makeMainPackage, makePlatformPackage } from './lib/release/npm.mjs'
import { ask, Failure, isMain, main, root, say } from './lib/run.mjs'
import { setup } from './setup.mjs'

/**
 * Theory of operation. The same commit gives the same bytes: every time in an archive is that of the commit, names are
 * sorted, owners are numbers, modes are the usual ones, and nothing of this machine is taken in. The runtime behind
 * which the compiler puts our code is the one of package-lock.json, compared with its digest, for each processor; the
 * compiler writes the executable's own name into it, so that is always `natspace`.
 */

const out = join(root, 'build/release')
const work = join(root, 'build/release-work')
const store = join(root, 'build/release-store')

/** What the runtime's package calls them. */
const runtimes = { x64: '@oven/bun-linux-x64', arm64: '@oven/bun-linux-aarch64' }
const processors = Object.keys(runtimes)

const usage = `usage: scripts/release [OPTIONS]

Makes the packages of npm, archives, Debian packages, a bill of materials and
checksums, in build/release. The same commit gives the same bytes.

  --only PROCESSOR  only for x64 or arm64
  --npm             only the packages of npm
  --dirty           although files differ from the commit
  -h, --help        this
`

/** Seconds since 1970 of the commit, or of SOURCE_DATE_EPOCH where that is given. Throws a Failure. */
const sourceTime = () => {
  const given = process.env.SOURCE_DATE_EPOCH ?? ask('git', ['log', '-1', '--format=%ct']).output
  if (!/^\d+$/.test(given)) throw new Failure('There is no git here: give SOURCE_DATE_EPOCH')
  return Number(given)
}

const refuseChanges = () => {
  const { ok, output } = ask('git', ['status', '--porcelain'])
  if (ok && output !== '')
    throw new Failure(
      `These differ from the commit (--dirty makes a release of them all the same):\n${output}`,
    )
}

/** The executable of a processor. The one for this machine has just been built, and is what the tests run. */
const compile = name => {
  const file = join(work, name, 'natspace')
  mkdirSync(dirname(file), { recursive: true })
  if (name === process.arch) {
    copyFileSync(join(root, 'dist/natspace'), file)
    return file
  }
  const runtime = join(packageFolder(runtimes[name], store), 'bin/bun')
  if (compileCommand({ target: `bun-linux-${name}`, runtime, out: file }) !== 0)
    throw new Failure(`The compiler made no executable for ${name}`)
  return file
}

/** Manual, completions and units, for a natspace below `prefix`. */
const makeShared = (time, prefix) => {
  const folder = join(work, `shared${prefix.replaceAll('/', '-')}`)
  const date = new Date(time * 1000).toISOString().slice(0, 10)
  must(bunPath(), [join(root, 'scripts/release-files.ts'), folder, date, prefix])
  return folder
}

const writeChecksums = () => {
  const names = readdirSync(out).sort()
  const digest = name =>
    createHash('sha256')
      .update(readFileSync(join(out, name)))
      .digest('hex')
  writeFileSync(join(out, 'SHA256SUMS'), names.map(name => `${digest(name)}  ${name}\n`).join(''))
  return [...names, 'SHA256SUMS']
}

/** Makes it all for the processors `names`; `npmOnly`: packages of npm alone. Returns the files. Throws a Failure. */
const release = (names, npmOnly) => {
  const time = sourceTime()
  for (const folder of [out, work]) rmSync(folder, { recursive: true, force: true })
  for (const folder of [out, work, store]) mkdirSync(folder, { recursive: true })
  say('Packing natspace …')
  makeMainPackage({ folder: join(work, 'npm'), out, processors, store })
  const shared = npmOnly ? {} : { usr: makeShared(time, '/usr'), local: makeShared(time, '/usr/local') }
  for (const name of names) {
    say(`Packing the executable for ${name} …`)
    const common = { name, time, executable: compile(name), notices: notices([name]), out }
    makePlatformPackage({ ...common, folder: join(work, `npm-${name}`) })
    if (npmOnly) continue
    makeArchive({ ...common, folder: join(work, 'archive'), shared: shared.local })
    makeDeb({ ...common, folder: join(work, `deb-${name}`), shared: shared.usr })
  }
  writeJson(join(out, `natspace-${manifest.version}.cdx.json`), bill(time, processors))
  rmSync(work, { recursive: true })
  return writeChecksums()
}

const options = {
  only: { type: 'string' },
  npm: { type: 'boolean' },
  dirty: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
}

/** The options as given, or undefined, and then said why on stderr. */
const readOptions = words => {
  try {
    const { values } = parseArgs({ args: words, options })
    if (values.only === undefined || processors.includes(values.only)) return values
    process.stderr.write(
      `release: there is no processor ${JSON.stringify(values.only)}: ${processors.join(', ')}\n\n`,
    )
  } catch (error) {
    process.stderr.write(`release: ${error.message}\n\n`)
  }
  process.stderr.write(usage)
  return undefined
}

if (isMain(import.meta.url))
  main(() => {
    const given = readOptions(process.argv.slice(2))
    if (given === undefined) return 2
    if (given.help) {
      process.stdout.write(usage)
      return 0
    }
    if (!given.dirty) refuseChanges()
    setup()
    // Nothing that lay here already comes along, whatever it was made with.
    build({ force: true })
    const files = release(given.only === undefined ? processors : [given.only], given.npm === true)
    say(`In build/release:\n${files.map(name => `  ${name}`).join('\n')}`)
    return 0
  })
