import { expect, test } from 'bun:test'
import { articleSpace } from './article-space.ts'
import { stepCommands } from './by-hand.ts'

const ipv6 = { gateway: 'fd00::1', address: 'fd00::2', prefixLength: 126, network: 'fd00::/126' }

test('the MTU that a cable has by itself is not said', () => {
  expect(stepCommands(articleSpace, 'cable').natspace.join()).not.toContain('mtu')
  expect(stepCommands({ ...articleSpace, mtu: 1400 }, 'cable').natspace.join()).toContain(' mtu 1400 ')
})

test('a space with IPv4 alone has no IPv6 in any step', () => {
  const steps = [
    'host-address',
    'inner-address',
    'default-route',
    'forwarding',
    'masquerade',
    'forward',
    'publish',
  ]
  for (const step of steps as Parameters<typeof stepCommands>[1][]) {
    const { byHand, natspace } = stepCommands(articleSpace, step)
    expect([...byHand, ...natspace].filter(line => /ip6tables|ipv6|inet6|fd00/.test(line))).toEqual([])
  }
})

test('IPv6 is beside IPv4 where the space has it, by hand and by natspace', () => {
  const space = { ...articleSpace, ipv6 }
  const has = (step: Parameters<typeof stepCommands>[1], byHand: string, natspace: string) => {
    const commands = stepCommands(space, step)
    expect(commands.byHand).toContain(byHand)
    expect(commands.natspace.join('\n')).toContain(natspace)
  }
  has('host-address', 'ifconfig veth1 add fd00::1/126', 'ip address add fd00::1/126 dev veth1')
  has(
    'inner-address',
    'ip netns exec myspace ifconfig veth2 add fd00::2/126',
    'ip -n myspace address add fd00::2/126 dev veth2',
  )
  has(
    'default-route',
    'ip netns exec myspace route -A inet6 add default gw fd00::1',
    'ip -n myspace -6 route add default via fd00::1 dev veth2',
  )
  has(
    'forwarding',
    'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding',
    'net.ipv6.conf.eth0.force_forwarding=1',
  )
  has(
    'masquerade',
    'ip6tables -t nat -A POSTROUTING -s fd00::/126 -o eth0 -j MASQUERADE',
    'outbound6 { fd00::2 }',
  )
  has('forward', 'ip6tables -t filter -A FORWARD -i eth0 -o veth1 -j ACCEPT', 'inside6 { fd00::2, fd00::1 }')
  has(
    'publish',
    "ip6tables -t nat -A PREROUTING -p tcp -m addrtype --dst-type LOCAL --dport 8080 -j DNAT --to-destination '[fd00::2]:80'",
    'publish6 { tcp . 8080 : fd00::2 . 80 }',
  )
})

test('an internal space has routes to those that it may reach, and no other', () => {
  const internal = { ...articleSpace, internal: true }
  expect(stepCommands(internal, 'default-route').natspace).toEqual([])
  const connect = [{ name: 'db', hostInterface: 'veth-db', address: '10.2.0.2' }]
  expect(stepCommands({ ...internal, connect }, 'default-route').natspace).toEqual([
    'ip -n myspace route add 10.2.0.2/32 via 192.168.45.2 dev veth2',
  ])
})
