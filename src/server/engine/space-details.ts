import { Facts } from '../../insight/doctor/facts.ts'
import { inhabitantsOf } from '../../insight/doctor/processes.ts'
import { chooseDestination } from '../../insight/doctor/target.ts'
import { commandText } from '../../linux/nftables/index.ts'
import { status } from '../../space/reconcile/status.ts'
import type { Context } from '../../space/reconcile/types.ts'
import { elementCommands } from '../../space/ruleset/commands.ts'
import { membershipsOf } from '../../space/ruleset/elements.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import { steps } from '../../space/steps.ts'
import { stepCommands } from '../../space/text/by-hand.ts'
import type { SpaceDetails } from '../protocol.ts'
import { resolversOf } from './space-dns.ts'

/** Processes of one space that are told. */
const mostProcesses = 200

/** Everything about one space. Changes nothing. Throws what the kernel's questions throw, NatspaceError. */
export const spaceDetails = (context: Context, space: ResolvedSpace): SpaceDetails => {
  const [seen] = status(context, [space.name])
  if (seen === undefined) throw new RangeError(`There is no status of ${space.name}`)
  return {
    status: seen,
    steps: steps.map(({ number, name, title, why }) => ({
      number: number ?? null,
      name,
      title,
      why,
      commands: stepCommands(space, name).natspace,
    })),
    dns: resolversOf(space),
    processes: processesOf(context, space),
    rules: elementCommands('element.add', membershipsOf(space)).map(command => commandText(command)),
  }
}

const processesOf = ({ kernel, paths }: Context, space: ResolvedSpace): SpaceDetails['processes'] => {
  const subject = { name: space.name, path: space.namespacePath, space }
  if (kernel.namespaceState(space.namespacePath) !== 'present') return []
  const facts = new Facts(kernel, paths, subject, chooseDestination(kernel, subject))
  return inhabitantsOf(facts)
    .slice(0, mostProcesses)
    .map(({ id, command }) => ({ pid: id, command }))
}
