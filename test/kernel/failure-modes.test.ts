/** Failures of the field that no other file tries: what is in the way, what lives on, what cannot be written. */
import { expect } from 'bun:test'
import { expectOnNewHost, onNewHost } from '../support/host.ts'
import { requireTool } from '../support/tools.ts'

const test = requireTool('ip', 'nft', 'iptables-save', 'sysctl')

test('F13: a namespace that is taken down while a program lives in it has no network from then on', () => {
  const output = expectOnNewHost(`
    sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
    snapshot >/run/before
    natspace up -q a
    ip netns exec a sleep 30 & program=$!
    for i in $(seq 500); do test "$(readlink /proc/$program/ns/net)" != "$(readlink /proc/self/ns/net)" && break; sleep 0.01; done
    natspace down -q a
    echo "links $(nsenter -t $program -n ip -br link | wc -l)"
    snapshot >/run/after
    diff /run/before /run/after && echo EQUAL
    natspace up -q a && natspace status a >/run/status && echo HEALTHY
    kill $program; wait $program || true
    natspace status a >/run/status && echo HEALTHY
    natspace down -q a
    snapshot >/run/after
    diff /run/before /run/after && echo EQUAL`)
  expect(output).toBe('links 1\nEQUAL\nHEALTHY\nHEALTHY\nEQUAL\n')
})

test('F14: a plain file where the namespace should be is told, and nothing is changed', () => {
  const { stdout, stderr, status } = onNewHost(`
    touch /run/netns/a
    snapshot >/run/before
    natspace up a || echo "status $?"
    snapshot >/run/after
    diff /run/before /run/after && echo EQUAL`)
  expect({ stdout, status }).toEqual({ stdout: 'status 1\nEQUAL\n', status: 0 })
  expect(stderr).toContain('code: NS-STALE')
  expect(stderr).toContain('rm /run/netns/a')
})

test('F14: so is a namespace of another kind', () => {
  const { stdout, stderr } = onNewHost(`
    touch /run/netns/a; mount --bind /proc/self/ns/uts /run/netns/a
    natspace up a || echo "status $?"`)
  expect(stdout).toBe('status 1\n')
  expect(stderr).toContain('code: NS-STALE')
})

test('F19: where settings cannot be written, up leaves nothing behind, and is content with what is right already', () => {
  const output = expectOnNewHost(`
    sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
    natspace up -q living
    snapshot >/run/before
    mount --bind /proc/sys /proc/sys; mount -o remount,ro,bind /proc/sys
    natspace up -q a 2>/run/said || echo "status $?"
    grep -o 'EROFS\\|code: APPLY_FAILED' /run/said | sort -u
    snapshot >/run/after
    diff /run/before /run/after && echo EQUAL
    natspace up living --json | grep -o '"changes":0'
    umount /proc/sys
    natspace down -q living`)
  expect(output).toBe('status 1\nEROFS\ncode: APPLY_FAILED\nEQUAL\n"changes":0\n')
})
