/** The command `natspace doctor`: whom it examines, what it prints, how it ends, and what others cannot make it do. */
import { expect } from 'bun:test'
import { byHand } from '../support/hand-made.ts'
import { onNewHost } from '../support/host.ts'
import { requireSandbox } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()
const test = requireTool('ip', 'nft', 'iptables', 'sysctl', 'ping', 'setpriv', 'nsenter')

/** Without the resolver of the machine, whom nobody answers here. */
const functions = `
${byHand}
mount --bind /dev/null /etc/resolv.conf
to="--to 192.168.1.15"
examine() { natspace doctor "$@" && status=0 || status=$?; echo "status $status"; }
# Somebody without any capability; where it is possible, another user too.
somebody() {
  if setpriv --reuid 65534 --regid 65534 --clear-groups true 2>/dev/null
  then setpriv --reuid 65534 --regid 65534 --clear-groups $executable "$@"
  else setpriv --bounding-set=-all --inh-caps=-all $executable "$@"
  fi
}
`

type Finding = { code: string; severity: string; fix: { commands: string[] } }
type Said = { data: { name: string; fine: string[]; unchecked: string[] }; findings: Finding[] }

const seriousOf = ({ findings }: Said): string[] =>
  findings.filter(({ severity }) => severity !== 'notice').map(({ code }) => code)

const saidBy = (stdout: string): Said[] =>
  stdout.split('\n').flatMap(line => (line.startsWith('{') ? [JSON.parse(line) as Said] : []))

const statusesOf = (stdout: string): number[] =>
  [...stdout.matchAll(/^status (\d+)$/gm)].map(([, x]) => Number(x))

test('several namespaces, or every space: each is told, and the worst decides', () => {
  const { status, stdout, stderr } = onNewHost(`${functions}
    natspace up -q web $article
    natspace up -q web2 -p 9090:90
    examine $to --json web /run/netns/web2
    ip -n web link set lo down
    examine $to --json
    examine $to web web2 | grep -v ✓`)
  const [named, all] = saidBy(stdout) as unknown as { data: Said['data'][]; findings: object[] }[]
  expect(named?.data.map(({ name }) => name)).toEqual(['web', 'web2'])
  expect(named?.findings).toEqual([])
  expect(all?.data.map(({ name }) => name)).toEqual(['web', 'web2'])
  expect(all?.findings[0]).toEqual({
    code: 'LNK-LO',
    severity: 'warning',
    title: 'The loopback is down: lo is down inside',
    evidence: ['lo: not UP'],
    why: expect.stringContaining('127.0.0.1') as string,
    fix: { commands: ['ip -n web link set lo up'], undo: ['ip -n web link set lo down'] },
    hides: expect.any(Array) as string[],
  })
  expect(stdout).toContain('web: to 192.168.1.15\n')
  expect(stdout).toContain('\n\nweb2: to 192.168.1.15\n')
  expect(statusesOf(stdout)).toEqual([0, 3, 3])
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})

test('without privilege it says what can be seen, and what could not be looked at', () => {
  const { status, stdout } = onNewHost(`${functions}
    natspace up -q myspace $article
    natspace() { somebody "$@"; }
    examine --json myspace
    examine --json /run/netns/myspace
    examine --fix all --yes myspace
    examine 2>&1`)
  const [byName, byPath] = saidBy(stdout)
  for (const said of [byName, byPath]) {
    expect(said?.findings.map(({ code }) => code)[0]).toBe('ENV-CAP')
    expect(said?.findings[0]?.fix.commands[0]).toMatch(/^sudo natspace doctor /)
    expect(said?.data.fine).toContain('veth1, the host end of its cable: up, with a carrier')
    expect(said?.data.unchecked).toContain('everything inside the namespace')
  }
  expect(stdout).not.toContain('nothing is wrong')
  expect(statusesOf(stdout)).toEqual([4, 4, 4, 4])
  expect(status).toBe(0)
})

