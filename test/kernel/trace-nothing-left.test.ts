/** What is left of `natspace trace` and `natspace capture`, however they end: nothing. */
import { describe, expect } from 'bun:test'
import { expectOnNewHost } from '../support/host.ts'
import { requireSandbox } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()

const test = requireTool('ip', 'nft', 'ss', 'conntrack', 'nc', 'nsenter')

/**
 * `state` prints what must be as before: rules, sockets of all kinds, links, routes and settings. `leaves SIGNAL ARGUMENT...` runs a
 * command, ends it by the signal when it is at work, and tells its exit status and whether the state is as it was.
 */
const functions = `
inside() { nsenter --net=/run/netns/myspace "$@"; }
state() {
  snapshot
  inside nft list ruleset
  for where in '' inside; do
    $where ss -Htuan | sed 's/ .* /  /'
    $where cat /proc/net/packet | awk '{ print $3, $4, $5 }'
    $where cat /proc/net/raw | wc -l
    $where awk '$2 == 12 && $4 != "00000000"' /proc/net/netlink | wc -l
  done
}
# Addresses of IPv6 are not used before the kernel has asked whether somebody has them.
settle_addresses() { for attempt in $(seq 500); do ip -6 address | grep -q tentative || return 0; sleep 0.02; done; }
at_work() { nft list tables | grep -q "natspace-trace-$1" || [ $(wc -l </proc/net/packet) -gt 1 ]; }
settled() { for attempt in $(seq 25); do [ "$(state)" = "$before" ] && return 0; sleep 0.02; done; return 1; }
leaves() {
  signal=$1; shift
  before=$(state)
  $executable "$@" >/run/output 2>&1 &
  child=$!
  for attempt in $(seq 500); do at_work $child && break; sleep 0.02; done
  at_work $child || echo "it did not begin: $(cat /run/output)"
  # A shell without job control has its children ignore SIGINT until they ask for it.
  for attempt in $(seq 100); do
    kill -$signal $child 2>/dev/null || break
    sleep 0.05
  done
  status=0; wait $child || status=$?
  if settled; then echo "$signal $status"; else
    echo "$signal $status, and this is left:"; state >/run/after; echo "$before" | diff - /run/after || true
  fi
}
`

const onHost = (script: string): string =>
  expectOnNewHost(`${functions}\nnatspace up -q myspace $article\nsettle_addresses\n${script}`).trim()

/** Exit statuses: as of a program that a signal has ended. */
const ended = 'INT 130\nTERM 143\nHUP 129\nKILL 137'

describe('however it ends, the state of the host is as before', () => {
  for (const [what, words] of [
    ['a probe that waits', 'trace myspace --to 192.168.1.77 --timeout 60'],
    ['flows that are followed', 'trace myspace --follow'],
    ['visitors that are followed', 'trace myspace --from any'],
    ['a capture to the terminal', 'capture myspace'],
    ['a capture to a file', 'capture myspace -w /run/file.pcapng'],
  ] as const)
    test(what, () => {
      const output = onHost(`for signal in INT TERM HUP KILL; do leaves $signal ${words}; done`)
      expect(output.replace(/^(INT|TERM|HUP) 0$/gm, (_, name) => `${name} ${exits[name]}`)).toBe(ended)
    })

  test('flows of a program, which ends with it', () => {
    const output = onHost(
      `for signal in INT TERM HUP KILL; do leaves $signal trace myspace -- sleep 123; done`,
    )
    expect(output).toBe(ended)
  })

  test('by itself, of all protocols: no connection stands, and no socket waits', () => {
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
    expect(output.split('\n')).toEqual([...Array(4).fill('"outcome":"answered"'), 'settled', '0'])
  })
})

describe('tracers of the kernel', () => {
  // Only root of the machine has any.
  test('are gone with the process, and of one that was killed with the next start', () => {
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
    expect(['none', 'INT 130\n0\nKILL 137\n1\n0', 'INT 130\n0\nKILL 137\n0\n0']).toContain(output)
  })
})

/** Of a command that takes the signal for its orderly end. */
const exits: Record<string, string> = { INT: '130', TERM: '143', HUP: '129' }
