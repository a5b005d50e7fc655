import { describe, expect, test } from 'bun:test'
import { FakeKernel } from '../../linux/fake.ts'
import type { SocketOwner } from '../../linux/sys/socket-owner.ts'
import { parsePublish } from '../spec/publish.ts'
import { faultOf } from '../spec/test-support.ts'
import { Observation } from './observation.ts'
import { checkListened } from './port-listened.ts'

const nginx: SocketOwner = { pid: 123, command: 'nginx' }
const cable6 = { gateway: 'fd00:1::1', address: 'fd00:1::2', prefixLength: 64, network: 'fd00:1::/64' }

const publisher = (texts: string[], { name = 'web', ipv6 = false } = {}) => ({
  name,
  publish: texts.map(text => parsePublish(text)),
  ...(ipv6 ? { ipv6: cable6 } : {}),
})

const newHost = (): FakeKernel => {
  const kernel = new FakeKernel()
  kernel.addLink('eth0', { address: '192.168.1.32/24' })
  return kernel
}

type Publisher = ReturnType<typeof publisher>

const check = (kernel: FakeKernel, spaces: Publisher[], previous: Publisher[] = []): void =>
  checkListened(new Observation(kernel), spaces, new Map(previous.map(space => [space.name, space])))

const fault = (kernel: FakeKernel, space: Publisher) => faultOf(() => check(kernel, [space]))

test('a port on which a program of the host listens is refused, with the program', () => {
  const kernel = newHost()
  const { inode } = kernel.addListener({ port: 8080, user: 33 }, { owner: nginx })
  const { code, exit, what, why, evidence, fix } = fault(kernel, publisher(['80', '8080:80']))
  expect({ code, exit, what, why, evidence, fix }).toEqual({
    code: 'PORT_TAKEN',
    exit: 2,
    what: 'cannot publish 8080:80 for web',
    why: 'the program nginx (pid 123) of this host listens on 0.0.0.0:8080/tcp',
    evidence: [`socket ${inode} of user 33: 0.0.0.0:8080/tcp`],
    fix: ['stop nginx (pid 123)', 'or choose another port of the host'],
  })
})

test('a port of its own, and one of another transport, is not', () => {
  const kernel = newHost()
  kernel.addListener({ port: 8081 })
  kernel.addListener({ port: 8080, protocol: 'udp' })
  expect(() => check(kernel, [publisher(['8080:80'])])).not.toThrow()
})

describe('what the space publishes already', () => {
  test('stays, whoever listens meanwhile, and costs no look at the sockets', () => {
    const kernel = newHost()
    kernel.addListener({ port: 8080 })
    const space = publisher(['8080:80'])
    const looks: (string | undefined)[] = []
    const counting = Object.create(kernel, {
      listeners: {
        value: (where: undefined, protocol: 'tcp' | 'udp' | 'sctp') => {
          looks.push(protocol)
          return kernel.listeners(where, protocol)
        },
      },
    }) as FakeKernel
    check(counting, [space, publisher([], { name: 'other' })], [space])
    expect(looks).toEqual([])
    const more = publisher(['8080:80', '9090:90', '53/udp', '9091:91'])
    check(counting, [more], [space])
    expect(looks).toEqual(['tcp', 'udp'])
  })

  test('is no excuse for what is new, or for another space', () => {
    const kernel = newHost()
    kernel.addListener({ port: 8080 })
    const before = publisher(['192.168.1.33:8080:80'])
    expect(faultOf(() => check(kernel, [publisher(['8080:80'])], [before])).code).toBe('PORT_TAKEN')
    const [one, other] = [publisher(['8080:80']), publisher(['8080:80'], { name: 'db' })]
    expect(faultOf(() => check(kernel, [one, other], [one])).what).toBe('cannot publish 8080:80 for db')
  })
})

describe('IPv6', () => {
  test('a listener of IPv6 is in the way of a space that has it', () => {
    const kernel = newHost()
    kernel.addListener({ port: 8080, address: '::1', v6Only: true }, { owner: nginx })
    expect(() => check(kernel, [publisher(['8080:80'])])).not.toThrow()
    const { why } = fault(kernel, publisher(['8080:80'], { ipv6: true }))
    expect(why).toBe('the program nginx (pid 123) of this host listens on [::1]:8080/tcp')
  })

  test('a listener on :: serves IPv4 too', () => {
    const kernel = newHost()
    kernel.addListener({ port: 8080, address: '::' })
    expect(fault(kernel, publisher(['8080:80'])).why).toContain('[::]:8080/tcp')
  })
})

describe('the way out', () => {
  test('is another address, where the program listens on one only', () => {
    const kernel = newHost()
    kernel.addListener({ port: 53, protocol: 'udp', address: '127.0.0.53' }, { owner: nginx })
    expect(fault(kernel, publisher(['53/udp'])).fix).toEqual([
      'stop nginx (pid 123)',
      'or choose another port of the host',
      'or publish on an address where nothing listens: 192.168.1.32:53/udp',
    ])
  })

  test('is no address on which another program listens, nor one of a cable', () => {
    const kernel = newHost()
    const cable = kernel.addLink('veth-db', { address: '10.200.0.1/30', kind: 'dummy' })
    const alias = 'natspace:db'
    kernel.change([{ type: 'link.set', where: undefined, name: cable.name, index: cable.index, alias }])
    kernel.addListener({ port: 53, address: '127.0.0.53' })
    kernel.addListener({ port: 53, address: '192.168.1.32' })
    expect(fault(kernel, publisher(['53'])).fix).toHaveLength(2)
    kernel.addLink('eth1', { address: '198.51.100.7/24' })
    expect(fault(kernel, publisher(['53'])).fix[2]).toEndWith('198.51.100.7:53')
  })

  test('is to look for a program that could not be found', () => {
    const kernel = newHost()
    kernel.addListener({ port: 3868, protocol: 'sctp', user: 1000 })
    const { why, fix } = fault(kernel, publisher(['3868/sctp']))
    expect(why).toBe('a program of this host (user 1000) listens on 0.0.0.0:3868/sctp')
    expect(fix[0]).toBe('find the program: sudo ss -lnSp sport = :3868')
  })

  test('is the socket unit where systemd holds the socket for a service', () => {
    const kernel = newHost()
    kernel.addListener({ port: 22 }, { owner: { pid: 1, command: 'systemd' } })
    expect(fault(kernel, publisher(['22'])).fix[0]).toBe('stop its socket unit: systemctl list-sockets')
  })
})

test('the name of a program cannot move the cursor, and the link of a socket is told', () => {
  const kernel = newHost()
  const { index } = kernel.addLink('eth1')
  kernel.addListener({ port: 80, interface: index }, { owner: { pid: 9, command: '\x1b[2Jevil\n' } })
  expect(fault(kernel, publisher(['80'])).why).toBe(
    'the program \\x1b[2Jevil\\n (pid 9) of this host listens on 0.0.0.0:80/tcp (link eth1)',
  )
})
