import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { DecodeError } from '../../linux/netlink/codec.ts'
import { ProtocolError } from '../../linux/netlink/errors.ts'
import type { NetlinkEvent } from '../../linux/netlink/event-socket.ts'
import { Writer } from '../../linux/netlink/writer.ts'
import { decodeGeneration } from '../../linux/nftables/index.ts'
import { addLink, setLink } from '../../linux/rtnetlink/link.ts'
import { netconfMessage, toNetconf } from '../../linux/rtnetlink/netconf.ts'
import { addRoute } from '../../linux/rtnetlink/route.ts'
import { RTM } from '../../linux/rtnetlink/types.ts'
import { routeSign } from './route-sign.ts'
import { type Interest, noInterest } from './sign.ts'

const interest: Interest = {
  ...noInterest,
  cables: new Set([7]),
  links: new Set([2, 7]),
  names: new Set(['veth-web', 'eth0']),
  namespaceIds: new Set([3]),
}

type Encoded = { type: number; schema: { encode(writer: Writer, value: unknown): void }; value: unknown }

const eventOf = ({ type, schema, value }: Encoded, rest: Partial<NetlinkEvent> = {}): NetlinkEvent => {
  const writer = new Writer(256)
  schema.encode(writer, value)
  return { type, portId: 0, namespaceId: undefined, payload: writer.bytes.slice(), ...rest }
}

const netconf = (family: number, attributes: object) =>
  eventOf({
    type: RTM.newNetconf,
    schema: netconfMessage as Encoded['schema'],
    value: { header: { family }, attributes },
  })

const route = (destination: string, outputIndex: number) =>
  eventOf(addRoute({ destination, outputIndex, gateway: undefined }))

describe('a sign is', () => {
  test.each<[string, NetlinkEvent, boolean]>([
    ['a link of ours', eventOf(setLink(7, { mtu: 1400 })), true],
    ['the way out', eventOf(setLink(2, { mtu: 1400 })), true],
    ['a link of somebody else', eventOf(setLink(9, { mtu: 1400 })), false],
    ['a link of a name that is waited for', eventOf(addLink('dummy', 'eth0')), true],
    ['the default route', route('0.0.0.0/0', 9), true],
    ['a route by a cable', route('10.0.0.0/8', 7), true],
    ['one of the thousand routes by the way out', route('10.0.0.0/8', 2), false],
    ['forwarding of all links', netconf(2, { index: -1, forwarding: 0 }), true],
    ['forwarding of a cable', netconf(10, { index: 7, forwarding: 0 }), true],
    ['forwarding of future links', netconf(2, { index: -2, forwarding: 0 }), false],
    ['anything in a namespace of ours', eventOf(setLink(1, {}), { namespaceId: 3 }), true],
    ['anything in another namespace', eventOf(setLink(7, {}), { namespaceId: 4 }), false],
    ['a message of another kind', { ...eventOf(setLink(7, {})), type: RTM.newNeighbour }, false],
  ])('%s', (_, event, expected) => {
    expect(routeSign(event, interest) !== undefined).toBe(expected)
  })

  test('told with the port that asked for it, where one did', () => {
    expect(routeSign(eventOf(setLink(7, {}), { portId: 42 }), interest)).toEqual({ area: 'link', port: 42 })
    expect(routeSign(eventOf(setLink(7, {})), interest)).toEqual({ area: 'link' })
  })
})

test('a setting is read with its link and family', () => {
  const read = ({ payload }: NetlinkEvent) => toNetconf(netconfMessage.decode(payload, 0, payload.length))
  expect(read(netconf(2, { index: -1, forwarding: 1 }))).toEqual({
    family: 4,
    link: 'all',
    forwarding: true,
    reversePathFilter: undefined,
  })
  expect(read(netconf(10, { index: 7, reversePathFilter: 2 }))).toMatchObject({
    family: 6,
    link: 7,
    forwarding: undefined,
    reversePathFilter: 2,
  })
})

test('whatever bytes come, nothing but a typed error is thrown', () => {
  const types = fc.constantFrom(...Object.values(RTM))
  fc.assert(
    fc.property(types, fc.uint8Array({ maxLength: 200 }), (type, payload) => {
      for (const read of [
        () => routeSign({ type, portId: 1, namespaceId: undefined, payload }, interest),
        () => decodeGeneration(payload),
      ])
        try {
          read()
        } catch (error) {
          expect(error instanceof DecodeError || error instanceof ProtocolError).toBe(true)
        }
    }),
    { numRuns: 2000 },
  )
})
