import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Whole hosts for tests: every call makes a sandbox of its own (network and mount namespaces, an empty /run) in which
 * `eth0` leads to `host2` and nowhere else, runs a shell script in it, and lets everything vanish with the script.
 */

const executable = join(import.meta.dirname, '../../dist/natspace')

/** The article's host1 and host2; the router 192.168.1.1 is only a route. */
const topology = `
mount -t tmpfs tmpfs /run
ip link set lo up
# Without asking whether somebody else has an address it is there at once, and not in the middle of a comparison.
for setting in accept_dad dad_transmits; do echo 0 >/proc/sys/net/ipv6/conf/default/$setting; done 2>/dev/null || true
ip netns add host2
ip link add eth0 type veth peer name eth0 netns host2
ip address add 192.168.1.32/24 dev eth0
ip link set eth0 up
ip -n host2 link set lo up
ip -n host2 address add 192.168.1.15/24 dev eth0
ip -n host2 link set eth0 up
ip -n host2 route add default via 192.168.1.1
ip route add default via 192.168.1.1
# The kernel notices a carrier a little later; what is compared afterwards must not differ by that.
for attempt in $(seq 200); do
  ip -br link show eth0 | grep -q ' UP ' && ip -n host2 -br link show eth0 | grep -q ' UP ' &&
    { [ ! -d /proc/sys/net/ipv6 ] || ip -6 -o route show table local dev eth0 | grep -q 'fe80.* kernel'; } && break
  sleep 0.01
done
`

/** What natspace must leave as it was. Counters, and the count of tracked connections, change by themselves. */
export const functions = `
executable=${executable}
natspace() { $executable "$@"; }
snapshot() {
  ip -d -j link | sed 's/"ifindex":[0-9]*,//g; s/"operstate":"[A-Z]*",//g; s/,"/,\\n"/g'
  ip -d -j address | sed 's/"operstate":"[A-Z]*",//g; s/,"/,\\n"/g'
  ip -d -j route show table all
  ip -d -j -6 route show table all
  ip -d -j rule
  ip -d -j -6 rule
  nft list ruleset
  iptables-save | sed '/^#/d'
  sysctl -a -r '^net\\.' 2>/dev/null | sed '/nf_conntrack_count\\|random/d'
  ls -lA /run/natspace /run/netns 2>&1 | sed 's/[A-Z][a-z][a-z] *[0-9]* *[0-9:]* / /'
}
article="--gateway 192.168.45.2/24 --address 192.168.45.3 --host-interface veth1 --interface veth2 --uplink eth0 -p 8080:80"
`

export type ScriptResult = { status: number | null; stdout: string; stderr: string }

/** Runs a POSIX shell script as root of a new host, for at most so many milliseconds. Throws when the sandbox itself cannot be made. */
export const onNewHost = (
  script: string,
  environment: Record<string, string> = {},
  timeout = 60_000,
): ScriptResult => {
  if (!existsSync(executable)) throw new Error('dist/natspace is missing: npm run build')
  const { status, stdout, stderr, error } = spawnSync(
    'unshare',
    [
      '--net',
      '--mount',
      '--propagation',
      'private',
      '/bin/sh',
      '-c',
      `set -e\n${topology}\n${functions}\n${script}`,
    ],
    {
      encoding: 'utf8',
      timeout,
      env: { ...process.env, ...environment },
      maxBuffer: 64 * 1024 * 1024,
    },
  )
  if (error) throw error
  return { status, stdout, stderr }
}

/** As onNewHost, and fails when the script does, with all that it printed. */
export const expectOnNewHost = (
  script: string,
  environment: Record<string, string> = {},
  timeout?: number,
): string => {
  const { status, stdout, stderr } = onNewHost(script, environment, timeout)
  if (status !== 0) throw new Error(`the script ended with ${status}\n${stdout}\n${stderr}`)
  return stdout
}
