import type { Change, VethEnd, Where } from '../../linux/change.ts'
import { commandText, type NftCommand } from '../../linux/nftables/index.ts'
import { latencyOfLimit } from '../../linux/rtnetlink/token-bucket.ts'
import { formatRate } from '../spec/rate.ts'
import { flowCommands } from './conntrack.ts'
import { shellCommand } from './quote-shell.ts'

/**
 * Theory of operation. Every change has a shell command that does the same; run one after another they give the same
 * links, addresses, routes, sysctls and rules. Indexes of links are left to the kernel, and the files of natspace's own
 * state have no command: they are not part of what is seen on the network.
 */

const pinnedAt = '/run/netns/'

/** The name that ip(8) knows a namespace by; undefined when it is pinned elsewhere. */
const nameOf = (where: string): string | undefined =>
  where.startsWith(pinnedAt) ? where.slice(pinnedAt.length) : undefined

/** `ip …`, in the namespace. */
const ip = (where: Where, ...words: readonly (string | number)[]): string => iproute2('ip', where, words)

/** One of iproute2's programs, which enter a namespace themselves. */
const iproute2 = (program: 'ip' | 'tc', where: Where, words: readonly (string | number)[]): string => {
  if (where === undefined) return shellCommand(program, ...words)
  const name = nameOf(where)
  return name === undefined
    ? shellCommand('nsenter', `--net=${where}`, program, ...words)
    : shellCommand(program, '-n', name, ...words)
}

/** Any other program, in the namespace. */
const inside = (where: Where, ...words: readonly (string | number)[]): string => {
  if (where === undefined) return shellCommand(...words)
  const name = nameOf(where)
  return name === undefined
    ? shellCommand('nsenter', `--net=${where}`, ...words)
    : shellCommand('ip', 'netns', 'exec', name, ...words)
}

/** The shell commands that equal a change; [] for natspace's own state, which no command of the host knows. */
export const shellOf = (change: Change): string[] => {
  switch (change.type) {
    case 'namespace.add': {
      const { path, mark } = change
      const alias = mark === undefined ? [] : [ip(path, 'link', 'set', 'dev', 'lo', 'alias', mark)]
      return [namespaceCommand(true, path), ...alias]
    }
    case 'namespace.delete':
      return [namespaceCommand(false, change.path)]
    case 'veth.add': {
      const { where, peer } = change
      // ip(8) gives the peer to a namespace by its name, or by the path that pins it.
      const netns =
        peer.where === where || peer.where === undefined ? [] : ['netns', nameOf(peer.where) ?? peer.where]
      return [
        ip(
          where,
          'link',
          'add',
          'name',
          ...endWords(change),
          'type',
          'veth',
          'peer',
          'name',
          ...endWords(peer),
          ...netns,
        ),
      ]
    }
    case 'link.set': {
      const { where, name, up, mtu, alias, group, address, promiscuous, allMulticast, queueLength } = change
      const onOff = (word: string, value: boolean | undefined) =>
        value === undefined ? [] : [word, value ? 'on' : 'off']
      return [
        ip(
          where,
          ...['link', 'set', 'dev', name],
          ...(mtu === undefined ? [] : ['mtu', mtu]),
          ...(alias === undefined ? [] : ['alias', alias]),
          ...(group === undefined ? [] : ['group', group]),
          ...(address === undefined ? [] : ['address', address]),
          ...onOff('promisc', promiscuous),
          ...onOff('allmulticast', allMulticast),
          ...(queueLength === undefined ? [] : ['txqueuelen', queueLength]),
          ...(up === undefined ? [] : [up ? 'up' : 'down']),
        ),
      ]
    }
    case 'link.delete':
      return [ip(change.where, 'link', 'delete', 'dev', change.name)]
    case 'address.add':
    case 'address.delete': {
      const { where, name, address, prefixLength, noPrefixRoute } = change
      const verb = change.type === 'address.add' ? 'add' : 'delete'
      // Nobody else can have it, and until the check were over it could not be used (RFC 4862, section 5.4).
      const unchecked = verb === 'add' && address.includes(':') ? ['nodad'] : []
      const alone = verb === 'add' && noPrefixRoute ? ['noprefixroute'] : []
      return [ip(where, 'address', verb, `${address}/${prefixLength}`, 'dev', name, ...unchecked, ...alone)]
    }
    case 'route.add':
    case 'route.delete': {
      const { where, name, destination, gateway, local } = change
      const verb = change.type === 'route.add' ? 'add' : 'delete'
      const target = destination.endsWith('/0') ? ['default'] : [destination]
      const via = gateway === undefined ? [] : ['via', gateway]
      if (local !== undefined)
        return [ip(where, 'route', verb, 'local', ...target, 'dev', name, 'metric', `${local.priority}`)]
      const family = destination === '::/0' ? ['-6'] : []
      return [ip(where, ...family, 'route', verb, ...target, ...via, 'dev', name, ...routeWords(change))]
    }
    case 'qdisc.replace':
    case 'qdisc.delete':
      return [disciplineCommand(change)]
    case 'sysctl.set':
      return [inside(change.where, 'sysctl', '-q', '-w', `${change.key}=${change.value}`)]
    case 'nftables.commit':
      return change.commands.map(command => nftCommand(change.where, nftText(command)))
    case 'nftables.delete-rules':
      return [deleteRules(change)]
    case 'program.run':
      return [shellCommand(change.program, ...change.arguments)]
    case 'conntrack.delete':
      return change.flows.flatMap(selector =>
        flowCommands(selector, (...words) => inside(change.where, ...words)),
      )
    case 'directory.add':
    case 'directory.delete':
    case 'file.write':
    case 'file.delete':
    case 'mount.share':
    case 'mount.delete':
      return []
  }
}

