import { evaluateHook, type Packet, type RuleRef } from '../../linux/nftables/evaluate/index.ts'
import type { Chain, Ruleset, Table } from '../../linux/nftables/index.ts'
import { forwardVerdicts } from '../firewall/blocked.ts'
import { flowsOf } from '../firewall/flows.ts'
import type { Publish } from '../spec/types.ts'
import { type HostView, stranger } from './host-rules.ts'
import { sameRef } from './outbound.ts'

/** Rules of forward chains that let the packets of the namespace pass. */

/** More published ports than these are taken to fare like them. */
const mostPorts = 32

const flowsThrough = (view: HostView, cable: { name: string; index: number }, publish: readonly Publish[]) =>
  flowsOf({
    hostInterface: cable.name,
    ...(view.way === undefined ? {} : { uplink: view.way.name }),
    addresses: { 4: view.cable.address },
    published: publish
      .slice(0, mostPorts)
      .map(({ protocol, hostPort, port }) => ({ protocol, hostPort: hostPort.first, port: port.first })),
    indexes: {
      hostInterface: cable.index,
      ...(view.way === undefined ? {} : { uplink: view.way.index }),
    },
  })

const isForward = ({ hook, type }: Chain): boolean => hook === 'forward' && type === 'filter'

/** The rules of each base chain that are met, one chain after the other, as a drop would hide what comes behind. */
const visitsOf = ({ tables }: Ruleset, packet: Packet) =>
  tables.flatMap((table: Table) =>
    table.chains.filter(isForward).flatMap(chain => {
      const only = { hook: 'forward', chains: (_: Table, item: Chain) => item === chain } as const
      return evaluateHook({ generation: 0, tables: [table] }, only, packet).steps
    }),
  )

/** Rules that accept what the namespace sends or receives, and that meet nobody else's packets. */
export const acceptingRules = (view: HostView, publish: readonly Publish[]): RuleRef[] => {
  const { host } = view.cable
  const refs: RuleRef[] = []
  for (const { packet } of flowsThrough(view, host, publish))
    for (const { possible } of visitsOf(view.ruleset, packet))
      for (const { verdict, by } of possible) {
        if (verdict !== 'accept' || by.rule === 'policy') continue
        const ref = { ...by, rule: by.rule }
        if (!refs.some(other => sameRef(other, ref))) refs.push(ref)
      }
  return refs.filter(ref => !isShared(view, publish, ref))
}

/** Whether the rule would also accept the same packets of another cable and address. */
const isShared = (view: HostView, publish: readonly Publish[], ref: RuleRef): boolean => {
  const strange = { name: stranger.link, index: stranger.index }
  const { address } = view.cable
  const other = (value: string | undefined) => (value === address ? stranger.other : value)
  return flowsThrough(view, strange, publish).some(({ packet }) => {
    const { source, destination, ...rest } = packet
    const [from, to] = [other(source), other(destination)]
    const moved: Packet = {
      ...rest,
      ...(from === undefined ? {} : { source: from }),
      ...(to === undefined ? {} : { destination: to }),
    }
    return visitsOf(view.ruleset, moved).some(({ visits }) => visits.some(({ by }) => sameRef(by, ref)))
  })
}

/** Whether a forward chain would stop the namespace if these rules were not there. */
export const stopsWithout = (
  view: HostView,
  publish: readonly Publish[],
  rules: readonly RuleRef[],
): boolean => {
  const isLeftOut = (table: Table, chain: Chain, handle: bigint) =>
    rules.some(
      ({ family, table: name, chain: chainName, rule }) =>
        family === table.family && name === table.name && chainName === chain.name && rule.handle === handle,
    )
  const without: Ruleset = {
    generation: 0,
    tables: view.ruleset.tables.map(table => ({
      ...table,
      chains: table.chains.map(chain => ({
        ...chain,
        rules: chain.rules.filter(({ handle }) => !isLeftOut(table, chain, handle)),
      })),
    })),
  }
  return forwardVerdicts(without, flowsThrough(view, view.cable.host, publish)).some(
    ({ verdict }) => verdict === 'drop' || verdict === 'reject',
  )
}
