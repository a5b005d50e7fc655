/**
 * The spec file's schema. It gives the file's shape to file.ts and, through json-schema.ts, docs/spec.schema.json to
 * editors, which is why it carries patterns, bounds, descriptions and examples; what a pattern cannot say, and every
 * message about a value, is in validate.ts. Import it only where a file is read: loading valibot costs more than `up`.
 */

import * as v from 'valibot'
import { INTERFACE_NAME_PATTERN } from '../../linux/net/interface-name.ts'
import { NAMESPACE_NAME_PATTERN } from '../../linux/net/namespace-name.ts'
import { EGRESS_PATTERN } from './egress.ts'
import { PUBLISH_PATTERN } from './publish.ts'
import { RATE_PATTERN } from './rate.ts'
import { MTU } from './validate.ts'

const OCTET = '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])'
const IPV4 = `${OCTET}(\\.${OCTET}){3}`
const IPV4_PATTERN = new RegExp(`^${IPV4}$`)
const GATEWAY_PATTERN = new RegExp(`^${IPV4}/([89]|[12][0-9]|3[01])$`)
/** Necessary, not sufficient: the groups of IPv6 are counted by the parser. */
const IP_PATTERN = new RegExp(`^(${IPV4}|(?=.*:)[0-9a-fA-F:]*(${IPV4})?)$`)
const IPV6 = '(?=.*:)[0-9a-fA-F:]+'
const IPV6_PATTERN = new RegExp(`^${IPV6}$`)
const GATEWAY6_PATTERN = new RegExp(`^${IPV6}/(4[89]|[5-9][0-9]|1[01][0-9]|12[0-7])$`)
/** What dev_valid_name() of the kernel allows, as far as ASCII goes. */
const LINK_PATTERN = /^[^/:\s]{1,15}$/

const text = (pattern: RegExp, description: string, examples: string[]) =>
  v.pipe(v.string(), v.regex(pattern), v.description(description), v.examples(examples))

/** A number is refused as well, but by what knows why. */
const rate = (description: string, example: string) =>
  v.union([text(RATE_PATTERN, description, [example]), v.number()])

