/** What the things in the picture are called by a screen reader: everything that the eye sees on them. Pure. */
import type { Topology, TopologyNode, TopologyPort } from '../../../src/server/protocol.ts'
import { shown } from '../text-safety.ts'
import type { Texts } from '../texts/texts.ts'

/** 'Space myspace, healthy, 192.168.45.3/24, cable veth2 to veth1 192.168.45.2/24'. */
export function nodeName(topology: Topology, node: TopologyNode, { topology: words }: Texts): string {
  const { id, kind, name, lines, health, findings = 0 } = node
  const cables = topology.edges.flatMap(({ from, to, ends, up }) => {
    if (from !== id && to !== id) return []
    const [own, other] = from === id ? ends : [ends[1], ends[0]]
    if (own.interface === undefined || other.interface === undefined) return []
    const there = [other.interface, ...other.addresses].join(' ')
    return [words.cableTo([own.interface, ...own.addresses].join(' '), there), ...(up ? [] : [words.down])]
  })
  const parts = [
    ...(health === undefined ? [] : [words.health[health]]),
    ...(findings > 0 ? [words.findings(findings)] : []),
    ...lines,
    ...(kind === 'host' ? [] : cables),
  ]
  return shown([`${words.kinds[kind]} ${name}`, ...parts].join(', '))
}

/** 'Published port 8080:80/tcp, myspace, LAN: yes'. */
export const portName = ({ text, space, reach }: TopologyPort, { topology: words }: Texts): string => {
  const { reach: whom, reaches } = words.details
  const said = (value: string): string => (value in reaches ? reaches[value as keyof typeof reaches] : value)
  return shown(
    [
      `${words.kinds.port} ${text}`,
      space,
      `${whom.lan}: ${said(reach.lan)}`,
      `${whom.host}: ${said(reach.host)}`,
    ].join(', '),
  )
}
