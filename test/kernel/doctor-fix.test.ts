/** `natspace doctor --fix`: what it runs, what it asks, what it says of a command that fails, and that its undo is one. */
import { expect } from 'bun:test'
import { byHand } from '../support/hand-made.ts'
import { onNewHost } from '../support/host.ts'
import { requireSandbox } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()
const test = requireTool('ip', 'nft', 'iptables', 'sysctl', 'ping', 'script')

/** Nothing changes by itself any more: no addresses of IPv6 that come late, no resolver of the machine. */
const connected = `
${byHand}
mount --bind /dev/null /etc/resolv.conf
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
by_hand
ip netns exec myspace ping -q -c 1 -W 5 192.168.1.15 >/dev/null
quiet() { snapshot 2>/dev/null | sed 's/counter packets [0-9]* bytes [0-9]*//; s/\\[[0-9]*:[0-9]*\\]//'; }
fix() { natspace doctor myspace --to 192.168.1.15 --fix "$@"; }
unchanged() { quiet >/run/after; diff /run/before /run/after >&2; }
quiet >/run/before
`

/** Two causes of which only the first can be seen until it is mended. */
const broken = `
${connected}
iptables -F FORWARD
sysctl -qw net.ipv4.ip_forward=0
quiet >/run/before
`

const commands = [
  'sysctl -w net.ipv4.ip_forward=1',
  'iptables -I FORWARD -i veth1 -j ACCEPT',
  'iptables -I FORWARD -o veth1 -j ACCEPT',
]
const undo = [
  'iptables -D FORWARD -i veth1 -j ACCEPT',
  'iptables -D FORWARD -o veth1 -j ACCEPT',
  'sysctl -w net.ipv4.ip_forward=0',
]

const linesOf = (text: string, word: string): string[] =>
  text.split('\n').flatMap(line => (line.startsWith(`${word}: `) ? [line.slice(word.length + 2)] : []))

test('--fix all mends what shows itself later too; the undo, last first, leads back to the same snapshot', () => {
  const { status, stdout, stderr } = onNewHost(`${broken}
    fix all --yes 2>/run/said && status=0 || status=$?
    cat /run/said >&2
    ip netns exec myspace ping -q -c 1 -W 1 192.168.1.15 >/dev/null
    sed -n 's/^undo: //p' /run/said >/run/undo
    sh -e /run/undo >/dev/null
    unchanged
    exit $status`)
  expect(linesOf(stderr, 'done')).toEqual(commands)
  expect(linesOf(stderr, 'undo')).toEqual(undo)
  expect(stdout).toContain('✗ The host does not forward: ')
  expect(stdout).toContain(
    '✗ A firewall rule stops it: the probe was stopped at veth1 by the policy of ip filter',
  )
  expect(stdout).toEndWith('nothing is wrong that could be seen\n')
  expect(status).toBe(0)
})

test('--fix CODE mends what has that code, also what is only noted, and nothing that follows from something else', () => {
  const { status, stdout, stderr } = onNewHost(`${connected}
    fix nat-none --yes >/dev/null
    fix LNK-LO --yes --json
    ip netns exec myspace ping -q -c 1 127.0.0.1 >/dev/null
    sysctl -qw net.ipv4.ip_forward=0
    fix LOST --yes >/dev/null || exit $?`)
  expect(stderr.split('\n').filter(Boolean)).toEqual([
    'NAT-NONE was not found: nothing is done',
    'LOST follows from SYS-FWD0, which has to be mended first: nothing is done',
  ])
  const { data, findings } = JSON.parse(stdout) as { data: { fixed: object[] }; findings: { code: string }[] }
  expect(data.fixed).toEqual([
    {
      code: 'LNK-LO',
      commands: ['ip -n myspace link set lo up'],
      undo: ['ip -n myspace link set lo down'],
    },
  ])
  expect(findings.map(({ code }) => code)).not.toContain('LNK-LO')
  expect(status).toBe(3)
})

test('without a terminal and without --yes nothing is done', () => {
  const { status, stderr } = onNewHost(`${connected}
    fix LNK-LO </dev/null >/dev/null && status=0 || status=$?
    unchanged
    exit $status`)
  expect(stderr).toContain('stdin is no terminal')
  expect(stderr).toContain('fix: ip -n myspace link set lo up')
  expect(stderr).toContain('code: NEEDS_YES')
  expect(status).toBe(2)
})

test('on a terminal it asks: no, Ctrl-C and no answer change nothing, yes runs the commands', () => {
  const { status, stdout, stderr } = onNewHost(`${connected}
    on_terminal() { script -qefc "$executable doctor myspace --to 192.168.1.15 --fix LNK-LO" /run/typed >/dev/null && echo 0 || echo $?; }
    answer() { # TEXT
      rm -f /run/typed
      (
        for attempt in $(seq 200); do grep -q 'Run them' /run/typed 2>/dev/null && break; sleep 0.05; done
        printf "$1"
        for attempt in $(seq 200); do grep -q '[Rr]un them.*\\|nothing' /run/typed && break; sleep 0.05; done
      ) | on_terminal
    }
    answer 'n\\n'
    unchanged
    answer '\\003'
    unchanged
    answer '\\n'
    unchanged
    answer 'yes\\n'
    grep -o 'nothing was done\\|done: .*[^\\r]' /run/typed
    ip netns exec myspace ping -q -c 1 127.0.0.1 | grep -o '1 received'`)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout.replaceAll('\r', '').split('\n').filter(Boolean)).toEqual([
    '0',
    '130',
    '0',
    '0',
    'done: ip -n myspace link set lo up',
    '1 received',
  ])
})

test('a command that fails ends it with what was done before, and how that is taken back', () => {
  const { status, stdout } = onNewHost(`${broken}
    mkdir /run/bin
    cat >/run/bin/iptables <<'END'
#!/bin/sh
case "$*" in *-o*) echo "no luck today" >&2; exit 7;; esac
exec ${Bun.which('iptables') ?? '/usr/sbin/iptables'} "$@"
END
    chmod +x /run/bin/iptables
    PATH=/run/bin:$PATH
    fix all --yes --json && status=0 || status=$?
    sh -e -c 'iptables -D FORWARD -i veth1 -j ACCEPT; sysctl -qw net.ipv4.ip_forward=0'
    unchanged
    exit $status`)
  const { error } = JSON.parse(stdout) as {
    error: { code: string; what: string; why: string; evidence: string[]; fix: string[] }
  }
  expect(error).toEqual({
    code: 'FIX_FAILED',
    what: 'cannot mend FW-DROP',
    why: 'a command ended with 7',
    evidence: [
      commands[2] ?? '',
      'no luck today',
      ...commands.slice(0, 2).map(line => `done before: ${line}`),
    ],
    fix: ['take back what was done before:', ...undo],
  })
  expect(status).toBe(1)
})

test('natspace in a fix is this very program, also where it is not on the PATH', () => {
  const { status, stdout, stderr } = onNewHost(`
    natspace up -q myspace $article
    nft delete table inet natspace
    PATH=/usr/sbin:/usr/bin:/sbin:/bin
    ! command -v natspace | grep /
    natspace doctor myspace --to 192.168.1.15 --fix all --yes
    natspace status myspace >/dev/null && echo whole`)
  expect(linesOf(stderr, 'done')).toEqual([expect.stringMatching(/^natspace up myspace /) as string])
  expect(stdout).toEndWith('nothing is wrong that could be seen\nwhole\n')
  expect(status).toBe(0)
})
