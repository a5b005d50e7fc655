import { describe, expect, test } from 'bun:test'
import { type LegacyPacket, legacyDrop, legacyLead, parseLegacyTable } from './legacy-table.ts'

const outbound: LegacyPacket = {
  from: 'veth1',
  to: 'eth0',
  source: '192.168.45.3',
  destination: '1.2.3.4',
  state: 'NEW',
  dnat: false,
}

const dropOf = (text: string, packet: Partial<LegacyPacket> = {}) =>
  legacyDrop(parseLegacyTable(text), { ...outbound, ...packet })

test('words are read as iptables quotes them', () => {
  const { policies, chains } = parseLegacyTable(
    '-P FORWARD DROP\n-N WEB\n-A WEB -m comment --comment "say \\"hi\\" now" -j ACCEPT\n',
  )
  expect(policies.get('FORWARD')).toBe('DROP')
  expect(chains.get('WEB')).toEqual([['-m', 'comment', '--comment', 'say "hi" now', '-j', 'ACCEPT']])
})

describe('who drops a packet', () => {
  test('the policy, unless a rule accepts', () => {
    expect(dropOf('-P FORWARD DROP')).toEqual({ path: [] })
    expect(dropOf('-P FORWARD ACCEPT')).toBeUndefined()
    expect(dropOf('-P FORWARD DROP\n-A FORWARD -i veth1 -o eth0 -j ACCEPT')).toBeUndefined()
    expect(dropOf('-P FORWARD DROP\n-A FORWARD -i veth1 -o eth1 -j ACCEPT')).toEqual({ path: [] })
  })

  test('a rule that applies for sure', () => {
    const reject = '-A FORWARD -j REJECT --reject-with icmp-host-prohibited'
    expect(dropOf(`-P FORWARD ACCEPT\n-A FORWARD -i lo -j ACCEPT\n${reject}`)).toEqual({
      path: [{ chain: 'FORWARD', index: 1 }],
    })
    const stateful = '-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT'
    expect(dropOf(`-P FORWARD ACCEPT\n${stateful}\n${reject}`, { state: 'ESTABLISHED' })).toBeUndefined()
    expect(dropOf(`-P FORWARD ACCEPT\n${stateful}\n${reject}`)).toEqual({
      path: [{ chain: 'FORWARD', index: 1 }],
    })
  })

  test.each([
    ['! -i veth1', false],
    ['! -i eth+', true],
    ['-i veth+', true],
    ['-s 192.168.45.0/24', true],
    ['! -s 192.168.45.3/32', false],
    ['-d 10.0.0.0/8', false],
    ['-m state --state NEW', true],
    ['-m conntrack --ctstate DNAT', false],
    ['-p tcp -m tcp --dport 25', false],
    ['-m owner ! --uid-owner 0', false],
  ])('%s', (words, drops) => {
    expect(dropOf(`-P FORWARD ACCEPT\n-A FORWARD ${words} -j DROP`) !== undefined).toBe(drops)
  })

  test('what is not known of the packet decides nothing, inverted or not', () => {
    const { source: _, ...rest } = outbound
    for (const words of ['-s 10.0.0.0/8', '! -s 10.0.0.0/8'])
      expect(
        legacyDrop(parseLegacyTable(`-P FORWARD ACCEPT\n-A FORWARD ${words} -j DROP`), rest),
      ).toBeUndefined()
  })

  test('jumps come back, gotos do not, and the way there is told', () => {
    const chains = '-P FORWARD ACCEPT\n-N ONE\n-N TWO'
    expect(dropOf(`${chains}\n-A FORWARD -j ONE\n-A ONE -j RETURN\n-A ONE -j DROP`)).toBeUndefined()
    expect(dropOf(`${chains}\n-A FORWARD -g ONE\n-A FORWARD -j DROP\n-A ONE -i eth9 -j DROP`)).toBeUndefined()
    expect(dropOf(`${chains}\n-A FORWARD -j LOG\n-A FORWARD -j ONE\n-A ONE -j TWO\n-A TWO -j DROP`)).toEqual({
      path: [
        { chain: 'FORWARD', index: 1 },
        { chain: 'ONE', index: 0 },
        { chain: 'TWO', index: 0 },
      ],
    })
  })

  test('a published port, by the translation of its connection', () => {
    const rules = '-P FORWARD DROP\n-A FORWARD -m conntrack --ctstate DNAT -j ACCEPT'
    expect(dropOf(rules, { dnat: true })).toBeUndefined()
    expect(dropOf(rules)).toEqual({ path: [] })
  })
})

describe('who leads a port elsewhere', () => {
  const packet: LegacyPacket = {
    from: 'eth0',
    destination: '192.168.1.32',
    state: 'NEW',
    dnat: false,
    protocol: 'tcp',
    port: 8080,
    toHost: true,
  }
  const chains = '-P PREROUTING ACCEPT\n-N DOCKER'
  const leadOf = (words: string, changed: Partial<LegacyPacket> = {}) =>
    legacyLead(
      parseLegacyTable(`${chains}\n-A PREROUTING ${words} -j DNAT --to-destination 10.0.0.2:80`),
      'PREROUTING',
      {
        ...packet,
        ...changed,
      },
    ) !== undefined

  test.each([
    ['-p tcp -m tcp --dport 8080', true],
    ['-d 192.168.1.32/32 -i eth0 -p tcp -m tcp --dport 8000:8100', true],
    ['-p tcp -m multiport --dports 22,8080', true],
    ['-p tcp -m multiport --dports 22,8000:8079', false],
    ['-p udp -m udp --dport 8080', false],
    ['-p tcp -m tcp --dport 8081', false],
    ['-d 192.168.1.33/32 -p tcp -m tcp --dport 8080', false],
    ['-m addrtype --dst-type LOCAL -p tcp', true],
    ['-m addrtype ! --dst-type LOCAL -p tcp', false],
    ['-s 10.0.0.0/8 -p tcp -m tcp --dport 8080', false],
  ])('%s', (words, leads) => expect(leadOf(words)).toBe(leads))

  test('by way of a chain of its own, and not where a rule before it ends the matter', () => {
    const docker =
      '-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80'
    const path = (text: string) => legacyLead(parseLegacyTable(text), 'PREROUTING', packet)?.path
    expect(path(`${chains}\n${docker}`)).toEqual([
      { chain: 'PREROUTING', index: 0 },
      { chain: 'DOCKER', index: 0 },
    ])
    expect(path(`${chains}\n-A PREROUTING -p tcp -j ACCEPT\n${docker}`)).toBeUndefined()
  })
})
