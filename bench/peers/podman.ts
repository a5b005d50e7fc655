/**
 * Podman with each of the networks that it can have, and natspace without a runtime. Podman is the one that the tests unpack:
 * its files are laid over /usr in the sandbox, and nothing is installed (test/support/container-stage.ts).
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { podman, runtimesFolder, server, stage } from '../../test/support/container-stage.ts'
import { ask, BenchFailure, type Command, findProgram, timed, timedAll } from '../lib/process.ts'
import { missingCommand, missingPrograms } from './contender.ts'
import { articleSpace } from './natspace.ts'

const home = '/run/tmp/containers'

/** Someone who has a program run in a network of its own, with port 8080 of the host published; times in milliseconds. */
export type Runner = {
  readonly name: string
  readonly what: string
  readonly missing: () => string | undefined
  /** Until the program has been started. */
  readonly start: () => number
  /** Until the program and its network are gone. */
  readonly stop: () => number
  /** Nobody can reach the program: there is nothing to be proved. */
  readonly isAlone?: true
}

const prepare = `
set -e
home=${home}
natspace() { "$NATSPACE" "$@"; }
${stage}
${podman}
podman_start
podman_settings podman cni $home/cni.networks >$home/cni.conf
podman_settings podman netavark $home/netavark.networks >$home/netavark.conf
cp /etc/containers/containers.conf $home/natspace.conf
mkdir $home/cni.networks $home/netavark.networks`

/** Brings Podman into this sandbox; once. Throws a BenchFailure where that fails. */
export const preparePodman = (program: string): void =>
  void timed({ run: ['sh', '-c', prepare], environment: { NATSPACE: program } })

const call = (settings: string, ...words: readonly string[]): Command => ({
  run: [
    '/usr/bin/podman',
    ...['root', 'runroot', 'tmpdir'].map(kind => `--${kind}=${home}/podman-${settings}/${kind}`),
    '--storage-driver=vfs',
    ...words,
  ],
  environment: { CONTAINERS_CONF: `${home}/${settings}.conf` },
})

const missingPodman = (): string | undefined =>
  process.getuid?.() !== 0 || !isRealRoot()
    ? 'it has to be run as root'
    : !existsSync(join(runtimesFolder, 'unpacked'))
      ? 'the container runtimes are not there: `npm test` fetches them into build/second-opinions'
      : missingPrograms('busybox-static', ['busybox'])

/** Root of a user namespace may not do what these programs want to. */
const isRealRoot = (): boolean => /^\s*0\s+0\s+4294967295\s*$/.test(ask('cat', '/proc/self/uid_map'))

/** `settings`: which of the prepared ones; `network`: options of `podman run`. */
const podmanWith = (
  name: string,
  what: string,
  settings: string,
  network: readonly string[],
  missing: () => string | undefined = () => undefined,
): Runner => ({
  name,
  what,
  missing: () => missingPodman() ?? missing(),
  start: () =>
    timed(
      call(
        settings,
        ...['run', '--detach', '--name=web', '--hostname=web', '--tmpfs=/dev/pts', ...network],
        ...['--rootfs', `${home}/files`, '/bin/sh', '-c', server],
      ),
    ).milliseconds,
  stop: () => timed(call(settings, 'rm', '--force', '--time=0', 'web')).milliseconds,
})

const publish = ['--publish=8080:80']
const netavarkFolders = ['/usr/lib/podman', '/usr/libexec/podman']

/** All of them; Podman without a network comes first, as what the others add is taken from it. */
export const runners = (program: string): Runner[] => [
  { ...podmanWith('none', 'podman run --network none', 'cni', ['--network=none']), isAlone: true },
  podmanWith('natspace', 'podman run, natspace as its CNI plugin', 'natspace', publish),
  podmanWith('cni', 'podman run, CNI bridge + portmap + firewall + tuning', 'cni', publish),
  podmanWith('netavark', 'podman run, netavark', 'netavark', publish, () =>
    missingPrograms('netavark', ['netavark'], netavarkFolders),
  ),
  {
    name: 'alone',
    what: 'natspace up and natspace exec busybox true',
    missing: () => missingCommand(program) ?? missingPodman(),
    start: () =>
      timedAll(
        { run: [program, 'up', 'myspace', ...articleSpace] },
        { run: [program, 'exec', 'myspace', 'busybox', 'true'] },
      ),
    stop: () => timed({ run: [program, 'down', 'myspace'] }).milliseconds,
    isAlone: true,
  },
]

/** Asks at the published port from outside until somebody answers. Throws a BenchFailure when nobody does in 5 seconds. */
export function proveAnswered({ what }: Runner): void {
  const end = performance.now() + 5000
  while (performance.now() < end) {
    const asked = 'ip netns exec outside busybox nc -w 1 192.168.1.32 8080 </dev/null || true'
    if (ask('sh', '-c', asked) === 'web') return
    Bun.sleepSync(50)
  }
  throw new BenchFailure(`${what}: the published port 8080 does not answer`)
}

/** The bridges that Podman's own networks leave. */
export const removeBridges = (): void =>
  void ask('sh', '-c', 'for name in podman0 cni-podman0; do ip link delete $name 2>/dev/null || true; done')

/** The version of Podman and of its OCI runtime. */
export const podmanVersions = (): Record<string, string> => ({
  podman: ask('/usr/bin/podman', '--version').replace('podman version ', ''),
  crun:
    /crun version (\S+)/.exec(ask(findProgram('crun') ?? 'crun', '--version'))?.[1] ?? 'of unknown version',
})
