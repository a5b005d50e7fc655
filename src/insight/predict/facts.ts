import type { Where } from '../../linux/change.ts'
import type { Kernel } from '../../linux/kernel.ts'
import type { Ruleset } from '../../linux/nftables/index.ts'
import type { Address } from '../../linux/rtnetlink/address.ts'
import type { Link } from '../../linux/rtnetlink/link.ts'
import type { Neighbour } from '../../linux/rtnetlink/neighbour.ts'
import type { QueueingDiscipline } from '../../linux/rtnetlink/queueing-discipline.ts'
import type { Route, RouteQuery } from '../../linux/rtnetlink/route.ts'
import type { Rule } from '../../linux/rtnetlink/rule.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import type { TracedSpace } from '../trace/observation.ts'
import { tracedSpace } from '../trace/traced-space.ts'
import { type LegacyTables, legacyTables } from '../walk/legacy-tables.ts'
import { decideRoute, type RouteDecision } from '../walk/route-decisions.ts'
import { isTraceTable } from '../walk/trace-table.ts'

/** What is known of one namespace before anything is sent. Everything is read; nothing is changed and no packet is made. */
export type PlaceFacts = {
  ruleset: Ruleset
  links: readonly Link[]
  addresses: readonly Address[]
  routes: readonly Route[]
  rules: readonly Rule[]
  neighbours: readonly Neighbour[]
  disciplines: readonly Pick<QueueingDiscipline, 'index' | 'kind'>[]
  legacy: LegacyTables
  /** A sysctl by its key; undefined where the kernel has none of that name. */
  setting: (key: string) => string | undefined
  /** The kernel's own answer to where a packet goes. Equivalent to: `ip route get …` */
  decide: (question: RouteQuery) => RouteDecision
}

/** What a prediction is made of. */
export type PredictionFacts = { space: TracedSpace; inside: PlaceFacts; host: PlaceFacts }

/**
 * Reads all that a prediction needs. Throws NetlinkError, SystemError, NamespaceError (EPERM without privilege over the
 * namespaces), RulesetChangingError.
 */
export const readFacts = (kernel: Kernel, space: ResolvedSpace): PredictionFacts => ({
  space: tracedSpace(kernel, space),
  inside: placeFacts(kernel, space.namespacePath),
  host: placeFacts(kernel, undefined),
})

const placeFacts = (kernel: Kernel, where: Where): PlaceFacts => ({
  ruleset: withoutTraces(kernel.ruleset(where)),
  links: kernel.links(where),
  addresses: kernel.addresses(where),
  routes: kernel.routes(where),
  rules: kernel.rules(where),
  neighbours: kernel.neighbours(where),
  disciplines: kernel.queueingDisciplines(where),
  legacy: legacyTables(where),
  setting: key => kernel.sysctl(where, key),
  decide: question => decideRoute(kernel, where, question),
})

/** Tables of traces that run at this moment look at packets and decide nothing. */
const withoutTraces = ({ generation, tables }: Ruleset): Ruleset => ({
  generation,
  tables: tables.filter(table => !isTraceTable(table)),
})
