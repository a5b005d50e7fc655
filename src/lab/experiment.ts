import type { Kernel } from '../linux/kernel.ts'
import type { EchoPacket } from '../linux/net/icmp.ts'
import { type Route, routeProtocol, routeTable } from '../linux/rtnetlink/route.ts'
import { Socket } from '../linux/sys/socket.ts'
import type { Topic } from '../space/text/topics.ts'
import { echoText, listenForRequests, type PingOptions, type PingResult, ping } from './ping.ts'
import { identifier, network, type Place, places, withNamespace } from './places.ts'
import { type Proof, prove } from './proof.ts'

/** What must be seen while the space is up, each made to happen and looked at from both ends. */

/** Of the first ping, so that the one of the captures begins a connection of its own. */
const firstIdentifier = identifier - 1
const patience = 1000
const { space } = network
const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** The routes, and that the space reaches host2; one by one, so that each can be shown as soon as it is made. */
export function* proveConnected(kernel: Kernel): Generator<Proof> {
  yield proveRoutes(kernel, 'host1', [
    `0.0.0.0/0 via ${network.router} dev ${network.uplink}`,
    `${network.lan} dev ${network.uplink} (added by the kernel)`,
    `${space.network} dev ${space.hostInterface} (added by the kernel)`,
  ])
  yield proveRoutes(kernel, 'myspace', [
    `0.0.0.0/0 via ${space.gateway} dev ${space.interface}`,
    `${space.network} dev ${space.interface} (added by the kernel)`,
  ])
  yield provePing()
}

/** The IPv4 routes of the main table, as they are, and no other. */
const proveRoutes = (kernel: Kernel, place: Place, expected: string[]): Proof =>
  prove(`the routes of ${place}`, expected.join('\n'), () => {
    const seen = mainRoutes(kernel, place)
    return { ok: seen.join() === expected.join(), seen: seen.join('\n') }
  })

/** Equivalent to: `ip -4 route show table main` */
const mainRoutes = (kernel: Kernel, place: Place): string[] => {
  const names = new Map(kernel.links(places[place]).map(link => [link.index, link.name]))
  return kernel
    .routes(places[place])
    .filter(route => route.family === 4 && route.table === routeTable.main)
    .map(route => routeText(route, names.get(route.outputIndex ?? 0) ?? '?'))
    .sort()
}

/** '192.168.45.0/24 dev veth1 (added by the kernel)'. */
export const routeText = ({ destination, gateway, protocol }: Route, link: string): string =>
  [
    destination,
    ...(gateway === undefined ? [] : [`via ${gateway}`]),
    `dev ${link}`,
    ...(protocol === routeProtocol.kernel ? ['(added by the kernel)'] : []),
  ].join(' ')

/** The requests that reach host2 while myspace pings it, and what became of the ping. */
export const pingHost2 = (options: Partial<PingOptions> = {}): { heard: EchoPacket[]; result: PingResult } =>
  withNamespace('host2', host2 =>
    listenForRequests(host2, () =>
      withNamespace(space.name, myspace =>
        ping(myspace, network.host2, { identifier, attempts: 3, milliseconds: patience, ...options }),
      ),
    ),
  )

/** One line for a ping: answered in so many ms, or not. */
export const pingText = ({ reply, milliseconds, refused, sent }: PingResult): string => {
  if (refused !== undefined) return `sending failed at once: ${refused}`
  if (reply === undefined) return `no answer to ${sent === 1 ? 'the request' : `${sent} requests`}`
  return `answer of ${reply.source} in ${milliseconds.toFixed(2)} ms`
}

/** What was heard, each text once. */
export const heardText = (heard: readonly EchoPacket[]): string =>
  [...new Set(heard.map(echoText))].join(', ') || 'nothing'

