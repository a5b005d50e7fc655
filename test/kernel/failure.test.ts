/**
 * Every change of every `up` is refused in turn, on the real kernel, and each time iproute2, nft and sysctl must find
 * everything as it was before. What the engine does with a refusal is tested on the kernel in memory; this proves that
 * the way back leads back on Linux too.
 */
import { afterAll, beforeAll, describe, expect } from 'bun:test'
import { existsSync } from 'node:fs'
import { failingKernel } from '../../src/linux/failing.ts'
import { LinuxKernel } from '../../src/linux/linux.ts'
import { NatspaceError } from '../../src/space/errors.ts'
import { down } from '../../src/space/reconcile/down.ts'
import { up } from '../../src/space/reconcile/up.ts'
import { statePaths } from '../../src/space/state/records.ts'
import { ip, openDescriptors, requireSandbox, run } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'
import { harmful, preparations, scenarios } from '../support/up-scenarios.ts'

requireSandbox()
const test = requireTool('ip', 'nft', 'sysctl')

const script = `
for a in "link" "address" "route show table all" "-6 route show table all" "rule" "-6 rule"; do ip -d -j $a; done
for n in /run/netns/*; do
  test -e "$n" || continue
  echo "$n"
  nsenter --net="$n" sh -c 'ip -d -j address; ip -d -j route show table all; sysctl -a -r "^net\\.ipv[46]\\.conf" 2>/dev/null'
done
nft list ruleset
sysctl -a -r '^net\\.' 2>/dev/null | grep -v -e nf_conntrack_count -e random
find /run/natspace /run/netns -printf '%p %M\\n' 2>/dev/null | sort
cat /run/natspace/host.json /run/natspace/spaces/* 2>/dev/null
grep -c " /run/netns" /proc/self/mountinfo
true`

/** Everything there is, as the tools of the system print it. */
const snapshot = (): string => run('sh', ['-c', script])

const paths = statePaths()
const kernel = new LinuxKernel()
let tried = 0

const must = (changes: Parameters<typeof kernel.change>[0]) => {
  using other = new LinuxKernel()
  for (const outcome of other.change(changes)) if (outcome !== 'done') throw outcome
}

/** Waits until the kernel is done with what it does some time later: ending namespaces, checking IPv6 addresses. */
const settled = async (wanted: string): Promise<string> => {
  let found = snapshot()
  for (let i = 0; i < 40 && found !== wanted; i++) {
    await new Promise(resolve => setTimeout(resolve, 25))
    found = snapshot()
  }
  return found
}

/** The state once nothing changes by itself any more. */
const lasting = async (): Promise<string> => {
  let found = snapshot()
  for (let i = 0; i < 100; i++) {
    await new Promise(resolve => setTimeout(resolve, 100))
    const next = snapshot()
    if (next === found) return found
    found = next
  }
  throw new Error('The state of the sandbox does not come to rest')
}

beforeAll(() => {
  // Other files of the same sandbox may have left the empty folder, which would be taken away and missed.
  if (existsSync('/run/netns')) run('sh', ['-c', 'umount /run/netns 2>/dev/null; rmdir /run/netns'])
  ip('link add eth0 type veth peer name eth0-peer')
  for (const name of ['eth0', 'eth0-peer']) {
    // No check for duplicates, which would change the state a second after an address was given.
    run('sysctl', ['-qw', `net.ipv6.conf.${name}.disable_ipv6=1`, `net.ipv6.conf.${name}.accept_dad=0`])
    ip(`link set ${name} up`)
  }
  ip('address add 192.168.1.32/24 dev eth0')
  ip('route add default via 192.168.1.1')
})

afterAll(() => {
  kernel[Symbol.dispose]()
  ip('link delete eth0')
  process.stderr.write(`refused ${tried} changes in turn, in ${scenarios.length} scenarios\n`)
})

describe('a refused change leaves nothing behind', () => {
  for (const scenario of scenarios)
    test(scenario.title, async () => {
      const { before, harm, specs } = scenario
      const first = snapshot()
      const uplink = kernel.links(undefined).find(link => link.name === 'eth0')
      must(preparations(scenario, uplink?.index ?? 0))
      const start = scenario.ipv6 ? await lasting() : snapshot()
      for (const list of before) await up({ kernel, paths }, list)
      if (harm !== undefined) {
        must(harmful(kernel, harm))
        // Who has a namespace open keeps it alive, and notices only now that it is gone.
        kernel.namespaceState('/run/netns/myspace')
      }
      const asBefore = await lasting()
      const descriptors = openDescriptors()
      for (let at = 1; ; at++) {
        const failing = failingKernel(kernel, { at })
        const error = await up({ kernel: failing, paths }, specs).then(
          () => undefined,
          (cause: unknown) => cause,
        )
        if (error === undefined) {
          // All changes have had their turn.
          expect(failing.tried).toBe(at - 1)
          break
        }
        tried++
        expect(error).toBeInstanceOf(NatspaceError)
        expect({ at, error, code: (error as NatspaceError).code }).toMatchObject({ at, code: 'APPLY_FAILED' })
        const found = await settled(asBefore)
        if (found !== asBefore) throw new Error(`after change ${at}: ${difference(asBefore, found)}`)
      }
      // Namespaces are opened anew as they are made anew, and the earlier ones are closed.
      expect(openDescriptors().size - descriptors.size).toBeLessThanOrEqual(2 * specs.length + 2)
      const names = [...before.flat(), ...specs].map(({ name }) => name)
      expect((await down({ kernel, paths }, names)).problems).toEqual([])
      expect(difference(start, await settled(start))).toBe('')
      if (scenario.ipv6) run('sysctl', ['-qw', 'net.ipv6.conf.eth0.disable_ipv6=1'])
      if (scenario.firewall) run('nft', ['delete', 'table', 'ip', 'filter'])
      for (const name of scenario.foreign ?? []) ip(`netns delete ${name}`)
      if (existsSync('/run/netns')) run('sh', ['-c', 'umount /run/netns 2>/dev/null; rmdir /run/netns'])
      expect(difference(first, await settled(first))).toBe('')
    }, 120_000)
})

/** The lines that are not in both; '' when there are none. */
function difference(one: string, other: string): string {
  const [a, b] = [new Set(one.split('\n')), new Set(other.split('\n'))]
  return [
    ...[...a].filter(line => !b.has(line)).map(line => `- ${line}`),
    ...[...b].filter(line => !a.has(line)).map(line => `+ ${line}`),
  ].join('\n')
}