/** What else a route may say, in the words of ip(8). */
const routeWords = (route: Extract<Change, { type: 'route.add' | 'route.delete' }>): (string | number)[] => {
  const { preferredSource, priority, table, mtu, advertisedMss } = route
  const words = { src: preferredSource, metric: priority, table, mtu, advmss: advertisedMss }
  return Object.entries(words).flatMap(([word, value]) => (value === undefined ? [] : [word, value]))
}

/** `tc qdisc …`; tc(8) takes what may wait as a time too, which says more where it is a whole one. */
const disciplineCommand = (change: Extract<Change, { type: 'qdisc.replace' | 'qdisc.delete' }>): string => {
  const place = ['dev', change.name, 'root', 'handle', `${change.handle.toString(16)}:`]
  if (change.type === 'qdisc.delete') return iproute2('tc', change.where, ['qdisc', 'delete', ...place])
  const { where, rate, burst, limit } = change
  const latency = latencyOfLimit({ rate, burst, limit })
  const waiting = latency === undefined ? ['limit', limit] : ['latency', `${latency}ms`]
  const bucket = ['tbf', 'rate', formatRate(rate), 'burst', burst, ...waiting]
  return iproute2('tc', where, ['qdisc', 'replace', ...place, ...bucket])
}

const namespaceCommand = (add: boolean, path: string): string => {
  const name = nameOf(path)
  const verb = add ? 'add' : 'delete'
  if (name !== undefined) return shellCommand('ip', 'netns', verb, name)
  return add
    ? `${shellCommand('touch', path)} && ${shellCommand('unshare', `--net=${path}`, 'true')}`
    : `${shellCommand('umount', path)} && ${shellCommand('rm', path)}`
}

const endWords = ({ name, address, mtu }: Pick<VethEnd, 'name' | 'address' | 'mtu'>): (string | number)[] => [
  name,
  'address',
  address,
  ...(mtu === undefined ? [] : ['mtu', mtu]),
]

/** Bytes of one argument that Linux takes (MAX_ARG_STRLEN, linux/binfmts.h), less some for quoting. */
const longestArgument = 100_000

/** Thousands of elements at once are more than an argument may hold: those go to nft's standard input. */
const nftCommand = (where: Where, text: string): string =>
  text.length <= longestArgument
    ? inside(where, 'nft', text)
    : hereDocument(inside(where, 'nft', '-f', '-'), [text])

/** A command with lines as its standard input, which the shell hands on as they stand. */
export const hereDocument = (command: string, lines: readonly string[]): string => {
  const texts = lines.flatMap(line => line.split('\n'))
  let end = 'EOF'
  while (texts.includes(end)) end += '_'
  return [`${command} <<'${end}'`, ...lines, end].join('\n')
}

/** A command as a line of an nft script, without the program's name. */
export const nftText = (command: NftCommand): string => commandText(command).replace(/^nft /, '')

/** Rules have handles that are known only then: they are looked up by their comment. */
const deleteRules = (change: Extract<Change, { type: 'nftables.delete-rules' }>): string => {
  const { where, family, table, chain, comment } = change
  const list = inside(where, 'nft', '-a', 'list', 'chain', family, table, chain)
  const remove = inside(where, 'nft', 'delete', 'rule', family, table, chain, 'handle')
  const filter = shellCommand('sed', '-n', `s/.* comment "${comment}".* # handle \\([0-9]*\\)$/\\1/p`)
  return `${list} | ${filter} | while read -r handle; do ${remove} "$handle"; done`
}
