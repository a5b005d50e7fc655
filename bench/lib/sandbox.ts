/**
 * Theory of operation. Everything that is timed happens in network, mount, process and control group namespaces of the
 * harness's own, with its own /run: nothing of the machine is touched, and no packet leaves. Each section has a sandbox to
 * itself, so that what one leaves, or breaks, is no matter to the next: the harness starts itself again inside, by
 * `unshare`, and is told the report on standard output. Inside it is host1 of the reference experiment: eth0 is a veth whose
 * other end is in the namespace `outside`, which plays the router 192.168.1.1 (docs/topology.svg). When the section ends, in
 * whatever way, the first process of its process namespace does, and the kernel ends all that it has started.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { ask, BenchFailure, environment, findProgram } from './process.ts'

const mark = 'natspace-bench'

// The shell stays, as the first process of the namespace, so that there is somebody to reap what the others abandon.
const enter = `mount -t tmpfs -o mode=755 ${mark} /run && mkdir -m 1777 /run/home /run/tmp && ip link set lo up || exit 1
"$@"
exit $?`

/** Whether this process is inside already: a fact of its mounts, not a promise of its environment. */
export const isInside = (): boolean =>
  readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .some(line => line.startsWith(`${mark} /run tmpfs `))

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Starts this very program again inside a fresh sandbox, with these arguments, and returns what it printed on its standard
 * output. Throws a BenchFailure where that fails, or takes longer than so many seconds.
 */
export async function runInside(seconds: number, ...words: readonly string[]): Promise<string> {
  for (const [program, from] of [
    ['unshare', 'util-linux'],
    ['ip', 'iproute2'],
    ['nft', 'nftables'],
  ] as const)
    if (findProgram(program) === undefined)
      throw new BenchFailure(`The sandbox needs ${program}: sudo apt-get install -y ${from}`)
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']
  const kinds = ['--net', '--mount', '--pid', '--cgroup', '--fork', '--kill-child', '--mount-proc']
  const isolate = ['unshare', ...user, ...kinds, '--propagation', 'private', 'sh', '-c', enter, 'sandbox']
  const [, main = ''] = process.argv
  const child = Bun.spawn([...isolate, process.execPath, main, ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, PATH: environment.PATH },
  })
  // Whoever ends the harness ends the sandbox: unshare hands no signal on, but it takes its child with it.
  const end = () => child.kill('SIGKILL')
  const interrupted = (signal: NodeJS.Signals) => {
    end()
    process.off(signal, interrupted)
    process.kill(process.pid, signal)
  }
  for (const signal of signals) process.on(signal, interrupted)
  let late = false
  const timer = setTimeout(() => {
    late = true
    end()
  }, seconds * 1000)
  try {
    const output = await new Response(child.stdout).text()
    const exitCode = await child.exited
    if (late) throw new BenchFailure(`It was ended, as it ran for more than ${seconds} s`)
    if (exitCode !== 0) throw new BenchFailure(`It ended with status ${exitCode}: see the message above`)
    return output
  } finally {
    clearTimeout(timer)
    for (const signal of signals) process.off(signal, interrupted)
  }
}

/** Gives host1 its uplink, as in the reference experiment. Refuses where there is any interface but lo. */
export function makeHost1(): void {
  const links = ask('ip', '-o', 'link').split('\n')
  if (links.length !== 1)
    throw new BenchFailure(`This is no fresh sandbox: it has ${links.length} interfaces`)
  const setUp = `set -e
    ip netns add outside
    ip link add eth0 type veth peer name eth0 netns outside
    ip address add 192.168.1.32/24 dev eth0
    ip link set eth0 up
    ip -n outside address add 192.168.1.1/24 dev eth0
    ip -n outside link set eth0 up
    ip route add default via 192.168.1.1`
  ask('sh', '-c', setUp)
  restore()
}

const settings = {
  'net.ipv4.ip_forward': '0',
  'net.ipv4.conf.all.route_localnet': '0',
  'net.ipv6.conf.all.forwarding': '0',
}

const settingFile = (name: string): string => `/proc/sys/${name.replaceAll('.', '/')}`

/**
 * Every run begins as the first space of a machine does: no rules, nothing forwarded. Most tools leave some of their
 * chains and settings behind, which would slow down or speed up the next one.
 */
export function restore(): void {
  ask('nft', 'flush', 'ruleset')
  for (const [name, value] of Object.entries(settings)) writeFileSync(settingFile(name), value)
}

/** What can be seen of the sandbox, as `kind: text`. Two snapshots of the same state are equal. */
export function snapshot(): string[] {
  const lines = (kind: string, text: string) =>
    text
      .split('\n')
      .filter(line => /[^\s}]/.test(line))
      .map(line => `${kind}: ${line.trimEnd()}`)
  return [
    ...lines('interface', ask('ip', '-br', 'link')),
    ...lines('address', ask('ip', '-br', '-4', 'address')),
    ...lines('route', ask('ip', '-4', 'route', 'show', 'table', 'all')),
    ...lines('line of the ruleset', ask('nft', '-s', 'list', 'ruleset')),
    ...lines('file', ask('find', '/run', '-mindepth', '1', '-not', '-path', '/run/tmp/*')),
    ...Object.keys(settings).map(
      name => `setting: ${name}=${readFileSync(settingFile(name), 'utf8').trim()}`,
    ),
  ]
}
