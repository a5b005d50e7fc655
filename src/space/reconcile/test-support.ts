/** What the tests of the engine share: hosts in memory. */

import { harmful, preparations, type Scenario } from '../../../test/support/up-scenarios.ts'
import type { Change, Outcome } from '../../linux/change.ts'
import { endOfGroup } from '../../linux/change-group.ts'
import { FakeKernel } from '../../linux/fake.ts'
import type { Kernel } from '../../linux/kernel.ts'
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

/**
 * A kernel whose process is killed as it is about to send the n-th time: everything before it is done, and nothing after it.
 * What goes in one send is done as a whole, as no signal comes between. The lock goes with the process.
 */
export const killedKernel = (kernel: Kernel, at: number): Kernel & { readonly tried: number } => {
  let tried = 0
  const change: Kernel['change'] = changes => {
    const outcomes: Outcome[] = []
    for (let start = 0; start < changes.length; start = endOfGroup(changes, start)) {
      if (++tried >= at) throw new Error('killed')
      outcomes.push(...kernel.change(changes.slice(start, endOfGroup(changes, start))))
      if (outcomes.some(outcome => outcome !== 'done')) break
    }
    return [...outcomes, ...changes.slice(outcomes.length).map(() => 'not-tried' as const)]
  }
  return new Proxy(kernel, {
    get(target, key) {
      if (key === 'tried') return tried
      if (key === 'change') return change
      if (tried >= at) throw new Error('killed')
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  }) as Kernel & { readonly tried: number }
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