const provePing = (): Proof =>
  prove(
    `ping ${network.host2} from ${space.name}`,
    `host2 hears ${network.host1} (SNAT), and ${space.name} gets its answer`,
    () => {
      const { heard, result } = pingHost2({ identifier: firstIdentifier })
      const sources = [...new Set(heard.map(packet => packet.source))]
      const ok =
        result.reply?.source === network.host2 && sources.length === 1 && sources[0] === network.host1
      return { ok, seen: `${pingText(result)}; host2 heard ${heardText(heard)}` }
    },
  )

/**
 * Two halves: the reply of a ping, which host2 addresses to host1, is delivered inside; an echo request that begins at
 * host2 and is addressed to host1 just the same is not.
 */
export const proveReply = ({ after }: Topic): Proof =>
  prove('the reply finds its way though no DNAT rule exists for it', after[1] ?? '', () => {
    const { heard, result } = pingHost2()
    const [request] = heard
    const { reply } = result
    const back = withNamespace(space.name, myspace =>
      listenForRequests(myspace, () =>
        withNamespace('host2', host2 =>
          ping(host2, network.host1, { identifier, attempts: 1, milliseconds: patience }),
        ),
      ),
    )
    const reversed = reply?.destination === space.address && reply.identifier === identifier
    const stopped = back.result.reply?.source === network.host1 && back.heard.length === 0
    const begun = stopped
      ? `host1 itself answers, nothing in ${space.name}`
      : `heard in ${space.name}: ${heardText(back.heard)}; ${pingText(back.result)}`
    const answered = request === undefined ? 'nothing' : echoText(request)
    return {
      ok: request !== undefined && reversed && stopped,
      seen: [
        `at host2 the request is ${answered}: it answers ${request?.source ?? 'nobody'}`,
        `in ${space.name} the reply is ${reply === undefined ? 'missing' : echoText(reply)}`,
        `a request that begins at host2 for ${network.host1}: ${begun}`,
      ].join('\n'),
    }
  })

export const provePeer = (): Proof =>
  prove(
    `host2 sees ${network.host1} as the peer of a connection from ${space.name}`,
    `TCP: getpeername in host2 is ${network.host1}, while the socket in ${space.name} has ${space.address}`,
    () =>
      withNamespace('host2', host2 => {
        using server = Socket.listen({ address: network.host2, port: 0 }, { namespace: host2 })
        using client = withNamespace(space.name, namespace =>
          Socket.connect(server.local, patience, { namespace }),
        )
        using accepted = server.accept(patience)
        if (accepted === undefined) return { ok: false, seen: 'host2 got no connection' }
        const { peer } = accepted
        const ok = peer.address === network.host1 && client.local.address === space.address
        return { ok, seen: `peer ${endpointText(peer)}, own address ${endpointText(client.local)}` }
      }),
  )

const greeting = `hello from ${space.name}\n`

export const provePublished = (): Proof => {
  const outside = { address: network.host1, port: space.publishedPort }
  const inside = { address: space.address, port: space.port }
  return prove(
    `host2 reaches ${endpointText(outside)} → ${endpointText(inside)}`,
    `the server in ${space.name} answers, and sees its client as ${network.host2} (the address is kept)`,
    () => {
      using server = withNamespace(space.name, namespace => Socket.listen(inside, { namespace }))
      using client = withNamespace('host2', namespace => Socket.connect(outside, patience, { namespace }))
      using accepted = server.accept(patience)
      if (accepted === undefined) return { ok: false, seen: `${space.name} got no connection` }
      accepted.send(encoder.encode(greeting))
      const answer = decoder.decode(client.receive(patience)?.bytes)
      const { peer, local } = accepted
      const ok =
        answer === greeting && peer.address === network.host2 && endpointText(local) === endpointText(inside)
      return {
        ok,
        seen: `${JSON.stringify(answer)} from ${endpointText(client.peer)}; inside, ${endpointText(local)} was reached by ${endpointText(peer)}`,
      }
    },
  )
}

const endpointText = ({ address, port }: { address: string; port: number }): string => `${address}:${port}`