/** One space of the file; every key may be left out. */
export const spaceSchema = v.pipe(
  v.strictObject({
    address: v.optional(
      text(IPV4_PATTERN, 'IPv4 address inside the space. Default: chosen with the gateway.', [
        '192.168.45.3',
      ]),
    ),
    gateway: v.optional(
      text(
        GATEWAY_PATTERN,
        'Host end of the cable with its prefix length. Default: the /30 around the address, or a free /30 of 10.200.0.0/16 and on.',
        ['192.168.45.2/24'],
      ),
    ),
    address6: v.optional(
      text(
        IPV6_PATTERN,
        'IPv6 address inside the space, which then has IPv6 for certain. Default: chosen with the gateway.',
        ['fd00:45::3'],
      ),
    ),
    gateway6: v.optional(
      text(
        GATEWAY6_PATTERN,
        'Host end of the cable by IPv6 with its prefix length. Default: the /126 around the address, or addresses of a network of this host beside those of IPv4.',
        ['fd00:45::2/64'],
      ),
    ),
    hostInterface: v.optional(
      text(
        INTERFACE_NAME_PATTERN,
        'Name of the host end of the veth pair. Default: veth-NAME, or a hash of it.',
        ['veth1'],
      ),
    ),
    interface: v.optional(
      text(INTERFACE_NAME_PATTERN, 'Name of the inner end of the veth pair. Default: eth0.', ['veth2']),
    ),
    uplink: v.optional(
      text(
        LINK_PATTERN,
        'Translate only what leaves the host by this link. Default: whatever link a route leads to.',
        ['eth0'],
      ),
    ),
    publish: v.optional(
      v.pipe(
        v.array(
          v.union([
            text(PUBLISH_PATTERN, '[HOSTIP:]PORT[-END][:PORT[-END]][/tcp|udp|sctp]', [
              '8080:80',
              '127.0.0.1:5353:53/udp',
              '9000-9010',
            ]),
            v.pipe(
              v.number(),
              v.integer(),
              v.minValue(1),
              v.maxValue(65535),
              v.description('The same TCP port outside and inside.'),
            ),
          ]),
        ),
        v.description('Ports of the host that lead to ports of the space.'),
        v.examples([['8080:80', '127.0.0.1:5353:53/udp', '9000-9010']]),
      ),
    ),
    dns: v.optional(
      v.pipe(
        v.array(text(IP_PATTERN, 'Address of a resolver.', ['1.1.1.1'])),
        v.description('Resolvers for programs in the space, in order.'),
      ),
    ),
    source: v.optional(
      v.pipe(
        v.union([
          text(IP_PATTERN, 'Address of this host.', ['192.0.2.5']),
          v.array(text(IP_PATTERN, 'Address of this host.', ['192.0.2.5'])),
        ]),
        v.description(
          'Leave with this address of the host (one of each family at most). Default: the one that the route has.',
        ),
      ),
    ),
    ipv6: v.optional(
      v.pipe(
        v.union([v.picklist(['auto', 'on', 'off']), v.boolean()]),
        v.description(
          'IPv6 beside IPv4, by NAT as well. Default: auto, where this host has it beyond link-local addresses.',
        ),
      ),
    ),
    rate: v.optional(
      v.pipe(
        v.strictObject({
          up: v.optional(rate('Most that leaves the space.', '10mbit')),
          down: v.optional(rate('Most that reaches the space.', '50mbit')),
        }),
        v.description('Limits, as tc(8) writes rates. Default: none.'),
      ),
    ),
    connect: v.optional(
      v.pipe(
        v.array(text(NAMESPACE_NAME_PATTERN, 'The name of a space.', ['db'])),
        v.description('Spaces that this one may open connections to. Default: none.'),
      ),
    ),
    egress: v.optional(
      v.pipe(
        v.strictObject({
          allow: v.optional(
            v.array(
              text(EGRESS_PATTERN, 'DEST[:PORT[-END]][/tcp|udp|sctp|icmp]', [
                '10.0.0.0/8',
                '1.1.1.1:53/udp',
                'any:443/tcp',
              ]),
            ),
          ),
        }),
        v.description('The only destinations outside; all others are refused and counted. Default: all.'),
      ),
    ),
    host: v.optional(
      v.pipe(
        v.picklist(['none', 'dns', 'all']),
        v.description(
          'What of this host the space reaches: nothing, its resolver and ping, or everything but its loopback. Default: dns.',
        ),
      ),
    ),
    metadata: v.optional(
      v.pipe(
        v.boolean(),
        v.description("Whether the space reaches the cloud's metadata service. Default: false."),
      ),
    ),
    mtu: v.optional(
      v.pipe(
        v.number(),
        v.integer(),
        v.minValue(MTU.least),
        v.maxValue(MTU.most),
        v.description('MTU of both ends, in bytes. Default: that of the uplink.'),
        v.examples([1500]),
      ),
    ),
    internal: v.optional(
      v.pipe(v.boolean(), v.description('No way outside: the space reaches the host only. Default: false.')),
    ),
    fixFirewall: v.optional(
      v.pipe(
        v.boolean(),
        v.description(
          'Where a firewall of somebody else would drop our traffic, add the smallest reversible rule to it. Default: false.',
        ),
      ),
    ),
  }),
  v.description('One space: a network namespace behind NAT.'),
)

/** The whole file: `spaces:` and below it one entry for each name. An entry without keys is a space of defaults. */
export const specFileSchema = v.pipe(
  v.strictObject({
    $schema: v.optional(v.pipe(v.string(), v.description('Where an editor finds this schema.'))),
    spaces: v.pipe(
      v.record(
        v.pipe(v.string(), v.regex(NAMESPACE_NAME_PATTERN), v.description('The name of the space.')),
        v.nullable(spaceSchema),
      ),
      v.description('The spaces by name.'),
    ),
  }),
  v.title('natspace spec file'),
  v.description('What natspace up -f FILE connects, in YAML or JSON.'),
)

/** The keys that a space may have. */
export const SPACE_KEYS: readonly string[] = Object.keys(spaceSchema.pipe[0].entries)
