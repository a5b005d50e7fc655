import { describe, expect, test } from 'bun:test'
import { fromHex, goldenFiles } from '../../../test/support/golden.ts'
import { type LinkMessage, linkMessage, toLink } from './link.ts'
import { isIp } from './types.ts'

const header = { family: 0, pad: 0, type: 1, index: 5, flags: 0, change: 0 }
const link = (attributes: LinkMessage['attributes'], flags = 0) =>
  toLink({ header: { ...header, flags }, attributes })

describe('toLink', () => {
  test('the peer of a veth, and the namespace it is in', () => {
    const linkInfo = { name: 'veth', data: {}, bare: true } as const
    expect(link({ link: 7, linkNamespaceId: 2, linkInfo })).toMatchObject({
      kind: 'veth',
      peer: 7,
      peerNamespaceId: 2,
    })
  })

  test('what another kind is stacked on is no peer', () => {
    const linkInfo = { name: 'other', kernelName: 'vlan', raw: undefined } as const
    expect(link({ link: 7, linkNamespaceId: 2, linkInfo })).toMatchObject({
      kind: 'vlan',
      peer: undefined,
      peerNamespaceId: undefined,
    })
  })

  test('hardware has no kind, a port of a bridge or not', () => {
    expect(link({}).kind).toBeUndefined()
    // IFLA_LINKINFO with IFLA_INFO_SLAVE_KIND "bridge" alone.
    const bytes = new Uint8Array([...new Uint8Array(16), ...fromHex('100012000b0004006272696467650000')])
    const message = linkMessage.decode(bytes, 0, bytes.length)
    expect(message.attributes.linkInfo).toMatchObject({ name: 'other', kernelName: '' })
    expect(toLink(message).kind).toBeUndefined()
  })

  test('flags', () => {
    expect(link({}, 0)).toMatchObject({ up: false, carrier: false, loopback: false })
    expect(link({}, 0x1)).toMatchObject({ up: true, carrier: false, loopback: false })
    expect(link({}, 0x10009)).toMatchObject({ up: true, carrier: true, loopback: true })
  })

  test('counters, or none where the kernel gave fewer than four', () => {
    const statistics = new Uint8Array(new BigUint64Array([1n, 2n, 3n, 2n ** 63n, 5n]).buffer)
    expect(link({ statistics }).counters).toEqual({
      receivedPackets: 1n,
      sentPackets: 2n,
      receivedBytes: 3n,
      sentBytes: 2n ** 63n,
    })
    expect(link({ statistics: statistics.slice(0, 31) }).counters).toBeUndefined()
    expect(link({}).counters).toBeUndefined()
  })
})

test('isIp keeps multicast rules and MPLS routes out', () => {
  const families = [0, 2, 7, 10, 28, 128, 129]
  expect(families.filter(family => isIp({ header: { family } }))).toEqual([2, 10])
})

test('the golden list of links names kinds and peers', () => {
  const shown = goldenFiles('rtnetlink').find(({ name }) => name === 'link-show')
  const kinds = shown?.messages.flatMap(({ read }) => (read ? [(read as { kind?: string }).kind] : []))
  expect(kinds).toEqual([undefined, 'veth', 'veth', 'veth', 'bridge'])
})