test('a namespace without a name, by its process and its path; one in which nothing is; that of natspace itself', () => {
  const { status, stdout, stderr } = onNewHost(`${functions}
    sysctl -qw net.ipv4.ip_forward=1
    unshare -n sleep 50 & child=$!
    trap 'kill $child' EXIT
    for attempt in $(seq 200); do [ $(readlink /proc/$child/ns/net) != $(readlink /proc/$$/ns/net) ] && break; sleep 0.02; done
    examine --json $child $to
    ip link add vp type veth peer name eth0 netns $child
    ip address add 10.9.0.1/24 dev vp
    ip link set vp up
    nsenter --net=/proc/$child/ns/net sh -c 'ip link set lo up; ip address add 10.9.0.2/24 dev eth0; ip link set eth0 up; ip route add default via 10.9.0.1'
    iptables -t nat -A POSTROUTING -s 10.9.0.0/24 -o eth0 -j MASQUERADE
    examine --json $child $to
    examine --json /proc/$child/ns/net $to
    examine --json $$ $to`)
  const said = saidBy(stdout)
  expect(said.map(({ data }) => data.name)).toEqual([
    expect.stringMatching(/^process \d+$/) as string,
    said[0]?.data.name as string,
    expect.stringMatching(/^\/proc\/\d+\/ns\/net$/) as string,
    expect.stringMatching(/^process \d+$/) as string,
  ])
  expect(said.map(seriousOf)).toEqual([['LNK-LOST'], [], [], ['NS-WRONGPROC']])
  expect(statusesOf(stdout)).toEqual([3, 0, 0, 3])
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})

test('a cable that ends in another namespace than this host is said, and not taken for one that ends here', () => {
  const { status, stdout, stderr } = onNewHost(`${functions}
    ip netns add middle
    ip netns add far
    # The same indexes as those of the cable between this host and host2.
    here=$(cat /sys/class/net/eth0/ifindex) there=$(cat /sys/class/net/eth0/iflink)
    ip link add m0 index $here netns middle type veth peer name f0 index $there netns far
    for end in middle:m0:1 far:f0:2; do
      name=\${end%%:*} rest=\${end#*:}
      ip -n $name address add 10.8.0.\${rest#*:}/24 dev \${rest%:*}
      ip -n $name link set \${rest%:*} up
      ip -n $name link set lo up
    done
    ip -n far route add default via 10.8.0.1
    examine --json far $to`)
  const [far] = saidBy(stdout)
  expect(far && seriousOf(far)).toEqual([])
  expect(far?.data.unchecked).toContain(
    'what is behind f0: its other end is neither inside nor in the namespace of this host',
  )
  expect(statusesOf(stdout)).toEqual([4])
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})

test('names that others give neither reach the terminal nor a shell', () => {
  const { status, stdout, stderr } = onNewHost(`${functions}
    by_hand
    rename() { ip -n myspace link set veth2 down; ip -n myspace link set veth2 name "$1"; }
    rename "$(printf 'e\\033[31mx')"
    examine -v myspace $to 2>&1
    examine --json myspace $to
    ip -n myspace link set "$(printf 'e\\033[31mx')" name veth2
    cd /run
    rename 'a$(id>bad)'
    examine myspace $to --fix all --yes 2>&1
    # The name of a setting has '/' for the point.
    ip link set veth1 down
    ip link set veth1 name 'v.$(id>bad)' up
    ip -n myspace link set 'a$(id>bad)' name veth2 up
    ip -n myspace route replace default via 192.168.45.2
    echo 0 >'/proc/sys/net/ipv4/conf/v.$(id>bad)/forwarding'
    examine myspace $to --fix all --yes 2>&1
    ls /run/bad 2>&1 || true`)
  expect(stdout).not.toContain('\x1b')
  expect(stdout).toContain('✗ A link on the way is switched off: e\\x1b[31mx inside is down')
  expect(saidBy(stdout).map(seriousOf)).toEqual([['LNK-DOWN']])
  expect(stdout).toContain("no command is offered: the name 'a$(id>bad)' means something to a shell")
  expect(stdout).toContain('LNK-DOWN: nothing to run here mends it')
  expect(stdout).toContain('SYS-FWD-IF0: nothing to run here mends it')
  expect(stdout).toMatch(/'?\/run\/bad'?: No such file/)
  expect(statusesOf(stdout)).toEqual([3, 3, 3, 3])
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})

