import { describe, expect, test } from 'bun:test'
import { innerAddresses, isRouted } from './endpoints.ts'

describe('the addresses of a space', () => {
  const plain = { address: '192.168.45.3', gateway: '192.168.45.2', prefixLength: 24 }

  test('share a subnet with the gateway, or have a route to it', () => {
    const [own] = innerAddresses(plain)
    expect(own).toEqual({ family: 4, ...plain, sharedLength: 24 })
    const routed = innerAddresses({ ...plain, prefixLength: 32, subnet: '192.168.45.0/24' })
    expect(routed).toEqual([
      { family: 4, ...plain, sharedLength: 32, prefixLength: 24, subnet: '192.168.45.0/24' },
    ])
    expect([own, ...routed].map(item => item !== undefined && isRouted(item))).toEqual([false, true])
  })

  test('are of both families, the further ones last; none of IPv4 is none', () => {
    const ipv6 = { address: 'fd00::2', gateway: 'fd00::1', prefixLength: 128, network: 'fd00::2/128' }
    const further = [{ address: '10.9.0.2', gateway: '10.9.0.1', subnet: '10.9.0.0/16' }]
    expect(innerAddresses({ ...plain, ipv6, further }).map(({ address }) => address)).toEqual([
      '192.168.45.3',
      'fd00::2',
      '10.9.0.2',
    ])
    expect(innerAddresses({ ...plain, address: '', ipv6 })).toMatchObject([{ family: 6, prefixLength: 128 }])
  })
})
