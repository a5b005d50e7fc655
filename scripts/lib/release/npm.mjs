// The packages of npm: natspace, which is the library and the way to the executable, and one executable for each processor.
import { chmodSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ask, Failure, root } from '../run.mjs'
import { copy, manifest, normalizeModes, packageFolder, write, writeJson } from './files.mjs'

export const platformName = name => `natspace-linux-${name}`

const nativeName = name => `@koromix/koffi-linux-${name}`

/** What koffi is built from, and its own documentation, are of no use to who only loads it. */
const useless = /^(doc|lib|vendor|cnoke\.cjs|CHANGELOG\.md)(\/|$)|^src\/.*\.(cc|hh|inc|asm|S|txt)$|\/abi$/

/** Pictures are for readers of the repository, and many times as large as the words. */
const isPicture = path => path === 'images'

/** Makes FOLDER into a .tgz in OUT, which is there, and returns its path. Throws a Failure. */
const pack = (folder, out) => {
  normalizeModes(folder)
  const { ok, output } = ask('npm', [
    ...['pack', '--silent', '--ignore-scripts', '--offline'],
    ...['--pack-destination', out, folder],
  ])
  if (!ok) throw new Failure(`npm pack failed:\n${output}`)
  return join(out, output.split('\n').at(-1))
}

/**
 * koffi, with what it loads on these processors: both lie in the package side by side. Its script that would compile
 * where that is missing stays out.
 */
const bundleKoffi = (modules, processors, store) => {
  const koffi = join(root, 'node_modules/koffi')
  copy(koffi, join(modules, 'koffi'), path => !useless.test(path))
  const { scripts, optionalDependencies, cnoke, ...kept } = JSON.parse(
    readFileSync(join(koffi, 'package.json'), 'utf8'),
  )
  const natives = processors.map(nativeName)
  const own = Object.fromEntries(natives.map(name => [name, optionalDependencies[name]]))
  writeJson(join(modules, 'koffi/package.json'), { ...kept, optionalDependencies: own })
  for (const name of natives) copy(packageFolder(name, store), join(modules, name))
}

/** What package.json says in the package: what it needs is in it, and the executables are packages beside it. */
export const packedManifest = processors => {
  const { scripts, devDependencies, allowScripts, ...kept } = manifest
  return {
    ...kept,
    bundleDependencies: Object.keys(manifest.dependencies),
    optionalDependencies: Object.fromEntries(processors.map(name => [platformName(name), manifest.version])),
  }
}

/**
 * Lays out the main package in FOLDER, packs it into OUT, and returns the path of the .tgz. What it needs at run time is in
 * it, so that it can be installed from this file alone; `processors`: those that the library shall run on; `store`: where
 * packages are fetched to. Throws a Failure.
 */
export const makeMainPackage = ({ folder, out, processors, store }) => {
  for (const name of ['bin', 'dist/lib', 'LICENSE', 'README.md', 'CHANGELOG.md'])
    copy(join(root, name), join(folder, name))
  copy(join(root, 'docs'), join(folder, 'docs'), path => !isPicture(path))
  const libraries = Object.keys(manifest.dependencies)
  writeJson(join(folder, 'package.json'), packedManifest(processors))
  const modules = join(folder, 'node_modules')
  for (const name of libraries.filter(name => name !== 'koffi'))
    copy(join(root, 'node_modules', name), join(modules, name))
  bundleKoffi(modules, processors, store)
  return pack(folder, out)
}

/** Lays out the package of one processor's executable in FOLDER. */
export const layPlatformPackage = ({ name, executable, folder, notices }) => {
  const file = join(folder, 'bin/natspace')
  copy(executable, file)
  chmodSync(file, 0o755)
  copy(join(root, 'LICENSE'), join(folder, 'LICENSE'))
  if (notices !== undefined) write(join(folder, 'third-party-licenses.txt'), notices)
  write(
    join(folder, 'README.md'),
    `# ${platformName(name)}\n\nThe executable of natspace for Linux on ${name}. Install natspace, which takes it along.\n`,
  )
  writeJson(join(folder, 'package.json'), {
    name: platformName(name),
    version: manifest.version,
    description: `The executable of natspace for Linux on ${name}`,
    license: manifest.license,
    os: ['linux'],
    cpu: [name],
    files: ['bin', 'third-party-licenses.txt'],
    type: 'module',
    preferUnplugged: true,
  })
}

/** As layPlatformPackage, packed into OUT. Returns the path of the .tgz. Throws a Failure. */
export const makePlatformPackage = ({ out, ...rest }) => {
  layPlatformPackage(rest)
  return pack(rest.folder, out)
}
