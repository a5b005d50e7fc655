/** What is left of `natspace trace` and `natspace capture`, however they end: nothing. */
import { beforeAll, describe, expect } from 'bun:test'
import { expectOnNewHost } from '../support/host.ts'
import { requireSandbox } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()

const test = requireTool('ip', 'nft', 'ss', 'conntrack', 'nc', 'nsenter', 'awk')

/**
 * `state` prints what a command may not leave: rules, and sockets of all kinds, in the host and in the space. `leaves SIGNAL
 * ARGUMENT...` runs a command, ends it by the signal when it is at work, and tells its exit status and what is left.
 */
const functions = `
inside() { nsenter --net=/run/netns/myspace "$@"; }
state() {
  nft list ruleset
  inside nft list ruleset
  for where in '' inside; do
    $where ss -Htuan | awk '{ print $1, $2, $5, $6 }'
    $where cat /proc/net/packet /proc/net/raw /proc/net/raw6 | awk '!/sl|sk/ { print $3, $4, $5 }'
    $where awk '$2 == 12 && $4 != "00000000" { print "listens" }' /proc/net/netlink
  done
}
# Addresses of IPv6 are not used before the kernel has asked whether somebody has them.
settle_addresses() { for attempt in $(seq 500); do ip -6 address | grep -q tentative || return 0; sleep 0.02; done; }
at_work() { nft list tables | grep -q "natspace-trace-$1" || [ $(wc -l </proc/net/packet) -gt 1 ]; }
settled() { for attempt in $(seq 200); do [ "$(state)" = "$before" ] && return 0; sleep 0.02; done; return 1; }
leaves() {
  signal=$1; shift
  before=$(state)
  $executable "$@" >/run/output 2>&1 &
  child=$!
  for attempt in $(seq 500); do at_work $child && break; sleep 0.02; done
  at_work $child || echo "it did not begin: $(cat /run/output)"
  # A shell without job control has its children ignore SIGINT until they ask for it.
  for attempt in $(seq 200); do kill -$signal $child 2>/dev/null || break; sleep 0.05; done
  status=0; wait $child || status=$?
  if settled; then echo "$signal $status"; else
    echo "$signal $status, and this is left:"; state >/run/after; echo "$before" | diff - /run/after || true
  fi
}
natspace up -q myspace $article
settle_addresses
`

const onHost = (script: string): string[] => expectOnNewHost(`${functions}\n${script}`).trim().split('\n')

const commands: Record<string, string> = {
  'a probe that waits': 'trace myspace --to 192.168.1.77 --timeout 60',
  'flows that are followed': 'trace myspace --follow',
  'visitors that are followed': 'trace myspace --from any',
  'flows of a program': 'trace myspace -- sleep 123',
  'a capture to the terminal': 'capture myspace',
  'a capture to a file': 'capture myspace -w /run/file.pcapng',
}

const signalsFor = (words: string): string[] =>
  /--to|--follow/.test(words) ? ['INT', 'TERM', 'KILL'] : ['INT', 'KILL']

describe('however it ends, the state of the host is as before', () => {
  let output: string[] = []
  beforeAll(() => {
    const runs = Object.values(commands).map(words =>
      signalsFor(words)
        .map(signal => `leaves ${signal} ${words}`)
        .concat('echo .')
        .join('\n'),
    )
    output = onHost(`
      snapshot >/run/first
      ${runs.join('\n')}
      snapshot | diff /run/first - && echo same`)
  })

  for (const [index, [what, words]] of Object.entries(commands).entries())
    test(what, () => {
      const part = output.join('\n').split('\n.\n')[index]
      // A capture that is interrupted has done what it was asked for.
      const statuses: Record<string, number> = {
        INT: words.startsWith('trace') ? 130 : 0,
        TERM: 143,
        KILL: 137,
      }
      expect(part?.split('\n')).toEqual(signalsFor(words).map(signal => `${signal} ${statuses[signal]}`))
    })

  test('and so is all else: links, addresses, routes, settings', () => {
    expect(output.at(-1)).toBe('same')
  })
})

test('of a probe that ends by itself no connection stands, and no socket waits', () => {
  const output = onHost(`
    nsenter --net=/run/netns/host2 timeout 20 nc -lk 80 >/dev/null 2>&1 &
    for attempt in $(seq 500); do nsenter --net=/run/netns/host2 ss -Hltn | grep -q :80 && break; sleep 0.02; done
    before=$(state)
    for target in 192.168.1.15 192.168.1.15:80 192.168.1.15:81 192.168.1.15:53/udp; do
      natspace trace --json myspace --to $target | tail -n 1 | grep -o '"outcome":"[a-z]*"'
    done
    settled && echo settled
    conntrack -L 2>/dev/null | grep -c 'ESTABLISHED\\|SYN_\\|_WAIT' || true
    kill $!`)
  expect(output).toEqual([...Array(4).fill('"outcome":"answered"'), 'settled', '0'])
})

// Only root of the machine has any.
test("the kernel's tracers are gone with the process, and of one that was killed with the next start", () => {
  const output = onHost(`
    mkdir /run/tracing
    if mount -t tracefs tracefs /run/tracing 2>/dev/null && ls /run/tracing/instances >/dev/null 2>&1; then
      mine() { ls /run/tracing/instances | grep -c "^natspace-$child-" || true; }
      for signal in INT KILL; do
        leaves $signal trace myspace --to 192.168.1.77 --timeout 60
        mine
      done
      natspace trace -q myspace --to 192.168.1.15 >/dev/null
      mine
    else echo none; fi`)
  // Another start on this machine may have come between.
  expect(['none', 'INT 130 0 KILL 137 1 0', 'INT 130 0 KILL 137 0 0']).toContain(output.join(' '))
})
