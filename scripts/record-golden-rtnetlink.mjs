// `bun scripts/record-golden-rtnetlink.mjs [PREFIX]`: records test/golden/rtnetlink anew, as root, in a sandbox; with a
// prefix only the files whose names begin with it ('qdisc'), and the others stay as they are. It needs strace
// and iproute2. The bytes are the tools' and the kernel's; the values are ours, so read the difference before committing.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Connection } from '../src/linux/netlink/connection.ts'
import { NetlinkSocket } from '../src/linux/netlink/socket.ts'
import { Writer } from '../src/linux/netlink/writer.ts'
import { addVeth, deleteLink, setLink } from '../src/linux/rtnetlink/link.ts'
import { kindOf, meaningOf } from '../test/support/rtnetlink-golden.ts'
import { wireDifferences } from '../test/support/wire-diff.ts'
import { Failure, main, root, say } from './lib/run.mjs'
import { rootSandbox } from './lib/sandbox.mjs'
import { messagesOf } from './lib/strace.mjs'

const folder = join(root, 'test/golden/rtnetlink')

/** `name: command` is recorded under that name; a command without a name only prepares. */
const scene = [
  'ip netns add myspace',
  {
    'link-add-veth':
      'ip link add veth1 index 11 address 02:00:00:00:00:01 type veth peer name veth2 index 12 address 02:00:00:00:00:02',
    'link-add-veth-netns': 'ip link add veth3 index 13 mtu 1400 type veth peer name veth4 netns myspace',
    'link-add-exists': 'ip link add veth1 type veth peer name veth9',
    'link-add-unknown-kind': 'ip link add x1 type nosuchkind',
    'link-add-vxlan-bad-range': 'ip link add vx1 type vxlan id 1 dstport 4789 srcport 10 5',
    'link-add-bridge': 'ip link add br0 index 14 address 02:00:00:00:00:04 type bridge',
    'link-set-up': 'ip link set dev veth1 up',
    'link-set-alias': 'ip link set dev veth1 mtu 1450 alias natspace:myspace',
    'link-set-mtu-refused': 'ip link set dev veth1 mtu 10',
    'link-set-master': 'ip link set dev veth3 master br0',
    'link-show': 'ip -d -s link show',
  },
  'ip link set dev veth2 up',
  'ip link set dev lo up',
  {
    'address-add': 'ip address add 192.168.45.2/24 dev veth1',
    'address-add-broadcast':
      'ip address add 10.9.0.1/16 brd + dev veth1 label veth1:a valid_lft 600 preferred_lft 300',
    'address-add-peer': 'ip address add 10.8.0.1 peer 10.8.0.2/32 dev veth2',
    'address-add-ipv6': 'ip address add fd00:45::2/64 dev veth1 nodad',
    'address-add-exists': 'ip address add 192.168.45.2/24 dev veth1',
    'address-show': 'ip address show dev veth1',
    'route-add-default': 'ip route add default via 192.168.45.3 dev veth1',
    'route-add-prefix': 'ip route add 10.7.0.0/16 dev veth1 metric 50 src 192.168.45.2 mtu 1300',
    'route-add-table': 'ip route add 10.6.0.0/16 via 192.168.45.3 table 1000 proto 200',
    'route-add-blackhole': 'ip route add blackhole 10.5.0.0/16',
    'route-add-multipath':
      'ip route add 10.4.0.0/16 nexthop via 192.168.45.3 weight 1 nexthop via 10.9.0.2 weight 2',
    'route-add-ipv6': 'ip -6 route add fd00:7::/48 via fd00:45::3 dev veth1 metric 20',
    'route-add-exists': 'ip route add default via 192.168.45.4 dev veth1',
    'route-add-bad-gateway': 'ip route add 10.3.0.0/16 via 203.0.113.1 dev veth1',
    'route-show': 'ip route show table all',
    'route-show-ipv6': 'ip -6 route show',
    'route-show-no-table': 'ip -4 route show table 77',
    'route-get': 'ip route get 10.7.1.1 mark 5',
    'route-get-from': 'ip route get 10.7.1.1 from 192.168.45.3 iif veth1',
    'route-get-ipv6': 'ip route get fd00:7::1',
    'route-delete': 'ip route delete 10.7.0.0/16 dev veth1',
    'route-delete-missing': 'ip route delete 10.77.0.0/16 dev veth1',
    'rule-add': 'ip rule add priority 100 from 192.168.45.0/24 iif veth1 fwmark 0x10/0xf0 table 1000',
    'rule-add-suppress':
      'ip rule add priority 90 not to 10.0.0.0/8 table main suppress_prefixlength 0 protocol 200',
    'rule-add-goto': 'ip rule add priority 80 oif veth2 goto 100',
    'rule-add-exists': 'ip rule add priority 100 from 192.168.45.0/24 iif veth1 fwmark 0x10/0xf0 table 1000',
    'rule-show': 'ip rule show',
    'rule-show-ipv6': 'ip -6 rule show',
    'rule-delete': 'ip rule delete priority 80',
    'neighbour-add': 'ip neighbour add 192.168.45.3 lladdr 02:00:00:00:00:02 dev veth1 nud permanent',
    'neighbour-add-ipv6': 'ip neighbour add fd00:45::3 lladdr 02:00:00:00:00:02 dev veth1 nud stale',
    'neighbour-add-exists': 'ip neighbour add 192.168.45.3 lladdr 02:00:00:00:00:02 dev veth1',
    'neighbour-show': 'ip neighbour show',
    'neighbour-delete': 'ip neighbour delete 192.168.45.3 dev veth1',
    'qdisc-replace-tbf':
      'tc qdisc replace dev veth3 root handle 6e73: tbf rate 10mbit burst 5000 latency 50ms',
    'qdisc-replace-tbf-changed':
      'tc qdisc replace dev veth3 root handle 6e73: tbf rate 8kbit burst 1518 limit 1568',
    'qdisc-replace-tbf-64':
      'tc qdisc replace dev veth1 root handle 6e73: tbf rate 40gbit burst 20mb limit 300mb',
    'qdisc-replace-tbf-peak':
      'tc qdisc replace dev br0 root handle 7001: tbf rate 1mbit burst 5kb latency 70ms peakrate 2mbit minburst 1540',
    'qdisc-add-unknown-kind': 'tc qdisc add dev lo root handle 2: nosuchkind',
    'qdisc-add-htb': 'tc qdisc add dev lo root handle 1: htb default 10',
    'qdisc-add-exists': 'tc qdisc add dev veth3 root handle 3: pfifo',
    'qdisc-show': 'tc qdisc show',
    'qdisc-delete': 'tc qdisc delete dev veth3 root handle 6e73:',
    'qdisc-delete-other': 'tc qdisc delete dev veth3 root handle 6e73:',
    'qdisc-delete-default': 'tc qdisc delete dev veth3 root',
    'address-delete': 'ip address delete 192.168.45.2/24 dev veth1',
    'link-delete': 'ip link delete dev veth1',
  },
]

