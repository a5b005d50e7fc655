/** What the tests of this folder share. */

import fc from 'fast-check'
import { NatspaceError } from '../errors.ts'
import type { ResolveManyFacts } from './resolve.ts'
import type { Publish, ResolvedSpace, SpaceSpec } from './types.ts'

/** What a spec has where nothing is said. */
export const plainSpec = {
  ipv6: 'auto',
  publish: [],
  internal: false,
  connect: [],
  host: 'dns',
  metadata: false,
  fixFirewall: false,
} satisfies Omit<SpaceSpec, 'name'>

/** The same of a resolved space. */
export const plainSpace = {
  publish: [],
  mtu: 1500,
  mtuFollows: true,
  internal: false,
  connect: [],
  host: 'dns',
  metadata: false,
  fixFirewall: false,
} satisfies Partial<ResolvedSpace>

/** A host on Ethernet without IPv6 and without other spaces. */
export const plainFacts = {
  hasIpv6: false,
  prefix6: () => 'fd12:3456:789a::/48',
  mtuOf: () => 1500,
  peer: () => undefined,
} satisfies Partial<ResolveManyFacts>

/** The NatspaceError that `run` throws; anything else it throws, and nothing, fails the test. */
export function faultOf(run: () => unknown): NatspaceError {
  try {
    run()
  } catch (error) {
    if (error instanceof NatspaceError) return error
    throw error
  }
  throw new Error('Nothing was thrown')
}

/** Texts that break naive readers: any code points, and fragments of the right syntax in the wrong place. */
export const hostileText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc
    .array(
      fc.constantFrom(
        ...'0 1 80 65536 : - / . [ ] tcp udp 10.0.0.1 ::1 :: % \0 \n \x1b[2J \u202e é ../ " \' $(id) '.split(
          ' ',
        ),
      ),
      { maxLength: 12 },
    )
    .map(parts => parts.join('')),
)

const port = fc.integer({ min: 1, max: 65535 })

/** Any published range that has a canonical text. */
export const anyPublish: fc.Arbitrary<Publish> = fc
  .record({
    protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'sctp' as const),
    host: fc.constantFrom(undefined, '127.0.0.1', '192.168.1.32', 'fd00::1', '::1', '0.0.0.0', '::'),
    outer: port,
    inner: port,
    more: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3000 })),
  })
  .map(({ protocol, host, outer, inner, more }) => {
    const count = Math.min(more, 65535 - outer, 65535 - inner)
    return {
      protocol,
      ...(host === undefined ? {} : { hostAddress: host }),
      hostPort: { first: outer, last: outer + count },
      port: { first: inner, last: inner + count },
    }
  })
