import { describe, expect, test } from 'bun:test'
import type { Change } from '../../linux/change.ts'
import { elementCommands, tableCommands } from '../ruleset/commands.ts'
import { membershipsOf } from '../ruleset/elements.ts'
import { articleSpace } from './article-space.ts'
import { hereDocument, shellOf } from './shell.ts'

const where = '/run/netns/myspace'
const mac = '02:00:00:00:00:01'

const cases: [Change, string[]][] = [
  [{ type: 'namespace.add', path: where }, ['ip netns add myspace']],
  [
    { type: 'namespace.add', path: where, mark: 'natspace:myspace' },
    ['ip netns add myspace', 'ip -n myspace link set dev lo alias natspace:myspace'],
  ],
  [{ type: 'namespace.delete', path: where }, ['ip netns delete myspace']],
  [
    {
      type: 'program.run',
      where: undefined,
      program: 'ufw',
      arguments: ['route', 'allow', 'in', 'on', 'veth1', 'comment', 'a b'],
    },
    ["ufw route allow in on veth1 comment 'a b'"],
  ],
  [
    {
      type: 'veth.add',
      ...{ where: undefined, name: 'veth1', index: 7, address: mac, mtu: 1400 },
      peer: { where, name: 'veth2', index: 2, address: mac, mtu: undefined },
    },
    [`ip link add name veth1 address ${mac} mtu 1400 type veth peer name veth2 address ${mac} netns myspace`],
  ],
  [
    { type: 'link.set', where, name: 'veth2', index: 2, up: true, mtu: 1400, alias: 'natspace:my space' },
    ["ip -n myspace link set dev veth2 mtu 1400 alias 'natspace:my space' up"],
  ],
  [
    { type: 'link.set', where: undefined, name: 'x', index: 2, up: false, alias: '' },
    ["ip link set dev x alias '' down"],
  ],
  [
    { type: 'link.set', where: undefined, name: 'x', index: 2, alias: 'a', group: 7 },
    ['ip link set dev x alias a group 7'],
  ],
  [
    {
      type: 'address.add',
      ...{ where, name: 'veth2', index: 2, address: '10.88.0.2', prefixLength: 16, noPrefixRoute: true },
    },
    ['ip -n myspace address add 10.88.0.2/16 dev veth2 noprefixroute'],
  ],
  [
    {
      type: 'route.add',
      ...{ where, name: 'veth2', index: 2, destination: '10.88.0.0/16', gateway: '10.88.0.1' },
      ...{ preferredSource: '10.88.0.2', priority: 7, table: 100, mtu: 1400, advertisedMss: 1300 },
    },
    [
      'ip -n myspace route add 10.88.0.0/16 via 10.88.0.1 dev veth2 src 10.88.0.2 metric 7 table 100 mtu 1400 advmss 1300',
    ],
  ],
  [{ type: 'link.delete', where: undefined, name: 'veth1', index: 7 }, ['ip link delete dev veth1']],
  [
    { type: 'address.add', where, name: 'veth2', index: 2, address: '192.168.45.3', prefixLength: 24 },
    ['ip -n myspace address add 192.168.45.3/24 dev veth2'],
  ],
  [
    { type: 'address.add', where, name: 'veth2', index: 2, address: 'fd00::2', prefixLength: 126 },
    ['ip -n myspace address add fd00::2/126 dev veth2 nodad'],
  ],
  [
    { type: 'route.add', where, name: 'veth2', index: 2, destination: '0.0.0.0/0', gateway: '192.168.45.2' },
    ['ip -n myspace route add default via 192.168.45.2 dev veth2'],
  ],
  [
    {
      type: 'route.delete',
      where: undefined,
      name: 'eth0',
      index: 2,
      destination: '10.0.0.0/8',
      gateway: undefined,
    },
    ['ip route delete 10.0.0.0/8 dev eth0'],
  ],
  [
    {
      type: 'qdisc.replace',
      ...{ where, name: 'veth2', index: 2, handle: 0x6e73 },
      ...{ rate: 1_500_000_000, burst: 750_000, limit: 10_125_000 },
    },
    ['tc -n myspace qdisc replace dev veth2 root handle 6e73: tbf rate 1500mbit burst 750000 latency 50ms'],
  ],
  [
    {
      type: 'qdisc.replace',
      ...{ where: undefined, name: 'veth1', index: 7, handle: 0x8001 },
      ...{ rate: 8008, burst: 1518, limit: 1000 },
    },
    ['tc qdisc replace dev veth1 root handle 8001: tbf rate 8008bit burst 1518 limit 1000'],
  ],
  [
    { type: 'qdisc.delete', where: '/proc/7/ns/net', name: 'x', index: 1, handle: 0x6e73 },
    ['nsenter --net=/proc/7/ns/net tc qdisc delete dev x root handle 6e73:'],
  ],
  [
    { type: 'sysctl.set', where: undefined, key: 'net.ipv4.conf.eth0/100.rp_filter', value: '1' },
    ['sysctl -q -w net.ipv4.conf.eth0/100.rp_filter=1'],
  ],
  [
    { type: 'sysctl.set', where, key: 'net.ipv4.ip_forward', value: '0' },
    ['ip netns exec myspace sysctl -q -w net.ipv4.ip_forward=0'],
  ],
  [
    { type: 'link.delete', where: '/proc/7/ns/net', name: 'x', index: 1 },
    ['nsenter --net=/proc/7/ns/net ip link delete dev x'],
  ],
  [{ type: 'file.write', path: '/run/natspace/host.json', text: '', mode: 0o600 }, []],
  [{ type: 'mount.share', path: '/run/netns' }, []],
]

describe('the command of a change', () => {
  for (const [change, commands] of cases)
    test(`${change.type}: ${commands[0] ?? 'none'}`, () => {
      expect(shellOf(change)).toEqual(commands)
    })

  test('nftables: one command each, quoted', () => {
    const members = membershipsOf(articleSpace).filter(({ set }) => set === 'publish4')
    const commands = elementCommands('element.add', members)
    expect(shellOf({ type: 'nftables.commit', where: undefined, commands, generation: 1 })).toEqual([
      "nft 'add element inet natspace publish4 { tcp . 8080 : 192.168.45.3 . 80 }'",
    ])
  })

  test('nftables: what is too long for an argument goes to standard input', () => {
    const port = { first: 1, last: 9000 }
    const space = {
      ...articleSpace,
      publish: [{ protocol: 'tcp' as const, hostPort: port, port: { first: 2, last: 9001 } }],
    }
    const commands = elementCommands(
      'element.add',
      membershipsOf(space).filter(({ set }) => set === 'publish4'),
    )
    const [text] = shellOf({ type: 'nftables.commit', where: undefined, commands, generation: 1 })
    expect(text).toStartWith("nft -f - <<'EOF'\nadd element inet natspace publish4 {")
    expect(text).toEndWith('}\nEOF')
  })

  test('the whole table has a command for each of its parts', () => {
    const commands = tableCommands()
    const texts = shellOf({ type: 'nftables.commit', where: undefined, commands, generation: undefined })
    expect(texts).toHaveLength(commands.length)
    expect(texts.every(text => /^nft 'add (table|set|map|element|chain|rule) inet natspace/.test(text))).toBe(
      true,
    )
  })
})

test('a here-document ends where it should, whatever its lines are', () => {
  expect(hereDocument('cat', ['a', 'EOF', 'EOF_\nb'])).toBe("cat <<'EOF__'\na\nEOF\nEOF_\nb\nEOF__")
})
