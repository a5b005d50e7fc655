import { NatspaceError } from '../../../space/errors.ts'
import { Observation } from '../../../space/reconcile/observation.ts'
import { reachReader } from '../../../space/reconcile/reach.ts'
import { status } from '../../../space/reconcile/status.ts'
import type { Context } from '../../../space/reconcile/types.ts'
import type { ResolvedSpace } from '../../../space/spec/types.ts'
import { readSpaceRecord, recordedNames } from '../../../space/state/records.ts'
import type { Topology } from '../../protocol.ts'
import type { KnownHost, TopologyFacts } from './facts.ts'
import { type SpaceView, viewOfSpec, viewOfStatus, viewOfUnreadable } from './space-view.ts'
import { topologyOf } from './topology.ts'

export type PictureOptions = {
  /** Name of this host. */
  host: string
  known?: readonly KnownHost[]
  /** How many findings the doctor had for a space, by its name. */
  findings?: ReadonlyMap<string, number>
}

/** The picture as the kernel has it now. Changes nothing. Throws what the kernel's questions throw. */
export const observeTopology = (context: Context, options: PictureOptions): Topology => {
  const { seen, spaces } = read(context, options)
  return topologyOf({ ...hostFacts(seen, options), spaces })
}

/**
 * The picture as it would be: with these spaces as they are planned, and without those. Changes nothing. Throws what the
 * kernel's questions throw.
 */
export const imagineTopology = (
  context: Context,
  options: PictureOptions,
  { planned = [], removed = [] }: { planned?: readonly ResolvedSpace[]; removed?: readonly string[] },
): Topology => {
  const { seen, spaces } = read(context, options)
  const reachOf = reachReader(seen)
  const imagined = new Map(planned.map(space => [space.name, viewOfSpec(space, reachOf(space))]))
  const kept = spaces.filter(({ name }) => !removed.includes(name))
  const gone = new Set(
    spaces.filter(({ name }) => removed.includes(name)).flatMap(({ outer }) => outer.interface ?? []),
  )
  const facts = hostFacts(seen, options)
  return topologyOf({
    ...facts,
    links: facts.links.filter(({ name }) => !gone.has(name)),
    spaces: [
      ...kept.map(view => imagined.get(view.name) ?? view),
      ...[...imagined.values()].filter(({ name }) => !kept.some(view => view.name === name)),
    ],
  })
}

const read = (context: Context, { findings }: PictureOptions): { seen: Observation; spaces: SpaceView[] } => {
  const seen = new Observation(context.kernel)
  const views = spaceViews(context, seen)
  const spaces = views.map(view => {
    const count = findings?.get(view.name)
    return count === undefined ? view : { ...view, findings: count }
  })
  return { seen, spaces }
}

/** The spaces in the order of their names; one whose record cannot be read hides no other. */
const spaceViews = (context: Context, seen: Observation): SpaceView[] => {
  const { kernel, paths } = context
  const unreadable = new Map<string, SpaceView>()
  const readable: string[] = []
  const names = recordedNames(kernel, paths)
  for (const name of names)
    try {
      if (readSpaceRecord(kernel, paths, name) !== undefined) readable.push(name)
    } catch (error) {
      if (!(error instanceof NatspaceError)) throw error
      unreadable.set(name, viewOfUnreadable(name, error.why))
    }
  const known = new Map(
    (readable.length === 0 ? [] : status(context, readable)).map(item => {
      const host = seen.link(undefined, item.interface.host)
      const addresses = host === undefined ? [] : (seen.addresses(undefined).get(host.index) ?? [])
      const texts = addresses
        .filter(({ address }) => !/^fe80:/i.test(address))
        .map(({ address, prefixLength }) => `${address}/${prefixLength}`)
      return [item.name, viewOfStatus(item, host, texts)]
    }),
  )
  return names.flatMap(name => known.get(name) ?? unreadable.get(name) ?? [])
}

const hostFacts = (
  seen: Observation,
  { host, known = [] }: PictureOptions,
): Omit<TopologyFacts, 'spaces'> => ({
  host,
  links: [...seen.links(undefined).values()],
  addresses: seen.addresses(undefined),
  routes: seen.routes(undefined),
  neighbours: seen.kernel.neighbours(undefined),
  known,
  time: Date.now(),
})
