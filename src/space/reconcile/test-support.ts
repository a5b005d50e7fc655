/** What the tests of the engine share: hosts in memory. */

import { harmful, preparations, type Scenario } from '../../../test/support/up-scenarios.ts'
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

/** A host on which everything is as a scenario begins; `start` is how it was before natspace did anything. */
export const stageOf = async (scenario: Scenario) => {
  const { before, harm } = scenario
  const host = newHost()
  const { kernel, context } = host
  const uplink = kernel.links(undefined).find(link => link.name === 'eth0')
  meanwhile(kernel, preparations(scenario, uplink?.index ?? 0))
  const start = kernel.snapshot()
  for (const specs of before) await up(context, specs)
  if (harm !== undefined) meanwhile(kernel, harmful(kernel, harm))
  return { ...host, start }
}
