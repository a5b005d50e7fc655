// Firewalls of others for the tests: unpacked into a folder of the checkout, and never installed on the machine.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ask, Failure, root, run, say } from './run.mjs'

/**
 * To install one of these would start its service, and with it a firewall, on the machine of whoever runs the tests. So
 * their files, and those of all they depend on that is not installed, are fetched and unpacked beside the sources; a
 * sandbox lays them over its own /usr and /etc (test/support/firewalls.ts). That takes no privilege.
 */
const packages = ['ufw', 'firewalld', 'docker.io']

const folder = join(root, 'build/second-opinions')
const stamp = join(folder, 'unpacked')
/** Changes whenever what must be in the folder does, so that it is made anew. */
const wanted = `1 ${process.arch} ${packages.join(' ')}\n`

/** apt's own lists and archives are left alone: these go to the folder, and nothing needs a lock or another user. */
const settings = [
  ['Dir::State::lists', join(folder, 'lists')],
  ['Dir::Cache::archives', join(folder, 'archives')],
  ['Dir::Cache::pkgcache', ''],
  ['Dir::Cache::srcpkgcache', ''],
  ['Debug::NoLocking', '1'],
  ['APT::Sandbox::User', ''],
  ['Acquire::http::Timeout', '30'],
].flatMap(([name, value]) => ['-o', `${name}=${value}`])

const apt = (...words) =>
  run('timeout', ['600', 'apt-get', '-q', ...settings, ...words], { DEBIAN_FRONTEND: 'noninteractive' }) === 0

const fetch = () =>
  apt('update') &&
  apt('install', '--download-only', '--reinstall', '--no-install-recommends', '-y', ...packages)

/**
 * dpkg-deb puts files where their package names them: /lib of an old package and /usr/lib are one folder in Debian, so
 * both end up below usr. Everyone may read what is there, as the tests run as an ordinary user too.
 */
const unpack = () => {
  const files = join(folder, 'root')
  rmSync(files, { recursive: true, force: true })
  mkdirSync(files)
  const archives = readdirSync(join(folder, 'archives')).filter(name => name.endsWith('.deb'))
  if (archives.length < packages.length) return false
  for (const name of archives)
    if (run('dpkg-deb', ['--extract', join(folder, 'archives', name), files]) !== 0) return false
  for (const name of ['bin', 'sbin', 'lib']) {
    const top = join(files, name)
    if (!existsSync(top)) continue
    cpSync(top, join(files, 'usr', name), { recursive: true, verbatimSymlinks: true })
    rmSync(top, { recursive: true })
  }
  return ask('chmod', ['-R', 'a+rX', folder]).ok
}

/**
 * Fetches the firewalls unless they are there. Returns the names of those that are missing all the same, after saying
 * why. Throws a Failure where root, for whom everything is to be there, cannot have them.
 */
export function ensureFirewalls() {
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return []
  if (!ask('apt-get', ['--version']).ok) {
    say(`There is no apt-get here: the tests with ${packages.join(', ')} cannot be run.`)
    return packages
  }
  say(`Fetching ${packages.join(', ')} into build/second-opinions, without installing them …`)
  rmSync(folder, { recursive: true, force: true })
  for (const name of ['lists/partial', 'archives/partial']) mkdirSync(join(folder, name), { recursive: true })
  const isThere = fetch() && unpack()
  for (const name of ['lists', 'archives']) rmSync(join(folder, name), { recursive: true, force: true })
  if (isThere) {
    writeFileSync(stamp, wanted)
    return []
  }
  const words = `${packages.join(', ')} could not be fetched: see the messages above.`
  if (process.getuid() === 0) throw new Failure(words)
  say(words)
  return packages
}
