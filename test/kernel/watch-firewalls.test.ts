import { describe, expect } from 'bun:test'
import { expectOnFirewallHost, requireFirewalls } from '../support/firewalls.ts'

/** A watch beside the firewalls of others, who rewrite their rules as they please. */
const test = requireFirewalls()

const tools = `
told() { grep -c "$1" /run/log 2>/run/ignored || true; }
wait_for() {
  for attempt in $(seq 2000); do [ "$(told "$1")" -ge "\${2:-1}" ] && return; sleep 0.01; done
  echo "no $1 in:"; cat /run/log /run/err; exit 9
}
watch() { $executable watch --json >/run/log 2>/run/err & watcher=$!; wait_for '"type":"snapshot"'; }
reaches() { ip netns exec myspace ping -c1 -W2 192.168.1.15 >/run/ping || { cat /run/log; exit 8; }; }
# Until nothing differs, 20 s at most; a firewall that is starting changes its rules for a while.
until_healthy() {
  for attempt in $(seq 200); do natspace status myspace >/run/status && return; sleep 0.1; done
  cat /run/status /run/log; exit 7
}
`

type Line = { event?: string; by?: { name?: string }[]; drift?: { resource: string }[] }
const repairs = (text: string): Line[] =>
  text
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line) as Line)
    .filter(({ event }) => event === 'repaired')

describe('watch', () => {
  test('binds the cable to its zone again when firewalld has reloaded', () => {
    const output = expectOnFirewallHost(`${tools}
      firewalld_start
      natspace up -q myspace $article --fix-firewall
      watch
      reaches
      firewalld_reload
      wait_for '"event":"repaired"'
      until_healthy
      reaches
      kill -TERM $watcher; wait $watcher
      cat /run/log`)
    const found = repairs(output)
    expect(
      found
        .flatMap(({ drift }) => drift ?? [])
        .map(({ resource }) => resource)
        .join(),
    ).toContain('firewalld')
    expect(found.flatMap(({ by }) => by ?? []).map(({ name }) => name)).toContain('firewalld')
    // What the watch has done itself is never told as somebody else's doing, in a PID namespace neither.
    expect(found.flatMap(({ by }) => by ?? []).map(({ name }) => name)).not.toContain('natspace')
  })

  test('lets a space through a Docker that is started later, where the fix was granted', () => {
    const output = expectOnFirewallHost(`${tools}
      natspace up -q myspace $article --fix-firewall
      watch
      reaches
      docker_start
      # As Docker does where it was the one that turned forwarding on.
      iptables -P FORWARD DROP
      wait_for '"event":"repaired"'
      until_healthy
      reaches
      docker_reload
      until_healthy
      reaches
      kill -TERM $watcher; wait $watcher
      cat /run/log`)
    expect(repairs(output).length).toBeGreaterThan(0)
  })
})
