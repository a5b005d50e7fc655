import { ProgramError, type ProgramName } from '../../linux/program.ts'
import type { Observation } from '../reconcile/observation.ts'
import { legacyOwner } from './legacy.ts'
import { type LegacyTable, legacyLead, parseLegacyTable } from './legacy-table.ts'
import type { Owner } from './owner.ts'
import type { HostPort } from './published-by-others.ts'
import { readableFile } from './readable.ts'

/**
 * Ports that rules of iptables-legacy lead elsewhere. The kernel gives them to its own program alone, which is asked only
 * where the kernel says that the table is there (see legacy.ts); one that cannot be read decides nothing.
 */

/** The rule that leads a port elsewhere, where to, and whose it is. */
export type LegacyLead = { hook: 'prerouting' | 'output'; target: string; command: string; owner: Owner }

const places = {
  4: { names: '/proc/net/ip_tables_names', program: 'iptables-legacy' },
  6: { names: '/proc/net/ip6_tables_names', program: 'ip6tables-legacy' },
} as const

/** The tables of translations of both families; {} where there are none. */
export type LegacyNat = Partial<Record<4 | 6, { program: ProgramName; table: LegacyTable }>>

/** Reads them. */
export const legacyNat = (seen: Observation): LegacyNat => {
  const found: LegacyNat = {}
  for (const family of [4, 6] as const) {
    const { names, program } = places[family]
    if (!readableFile(seen, names)?.split('\n').includes('nat')) continue
    try {
      const text = seen.programOutput(program, '-w', '5', '-t', 'nat', '-S')
      found[family] = { program, table: parseLegacyTable(text) }
    } catch (error) {
      // Without the program nobody can say more; that its filter table cannot be read is told when it matters.
      if (!(error instanceof ProgramError)) throw error
    }
  }
  return found
}

/** Numbers of ports that the rules speak of, and those behind them: between two of them all fare alike. */
export const legacyPorts = (nat: LegacyNat): number[] =>
  Object.values(nat).flatMap(({ table }) =>
    [...table.chains.values()].flatMap(rules =>
      rules.flatMap(words =>
        words.flatMap((word, index) =>
          /^--(dport|dports|destination-ports?)$/.test(words[index - 1] ?? '')
            ? word.split(/[,:]/).flatMap(text => [Number(text), Number(text) + 1])
            : [],
        ),
      ),
    ),
  )

/** Who leads a port of the host elsewhere for sure; undefined where nobody does. */
export const ledByLegacy = (
  nat: LegacyNat,
  { family, protocol, port, address, uplink }: HostPort,
): LegacyLead | undefined => {
  const found = nat[family]
  if (found === undefined) return undefined
  const { program, table } = found
  const packet = {
    state: 'NEW',
    dnat: false,
    protocol,
    port,
    toHost: true,
    ...(address === undefined ? {} : { destination: address }),
  } as const
  for (const hook of ['prerouting', 'output'] as const) {
    const link = hook === 'output' ? { to: 'lo' } : uplink === undefined ? {} : { from: uplink }
    const lead = legacyLead(table, hook === 'output' ? 'OUTPUT' : 'PREROUTING', { ...packet, ...link })
    const last = lead?.path.at(-1)
    const words = last && table.chains.get(last.chain)?.[last.index]
    if (last === undefined || words === undefined) continue
    const target = words[words.findIndex(word => word === '--to-destination' || word === '--to-ports') + 1]
    const command = `${program} -t nat -A ${last.chain} ${words.join(' ')}`
    return { hook, target: target ?? '', command, owner: legacyOwner(program, table) }
  }
  return undefined
}
