import { macOf } from '../mac.ts'
import { hostInterfaceName } from '../spec/names.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import { shellCommand } from '../text/quote-shell.ts'
import { shellOf } from '../text/shell.ts'
import { isOwnTable, nftFile } from './nft-file.ts'
import type { ExportPlan } from './plan.ts'
import type { Export, ExportFile } from './types.ts'

/**
 * Theory of operation. systemd-networkd knows links, addresses and a masquerade of its own, all on the host; it knows no
 * namespaces, and no rule but that one. So the cable and the host end are its files, and the rest of the operations stand
 * as commands in comments, for whoever starts the namespace.
 */
export const networkdExport = (plan: ExportPlan): Export => {
  const { spaces } = plan
  return {
    files: [...spaces.flatMap(space => [netdev(space), network(plan, space)]), nftFile(plan)],
    notes: [
      'systemd-networkd makes the cable and the host end. It has no namespaces: the commands that plug the cable in, and all that is done inside, stand as comments at the end of each .network file.',
      ...(spaces.some(({ internal }) => !internal)
        ? [
            'IPMasquerade= translates whatever comes from the subnet, by whatever link it leaves; natspace translates the addresses of the space alone, and by the uplink alone where there is one.',
          ]
        : []),
      `It has no words for published ports and for the guard: those are ${nftFile(plan).path}, which the comments load.`,
    ],
  }
}

/** The inner end waits on the host under a name that no other link has: most spaces call theirs eth0. */
const waitingName = ({ name }: ResolvedSpace): string => hostInterfaceName(`${name}.in`)

const netdev = (space: ResolvedSpace): ExportFile => ({
  path: `/etc/systemd/network/50-${space.name}.netdev`,
  text: `${[
    '# Step 2: the cable, a veth pair.',
    '[NetDev]',
    `Name=${space.hostInterface}`,
    'Kind=veth',
    `MACAddress=${macOf(space.name, 'host')}`,
    `MTUBytes=${space.mtu}`,
    '',
    '[Peer]',
    `Name=${waitingName(space)}`,
    `MACAddress=${macOf(space.name, 'inner')}`,
  ].join('\n')}\n`,
})

const network = (plan: ExportPlan, space: ResolvedSpace): ExportFile => {
  const { ipv6, internal } = space
  const families = ipv6 === undefined ? 'ipv4' : 'both'
  return {
    path: `/etc/systemd/network/50-${space.name}.network`,
    text: `${[
      '# Step 4: the host end, which is the gateway of the namespace.',
      '[Match]',
      `Name=${space.hostInterface}`,
      '',
      '[Link]',
      'RequiredForOnline=no',
      '',
      '[Network]',
      `Address=${space.gateway}/${space.prefixLength}`,
      ...(ipv6 === undefined ? [] : [`Address=${ipv6.gateway}/${ipv6.prefixLength}`]),
      'ConfigureWithoutCarrier=yes',
      `LinkLocalAddressing=${ipv6 === undefined ? 'no' : 'ipv6'}`,
      'IPv6AcceptRA=no',
      ...(internal
        ? []
        : [
            '# Steps 7 and 8: forward, and let outside see the address of this host.',
            `IPMasquerade=${families}`,
          ]),
      '',
      '# What has no word here. As root, once the link is there:',
      ...restOf(plan, space).map(line => `#   ${line}`),
    ].join('\n')}\n`,
  }
}

/** The operations of this space that networkd cannot carry out, as commands; and those of all spaces together. */
const restOf = (plan: ExportPlan, space: ResolvedSpace): string[] => {
  const { owner, operations } = plan
  const where = space.namespacePath
  let isLoaded = false
  return operations.flatMap(({ change, space: whose }): string[] => {
    if (isOwnTable(change, owner)) {
      if (isLoaded) return []
      isLoaded = true
      return [shellCommand('nft', '-f', nftFile(plan).path)]
    }
    if (whose !== undefined && whose !== space.name) return []
    switch (change.type) {
      case 'veth.add':
        return [
          shellCommand('ip', 'link', 'set', waitingName(space), 'netns', space.name, 'name', space.interface),
        ]
      case 'address.add':
      case 'link.set':
      case 'route.add':
        return change.where === where ? shellOf(change) : []
      default:
        return shellOf(change)
    }
  })
}
