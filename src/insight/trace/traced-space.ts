import type { Kernel } from '../../linux/kernel.ts'
import { prefixContains } from '../../linux/net/prefix.ts'
import { spaceOfAlias } from '../../space/marks.ts'
import { innerAddresses } from '../../space/spec/endpoints.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import type { TracedSpace } from './observation.ts'

/** Whether packets from the space bear its own address there, and shall. */
export const knowsTheWay = ({ untranslated = [] }: TracedSpace, destination: string | undefined): boolean =>
  destination !== undefined && untranslated.some(network => prefixContains(network, destination))

/** A space as far as a story needs to know it. Throws what `Kernel.links` throws. */
export const tracedSpace = (kernel: Pick<Kernel, 'links'>, space: ResolvedSpace): TracedSpace => ({
  name: space.name,
  interface: space.interface,
  hostInterface: space.hostInterface,
  cables: kernel
    .links(undefined)
    .filter(({ alias }) => spaceOfAlias(alias) !== undefined)
    .map(({ name }) => name),
  addresses: innerAddresses(space).map(({ address }) => address),
  ...(space.untranslated === undefined ? {} : { untranslated: space.untranslated }),
  isLimited: space.egress !== undefined,
  isInternal: space.internal,
})
