/** `natspace doctor --fix`: what it runs, what it asks, what it says of a command that fails, and that its undo is one. */
import { expect } from 'bun:test'
import { byHand } from '../support/hand-made.ts'
import { onNewHost } from '../support/host.ts'
import { requireSandbox } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()
const test = requireTool('ip', 'nft', 'iptables', 'sysctl', 'ping', 'script')

/** Two causes of which only the first can be seen until it is mended. */
const broken = `
${byHand}
by_hand 9
sysctl -qw net.ipv4.ip_forward=0
quiet() { snapshot | sed 's/counter packets [0-9]* bytes [0-9]*//; s/\\[[0-9]*:[0-9]*\\]//'; }
quiet >/run/before
fix() { natspace doctor myspace --to 192.168.1.15 --fix "$@"; }
unchanged() { quiet >/run/after; diff /run/before /run/after >&2; }
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
    fix all --yes 2>/run/said || status=$?
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

test('--json says what was done and how it is taken back', () => {
  const { status, stdout, stderr } = onNewHost(`${broken}
    fix all --yes --json`)
  const { data, findings } = JSON.parse(stdout) as {
    data: { fixed: { code: string; commands: string[]; undo: string[] }[] }
    findings: { severity: string }[]
  }
  expect(data.fixed.map(({ code }) => code)).toEqual(['SYS-FWD0', 'FW-DROP'])
  expect(data.fixed.flatMap(item => item.commands)).toEqual(commands)
  expect(data.fixed.toReversed().flatMap(item => item.undo)).toEqual(undo)
  expect(findings.filter(({ severity }) => severity !== 'notice')).toEqual([])
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})

test('--fix CODE runs the commands of that finding alone, of a note too, and not what only follows', () => {
  const { status, stdout, stderr } = onNewHost(`${broken}
    fix LNK-LO --yes >/dev/null || echo "$?"
    fix LOST --yes >/dev/null || echo "$?"
    fix nat-none --yes >/dev/null || echo "$?"
    fix SYS-FWD0 --yes >/dev/null || echo "$?"
    iptables -S FORWARD`)
  expect(stderr.split('\n').filter(Boolean)).toEqual([
    'done: ip -n myspace link set lo up',
    'looking again:',
    'undo: ip -n myspace link set lo down',
    'LOST follows from SYS-FWD0, which has to be mended first: nothing is done',
    'NAT-NONE was not found: nothing is done',
    'done: sysctl -w net.ipv4.ip_forward=1',
    'looking again:',
    'undo: sysctl -w net.ipv4.ip_forward=0',
  ])
  // The firewall, at last, is still in the way.
  expect({ status, stdout }).toEqual({ status: 0, stdout: '3\n3\n3\n3\n-P FORWARD DROP\n' })
})

test('without a terminal and without --yes nothing is done', () => {
  const { status, stderr } = onNewHost(`${broken}
    fix all </dev/null >/dev/null || status=$?
    unchanged
    exit $status`)
  expect(stderr).toContain('stdin is no terminal')
  expect(stderr).toContain('fix: sysctl -w net.ipv4.ip_forward=1')
  expect(stderr).toContain('code: NEEDS_YES')
  expect(status).toBe(2)
})

test('on a terminal it asks: no, Ctrl-C and no answer change nothing, yes runs the commands', () => {
  const { status, stdout, stderr } = onNewHost(`${broken}
    on_terminal() { script -qefc "$executable doctor myspace --to 192.168.1.15 --fix SYS-FWD0" /run/typed >/dev/null && echo 0 || echo $?; }
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
    sysctl net.ipv4.ip_forward`)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout.replaceAll('\r', '').split('\n').filter(Boolean)).toEqual([
    '3',
    '130',
    '3',
    '3',
    'done: sysctl -w net.ipv4.ip_forward=1',
    'net.ipv4.ip_forward = 1',
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
    fix all --yes --json || status=$?
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