/** Requests of our own socket, which asks for capped errors (NETLINK_CAP_ACK) and strict checks. */
const longName = 'b'.repeat(20)
const own = {
  'link-add-veth-peer-name-capped': {
    text: `addVeth({ name: 'veth1', index: 11, peer: { name: '${longName}', index: 12 } })`,
    request: addVeth({ name: 'veth1', index: 11, peer: { name: longName, index: 12, namespace: undefined } }),
  },
  'link-set-alias-too-long-capped': {
    text: "setLink(1, { alias: 'x'.repeat(300) })",
    request: setLink(1, { alias: 'x'.repeat(300) }),
  },
  'link-delete-missing-capped': { text: 'deleteLink(999)', request: deleteLink(999) },
}

const shell = command => spawnSync('sh', ['-c', command], { encoding: 'utf8' })
const kernel = `Linux ${/^[\d.]+/.exec(release())?.[0]}`

/** What our encoder makes of the value that a message decodes to, against the message itself. */
function differencesOf(bytes) {
  const type = Buffer.from(bytes).readUInt16LE(4)
  if (type < 16) return []
  const { schema } = kindOf(type)
  const payload = bytes.subarray(16)
  const writer = new Writer()
  schema.encode(writer, schema.decode(payload, 0, payload.length))
  return wireDifferences(schema, payload, writer.bytes.slice())
}

