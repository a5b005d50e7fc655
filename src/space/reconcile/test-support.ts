/** What the tests of the engine share: hosts in memory. */

import type { Harm, Scenario } from '../../../test/support/up-scenarios.ts'
import type { Change } from '../../linux/change.ts'
import { FakeKernel } from '../../linux/fake.ts'
import { statePaths } from '../state/records.ts'
import type { Context } from './types.ts'
import { up } from './up.ts'

/** The article's host1: an uplink eth0 with 192.168.1.32/24 and a default route. */
export const newHost = (): { kernel: FakeKernel; context: Context } => {
  const kernel = new FakeKernel()
  kernel.addLink('eth0', { address: '192.168.1.32/24', gateway: '192.168.1.1' })
  return { kernel, context: { kernel, paths: statePaths() } }
}

/** Carries out changes that must succeed, as another program. */
export const meanwhile = (kernel: FakeKernel, changes: readonly Change[]): void => {
  for (const outcome of new FakeKernel(kernel.machine).change(changes)) if (outcome !== 'done') throw outcome
}

const where = '/run/netns/myspace'

/** The changes that do the harm to the article's space as it is now. */
const harmful = (kernel: FakeKernel, harm: Harm): Change[] => {
  const host = kernel.links(undefined).find(link => link.name === 'veth1')
  const inner = kernel.links(where).find(link => link.name === 'veth2')
  const outerEnd = { where: undefined, name: 'veth1', index: host?.index ?? 0 }
  const innerEnd = { where, name: 'veth2', index: inner?.index ?? 0 }
  const table = { family: 'inet', table: 'natspace' } as const
  const commit = (command: Extract<Change, { type: 'nftables.commit' }>['commands'][number]): Change => ({
    type: 'nftables.commit',
    where: undefined,
    commands: [command],
    generation: undefined,
  })
  switch (harm) {
    case 'cable':
      return [{ type: 'link.delete', ...outerEnd }]
    case 'table':
      return [commit({ type: 'table.delete', ...table })]
    case 'elements':
      return [commit({ type: 'set.flush', ...table, set: 'source4' })]
    case 'host-address':
      return [{ type: 'address.delete', ...outerEnd, address: '192.168.45.2', prefixLength: 24 }]
    case 'inner-address':
      return [{ type: 'address.delete', ...innerEnd, address: '192.168.45.3', prefixLength: 24 }]
    case 'route':
      return [{ type: 'route.delete', ...innerEnd, destination: '0.0.0.0/0', gateway: '192.168.45.2' }]
    case 'down':
      return [{ type: 'link.set', ...outerEnd, up: false }]
    case 'forwarding':
      return [{ type: 'sysctl.set', where: undefined, key: 'net.ipv4.ip_forward', value: '0' }]
    case 'namespace':
      return [{ type: 'namespace.delete', path: where }]
    case 'record':
      return [{ type: 'file.delete', path: '/run/natspace/spaces/myspace.json' }]
  }
}

/** A host on which everything is as a scenario begins; `start` is how it was before natspace did anything. */
export const stageOf = async ({ before, foreign = [], harm }: Scenario) => {
  const host = newHost()
  const { kernel, context } = host
  if (foreign.length > 0)
    meanwhile(kernel, [
      { type: 'directory.add', path: '/run/netns', mode: 0o755 },
      ...foreign.map(name => ({ type: 'namespace.add', path: `/run/netns/${name}` }) as const),
    ])
  const start = kernel.snapshot()
  for (const specs of before) await up(context, specs)
  if (harm !== undefined) meanwhile(kernel, harmful(kernel, harm))
  return { ...host, start }
}
