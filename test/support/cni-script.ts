import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expectOnNewHost } from './host.ts'
import { type Test, testUnless } from './tools.ts'

/** Where Debian has the reference plugins. */
const folder = '/usr/lib/cni'

/** The `test` where these reference plugins, and `ip`, `nft`, `nc` and `tc`, are installed. */
export const requirePlugins = (...names: readonly string[]): Test => {
  const missing = names.filter(name => !existsSync(join(folder, name)))
  return testUnless(
    missing.length === 0 ? undefined : `needs the CNI plugins ${missing.join(', ')}`,
    'run `npm test` as root, which installs containernetworking-plugins',
  )
}

/** Words for the scripts; counters of others' rules change by themselves. */
const words = `
export NATSPACE_EXECUTABLE=$executable
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
whole() { snapshot | sed 's/counter packets [0-9]* bytes [0-9]*/counter/'; }
# container NAME...: what a runtime makes before it asks for a network.
container() { for c in "$@"; do ip netns add $c; ip -n $c link set lo up; done; }
# list FILE PLUGINS: a network of these plugins.
list() { echo "{\\"cniVersion\\":\\"\${version-1.0.0}\\",\\"name\\":\\"net\\",\\"plugins\\":[$2]}" >$1; }
# wish FILE JSON: what the runtime asks for beside.
wish() { echo "$2" >$1; }
# chain COMMAND CONTAINER LIST [WISHES]: the whole list, as a runtime runs it.
chain() { "$BUN" "$CHAIN" "$@"; }
# cni COMMAND CONTAINER CONFIGURATION: natspace alone; prints what it prints, and its status where that is not 0.
cni() {
  echo "$3" | env CNI_COMMAND=$1 CNI_CONTAINERID=$2 CNI_NETNS=\${netns-/run/netns/$2} CNI_IFNAME=\${interface-eth0} \\
    CNI_PATH=/nowhere $executable || echo "status $?"
}
network() { echo "{\\"cniVersion\\":\\"\${version-1.1.0}\\",\\"name\\":\\"$1\\",\\"type\\":\\"natspace\\"$2}"; }
# asks CLIENT ADDRESS PORT SERVER INNERPORT: whether a program in SERVER hears CLIENT; '-' is the host itself.
asks() {
  case $2 in *:*) family=-6 ;; *) family=-4 ;; esac
  echo hello | timeout 20 ip netns exec $4 nc $family -lN $5 >/run/got 2>/run/nc & waiting=$!
  for attempt in $(seq 1000); do ip netns exec $4 ss -Hltn "sport = :$5" | grep -q . && break; sleep 0.01; done
  if [ $1 = - ]; then inside=; else inside="ip netns exec $1"; fi
  answer=$(echo x | timeout 10 $inside nc -N -w2 $2 $3) || true
  if [ "$answer" = hello ]; then echo "$1 reaches $2"
  else
    echo "$1 does not reach $2"
    # Whoever was not asked still waits.
    kill $waiting
  fi
  wait $waiting || true
}
`

/** Runs a script on a new host with these words, and fails when it does. */
export const onCniHost = (script: string): string =>
  expectOnNewHost(`${words}\n${script}`, {
    BUN: process.execPath,
    CHAIN: join(import.meta.dirname, 'cni-chain.ts'),
  })

/** The lines of an output that match. */
export const linesOf = (output: string, pattern: RegExp): string[] =>
  output.split('\n').filter(line => pattern.test(line))

/** The JSON objects that a script printed, one on a line or with both braces at the left margin. */
export const objectsOf = (output: string): Record<string, unknown>[] =>
  [...output.matchAll(/^(\{.+\}|\{\n[\s\S]*?^\})$/gm)].map(match => JSON.parse(match[0]))
