// `node scripts/release.mjs [--only x64|arm64] [--npm]`: everything that is given to users, in build/release, with its checksums.
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { build, compileCommand } from './build.mjs'
import { bunPath } from './lib/bun-path.mjs'
import { ask, Failure, isMain, main, root, run, say } from './lib/run.mjs'
import { setup } from './setup.mjs'

/**
 * Theory of operation. The same commit gives the same bytes: every time in an archive is that of the commit, names are
 * sorted, owners are numbers, and nothing of this machine is taken in. The executable of another processor is made
 * here too, as the compiler only puts our code behind the runtime of that processor, which it gets from npm.
 */

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const { version } = manifest
const out = join(root, 'build/release')
const work = join(root, 'build/release-work')

const processors = {
  x64: { debian: 'amd64', target: 'bun-linux-x64' },
  arm64: { debian: 'arm64', target: 'bun-linux-arm64' },
}

/** Seconds since 1970 of the commit, or of SOURCE_DATE_EPOCH where that is given. */
const sourceTime = () => {
  const given = process.env.SOURCE_DATE_EPOCH ?? ask('git', ['log', '-1', '--format=%ct']).output
  if (!/^\d+$/.test(given)) throw new Failure('There is no git here: give SOURCE_DATE_EPOCH')
  return Number(given)
}

const must = (program, args, env = {}) => {
  if (run(program, args, { LC_ALL: 'C', TZ: 'UTC', ...env }) !== 0)
    throw new Failure(`${program} ${args.join(' ')} failed`)
}

const write = (path, text) => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

const copy = (from, to) => {
  mkdirSync(dirname(to), { recursive: true })
  cpSync(from, to, { recursive: true })
}

/** Files that users of any package get: manual, completions, units, texts. */
const makeShared = (time, folder) => {
  const date = new Date(time * 1000).toISOString().slice(0, 10)
  must(bunPath(), [join(root, 'scripts/release-files.ts'), folder, date])
}

const executable = name => join(work, `natspace-${name}`)

const compile = name => {
  say(`Compiling for ${name} …`)
  const { target } = processors[name]
  if (compileCommand({ target, out: executable(name) }) !== 0) throw new Failure(`No executable for ${name}`)
  chmodSync(executable(name), 0o755)
}

const archive = (time, folder, names, file) =>
  must('tar', [
    ...['--create', `--file=${file}`, '--use-compress-program=gzip -n', '--sort=name', '--format=ustar'],
    ...[`--mtime=@${time}`, '--owner=0', '--group=0', '--numeric-owner', '--mode=u+rw,go+r-w'],
    ...['-C', folder, ...names],
  ])

const makeTarball = (time, name, shared) => {
  const title = `natspace-${version}-linux-${name}`
  const folder = join(work, 'tarball', title)
  copy(executable(name), join(folder, 'bin/natspace'))
  copy(shared, folder)
  for (const file of ['LICENSE', 'README.md', 'CHANGELOG.md']) copy(join(root, file), join(folder, file))
  archive(time, dirname(folder), [title], join(out, `${title}.tar.gz`))
}

const controlOf = (debian, size) => `Package: natspace
Version: ${version}
Architecture: ${debian}
Maintainer: natspace <natspace@localhost>
Installed-Size: ${Math.ceil(size / 1024)}
Depends: libc6
Recommends: util-linux
Section: net
Priority: optional
Description: connect network namespaces to the outside through NAT
 One command connects a Linux network namespace to the outside through NAT;
 others show it, say why a packet did not arrive, and undo it without a
 trace. It is a CNI plugin, too.
`

const sizeOf = folder =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .reduce((sum, entry) => sum + readFileSync(join(entry.parentPath, entry.name)).length, 0)

const makeDeb = (time, name, shared) => {
  const { debian } = processors[name]
  const folder = join(work, `deb-${name}`)
  copy(executable(name), join(folder, 'usr/bin/natspace'))
  copy(shared, join(folder, 'usr'))
  const manual = join(folder, 'usr/share/man/man1')
  for (const file of readdirSync(manual)) must('gzip', ['-n', '-9', join(manual, file)])
  copy(join(root, 'LICENSE'), join(folder, 'usr/share/doc/natspace/copyright'))
  copy(join(root, 'README.md'), join(folder, 'usr/share/doc/natspace/README.md'))
  copy(join(root, 'CHANGELOG.md'), join(folder, 'usr/share/doc/natspace/changelog'))
  must('gzip', ['-n', '-9', join(folder, 'usr/share/doc/natspace/changelog')])
  write(join(folder, 'DEBIAN/control'), controlOf(debian, sizeOf(folder)))
  must('chmod', ['-R', 'u+rwX,go+rX,go-w', folder])
  const file = join(out, `natspace_${version}_${debian}.deb`)
  must('dpkg-deb', ['--root-owner-group', '-Zgzip', '--build', folder, file], {
    SOURCE_DATE_EPOCH: `${time}`,
  })
}

/** What one processor has, as a package of npm of its own. */
const makePlatformPackage = name => {
  const folder = join(work, `npm-${name}`)
  copy(executable(name), join(folder, 'bin/natspace'))
  copy(join(root, 'LICENSE'), join(folder, 'LICENSE'))
  const own = {
    name: `natspace-linux-${name}`,
    version,
    description: `The executable of natspace for Linux on ${name}`,
    license: manifest.license,
    os: ['linux'],
    cpu: [name],
    files: ['bin'],
  }
  write(join(folder, 'package.json'), `${JSON.stringify(own, undefined, 2)}\n`)
  write(
    join(folder, 'README.md'),
    `The executable of natspace for Linux on ${name}. Install natspace instead.\n`,
  )
  pack(folder)
}

