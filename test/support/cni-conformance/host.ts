import { expectOnNewHost } from '../host.ts'
import type { Conformance, Reply, Run } from './types.ts'

/**
 * Theory of operation. All cases run one after another on one host, each with a container, a network and a subnet of its
 * own, and each request is one process as a runtime starts it. What they print is cut apart at lines that begin with `@`.
 */

const helpers = `
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
mkdir -p /run/plugins
# network [MEMBERS]: the configuration of this case, with more members of JSON.
network() { echo "{\\"cniVersion\\":\\"\${version-1.1.0}\\",\\"name\\":\\"\${name-net$n}\\",\\"type\\":\\"natspace\\"$1}"; }
# request COMMAND CONFIGURATION [-u VARIABLE] [VARIABLE=VALUE]: one request, and all that comes back.
request() {
  command=$1; configuration=$2; shift 2
  printf '%s' "$configuration" |
    env CNI_COMMAND=$command CNI_CONTAINERID=$c CNI_NETNS=/run/netns/$c CNI_IFNAME=eth0 CNI_PATH=/run/plugins \\
      env "$@" $executable >/run/out 2>/run/err && status=0 || status=$?
  echo "@reply $status"; cat /run/out; echo; echo '@stderr'; cat /run/err; echo '@end'
}
# add [MEMBERS], check [MEMBERS]: ADD; CHECK with the result that it gave.
add() { request ADD "$(network "$pool$1")"; cp /run/out /run/result-$c; }
check() { request CHECK "$(network "$pool$1,\\"prevResult\\":$(cat /run/result-$c)")"; }
inside() { ip netns exec $c "$@"; }
# macOf LINK [-n NAMESPACE]
macOf() { link=$1; shift; ip "$@" -o link show $link | sed 's/.*link.ether \\([0-9a-f:]*\\).*/\\1/'; }
`

/** The shell script of one case, which may fail without harm to the others. */
const scriptOf = ({ id, script }: Conformance, index: number): string => `
echo '@case ${id}'
(
  n=${index + 1}; c=case$n; pool=',"ipam":{"subnet":"10.88.${index + 1}.0/24","routes":[{"dst":"0.0.0.0/0"}]}'
  ip netns add $c; ip -n $c link set lo up
  ${script}
) || echo "@failed"
`

/** What is left when every container has been taken away must be what was there before any. */
const around = (scripts: readonly string[]): string => `
${helpers}
snapshot >/run/before
${scripts.join('\n')}
for n in $(seq ${scripts.length}); do
  [ -e /run/netns/case$n ] || continue
  for interface in eth0 eth1; do
    echo "{\\"cniVersion\\":\\"1.1.0\\",\\"name\\":\\"net$n\\",\\"type\\":\\"natspace\\"}" |
      CNI_COMMAND=DEL CNI_CONTAINERID=case$n CNI_IFNAME=$interface $executable
  done
  ip netns del case$n
done
snapshot >/run/after
echo '@case end'
diff /run/before /run/after && echo EQUAL
`

const parseReply = (text: string): Reply => {
  const [head = '', stderr = ''] = text.split('@stderr\n')
  const [, status = '', stdout = ''] = /^(\d+)\n([\s\S]*?)\n$/.exec(head) ?? []
  return { status: Number(status), stdout, stderr: stderr.replace(/@end\n$/, '') }
}

const parseRun = (text: string): Run => {
  const replies = [...text.matchAll(/^@reply ([\s\S]*?@end\n)/gm)].map(match => parseReply(match[1] ?? ''))
  const rest = text.replace(/^@reply [\s\S]*?@end\n/gm, '')
  return { replies, lines: rest.split('\n').filter(line => line !== ''), failed: rest.includes('@failed') }
}

/** Runs all cases; by their ids, and under `end` whether everything was left as it was. */
export const runAll = (cases: readonly Conformance[]): Map<string, Run> => {
  const output = expectOnNewHost(around(cases.map(scriptOf)), {}, 240_000)
  const parts = output.split(/^@case /m).slice(1)
  return new Map(
    parts.map(part => {
      const end = part.indexOf('\n')
      return [part.slice(0, end), parseRun(part.slice(end + 1))]
    }),
  )
}
