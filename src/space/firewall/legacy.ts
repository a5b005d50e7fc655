import type { ProgramRun } from '../../linux/change.ts'
import type { IpFamily } from '../../linux/net/ip.ts'
import { ProgramError, type ProgramName } from '../../linux/program.ts'
import { commentOf, spaceOfComment } from '../marks.ts'
import type { Observation } from '../reconcile/observation.ts'
import { type LegacyDrop, type LegacyTable, parseLegacyTable } from './legacy-table.ts'
import type { Owner } from './owner.ts'
import { readableFile } from './readable.ts'
import { type Way, wayKey } from './way.ts'

/**
 * iptables-legacy keeps its rules beside nftables, and a packet must pass both. Asking its program for a table would load
 * that table where there is none, which is a change; so it is asked only where the kernel says that the table is there.
 */

/** What there is of it for one address family. */
export type LegacyFilter =
  | { family: IpFamily; program: ProgramName; table: LegacyTable }
  /** The table is there, and cannot be read. */
  | { family: IpFamily; program: ProgramName; table: undefined; why: string }

const places = {
  4: { names: '/proc/net/ip_tables_names', program: 'iptables-legacy' },
  6: { names: '/proc/net/ip6_tables_names', program: 'ip6tables-legacy' },
} as const

/** The filter table of a family; undefined where there is none, or where the kernel does not tell us. */
export const legacyFilter = (seen: Observation, family: IpFamily): LegacyFilter | undefined => {
  const { names, program } = places[family]
  if (!readableFile(seen, names)?.split('\n').includes('filter')) return undefined
  try {
    return { family, program, table: parseLegacyTable(seen.programOutput(program, '-w', '5', '-S')) }
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error
    return { family, program, table: undefined, why: error.message }
  }
}

/** A rule of ours as it is there: its chain, and the words that name it. */
export type LegacyOwnRule = { chain: string; words: readonly string[] }

const matchOf = ({ from, to }: Way, space: string): string[] => [
  ...(from === undefined ? [] : ['-i', from]),
  ...(to === undefined ? [] : ['-o', to]),
  ...['-m', 'comment', '--comment', commentOf(space), '-j', 'ACCEPT'],
]

/** The spaces that have rules in a table. */
export const spacesInLegacy = (table: LegacyTable): string[] =>
  [...table.chains.values()].flatMap(rules =>
    rules.flatMap(words =>
      words.includes('--comment') ? (spaceOfComment(words[words.indexOf('--comment') + 1]) ?? []) : [],
    ),
  )

/** The rules of a space, with the way that each accepts. */
export const legacyRulesOf = (table: LegacyTable, space: string): (LegacyOwnRule & { way: string })[] =>
  [...table.chains].flatMap(([chain, rules]) =>
    rules
      .filter(words => words[words.indexOf('--comment') + 1] === commentOf(space))
      .map(words => ({ chain, words, way: wayKey(waysIn(words)) })),
  )

const waysIn = (words: readonly string[]): Way => {
  const after = (option: string) => (words.includes(option) ? words[words.indexOf(option) + 1] : undefined)
  const [from, to] = [after('-i'), after('-o')]
  return { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) }
}

/** Where the accepting rule must stand to be met before the drop. */
export type LegacyPlace = { chain: string; number: number | undefined }

/** The chain that Docker leaves to others, and asks before its own. */
export const dockerChain = 'DOCKER-USER'

/** Docker leaves one chain to others; elsewhere the place is in front of what drops, or at the end of the chain. */
export const legacyPlace = (table: LegacyTable, drop: LegacyDrop): LegacyPlace => {
  const first = drop.path[0]
  const rules = table.chains.get('FORWARD') ?? []
  const toDocker = rules.findIndex(words => words.at(-1) === dockerChain)
  if (toDocker >= 0 && (first === undefined || toDocker <= first.index)) {
    const own = drop.path.find(({ chain }) => chain === dockerChain)
    const index =
      own?.index ?? table.chains.get(dockerChain)?.findIndex(words => words.join(' ') === '-j RETURN')
    return { chain: dockerChain, number: index === undefined || index < 0 ? undefined : index + 1 }
  }
  return { chain: 'FORWARD', number: first === undefined ? undefined : first.index + 1 }
}

const run = (program: ProgramName, ...words: string[]): ProgramRun => ({
  type: 'program.run',
  where: undefined,
  program,
  // Others may hold the lock for a moment.
  arguments: ['-w', '5', ...words],
})

/** `iptables-legacy -I CHAIN NUMBER …`, or `-A CHAIN …` */
export const addLegacyRule = (
  program: ProgramName,
  { chain, number }: LegacyPlace,
  way: Way,
  space: string,
): ProgramRun =>
  run(
    program,
    ...(number === undefined ? ['-A', chain] : ['-I', chain, String(number)]),
    ...matchOf(way, space),
  )

/** Takes back what addLegacyRule adds. `iptables-legacy -D CHAIN …` */
export const undoLegacyRule = (
  program: ProgramName,
  { chain }: LegacyPlace,
  way: Way,
  space: string,
): ProgramRun => run(program, '-D', chain, ...matchOf(way, space))

/** Deletes a rule that was found. `iptables-legacy -D CHAIN …` */
export const deleteLegacyRule = (program: ProgramName, { chain, words }: LegacyOwnRule): ProgramRun =>
  run(program, '-D', chain, ...words)

/** Adds a rule again that was found, at the end. `iptables-legacy -A CHAIN …` */
export const restoreLegacyRule = (program: ProgramName, { chain, words }: LegacyOwnRule): ProgramRun =>
  run(program, '-A', chain, ...words)

/** Whose table it is, as its chains tell. */
export const legacyOwner = (program: ProgramName, { chains }: LegacyTable): Owner => {
  if (chains.has(dockerChain)) return { program: 'docker', name: 'Docker' }
  if ([...chains.keys()].some(name => /^ufw6?-/.test(name))) return { program: 'ufw', name: 'ufw' }
  return { program, name: program }
}

/** Who drops, in the words of iptables. */
export const legacyCause = (table: LegacyTable, { path }: LegacyDrop): string => {
  const last = path.at(-1)
  if (last === undefined) return '-P FORWARD DROP'
  return `-A ${last.chain} ${(table.chains.get(last.chain)?.[last.index] ?? []).join(' ')}`
}
