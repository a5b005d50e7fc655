/** Hostile requests to the executable itself, on a real kernel; many more of them are in src/cni/hostile.test.ts. */
import { expect } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hostileRequests } from '../support/cni-mutations.ts'
import { expectOnNewHost } from '../support/host.ts'
import { requireTool } from '../support/tools.ts'

const test = requireTool('ip', 'nft', 'iptables-save', 'sysctl', 'diff')

const count = 150

/** Milliseconds; a machine that has nothing else to do needs a twentieth. */
const patience = 240_000

/** One request as the script reads it: a file with the configuration, and one that starts the plugin. */
const writeRequests = (folder: string): void => {
  let index = 0
  for (const { environment, text } of hostileRequests(20261124)) {
    if (index === count) return
    // Without it, it is no request to a plugin.
    if (!environment.CNI_COMMAND) continue
    const quoted = Object.entries(environment).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}='${value.replaceAll("'", "'\\''")}'`],
    )
    writeFileSync(join(folder, `${index}.json`), text)
    writeFileSync(join(folder, `${index}.sh`), `exec env -i ${quoted.join(' ')} $executable\n`)
    index++
  }
}

/** What is made by a request that was right after all is taken away by the name of its container and its network. */
const script = (folder: string): string => `
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
mkdir -p /run/plugins
for name in c1 c2; do ip netns add $name; ip -n $name link set lo up; done
snapshot >/run/before
for index in $(seq 0 ${count - 1}); do
  executable=$executable sh ${folder}/$index.sh <${folder}/$index.json >/run/out 2>/run/err && status=0 || status=$?
  echo "@$index $status"; cat /run/out
  [ ! -d /run/natspace/spaces ] || natspace down -q --all
done
snapshot >/run/after
diff /run/before /run/after && echo EQUAL
`

test(
  `${count} mutated requests: answers of the specification, and nothing is left`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'natspace-hostile-'))
    try {
      writeRequests(folder)
      const output = expectOnNewHost(script(folder), {}, patience)
      const replies = [...output.matchAll(/^@(\d+) (\d+)\n([\s\S]*?)(?=^@|^EQUAL)/gm)]
      expect(replies).toHaveLength(count)
      for (const [, index, status, text = ''] of replies) {
        const told = `request ${index} ended with ${status}: ${text}`
        if (!/^[01]$/.test(status ?? '')) throw new Error(told)
        const answer = text === '' ? undefined : (JSON.parse(text) as { code?: number; cniVersion?: string })
        if (answer !== undefined) expect(typeof answer.cniVersion).toBe('string')
        if (status === '1' && !(Number(answer?.code) > 0 && answer?.code !== 106)) throw new Error(told)
      }
      expect(output.trimEnd()).toEndWith('EQUAL')
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
  patience,
)
