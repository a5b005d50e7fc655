/** CHECK finds what somebody has changed; GC and many requests at once leave nothing, and nothing is given out twice. */
import { describe, expect } from 'bun:test'
import { expectOnNewHost } from '../support/host.ts'
import { requireTool } from '../support/tools.ts'

const test = requireTool('ip', 'nft', 'tc', 'iptables-save', 'sysctl', 'diff', 'xargs')

/** Commands for the scripts below. A machine at work makes those wait long that want to change something at once. */
const helpers = `
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
export executable NATSPACE_LOCK_TIMEOUT=100
# network [MEMBERS]: the configuration, with more members of JSON.
network() { echo "{\\"cniVersion\\":\\"1.1.0\\",\\"name\\":\\"net\\",\\"type\\":\\"natspace\\",$pool$1}"; }
pool='"ipam":{"subnet":"10.88.0.0/22","routes":[{"dst":"0.0.0.0/0"}]}'
# cni COMMAND CONTAINER CONFIGURATION: one request.
cni() {
  echo "$3" | env CNI_COMMAND=$1 CNI_CONTAINERID=$2 CNI_NETNS=/run/netns/$2 CNI_IFNAME=eth0 $executable ||
    echo "status $?"
}
container() { ip netns add $1; ip -n $1 link set lo up; }
`

/** Milliseconds; a machine that has nothing else to do needs a twentieth. */
const patience = 240_000

const onHost = (script: string): string => expectOnNewHost(`${helpers}\n${script}`, {}, patience)

const settings = '"runtimeConfig":{"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}],'
const limits =
  '"bandwidth":{"ingressRate":8000000,"ingressBurst":800000}},"sysctl":{"net.core.somaxconn":"512"}'

/** What somebody does behind our back; `cable` is the host end, `c1` the namespace, 10.88.0.2 the address. */
const harms: readonly [string, string, RegExp][] = [
  ['a rule removed', 'nft flush chain inet natspace postrouting', /chain postrouting has 0 rules/],
  ['a rule added', 'nft insert rule inet natspace forward drop', /chain forward has \d+ rules/],
  [
    'a rule changed',
    'nft replace rule inet natspace postrouting handle $(nft -a list chain inet natspace postrouting | grep -o "handle [0-9]*$" | tail -1 | cut -d" " -f2) accept',
    /rule \d+ of chain postrouting is another/,
  ],
  ['the table removed', 'nft delete table inet natspace', /no such table/],
  ['an element removed', 'nft delete element inet natspace outbound4 "{ 10.88.0.2 }"', /outbound4/],
  [
    'an element changed',
    'nft delete element inet natspace publish4 "{ tcp . 8080 }"; nft add element inet natspace publish4 "{ tcp . 8080 : 10.88.0.9 . 80 }"',
    /publish4.*10\.88\.0\.9/,
  ],
  [
    'a route of the host removed',
    'ip route delete $(ip route show dev $cable | head -1) dev $cable',
    /route/,
  ],
  ['a route inside removed', 'ip -n c1 route delete default', /default route/],
  ['a route inside changed', 'ip -n c1 route replace default dev eth0', /default route/],
  ['an address inside removed', 'ip -n c1 address flush dev eth0', /address/],
  [
    'an address inside changed',
    'ip -n c1 address flush dev eth0; ip -n c1 address add 10.88.0.77/22 dev eth0',
    /address/,
  ],
  ['the address of the gateway removed', 'ip address flush dev $cable', /address/],
  ['forwarding turned off', 'sysctl -qw net.ipv4.ip_forward=0', /ip_forward/],
  ['a setting of the cable changed', 'sysctl -qw net.ipv4.conf.$cable.rp_filter=0', /rp_filter/],
  ['a setting inside changed', 'ip netns exec c1 sysctl -qw net.core.somaxconn=128', /somaxconn/],
  ['the interface set down', 'ip -n c1 link set eth0 down', /down/],
  ['the host end set down', 'ip link set $cable down', /down/],
  ['the interface removed', 'ip -n c1 link delete eth0', /link|cable|missing/],
  ['the interface renamed', 'ip -n c1 link set eth0 down; ip -n c1 link set eth0 name eth9', /eth0/],
  ['the size of packets changed', 'ip -n c1 link set eth0 mtu 1200', /MTU|mtu/],
  ['the limit removed', 'tc qdisc delete dev $cable root', /rate|limit/],
]

