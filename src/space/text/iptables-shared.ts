import type { IpFamily } from '../../linux/net/ip.ts'
import { setDefinitions } from '../ruleset/table.ts'
import {
  commandsOf,
  firstRule,
  type IptablesAction,
  type IptablesItem,
  programs,
  refuse,
  rule,
} from './iptables-rule.ts'
import { shellCommand, shellComment } from './quote-shell.ts'

/** The chains that all spaces share: made with the first of them, and removed with the last. */

/** Their names, which no chain of a single space can have. */
export const shared = {
  /** raw: what may come in by a cable, and that nothing else is addressed to the inside. */
  guard: 'NATSPACE-GUARD',
  /** filter: nothing of this host but answers. */
  noHost: 'NATSPACE-NO-HOST',
  /** filter: of this host answers and echo. */
  echo: 'NATSPACE-ECHO',
  /** filter: of this host its resolver too. */
  host: 'NATSPACE-HOST',
  /** filter: before the rules of others, what is refused. */
  refuse: 'NATSPACE-REFUSE',
  /** filter: behind the rules of others, what may pass. */
  accept: 'NATSPACE-ACCEPT',
  metadata: 'NATSPACE-METADATA',
  /** filter: all but the cables, for whoever is bound to another uplink. */
  pinned: 'NATSPACE-PINNED',
  /** filter: all but the spaces that may open connections to others. */
  connected: 'NATSPACE-CONNECTED',
  /** filter: links from which nothing is routed to those of `oldLinks`. */
  router: 'NATSPACE-ROUTER',
  oldLinks: 'NATSPACE-OLD-LINKS',
  publish: 'NATSPACE-PUBLISH',
  source: 'NATSPACE-SOURCE',
} as const

/** Ends the chain for the packets that match: the next test is that of the chain before it. */
const back = ['-j', 'RETURN']

const dns = ['udp', 'tcp'].map(protocol => ['-p', protocol, '--dport', 53, ...back])

/** Which packets are neighbour discovery (RFC 4861), or a question for echo. */
const icmpWords = (family: IpFamily, type: string): string[] =>
  family === 4 ? ['-p', 'icmp', '--icmp-type', type] : ['-p', 'icmpv6', '--icmpv6-type', type]

export const redirect = (family: IpFamily): string[] => icmpWords(family, 'redirect')

/** Solicitations and advertisements of neighbours; IPv4 has ARP for that, which no rule sees. */
export const neighbourDiscovery = (family: IpFamily): string[][] =>
  family === 4
    ? []
    : ['neighbour-solicitation', 'neighbour-advertisement'].map(type => icmpWords(family, type))

/** Where clouds answer questions about the machine, as matches. */
const metadataServices = (family: IpFamily): string[][] => {
  const { constant = [] } = setDefinitions.find(({ name }) => name === `metadata${family}`) ?? {}
  return constant.map(item =>
    typeof item === 'string' ? ['-d', item] : ['-m', 'iprange', '--dst-range', `${item.first}-${item.last}`],
  )
}

const itemsOf = (family: IpFamily): IptablesItem[] => {
  const no = refuse(family)
  const chain = (table: 'raw' | 'filter' | 'nat', name: string, ...rules: (string | number)[][]) => ({
    table,
    chain: name,
    rules,
  })
  const toThisHost = ['-m', 'addrtype', '--dst-type', 'LOCAL']
  return [
    chain('raw', shared.guard),
    firstRule('raw', 'PREROUTING', '-j', shared.guard),
    ...(family === 4
      ? [firstRule('raw', 'PREROUTING', '!', '-i', 'lo', '-d', '127.0.0.0/8', '-j', 'DROP')]
      : []),
    chain(
      'filter',
      shared.noHost,
      ['-m', 'conntrack', '--ctstate', 'ESTABLISHED,RELATED', ...back],
      ...neighbourDiscovery(family).map(match => [...match, ...back]),
      no,
    ),
    chain('filter', shared.echo, [...icmpWords(family, 'echo-request'), ...back], ['-j', shared.noHost]),
    chain('filter', shared.host, ...dns, ['-j', shared.echo]),
    chain('filter', shared.metadata, ...dns, ...metadataServices(family).map(match => [...match, ...no])),
    chain('filter', shared.pinned, no),
    chain('filter', shared.connected, no),
    chain('filter', shared.oldLinks),
    chain('filter', shared.router),
    firstRule('filter', 'FORWARD', '-j', shared.router),
    chain('filter', shared.refuse),
    firstRule('filter', 'FORWARD', '-j', shared.refuse),
    chain('filter', shared.accept),
    rule('filter', 'FORWARD', '-j', shared.accept),
    chain('nat', shared.source),
    rule('nat', 'POSTROUTING', '-j', shared.source),
    chain('nat', shared.publish),
    rule('nat', 'PREROUTING', ...toThisHost, '-j', shared.publish),
    rule('nat', 'OUTPUT', ...toThisHost, '-j', shared.publish),
  ]
}

/** The commands that make the shared chains unless they are there, or that remove them unless they are needed. */
export const sharedChains = (family: IpFamily, action: IptablesAction): string[] => {
  const rulesOf = (name: string) => shellCommand(programs[family], '-t', 'filter', '-S', name)
  const [why, test] =
    action === 'add'
      ? ['unless they are there', `${rulesOf(shared.accept)} >/dev/null 2>&1`]
      : [
          'unless there are others',
          `{ ${rulesOf(shared.accept)}; ${rulesOf(shared.router)}; } | grep -q -e '^-A'`,
        ]
  return [
    ...shellComment(`The chains that all spaces share, ${why}.`),
    `${test} || {`,
    ...commandsOf(family, itemsOf(family), action).map(command => `  ${command}`),
    '}',
  ]
}
