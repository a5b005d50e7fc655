/**
 * The experiment in a lab of its own, with the programs of the field beside it; prints one JSON object. To be started in
 * new namespaces: `unshare -nm --propagation private bun lab-article.ts [without-tcpdump]`
 */
import { spawnSync } from 'node:child_process'
import { teller } from '../../src/cli/lab/teller.ts'
import { proveConnected } from '../../src/lab/experiment.ts'
import { showInbound } from '../../src/lab/inbound.ts'
import { showOutbound } from '../../src/lab/outbound.ts'
import { bringUp, stageOf } from '../../src/lab/run.ts'
import { showSameIdentifier } from '../../src/lab/same-identifier.ts'
import { Screen } from '../../src/lab/screen.ts'
import { buildTopology } from '../../src/lab/topology.ts'
import { LinuxKernel } from '../../src/linux/linux.ts'
import { mountFileSystem } from '../../src/linux/sys/namespace.ts'
import { statePaths } from '../../src/space/state/records.ts'
import { SecondOpinions } from './second-opinions.ts'

const filter = 'icmp or tcp'

const main = async (): Promise<void> => {
  mountFileSystem('tmpfs', '/run', 'mode=755')
  using kernel = new LinuxKernel()
  const context = { kernel, paths: statePaths('/run/natspace') }
  const screen = new Screen({ silent: true, colours: false })
  buildTopology(kernel)
  await bringUp(screen, context)
  const connected = [...proveConnected(kernel)]
  const opinions = new SecondOpinions()
  try {
    if (process.argv[2] !== 'without-tcpdump') {
      await opinions.tcpdump('myspace veth2', 'veth2', filter, 'myspace')
      await opinions.tcpdump('host1 veth1', 'veth1', filter)
      await opinions.tcpdump('host1 eth0', 'eth0', filter)
      await opinions.tcpdump('host2 eth0', 'eth0', filter, 'host2')
    }
    await opinions.conntrack()
    await opinions.nft()
    const stage = stageOf(context, teller)
    const outbound = await showOutbound(screen, stage)
    const identifiers = await showSameIdentifier(screen, context, stage)
    const inbound = await showInbound(screen, stage)
    const list = spawnSync('conntrack', ['-L'], { encoding: 'utf8' }).stdout
    const proofs = [...connected, ...outbound.proofs, ...identifiers.proofs, ...inbound.proofs]
    const tables = { ...outbound.tables, ...identifiers.tables, ...inbound.tables }
    process.stdout.write(JSON.stringify({ proofs, ...tables, list, opinions: await opinions.finish() }))
  } finally {
    opinions.stop()
  }
}

void main()
