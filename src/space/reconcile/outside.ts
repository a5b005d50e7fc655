import { spaceOfAlias } from '../marks.ts'
import { quote } from '../spec/quote.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import { defaultUplink } from './facts.ts'
import type { Observation } from './observation.ts'
import { once } from './once.ts'
import type { Drift } from './operation.ts'

/**
 * What spaces need of the way out, which belongs to others: the link, an address, the size of packets. An MTU that is
 * not the uplink's any more can be mended, as the cable is ours; what is lacking outside cannot.
 */
export type Outside = {
  /** The MTU of a cable that should follow that of the way out. */
  mtuDrift(space: ResolvedSpace): Drift[]
  /** An uplink or a source address that this host has no more. */
  lacking(space: ResolvedSpace): Drift[]
}

/** Reads of the host once what serves any number of spaces. */
export const readOutside = (seen: Observation): Outside => {
  const links = seen.links(undefined)
  const anyUplink = once(() => defaultUplink(seen))
  const addresses = once(
    () =>
      new Set(
        [...links.values()]
          .filter(link => !link.loopback && spaceOfAlias(link.alias) === undefined)
          .flatMap(link => seen.addresses(undefined).get(link.index) ?? [])
          .map(({ address }) => address),
      ),
  )
  return {
    mtuDrift({ name, hostInterface, uplink: asked, mtu, mtuFollows }) {
      if (!mtuFollows) return []
      const uplink = asked ?? anyUplink()
      const wanted = uplink === undefined ? undefined : links.get(uplink)?.mtu
      if (uplink === undefined || wanted === undefined || wanted === mtu) return []
      return [
        {
          resource: `MTU of ${hostInterface}`,
          step: 'cable',
          space: name,
          expected: `${wanted}, as ${quote(uplink)} has`,
          found: `${mtu}`,
        },
      ]
    },
    lacking({ name, uplink, source = {} }) {
      const drift = (resource: string, found: string, without: string): Drift => ({
        resource,
        step: 'masquerade',
        space: name,
        expected: 'on this host',
        found,
        without,
      })
      return [
        ...(uplink === undefined || links.has(uplink)
          ? []
          : [
              drift(
                `uplink ${quote(uplink)}`,
                'no such link',
                'The space may leave by that link alone, so what it sends outside is refused.',
              ),
            ]),
        ...Object.values(source)
          .filter(address => !addresses().has(address))
          .map(address =>
            drift(
              `source ${address}`,
              'no link has this address',
              'What the space sends leaves with an address that nobody has, and no answer comes back.',
            ),
          ),
      ]
    },
  }
}
