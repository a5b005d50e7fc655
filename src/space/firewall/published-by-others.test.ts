import { describe, expect, test } from 'bun:test'
import { firewallNamed } from '../../../test/golden/nftables/firewalls.ts'
import { type HostPort, publishedByOthers } from './published-by-others.ts'

const docker = firewallNamed('docker')

const takers = (port: Partial<HostPort>, ruleset = docker) =>
  publishedByOthers(ruleset, { family: 4, protocol: 'tcp', port: 8080, ...port }).map(
    ({ hook, target: { kind, address, port: to }, owner, certain, priority }) =>
      `${hook} ${priority}: ${kind} ${address ?? '?'}:${to ?? '?'} ${owner.program}${certain ? '' : ', perhaps'}`,
  )

describe('a port that Docker publishes', () => {
  test('is taken, for the outside and for the host itself', () => {
    expect(takers({ uplink: 'eth0' })).toEqual([
      'prerouting -100: dnat 172.17.0.2:80 docker',
      'output -100: dnat 172.17.0.2:80 docker, perhaps',
    ])
  })

  test('is free for another protocol, port or family', () => {
    expect(takers({ protocol: 'udp' })).toEqual([])
    expect(takers({ port: 8081 })).toEqual([])
    expect(takers({ family: 6 })).toEqual([])
  })

  test('at one address is taken only there', () => {
    const at = (address?: string) =>
      takers({ port: 9000, uplink: 'eth0', ...(address === undefined ? {} : { address }) })
    expect(at('192.168.1.32')).toEqual([
      'prerouting -100: dnat 172.17.0.3:9000 docker',
      'output -100: dnat 172.17.0.3:9000 docker',
    ])
    expect(at('192.168.1.33')).toEqual([])
    expect(at()).toEqual([
      'prerouting -100: dnat 172.17.0.3:9000 docker, perhaps',
      'output -100: dnat 172.17.0.3:9000 docker, perhaps',
    ])
  })
})

test('a redirection counts too, a masquerade does not', () => {
  expect(takers({ port: 4, uplink: 'eth0' }, firewallNamed('targets of iptables'))).toEqual([
    'prerouting -100: redirect ?:3128 iptables',
  ])
})
