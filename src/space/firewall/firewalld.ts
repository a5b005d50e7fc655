import type { ProgramRun } from '../../linux/change.ts'
import type { RuleState, Table } from '../../linux/nftables/index.ts'
import type { Observation } from '../reconcile/observation.ts'
import { jumpOf } from './jump.ts'
import { readableFile, readableFiles } from './readable.ts'

/**
 * firewalld decides by zones: what comes from a link that is bound to none belongs to the default zone, which forwards
 * nothing to another one. In the zone `trusted` everything may be forwarded (and the host may be reached, which is left
 * to our own table). The binding is of the running firewall only: nothing of it is in its files, and a reload, as any
 * reload of firewalld, forgets it.
 */

/** The zone whose target is ACCEPT in every installation. */
export const forwardingZone = 'trusted'

const run = (verb: 'add' | 'remove', link: string): ProgramRun => ({
  type: 'program.run',
  where: undefined,
  program: 'firewall-cmd',
  arguments: [`--zone=${forwardingZone}`, `--${verb}-interface=${link}`],
})

/** `firewall-cmd --zone=trusted --add-interface=VETH` */
export const bindToZone = (link: string): ProgramRun => run('add', link)

/** `firewall-cmd --zone=trusted --remove-interface=VETH` */
export const unbindFromZone = (link: string): ProgramRun => run('remove', link)

/** Whether the running firewall has the link in that zone: a rule sends what comes by it to the chain of the zone. */
export const isBoundToZone = (table: Table, link: string): boolean =>
  table.chains.some(chain =>
    chain.rules.some(rule => namesLink(rule, link) && jumpOf(rule)?.endsWith(`_${forwardingZone}`)),
  )

const namesLink = ({ instructions }: RuleState, link: string): boolean =>
  instructions.some(
    item =>
      item.name === 'cmp' &&
      item.data.data?.value !== undefined &&
      Buffer.from(item.data.data.value).toString('latin1').replace(/\0+$/, '') === link,
  )

/** Where an administrator's own zones are. */
const zoneFolder = '/etc/firewalld/zones'

/** Whether an administrator bound the link to a zone for good: then it is neither for us to bind nor to unbind. */
export const isBoundForGood = (seen: Observation, link: string): boolean =>
  readableFiles(seen, zoneFolder).some(text =>
    [...text.matchAll(/<interface\s+name="([^"]*)"/g)].some(([, name]) => name === link),
  )

/** firewalld 2.3 and later can be told to forward to published ports only what it was told itself to forward. */
export const forwardsStrictly = (seen: Observation): boolean =>
  /^\s*StrictForwardPorts\s*=\s*(?:yes|true)\s*$/im.test(
    readableFile(seen, '/etc/firewalld/firewalld.conf') ?? '',
  )
