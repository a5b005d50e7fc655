/** Hostile requests to the executable itself, on a real kernel; many more of them are in src/cni/hostile.test.ts. */
import { expect } from 'bun:test'
import { join } from 'node:path'
import { expectOnNewHost } from '../support/host.ts'
import { requireTool } from '../support/tools.ts'

const test = requireTool('ip', 'nft', 'iptables-save', 'sysctl', 'diff')

const count = 250

/** Milliseconds; a machine that has nothing else to do needs a twentieth. */
const patience = 240_000

test(
  `${count} mutated requests: answers of the specification, and nothing is left`,
  () => {
    const output = expectOnNewHost(
      `sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
    mkdir -p /run/plugins
    for name in c1 c2; do ip netns add $name; ip -n $name link set lo up; done
    snapshot >/run/before
    "$BUN" "$DRIVER" $executable ${count}
    snapshot >/run/after
    diff /run/before /run/after && echo EQUAL`,
      { BUN: process.execPath, DRIVER: join(import.meta.dirname, '../support/cni-hostile-driver.ts') },
      patience,
    )
    const lines = output.trimEnd().split('\n')
    expect(lines.filter(line => !/^status [01]$/.test(line))).toEqual(['EQUAL'])
    expect(lines.filter(line => line === 'status 0').length).toBeGreaterThan(count / 50)
    expect(lines.filter(line => line === 'status 1').length).toBeGreaterThan(count / 2)
  },
  patience,
)
