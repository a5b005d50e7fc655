import { type FlowSelector, familyOf } from '../../linux/conntrack/index.ts'
import { ipFamily } from '../../linux/net/ip.ts'
import type { PortRange } from '../../linux/net/port.ts'
import { protocolName } from '../../linux/net/protocol.ts'
import { shellCommand } from './quote-shell.ts'

/**
 * Theory of operation. conntrack(8) deletes by single values. What it has no option for (ranges of ports, negations, and
 * whether anything was translated) is looked for in what it prints with `-o save`: the options that describe each flow, in
 * a fixed order. What is left of these after the filters is given back to it, one flow at a time. It ends with status 1
 * when there was nothing to delete, which is no failure here.
 */

type Words = readonly (string | number)[]

/** A program that runs where the flows are. */
type Inside = (...words: Words) => string

/** The shell commands that delete the flows that a selector matches: one for each family it may be about. */
export const flowCommands = (selector: FlowSelector, inside: Inside): string[] => {
  const family = familyOf(selector)
  return (family === undefined ? ([4, 6] as const) : [family]).map(each =>
    flowCommand(selector, each, inside),
  )
}

const flowCommand = (selector: FlowSelector, family: 4 | 6, inside: Inside): string => {
  const options = optionsOf(selector)
  const isIpv4Said = options.some(word => ipFamily(String(word)) === 4)
  const words = [...(family === 6 ? ipv6 : isIpv4Said ? [] : ['-f', 'ipv4']), ...options]
  const filters = filtersOf(selector)
  if (filters.length === 0) return `${inside('conntrack', '-D', ...words)} || true`
  const list = inside('conntrack', '-L', '-o', 'save', ...words)
  // The first five words are -A -t TIMEOUT -u STATUS.
  const remove = inside('conntrack', '-D', ...(family === 6 ? ipv6 : []))
  return `${[list, ...filters, `while read -r _ _ _ _ _ flow; do ${remove} $flow; done`].join(' | ')} || true`
}

/** An older conntrack(8) does not see it by the addresses. */
const ipv6 = ['-f', 'ipv6']

/** What conntrack(8) has options for. Those for ports need a protocol. */
const optionsOf = (selector: FlowSelector): (string | number)[] => {
  const { protocol, originalSource, originalDestination, replySource, replyDestination } = selector
  const [destinationPort, sourcePort] = [selector.originalDestinationPort, selector.replySourcePort]
  return [
    ...(protocol === undefined ? [] : ['-p', protocolName(protocol) ?? protocol]),
    ...(originalSource === undefined ? [] : ['--orig-src', originalSource]),
    ...(originalDestination === undefined ? [] : ['--orig-dst', originalDestination]),
    ...(replySource === undefined ? [] : ['--reply-src', replySource]),
    ...(replyDestination === undefined ? [] : ['--reply-dst', replyDestination]),
    ...(isOption(destinationPort, protocol) ? ['--orig-port-dst', destinationPort.first] : []),
    ...(isOption(sourcePort, protocol) ? ['--reply-port-src', sourcePort.first] : []),
  ]
}

const isOption = (range: PortRange | undefined, protocol: number | undefined): range is PortRange =>
  range !== undefined && range.first === range.last && protocol !== undefined

/**
 * Lines of `-o save`: `-r` is the source of the answers and `-q` their destination, which are `-g` and `-n` where NAT changed
 * them. Tuples that are each other's mirror:
 */
const untranslated =
  '-s ([^ ]+) -d ([^ ]+) -[rg] \\2 -[qn] \\1 -p [^ ]+' +
  '( --sport ([0-9]+) --dport ([0-9]+) --reply-port-src \\5 --reply-port-dst \\4( |$)| --icmp|$)'

/** The answers come from the address and the port that the first packet went to. */
const destinationKept =
  '-d ([^ ]+) -[rg] \\1 .* -p [^ ]+( .* --dport ([0-9]+) --reply-port-src \\3 | --icmp|$)'

/** What is looked for in the lines. */
const filtersOf = (selector: FlowSelector): string[] => {
  const { protocol, notReplySource, originalNotTranslated, destinationTranslated } = selector
  const [destinationPort, sourcePort] = [selector.originalDestinationPort, selector.replySourcePort]
  return [
    ...(destinationPort && !isOption(destinationPort, protocol) ? [portsIn('--dport', destinationPort)] : []),
    ...(sourcePort && !isOption(sourcePort, protocol) ? [portsIn('--reply-port-src', sourcePort)] : []),
    ...(notReplySource === undefined
      ? []
      : [lines(`-[rg] ${notReplySource.replaceAll('.', '\\.')} `, false)]),
    ...(originalNotTranslated === undefined ? [] : [lines(untranslated, originalNotTranslated)]),
    ...(destinationTranslated === undefined ? [] : [lines(destinationKept, !destinationTranslated)]),
  ]
}

/** Passes on the lines that look like this, or those that do not. */
const lines = (pattern: string, wanted: boolean): string =>
  shellCommand('grep', wanted ? '-E' : '-Ev', '-e', pattern)

const portsIn = (option: string, { first, last }: PortRange): string =>
  shellCommand(
    'awk',
    `{ for (i = 1; i < NF; i++) if ($i == "${option}" && $(i + 1) >= ${first} && $(i + 1) <= ${last}) print }`,
  )
