import { existsSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { ask, Failure, path, run, say } from './run.mjs'

/**
 * Debian packages that serve as second opinions. natspace itself runs none of these programs, but for `unshare`,
 * which starts the rootless lab. `programs` are those that must be there, by name or by path.
 */
const packages = [
  {
    name: 'util-linux',
    programs: ['unshare', 'nsenter', 'setpriv'],
    for: 'test',
    why: 'the sandbox of the kernel tests',
  },
  {
    name: 'iproute2',
    programs: ['ip', 'ss'],
    for: 'test',
    why: 'links, addresses and routes as the field reads them',
  },
  {
    name: 'nftables',
    programs: ['nft'],
    for: 'test',
    why: 'reads our rules, and is fed the text that we print',
  },
  {
    name: 'iptables',
    programs: ['iptables'],
    for: 'test',
    why: "the reference experiment's own rules; a foreign firewall",
  },
  { name: 'conntrack', programs: ['conntrack'], for: 'test', why: 'the table of connections' },
  { name: 'tcpdump', programs: ['tcpdump'], for: 'test', why: 'captures, and reads the files that we write' },
  { name: 'iputils-ping', programs: ['ping'], for: 'test', why: 'echo requests with an identifier' },
  { name: 'netcat-openbsd', programs: ['nc'], for: 'test', why: 'TCP and UDP clients and servers' },
  {
    name: 'strace',
    programs: ['strace'],
    for: 'test',
    why: 'proves that nothing is written when nothing has to be',
  },
  {
    name: 'busybox-static',
    programs: ['busybox'],
    for: 'test',
    why: 'all that is in a container of the tests with container runtimes',
  },
  { name: 'groff-base', programs: ['groff'], for: 'test', why: 'reads the manual pages' },
  { name: 'procps', programs: ['sysctl', 'ps'], for: 'test', why: 'kernel settings and processes' },
  { name: 'openssl', programs: ['openssl'], for: 'test', why: 'a certificate, for the page over TLS' },
  { name: 'chromium', programs: ['chromium'], for: 'test', why: 'the page as a browser shows it' },
  {
    name: 'fonts-wqy-zenhei',
    programs: ['/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc'],
    for: 'test',
    why: 'the page in Chinese, with letters instead of boxes',
  },
  {
    name: 'netavark',
    programs: ['/usr/lib/podman/netavark'],
    for: 'bench',
    why: "podman's network tool, to be timed against",
  },
  {
    name: 'containernetworking-plugins',
    programs: ['ptp', 'host-local', 'static', 'firewall', 'portmap', 'bandwidth', 'tuning'].map(
      name => `/usr/lib/cni/${name}`,
    ),
    for: 'test',
    why: 'the CNI plugins, to be compared with and timed against',
  },
  { name: 'gcc', programs: ['gcc'], for: 'bench', why: 'compiles the floor: the system calls alone' },
  {
    name: 'libc6-dev',
    programs: ['/usr/include/stdio.h'],
    for: 'bench',
    why: 'the headers of libc and of the kernel, for the floor',
  },
]

/** The packages for 'test' or 'bench'; a benchmark needs those of the tests too. */
export const packagesFor = purpose => packages.filter(entry => entry.for === 'test' || entry.for === purpose)

const hasProgram = program =>
  isAbsolute(program)
    ? existsSync(program)
    : path.split(':').some(folder => existsSync(join(folder, program)))

const missingOf = list => list.filter(entry => !entry.programs.every(hasProgram))

/**
 * Installs what is missing of these packages when we are root; else says how to, and goes on without.
 * Returns the packages still missing. Throws a Failure when root's apt-get fails.
 */
export function ensurePackages(list) {
  const missing = missingOf(list)
  if (missing.length === 0) return []
  const names = missing.map(entry => entry.name)
  for (const { name, programs, why } of missing) say(`Missing: ${name} (${programs.join(', ')}): ${why}`)
  const install = ['apt-get', 'install', '-y', '--no-install-recommends', ...names]
  if (!ask('apt-get', ['--version']).ok) {
    say('There is no apt-get here: install these programs as your distribution has them.')
    return missing
  }
  if (process.getuid() !== 0) {
    say(`To install them:  sudo apt-get update && sudo ${install.join(' ')}\n`)
    return missing
  }
  const settings = { DEBIAN_FRONTEND: 'noninteractive' }
  // Another apt may be at work, as it is on a machine that has just started.
  const patience = ['-o', 'DPkg::Lock::Timeout=120']
  const [program, ...rest] = install
  if (run(program, [...patience, 'update'], settings) !== 0)
    say('apt-get update failed: trying with the lists there are.')
  if (run(program, [...patience, ...rest], settings) !== 0)
    throw new Failure(`apt-get could not install ${names.join(' ')}: see its messages above.`)
  const still = missingOf(missing)
  if (still.length > 0)
    throw new Failure(`Installed, but still missing: ${still.map(entry => entry.name).join(' ')}`)
  return []
}
