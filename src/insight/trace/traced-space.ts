import type { Kernel } from '../../linux/kernel.ts'
import { spaceOfAlias } from '../../space/marks.ts'
import { innerAddresses } from '../../space/spec/endpoints.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import type { TracedSpace } from './observation.ts'

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
  isLimited: space.egress !== undefined,
  isInternal: space.internal,
})
