import { routeProtocol, routeTable } from '../../linux/rtnetlink/route.ts'
import { NatspaceError } from '../errors.ts'
import { spaceOfAlias } from '../marks.ts'
import { quote } from '../spec/quote.ts'
import type { ResolveManyFacts } from '../spec/resolve.ts'
import type { Taken } from '../spec/taken.ts'
import type { ResolvedSpace, SpaceSpec } from '../spec/types.ts'
import type { Observation } from './observation.ts'

const tableNames: Record<number, string> = { 253: 'default', 254: 'main', 255: 'local' }

/** What of the host is in use, for choosing and for refusing: routes of every table, addresses, names of links. */
export const resolveFacts = (
  seen: Observation,
  specs: readonly SpaceSpec[],
  previous: ReadonlyMap<string, ResolvedSpace>,
  /** Networks of other spaces, which may have no route now. */
  networks: readonly Taken[],
): ResolveManyFacts => {
  const links = seen.links(undefined)
  const asked = new Set(specs.map(spec => spec.name))
  const taken: Taken[] = [...networks]
  for (const route of seen.routes(undefined)) {
    // What the kernel keeps for an address of its own is said more plainly by the address, below.
    const ofAddress = route.table === routeTable.local && route.protocol === routeProtocol.kernel
    if (route.family !== 4 || ofAddress) continue
    const device =
      route.outputIndex === undefined
        ? ''
        : ` dev ${quote(seen.linkName(undefined, route.outputIndex) ?? '?')}`
    const why = `route${device} table ${tableNames[route.table] ?? route.table}`
    taken.push({ prefix: route.destination, why })
  }
  for (const [index, addresses] of seen.addresses(undefined))
    for (const { address, prefixLength, family } of addresses)
      if (family === 4)
        taken.push({
          prefix: `${address}/${prefixLength}`,
          why: `address of ${quote(seen.linkName(undefined, index) ?? '?')}`,
        })
  const linkNames = new Set<string>()
  for (const link of links.values()) {
    const owner = spaceOfAlias(link.alias)
    if (owner === undefined || !asked.has(owner)) linkNames.add(link.name)
  }
  return { taken, linkNames, previous }
}

/** Refuses an uplink that does not exist. Throws NatspaceError NO_SUCH_UPLINK (exit 2). */
export const checkUplinks = (seen: Observation, specs: readonly SpaceSpec[]): void => {
  for (const { name, uplink } of specs) {
    if (uplink === undefined || seen.link(undefined, uplink) !== undefined) continue
    const links = [...seen.links(undefined).values()].filter(
      link => !link.loopback && spaceOfAlias(link.alias) === undefined,
    )
    throw new NatspaceError({
      code: 'NO_SUCH_UPLINK',
      exit: 2,
      what: `cannot use ${quote(uplink)} as the uplink of ${name}`,
      why: 'this host has no link of that name',
      evidence: [`links: ${links.map(link => quote(link.name)).join(', ') || 'none but the loopback'}`],
      fix: ['name one of those with --uplink, or leave it out: then any way out is used'],
    })
  }
}