/**
 * Whether a request is what its command is about: the first part of the name says the kind, and that it shows or asks
 * for something tells it from looking up a name. Looking up namespaces' ids is never wanted.
 */
function isWanted(name, request) {
  const kinds = { link: 16, address: 20, route: 24, rule: 32, neighbour: 28, qdisc: 36 }
  const type = Buffer.from(request).readUInt16LE(4)
  const [kind, verb] = name.split('-')
  const asks = (type & 3) === 2
  return (type & ~3) === kinds[kind] && asks === ['show', 'get'].includes(verb)
}

function save(name, command, tool, raw) {
  let request
  let skipping = true
  const kept = raw.filter(({ from, bytes }) => {
    if (from === 'program') skipping = !isWanted(name, bytes)
    return !skipping
  })
  const messages = kept.map(({ from, bytes }) => {
    if (from === 'program') request = bytes
    const { type, value, read } = meaningOf(bytes, request)
    const differs = differencesOf(bytes)
    const hex = Buffer.from(bytes).toString('hex')
    return { from, type, hex, value, ...(read && { read }), ...(differs.length > 0 && { differs }) }
  })
  if (messages.length < 2) throw new Failure(`${command}: no exchange was recorded`)
  writeFileSync(join(folder, `${name}.json`), JSON.stringify({ command, tool, kernel, messages }))
}

function recordCommand(name, command, tool) {
  const file = join(tmpdir(), 'trace')
  shell(`strace -e trace=sendmsg,sendto,recvmsg,recvfrom -e read=all -e write=all -o ${file} ${command}`)
  save(name, command, tool, messagesOf(readFileSync(file, 'utf8')))
}

function recordOwn(name, { text, request }) {
  const raw = []
  const log = (from, bytes) => {
    if (bytes) raw.push({ from, bytes: bytes.slice() })
    return bytes
  }
  const socket = NetlinkSocket.open(0)
  using connection = Connection.over({
    descriptor: socket.descriptor,
    portId: socket.portId,
    send: bytes => socket.send(log('program', bytes)),
    receive: wait => log('kernel', socket.receive(wait)),
    growReceiveBuffer: size => socket.growReceiveBuffer(size),
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  })
  connection.executeAll([request])
  save(name, text, 'natspace', raw)
}

/** Runs all commands, as later ones need what earlier ones make, and records those whose names begin with `prefix`. */
function record(prefix) {
  const tool = shell('ip -V').stdout.split(/[ ,]+/)[2]
  for (const part of scene) {
    if (typeof part === 'string') {
      if (shell(part).status !== 0) throw new Failure(`${part} failed`)
    } else
      for (const [name, command] of Object.entries(part))
        if (name.startsWith(prefix)) recordCommand(name, command, tool)
        else shell(command)
  }
  for (const [name, item] of Object.entries(own)) if (name.startsWith(prefix)) recordOwn(name, item)
}

main(() => {
  const [prefix = '', ...flags] = process.argv.slice(2)
  if (flags.includes('--inside')) return record(prefix)
  mkdirSync(folder, { recursive: true })
  for (const file of readdirSync(folder)) if (file.startsWith(prefix)) rmSync(join(folder, file))
  const [program, ...rest] = [
    ...[...rootSandbox().prefix, process.execPath, process.argv[1]],
    ...[prefix, '--inside'],
  ]
  if (spawnSync(program, rest, { stdio: 'inherit' }).status !== 0) throw new Failure('The recording failed.')
  shell(`cd ${root} && node_modules/.bin/biome format --write test/golden/rtnetlink`)
  say(`Recorded ${readdirSync(folder).length} files in test/golden/rtnetlink`)
})