const pack = folder => must('npm', ['pack', '--silent', '--pack-destination', out, folder])

/**
 * The library and the way to the executable. What it needs at run time is in it, for both processors, so that it can be
 * installed from this file alone.
 */
const makeMainPackage = () => {
  const folder = join(work, 'npm-main')
  for (const name of ['bin', 'dist/lib', 'docs', 'LICENSE', 'README.md', 'CHANGELOG.md'])
    copy(join(root, name), join(folder, name))
  const { scripts, devDependencies, allowScripts, private: isPrivate, ...kept } = manifest
  const libraries = Object.keys(manifest.dependencies)
  const own = {
    ...kept,
    files: ['bin', 'dist/lib', 'docs', 'CHANGELOG.md'],
    bundleDependencies: libraries,
    optionalDependencies: Object.fromEntries(
      Object.keys(processors).map(name => [`natspace-linux-${name}`, version]),
    ),
  }
  write(join(folder, 'package.json'), `${JSON.stringify(own, undefined, 2)}\n`)
  for (const name of libraries) copy(join(root, 'node_modules', name), join(folder, 'node_modules', name))
  bundleKoffi(folder)
  pack(folder)
}

/** koffi has what it loads in a package for each processor; they are laid into it, where it looks as well. */
const bundleKoffi = folder => {
  const koffi = join(folder, 'node_modules/koffi')
  const path = join(koffi, 'package.json')
  const { optionalDependencies, ...own } = JSON.parse(readFileSync(path, 'utf8'))
  for (const name of Object.keys(processors)) {
    const part = `@koromix/koffi-linux-${name}`
    const range = optionalDependencies[part]
    const there = join(root, 'node_modules', part)
    const target = join(koffi, 'node_modules', part)
    if (existsSync(there)) copy(there, target)
    else fetchPackage(`${part}@${range}`, target)
  }
  const bundled = Object.keys(processors).map(name => `@koromix/koffi-linux-${name}`)
  write(
    path,
    `${JSON.stringify({ ...own, optionalDependencies: Object.fromEntries(bundled.map(part => [part, optionalDependencies[part]])) }, undefined, 2)}\n`,
  )
}

const fetchPackage = (name, target) => {
  const folder = join(work, 'fetched')
  mkdirSync(folder, { recursive: true })
  const { ok, output } = ask('npm', ['pack', '--silent', '--pack-destination', folder, name])
  if (!ok) throw new Failure(`Cannot get ${name}:\n${output}`)
  mkdirSync(target, { recursive: true })
  must('tar', ['-xzf', join(folder, output.split('\n').at(-1)), '-C', target, '--strip-components=1'])
}

/** What is inside, as CycloneDX: our packages of npm, and the runtime. */
const writeBill = time => {
  const { ok, output } = ask('npm', [
    ...['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only', '--omit', 'dev'],
  ])
  if (!ok) throw new Failure(`npm sbom failed:\n${output}`)
  const bill = JSON.parse(output.slice(output.indexOf('{'), output.lastIndexOf('}') + 1))
  delete bill.serialNumber
  bill.metadata.timestamp = new Date(time * 1000).toISOString()
  const bun = JSON.parse(readFileSync(join(root, 'node_modules/bun/package.json'), 'utf8'))
  bill.components.push({
    'bom-ref': `bun@${bun.version}`,
    type: 'framework',
    name: 'bun',
    version: bun.version,
    purl: `pkg:npm/bun@${bun.version}`,
    licenses: [{ license: { id: 'MIT' } }],
  })
  writeFileSync(join(out, `natspace-${version}.cdx.json`), `${JSON.stringify(bill, undefined, 2)}\n`)
}

const writeChecksums = () => {
  const names = readdirSync(out)
    .filter(name => name !== 'SHA256SUMS')
    .sort()
  const lines = names.map(
    name =>
      `${createHash('sha256')
        .update(readFileSync(join(out, name)))
        .digest('hex')}  ${name}\n`,
  )
  writeFileSync(join(out, 'SHA256SUMS'), lines.join(''))
  return names
}

/** Makes it all; `names`: processors; `npmOnly`: packages of npm alone. Throws a Failure. */
export const release = ({ names = Object.keys(processors), npmOnly = false } = {}) => {
  const time = sourceTime()
  for (const folder of [out, work]) rmSync(folder, { recursive: true, force: true })
  for (const folder of [out, work]) mkdirSync(folder, { recursive: true })
  makeMainPackage()
  const shared = join(work, 'shared')
  if (!npmOnly) makeShared(time, shared)
  for (const name of names) {
    // The build has just made the one for this machine.
    if (name === process.arch) copyFileSync(join(root, 'dist/natspace'), executable(name))
    else compile(name)
    makePlatformPackage(name)
    if (npmOnly) continue
    makeTarball(time, name, shared)
    makeDeb(time, name, shared)
  }
  writeBill(time)
  return writeChecksums()
}

if (isMain(import.meta.url))
  main(() => {
    const words = process.argv.slice(2)
    const only = words.includes('--only') ? words[words.indexOf('--only') + 1] : undefined
    if (only !== undefined && !Object.hasOwn(processors, only))
      throw new Failure(`There is no processor ${only}`)
    setup()
    build()
    const names = release({
      ...(only === undefined ? {} : { names: [only] }),
      npmOnly: words.includes('--npm'),
    })
    say(`In build/release: ${names.join(', ')}`)
  })