/** Arguments, the code of the error, and the exit status. */
const wrong: readonly [string, string, number][] = [
  ['--to', 'MISSING_VALUE', 2],
  ['--to 1.2.3.4.5 myspace', 'BAD_DESTINATION', 2],
  ['--to 192.168.1.15/banana myspace', 'BAD_DESTINATION', 2],
  ['--inbound 99999 myspace', 'BAD_PORT', 2],
  ['--inbound 80/icmp myspace', 'BAD_PORT', 2],
  ['--fix NOPE myspace', 'BAD_CHOICE', 2],
  ['--bogus myspace', 'UNKNOWN_OPTION', 2],
  ["''", 'NOT_FOUND', 1],
  ['nosuch', 'NOT_FOUND', 1],
  ['99999999', 'NOT_FOUND', 1],
  ['"$(printf \'a\\033[31mb\')"', 'NOT_FOUND', 1],
  ['/run/precious', 'NOT_FOUND', 1],
  ['/proc/self/ns/mnt --fix all --yes', 'NOT_FOUND', 1],
  ['/run/precious --fix all --yes', 'NOT_FOUND', 1],
]

test('wrong arguments are refused, and a file that was named by mistake is left alone', () => {
  const { status, stdout, stderr } = onNewHost(`${functions}
    echo precious >/run/precious
    ${wrong.map(([words]) => `examine ${words}`).join('\n    ')}
    cat /run/precious`)
  expect([...stderr.matchAll(/^ {2}code: (\S+)$/gm)].map(([, code]) => code)).toEqual(
    wrong.map(([, code]) => code),
  )
  expect(statusesOf(stdout)).toEqual(wrong.map(([, , exit]) => exit))
  expect(stdout).toEndWith('\nprecious\n')
  expect(stderr).not.toContain('\x1b')
  expect(status).toBe(0)
})

test('a signal in the middle ends it and leaves nothing; two at once do not disturb each other', () => {
  const { status, stdout, stderr } = onNewHost(`${functions}
    by_hand 8
    ip netns exec myspace ping -q -c 1 -W 5 192.168.45.2 >/dev/null
    left() { nft list tables | grep -c natspace || true; ls -A /run/natspace 2>/dev/null || true; }
    tables() { nft list tables | grep -c natspace-trace || true; }
    until_tables() { for attempt in $(seq 400); do [ $(tables) = $1 ] && return; sleep 0.02; done; echo "no $1 tables" >&2; return 1; }
    for signal in INT TERM KILL; do
      $executable doctor myspace $to >/dev/null & child=$!
      until_tables 1
      kill -$signal $child
      wait $child 2>/dev/null && status=0 || status=$?
      echo "status $status"
      until_tables 0
      left
    done
    $executable doctor --json myspace $to >/run/one & one=$!
    $executable doctor --json myspace $to >/run/two & two=$!
    until_tables 2
    for child in $one $two; do wait $child && status=0 || status=$?; echo "status $status"; done
    cat /run/one /run/two
    left`)
  expect(stdout.replace(/^\{.*\n/gm, '')).toBe(
    'status 130\n0\nstatus 143\n0\nstatus 137\n0\nstatus 3\nstatus 3\n0\n',
  )
  expect(saidBy(stdout).map(seriousOf)).toEqual([['NAT-NONE'], ['NAT-NONE']])
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})

test('where no route leads by the uplink that was asked for, no command is offered: none would mend it, and one would open a leak', () => {
  const { stdout } = onNewHost(`${functions}
    natspace up -q web $article
    ip link add other type veth peer name end
    ip link set other up; ip link set end up
    ip route add 192.168.1.15 dev other
    examine $to --json web
    examine $to web`)
  const [said] = saidBy(stdout)
  expect(said?.findings[0]).toMatchObject({ code: 'UP-CHANGED', fix: { commands: [], undo: [] } })
  expect(stdout).toMatch(/\n {2}advice {5}Have a route lead by the one that was asked for/)
  expect(statusesOf(stdout)).toEqual([3, 3])
})

test('a rule at the ingress of the uplink, where no tracer sees the answer, is named, mended and taken back', () => {
  const { status, stdout, stderr } = onNewHost(`${functions}
    natspace up -q myspace $article
    nft 'add table netdev foreign; add chain netdev foreign in { type filter hook ingress device eth0 priority 0; };
         add rule netdev foreign in icmp type echo-reply drop'
    examine --json $to myspace
    examine --json --fix all --yes $to myspace
    examine --json $to myspace`)
  const [found, , healed] = saidBy(stdout)
  expect(found?.findings[0]).toMatchObject({
    code: 'FW-DROP',
    title:
      'A firewall rule stops it: the answer would be stopped at eth0 by the rule "icmp type echo-reply drop" of netdev foreign in (nftables)',
    hides: ['NOT-ANSWERED'],
  })
  expect(seriousOf(healed as Said)).toEqual([])
  expect(statusesOf(stdout)).toEqual([3, 0, 0])
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})
