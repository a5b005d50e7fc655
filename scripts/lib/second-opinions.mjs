// Programs of others for the tests: unpacked into folders of the checkout, and never installed on the machine.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ask, Failure, root, run, say } from './run.mjs'

/**
 * To install a firewall would start its service, and with it a firewall, on the machine of whoever runs the tests; so
 * would a container runtime; and Wireshark's libraries are many. So their files, and those of all they depend on that is
 * not installed, are fetched and unpacked beside the sources. A sandbox lays the firewalls and the container runtimes over
 * its own /usr and /etc (test/support/firewalls.ts, containers.ts);
 * tshark and systemd-analyze run from where they are (test/support/wireshark.ts, systemd.ts). That takes no privilege.
 */
const opinions = [
  { name: 'firewalls', packages: ['ufw', 'firewalld', 'docker.io'] },
  { name: 'wireshark', packages: ['tshark', 'wireshark-common', 'libwireshark-data'] },
  { name: 'systemd', packages: ['systemd'] },
  {
    name: 'containers',
    packages: [
      ...['containerd', 'runc', 'containernetworking-plugins'],
      ...['podman', 'conmon', 'crun', 'golang-github-containers-common', 'catatonit'],
    ],
  },
]

const folder = join(root, 'build/second-opinions')
const scratch = ['lists', 'archives']
const folderOf = ({ name }) => join(folder, name)
const stampOf = opinion => join(folderOf(opinion), 'unpacked')
/** Changes whenever what must be in the folder does, so that it is made anew. */
const wantedOf = ({ packages }) => `1 ${process.arch} ${packages.join(' ')}\n`

const isUnpacked = opinion =>
  existsSync(stampOf(opinion)) && readFileSync(stampOf(opinion), 'utf8') === wantedOf(opinion)

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

const removeScratch = () => {
  for (const name of scratch) rmSync(join(folder, name), { recursive: true, force: true })
}

const fetch = ({ packages }) => {
  rmSync(join(folder, 'archives'), { recursive: true, force: true })
  mkdirSync(join(folder, 'archives/partial'), { recursive: true })
  return apt('install', '--download-only', '--reinstall', '--no-install-recommends', '-y', ...packages)
}

/**
 * dpkg-deb puts files where their package names them: /lib of an old package and /usr/lib are one folder in Debian, so
 * both end up below usr. Everyone may read what is there, as the tests run as an ordinary user too.
 */
const unpack = opinion => {
  const files = join(folderOf(opinion), 'root')
  rmSync(folderOf(opinion), { recursive: true, force: true })
  mkdirSync(files, { recursive: true })
  const archives = readdirSync(join(folder, 'archives')).filter(name => name.endsWith('.deb'))
  if (archives.length < opinion.packages.length) return false
  for (const name of archives)
    if (run('dpkg-deb', ['--extract', join(folder, 'archives', name), files]) !== 0) return false
  for (const name of ['bin', 'sbin', 'lib']) {
    const top = join(files, name)
    if (!existsSync(top)) continue
    cpSync(top, join(files, 'usr', name), { recursive: true, verbatimSymlinks: true })
    rmSync(top, { recursive: true })
  }
  if (!ask('chmod', ['-R', 'a+rX', folderOf(opinion)]).ok) return false
  writeFileSync(stampOf(opinion), wantedOf(opinion))
  return true
}

/**
 * Fetches what is not there, all of it or what is named. Returns the names of the packages that are missing all the same,
 * after saying why. Throws a Failure where root, for whom everything is to be there, cannot have them.
 */
export function ensureSecondOpinions(only = opinions.map(({ name }) => name)) {
  const needed = opinions.filter(opinion => only.includes(opinion.name) && !isUnpacked(opinion))
  if (needed.length === 0) return []
  const names = list => list.flatMap(({ packages }) => packages)
  if (!ask('apt-get', ['--version']).ok) {
    say(`There is no apt-get here: the tests with ${names(needed).join(', ')} cannot be run.`)
    return names(needed)
  }
  say(`Fetching ${names(needed).join(', ')} into build/second-opinions, without installing them …`)
  removeScratch()
  mkdirSync(join(folder, 'lists/partial'), { recursive: true })
  const missing = apt('update') ? needed.filter(opinion => !(fetch(opinion) && unpack(opinion))) : needed
  removeScratch()
  if (missing.length === 0) return []
  const words = `${names(missing).join(', ')} could not be fetched: see the messages above.`
  if (process.getuid() === 0) throw new Failure(words)
  say(words)
  return names(missing)
}
