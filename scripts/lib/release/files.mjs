// What the makers of packages share: the lock file, folders that are laid out, packages that are fetched.
import { createHash } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { ask, Failure, root, run } from '../run.mjs'

export const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** The packages of the lock file, by their place ('node_modules/koffi'). */
export const locked = () => JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages

/** Runs a program whose output nothing of this machine or its owner's language may change. Throws a Failure. */
export const must = (program, args, env = {}) => {
  if (run(program, args, { LC_ALL: 'C', TZ: 'UTC', ...env }) !== 0)
    throw new Failure(`${program} ${args.join(' ')} failed`)
}

export const write = (path, text) => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

export const writeJson = (path, value) => write(path, `${JSON.stringify(value, undefined, 2)}\n`)

/** Copies a file or a folder; `keep` says of each path inside whether it comes along. */
export const copy = (from, to, keep = () => true) => {
  if (!existsSync(from)) throw new Failure(`${relative(root, from)} is not there: npm run build`)
  mkdirSync(dirname(to), { recursive: true })
  cpSync(from, to, { recursive: true, filter: path => keep(relative(from, path)) })
}

/** Every file of a folder, by its path inside, in an order that no file system changes. */
export const filesBelow = folder =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => relative(folder, join(entry.parentPath ?? entry.path, entry.name)))
    .sort()

/** Modes as a checkout with the usual umask has them, whatever the umask was here. */
export const normalizeModes = folder => {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name)
    const isProgram = entry.isDirectory() || (statSync(path).mode & 0o100) !== 0
    chmodSync(path, isProgram ? 0o755 : 0o644)
  }
  chmodSync(folder, 0o755)
}

/**
 * A package of the lock file, where npm has put it, or else, as it is one for another processor, fetched below `store` and
 * compared with the lock file's digest. Returns its folder. Throws a Failure.
 */
export const packageFolder = (name, store) => {
  const here = join(root, 'node_modules', name)
  if (existsSync(join(here, 'package.json'))) return here
  const { version, integrity } = locked()[`node_modules/${name}`] ?? {}
  if (version === undefined) throw new Failure(`package-lock.json does not know ${name}`)
  const folder = join(store, `${name.replace('/', '+')}@${version}`)
  if (existsSync(join(folder, 'package.json'))) return folder
  mkdirSync(folder, { recursive: true })
  const { ok, output } = ask('npm', ['pack', '--silent', '--pack-destination', store, `${name}@${version}`])
  if (!ok) throw new Failure(`Cannot get ${name}@${version}:\n${output}`)
  const file = join(store, basename(output.split('\n').at(-1)))
  const digest = `sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}`
  if (digest !== integrity)
    throw new Failure(`${name}@${version} is not what package-lock.json says: ${digest}`)
  must('tar', ['-xzf', file, '-C', folder, '--strip-components=1'])
  return folder
}
