import type { IpFamily } from '../../linux/net/ip.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import { commandsOf, firstRule, type IptablesAction, programs, rule } from './iptables-rule.ts'
import { shared, sharedChains } from './iptables-shared.ts'
import { groupsOf } from './iptables-space.ts'
import { shellCommand, shellComment } from './quote-shell.ts'

export type { IptablesAction }

/**
 * Theory of operation. What the table inet natspace does for spaces, as rules of iptables and ip6tables equal in effect.
 * A table of its own can drop what others accept, and never accepts for them; here all share the same chains. So what
 * refuses stands before the rules of others, and what lets pass stands behind them: what natspace would drop is dropped,
 * and what others drop stays so. Translations come behind those of others, as there.
 *
 * Chains of our own hold what is said of all spaces, so that it does not matter which came first; a space adds rules to
 * them, and a chain for its cable. One thing has no equal: after a packet is translated iptables sees it no more, so a
 * translation that took a port which answers for somebody else cannot be given up.
 */

const unsaid =
  'natspace also gives up a translation that took a port which answers for somebody else; iptables sees no packet after its translation, so there is no rule for that here.'

/** The commands for spaces, with a comment in front of each group. Removing goes the other way round. */
export const iptablesOf = (spaces: readonly ResolvedSpace[], action: IptablesAction = 'add'): string[] =>
  inOrder(action).flatMap(family => {
    const groups = spaces.flatMap(space => groupsOf(space, family))
    const commands = (action === 'add' ? groups : groups.toReversed()).flatMap(({ why, items }) => [
      ...shellComment(why),
      ...commandsOf(family, items, action),
    ])
    const isTranslated = spaces.some(({ internal }) => !internal)
    return [...commands, ...(action === 'add' && isTranslated && family === 4 ? shellComment(unsaid) : [])]
  })

/** The commands for the chains that spaces share: of the families of these spaces, and where `others` says so. */
export const iptablesShared = (
  spaces: readonly ResolvedSpace[],
  action: IptablesAction,
  others: readonly IpFamily[] = [],
): string[] =>
  inOrder(action)
    .filter(family => others.includes(family) || spaces.some(space => groupsOf(space, family).length > 0))
    .flatMap(family => sharedChains(family, action))

const inOrder = (action: IptablesAction): IpFamily[] => (action === 'add' ? [4, 6] : [6, 4])

/** Links under the router guard. */
export type GuardedLinks = {
  links: readonly string[]
  /** Those of them that forwarded by a switch of their own before. */
  forwarding: readonly string[]
  /** Those that hand frames from themselves to themselves. */
  bridges: readonly string[]
}

const routerWhy = 'Keep this host from routing between the links that it had before.'

/** The router guard: forwarding was turned on for the spaces, so links that were there before are not routed between. */
export const iptablesRouterGuard = (
  family: IpFamily,
  { links, forwarding, bridges }: GuardedLinks,
): string[] =>
  links.length === 0
    ? []
    : [
        ...shellComment(routerWhy),
        ...commandsOf(
          family,
          [
            ...links.map(link => rule('filter', shared.oldLinks, '-o', link, '-j', 'DROP')),
            ...links
              .filter(link => bridges.includes(link))
              .map(link => firstRule('filter', shared.oldLinks, '-i', link, '-o', link, '-j', 'RETURN')),
            ...links
              .filter(link => !forwarding.includes(link))
              .map(link => rule('filter', shared.router, '-i', link, '-j', shared.oldLinks)),
          ],
          'add',
        ),
      ]

/** The router guard ends with the last space, whatever links it was for. */
export const iptablesNoRouterGuard = (families: readonly IpFamily[]): string[] =>
  families.flatMap(family =>
    [shared.router, shared.oldLinks].map(chain =>
      shellCommand(programs[family], '-t', 'filter', '-F', chain),
    ),
  )