describe('CHECK', () => {
  test(
    `finds each of ${harms.length} changes, and nothing before them`,
    () => {
      const cases = harms.map(
        ([, harm], index) => `
        container c1
        result=$(cni ADD c1 "$(network ",$settings")")
        cable=$(echo "$result" | grep -o 'veth-[0-9a-z]*' | head -1)
        echo '@${index} before'; cni CHECK c1 "$(network ",$settings,\\"prevResult\\":$result")"
        ${harm}
        echo '@${index} after'; cni CHECK c1 "$(network ",$settings,\\"prevResult\\":$result")"
        cni DEL c1 "$(network)"; ip netns delete c1`,
      )
      const output = onHost(`settings='${settings}${limits}'
      snapshot >/run/before
      ${cases.join('\n')}
      snapshot >/run/after; echo '@end'; diff /run/before /run/after && echo EQUAL`)
      const parts = new Map(
        output
          .split(/^@/m)
          .map(part => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1)]),
      )
      for (const [index, [what, , told]] of harms.entries()) {
        expect([what, parts.get(`${index} before`)]).toEqual([what, ''])
        const error = JSON.parse(parts.get(`${index} after`)?.replace(/^status 1\n/m, '') ?? '') as {
          code: number
          details: string
        }
        expect([what, error.code]).toEqual([what, 104])
        expect(error.details).toMatch(told)
      }
      expect(parts.get('end')).toBe('EQUAL\n')
    },
    patience,
  )
})

test(
  'GC after 50 containers died without DEL: everything is as before the first',
  () => {
    const output = onHost(`
    settings='${settings.replace(/"portMappings".*/, '"bandwidth":{"ingressRate":8000000,"ingressBurst":800000}}')}'
    snapshot >/run/before
    for n in $(seq 50); do container c$n; cni ADD c$n "$(network ",$settings")" >/run/result; done
    grep -c 10.88.0.51 /run/result
    for n in $(seq 50); do ip netns delete c$n; done
    cni GC - "$(network ',"cni.dev/valid-attachments":[]')"
    ls /run/natspace 2>/dev/null || true
    snapshot >/run/after; diff /run/before /run/after && echo EQUAL`)
    expect(output).toBe('1\nEQUAL\n')
  },
  patience,
)

test(
  '200 ADDs by 16 at once: no address twice; DELs by 16 at once leave nothing',
  () => {
    const output = onHost(`
    many() { seq 200 | xargs -P16 -I@ sh -c 'CNI_COMMAND='$1' CNI_CONTAINERID=c@ CNI_NETNS=/run/netns/c@ CNI_IFNAME=eth0 $executable </run/network >/run/results/'$1'-@ || echo "$? $(cat /run/results/'$1'-@)"'; }
    mkdir /run/results; network >/run/network
    for n in $(seq 200); do echo "netns add c$n"; done | ip -batch -
    snapshot >/run/before
    many ADD
    echo '@addresses'; cat /run/results/ADD-* | grep -o '"address": "[^"]*"' | sort | uniq -c | awk '{ print $1 }' | sort | uniq -c
    for n in 1 100 200; do ip -n c$n -o -4 address show eth0 | grep -c 'inet 10\\.88\\.'; done
    natspace ls -q | grep -c '^cni-'
    many DEL
    echo '@left'; cat /run/results/DEL-*; ls /run/natspace 2>/dev/null || true
    snapshot >/run/after; diff /run/before /run/after && echo EQUAL`)
    expect(output.replaceAll(' ', '')).toBe('@addresses\n2001\n1\n1\n1\n200\n@left\nEQUAL\n')
  },
  patience,
)
