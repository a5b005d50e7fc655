// `npm run setup`: the packages of package-lock.json, exactly, and nothing when they are there already.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bunPath } from './lib/bun-path.mjs'
import { Failure, isMain, main, root, run, say } from './lib/run.mjs'

const stamp = join(root, 'node_modules/.natspace-setup')

/** What node_modules depends on: the lock file, and the processor that the binary packages are for. */
const wanted = () =>
  createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .update(process.arch)
    .digest('hex')

/** Installs the npm packages if they are missing or not those of the lock file. Throws a Failure if that fails. */
export function setup() {
  if (process.platform !== 'linux') throw new Failure(`natspace is for Linux; this is ${process.platform}.`)
  if (Number(process.versions.node.split('.')[0]) < 20)
    throw new Failure(`natspace needs Node 20 or newer; this is ${process.version}.`)
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted()) return
  say('Installing the npm packages of package-lock.json …')
  // --include=dev, because NODE_ENV=production would leave out the compiler.
  const status = run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund'])
  if (status !== 0) throw new Failure(`npm ci failed with status ${status}: see its messages above.`)
  bunPath()
  writeFileSync(stamp, wanted())
}

if (isMain(import.meta.url))
  main(() => {
    setup()
    say(`Ready: ${bunPath()}`)
  })
