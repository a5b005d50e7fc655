import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync, readlinkSync, statSync } from 'node:fs'
import { DecodeError, EncodeError } from '../../src/linux/netlink/codec.ts'
import { struct } from '../../src/linux/netlink/composite.ts'
import { Connection, type Request, request } from '../../src/linux/netlink/connection.ts'
import { EventsLostError, NetlinkError } from '../../src/linux/netlink/errors.ts'
import { message, NLM_F } from '../../src/linux/netlink/message.ts'
import { bytes, cstring, u8, u32 } from '../../src/linux/netlink/scalars.ts'
import { NetlinkSocket } from '../../src/linux/netlink/socket.ts'
import { addAddress, addressMessage, listAddresses } from '../../src/linux/rtnetlink/address.ts'
import {
  addLink,
  addVeth,
  deleteLink,
  linkMessage,
  listLinks,
  setLink,
  toLink,
} from '../../src/linux/rtnetlink/link.ts'
import { listNeighbours, neighbourMessage } from '../../src/linux/rtnetlink/neighbour.ts'
import {
  addRoute,
  deleteRoute,
  getRoute,
  listRoutes,
  routeMessage,
  toRoute,
} from '../../src/linux/rtnetlink/route.ts'
import { listRules, ruleMessage, toRule } from '../../src/linux/rtnetlink/rule.ts'
import { isIp, NETLINK_ROUTE, RTM } from '../../src/linux/rtnetlink/types.ts'
import type { Descriptor } from '../../src/linux/sys/descriptor.ts'
import { libc } from '../../src/linux/sys/libc.ts'
import { createNamespace, ownNamespacePath } from '../../src/linux/sys/namespace.ts'
import { ip, openDescriptors, openedSince, requireSandbox, run } from '../support/sandbox.ts'

requireSandbox()

let connection: Connection
let namespace: Descriptor
const pinned = '/run/netns/netlink-test'

beforeAll(() => {
  run('mkdir', ['-p', '/run/netns'])
  connection = Connection.open(NETLINK_ROUTE)
  namespace = createNamespace(pinned)
})
afterAll(() => {
  connection[Symbol.dispose]()
  namespace.close()
  ip('netns delete netlink-test')
})

const links = () => connection.dump(listLinks(), linkMessage).map(toLink)

/** Every test leaves only the loopback. */
afterEach(() => {
  const own = links().filter(({ index }) => index > 1000)
  for (const { index } of own) connection.executeAll([deleteLink(index)])
})

/** Indexes from 1001 on are ours. Bridges, because every kernel that natspace runs on has them. */
const base = 1000
const addBridge = (number: number) => addLink('bridge', `t${number}`, base + number)
const veth = (change: object = {}, peer: object = {}): Request =>
  addVeth({
    name: 't1',
    index: base + 1,
    ...change,
    peer: { name: 't2', index: base + 2, namespace: undefined, ...peer },
  })
const codes = (results: readonly unknown[]) =>
  results.map(result => (result instanceof NetlinkError ? result.code : 'ok'))
const refusalOf = (item: Request): NetlinkError => {
  const [result] = connection.executeAll([item])
  if (result instanceof NetlinkError) return result
  throw new Error(`${item.name} was not refused`)
}
const thrown = (action: () => unknown): Error => {
  try {
    action()
  } catch (error) {
    if (error instanceof Error) return error
  }
  throw new Error('Nothing was thrown')
}

describe('executeAll', () => {
  test('the kernel goes on after a failure, and each request learns its own fate', () => {
    const requests = [addBridge(1), addBridge(1), addBridge(2), deleteLink(99_999), addBridge(3)]
    expect(codes(connection.executeAll(requests))).toEqual(['ok', 'EEXIST', 'ok', 'ENODEV', 'ok'])
    expect(links().map(({ name }) => name)).toEqual(['lo', 't1', 't2', 't3'])
  })

  test('a failure of the last is told once, though it is acknowledged too', () => {
    expect(codes(connection.executeAll([addBridge(1), addBridge(1)]))).toEqual(['ok', 'EEXIST'])
    expect(codes(connection.executeAll([addBridge(2)]))).toEqual(['ok'])
  })

  test('a thousand refusals are more than the receive buffer holds, and all arrive', () => {
    const requests = Array.from({ length: 1000 }, (_, number) => deleteLink(50_000 + number))
    expect(new Set(codes(connection.executeAll(requests)))).toEqual(new Set(['ENODEV']))
  })

  test('as do a thousand with a sentence of explanation, in a user namespace too', () => {
    connection.execute([addBridge(1)])
    const requests = Array.from({ length: 1000 }, () => setLink(base + 1, { alias: 'x'.repeat(300) }))
    const results = connection.executeAll(requests)
    for (const result of results) expect(result).toMatchObject({ code: 'ERANGE', attributePath: ['alias'] })
  })

  test('five thousand addresses, 250 kB of requests, in one call', () => {
    connection.execute([addBridge(1)])
    const requests = Array.from({ length: 5000 }, (_, number) =>
      addAddress({ index: base + 1, address: `10.${number >> 8}.${number & 255}.1`, prefixLength: 32 }),
    )
    expect(new Set(codes(connection.executeAll(requests)))).toEqual(new Set(['ok']))
    const found = connection
      .dump(listAddresses(), addressMessage)
      .filter(one => one.header.index === base + 1)
    expect(found.filter(one => one.attributes.local?.startsWith('10.'))).toHaveLength(5000)
  })

  test('replies and acknowledgements of one send are told apart', () => {
    const results = connection.execute([
      getRoute({ destination: '127.0.0.1' }),
      addBridge(1),
      getRoute({ destination: '127.0.0.2' }),
    ])
    expect(results.map(replies => replies.length)).toEqual([1, 0, 1])
  })

  test('what cannot be encoded is not sent', () => {
    const requests = [addBridge(1), addLink('bridge', 't2', 2 ** 40)]
    expect(() => connection.executeAll(requests)).toThrow(EncodeError)
    expect(links()).toHaveLength(1)
  })
})

describe('a refusal points at the attribute', () => {
  const cases: [string, Request, string, string[], RegExp][] = [
    ['a link’s name', veth({ name: 'x'.repeat(20) }), 'ERANGE', ['name'], /policy/],
    [
      'a peer’s name',
      veth({}, { name: 'x'.repeat(20) }),
      'ERANGE',
      ['linkInfo', 'veth', 'peer', 'name'],
      /policy/,
    ],
    ['an alias', setLink(1, { alias: 'x'.repeat(300) }), 'ERANGE', ['alias'], /policy/],
  ]
  for (const [what, item, code, attributePath, kernelMessage] of cases)
    test(what, () => {
      const refusal = refusalOf(item)
      expect(refusal).toMatchObject({ code, attributePath })
      expect(refusal.kernelMessage).toMatch(kernelMessage)
      expect(refusal.message).toContain(`at ${attributePath.join('.')}`)
    })

  test('also when it is one of many in the same datagram', () => {
    const results = connection.executeAll([addBridge(1), ...cases.map(([, item]) => item), addBridge(2)])
    expect(results.flatMap(result => (result instanceof NetlinkError ? [result.attributePath] : []))).toEqual(
      cases.map(([, , , path]) => path),
    )
  })

  test('an attribute of a wrong length', () => {
    // IFA_LABEL as a number, IFA_CACHEINFO cut short: a schema that is wrong on purpose.
    const header = struct({ family: u8, prefixLength: u8, flags: u8, scope: u8, index: u32 })
    const wrong = message('struct ifaddrmsg', header, {
      local: [2, bytes, 'IFA_LOCAL'],
      cacheInfo: [6, bytes, 'IFA_CACHEINFO'],
    } as const)
    const value = (attributes: object) => ({
      header: { family: 2, prefixLength: 24, flags: 0, scope: 0, index: 1 },
      attributes,
    })
    const add = (attributes: object) => request('RTM_NEWADDR', RTM.newAddress, 0, wrong, value(attributes))
    const local = Uint8Array.of(10, 1, 1, 1)
    expect(refusalOf(add({ local, cacheInfo: new Uint8Array(3) }))).toMatchObject({
      code: 'ERANGE',
      attributePath: ['cacheInfo'],
    })
    expect(refusalOf(add({ local: Uint8Array.of(10) }))).toMatchObject({
      code: 'ERANGE',
      attributePath: ['local'],
    })
  })

  test('a refusal without an offset still carries the kernel’s sentence', () => {
    expect(refusalOf(addLink('nosuchkind', 't1'))).toMatchObject({
      code: 'EOPNOTSUPP',
      kernelMessage: 'Unknown device type',
      attributePath: [],
    })
    expect(refusalOf(addAddress({ index: 1, address: '10.0.0.1', prefixLength: 33 })).kernelMessage).toMatch(
      /Invalid prefix length/,
    )
  })
})

describe('strict checks', () => {
  test('a list with a filter that the kernel does not know is refused, not answered in full', () => {
    const header = { family: 0, pad: 0, type: 0, index: 0, flags: 0, change: 0 }
    const bad = (attributes: object, change = {}) =>
      request('RTM_GETLINK', RTM.getLink, 0, linkMessage, { header: { ...header, ...change }, attributes })
    for (const item of [bad({ mtu: 5 }), bad({}, { type: 3 })])
      expect(thrown(() => connection.dump(item, linkMessage))).toMatchObject({
        name: 'NetlinkError',
        code: 'EINVAL',
      })
  })

  test('the kernel filters routes by table, and DONE carries its errno and sentence when there is none', () => {
    const tables = connection.dump(listRoutes(4, 255), routeMessage).map(one => toRoute(one).table)
    expect(new Set(tables)).toEqual(new Set([255]))
    expect(thrown(() => connection.dump(listRoutes(4, 77), routeMessage))).toMatchObject({
      code: 'ENOENT',
      kernelMessage: 'ipv4: FIB table does not exist',
    })
    expect(connection.dump(listRoutes(0, 77), routeMessage)).toEqual([])
  })
})

describe('lists are those of ip(8)', () => {
  /** What is used of the rows of all kinds. */
  type Row = {
    ifindex: number
    ifname: string
    address: string
    mtu: number
    ifalias?: string
    linkinfo?: { info_kind?: string }
    addr_info?: { local: string; prefixlen: number }[]
  }
  const json = (line: string): Row[] => JSON.parse(ip(line)) as Row[]

  beforeAll(() => {
    connection.execute([
      veth({ address: '02:00:00:00:00:01' }, { namespace: namespace.number }),
      addLink('bridge', 't9', base + 9),
    ])
    connection.execute([
      setLink(base + 1, { up: true, mtu: 1400, alias: 'natspace:a b', master: base + 9 }),
      setLink(base + 9, { up: true }),
      addAddress({ index: base + 9, address: '10.1.0.1', prefixLength: 24 }),
      addAddress({ index: base + 9, address: 'fd00:1::1', prefixLength: 64 }),
      addRoute({
        destination: '10.2.0.0/16',
        gateway: '10.1.0.2',
        outputIndex: base + 9,
        table: 1000,
        priority: 7,
      }),
    ])
    ip('neighbour add 10.1.0.2 lladdr 02:00:00:00:00:02 dev t9 nud permanent')
    ip('rule add priority 100 from 10.1.0.0/24 iif t9 fwmark 0x10/0xf0 table 1000')
  })

  test('all of them', () => {
    const ours = links().map(({ index, name, address, mtu, alias, kind }) => ({
      index,
      name,
      address,
      mtu,
      alias,
      kind,
    }))
    const theirs = json('-d -j link show').map(row => ({
      index: row.ifindex,
      name: row.ifname,
      address: row.address,
      mtu: row.mtu,
      alias: row.ifalias,
      kind: row.linkinfo?.info_kind,
    }))
    expect<unknown>(ours).toEqual(theirs)
    expect(ours.find(({ index }) => index === base + 1)?.alias).toBe('natspace:a b')
    const cable = links().find(({ index }) => index === base + 1)
    expect(cable).toMatchObject({ peer: base + 2, up: true, master: base + 9 })
    expect(cable?.peerNamespaceId).toBeNumber()

    const addresses = connection
      .dump(listAddresses(), addressMessage)
      .map(
        ({ header, attributes }) =>
          `${header.index} ${attributes.local ?? attributes.address}/${header.prefixLength}`,
      )
    const shown = json('-j address show').flatMap(row =>
      (row.addr_info ?? []).map(info => `${row.ifindex} ${info.local}/${info.prefixlen}`),
    )
    expect(addresses.sort()).toEqual(shown.sort())

    const gateways = connection
      .dump(listRoutes(4), routeMessage)
      .map(toRoute)
      .map(({ destination, gateway, table, priority }) => ({ destination, gateway, table, priority }))
    expect(gateways).toContainEqual({
      destination: '10.2.0.0/16',
      gateway: '10.1.0.2',
      table: 1000,
      priority: 7,
    })
    expect(gateways).toHaveLength(json('-j -4 route show table all').length)

    expect(connection.dump(listRules(4), ruleMessage).map(toRule)).toContainEqual({
      family: 4,
      priority: 100,
      source: '10.1.0.0/24',
      destination: 'all',
      inputName: 't9',
      outputName: undefined,
      mark: 16,
      markMask: 240,
      table: 1000,
      action: 1,
      inverted: false,
    })
    expect(connection.dump(listRules(4), ruleMessage)).toHaveLength(json('-j rule show').length)

    const neighbours = connection.dump(listNeighbours(), neighbourMessage)
    expect(neighbours.map(({ attributes }) => attributes)).toContainEqual(
      expect.objectContaining({ destination: '10.1.0.2', linkAddress: '02:00:00:00:00:02' }),
    )
    // The bridge's own table of addresses is another list, though it is asked for by the same message.
    expect(neighbours.every(isIp)).toBe(true)
  })

  afterAll(() => {
    ip('rule delete priority 100')
  })
})

describe('rules and routes', () => {
  test('lists of all families hold multicast rules, which isIp keeps out', () => {
    const all = connection.dump(listRules(), ruleMessage)
    const both = [
      ...connection.dump(listRules(4), ruleMessage),
      ...connection.dump(listRules(6), ruleMessage),
    ]
    expect(all.filter(isIp).map(toRule)).toEqual(both.map(toRule))
  })

  test('a look-up names the table that was used', () => {
    // Until there is a rule of one's own the kernel keeps local and main in one.
    ip('rule add priority 50 from 10.99.0.0/16 table 1001')
    try {
      const tableOf = (destination: string) => {
        const [[reply] = []] = connection.execute([getRoute({ destination })])
        if (reply === undefined) throw new Error('no reply')
        return toRoute(routeMessage.decode(reply.payload, 0, reply.payload.length)).table
      }
      expect(tableOf('127.0.0.1')).toBe(255)
      expect(tableOf('::1')).toBe(255)
    } finally {
      ip('rule delete priority 50')
    }
  })

  test('a route is removed whoever made it, unless a protocol is asked for', () => {
    connection.execute([
      addBridge(1),
      setLink(base + 1, { up: true }),
      addAddress({ index: base + 1, address: '10.1.0.1', prefixLength: 24 }),
    ])
    const route = { destination: '10.3.0.0/16', gateway: '10.1.0.2', outputIndex: base + 1 }
    for (const change of [route, { destination: '10.3.0.0/16', outputIndex: base + 1 }]) {
      connection.execute([addRoute({ ...change, protocol: 200 })])
      expect(refusalOf(deleteRoute({ ...change, protocol: 201 })).code).toBe('ESRCH')
      connection.execute([deleteRoute(change)])
      expect(refusalOf(deleteRoute(change)).code).toBe('ESRCH')
      connection.execute([addRoute({ ...change, protocol: 200 }), deleteRoute({ ...change, protocol: 200 })])
    }
    connection.execute([
      addAddress({ index: base + 1, address: 'fd00:1::1', prefixLength: 64 }),
      addRoute({ destination: 'fd00:3::/48', gateway: 'fd00:1::2', outputIndex: base + 1, protocol: 200 }),
      deleteRoute({ destination: 'fd00:3::/48', gateway: 'fd00:1::2', outputIndex: base + 1 }),
    ])
  })
})

test('two names that differ by a byte order mark alone are two names', () => {
  connection.execute([addLink('bridge', 't1', base + 1), addLink('bridge', '\uFEFFt1', base + 2)])
  expect(links().map(({ name }) => name)).toEqual(['lo', 't1', '\uFEFFt1'])
})

test('a link’s attributes that no table knows are kept, byte for byte', () => {
  const { unknown } = connection.dump(listLinks(), linkMessage)[0]?.attributes ?? {}
  expect(unknown?.length).toBeGreaterThan(10)
  // IFLA_QDISC, a string the schema has no use for.
  const qdisc = unknown?.find(({ type }) => type === 6)
  expect(qdisc && cstring.decode(qdisc.bytes, 0, qdisc.bytes.length)).toBe('noqueue')
})

test('after a list that cannot be decoded the socket is good for the next', () => {
  connection.execute(Array.from({ length: 60 }, (_, number) => addBridge(number + 1)))
  // 60 links take more than one datagram, so that the kernel is still at it when the first entry fails.
  const wrong = message('struct ifinfomsg', struct({ pad: u32 }), { name: [3, u8, 'IFLA_IFNAME'] } as const)
  expect(() => connection.dump(listLinks(), wrong)).toThrow(DecodeError)
  expect(links()).toHaveLength(61)
})

describe('sockets', () => {
  test('belong to the namespace they were opened in', () => {
    using there = Connection.open(NETLINK_ROUTE, { namespace: namespace.number })
    connection.execute([addBridge(1)])
    expect(there.dump(listLinks(), linkMessage).map(one => one.attributes.name)).toEqual(['lo'])
    expect(links().map(({ name }) => name)).toEqual(['lo', 't1'])
    expect(statSync(pinned).ino).not.toBe(statSync(ownNamespacePath).ino)
  })

  test('leak no descriptor, and leave this thread at home, also when opening fails', () => {
    const home = readlinkSync(ownNamespacePath)
    const before = openDescriptors()
    for (let round = 0; round < 10; round++) {
      Connection.open(NETLINK_ROUTE, { namespace: namespace.number })[Symbol.dispose]()
      expect(thrown(() => Connection.open(999))).toMatchObject({ call: 'socket', code: 'EPROTONOSUPPORT' })
      expect(thrown(() => Connection.open(999, { namespace: namespace.number }))).toMatchObject({
        call: 'socket',
        code: 'EPROTONOSUPPORT',
      })
      expect(thrown(() => Connection.open(NETLINK_ROUTE, { groups: [100_000] }))).toMatchObject({
        call: 'setsockopt',
        code: 'EINVAL',
      })
    }
    expect(openedSince(before)).toEqual([])
    expect(readlinkSync(ownNamespacePath)).toBe(home)
  })

  test('drop what other processes send them', () => {
    using victim = NetlinkSocket.open(NETLINK_ROUTE)
    using attacker = NetlinkSocket.open(NETLINK_ROUTE)
    // struct sockaddr_nl: AF_NETLINK, and the victim's port.
    const target = new Uint8Array(12)
    const view = new DataView(target.buffer)
    view.setUint16(0, 16, true)
    view.setUint32(4, victim.portId, true)
    // An acknowledgement with success for the sequence number 1, as the kernel would write it.
    const forged = new Uint8Array(36)
    const header = new DataView(forged.buffer)
    header.setUint32(0, 36, true)
    header.setUint16(4, 2, true)
    header.setUint32(8, 1, true)
    header.setUint32(12, victim.portId, true)
    expect(libc().sendto(attacker.descriptor, forged, forged.length, 0, target, target.length)).toBe(36)
    const queued = readFileSync('/proc/thread-self/net/netlink', 'utf8')
      .split('\n')
      .map(line => line.trim().split(/\s+/))
      .find(fields => fields[2] === String(victim.portId))
    expect(Number(queued?.[4])).toBeGreaterThan(0)
    expect(victim.receive(false)).toBeUndefined()
  })

  test('do not wait unless asked to', () => {
    using quiet = Connection.open(NETLINK_ROUTE, { groups: [1] })
    expect(quiet.receiveEvents()).toEqual([])
  })
})

describe('events', () => {
  const RTNLGRP_LINK = 1

  test('arrive for what others change', () => {
    using events = Connection.open(NETLINK_ROUTE, { groups: [RTNLGRP_LINK] })
    connection.execute([addBridge(1), deleteLink(base + 1)])
    const seen = events.receiveEvents().map(({ type, payload }) => {
      const { header, attributes } = linkMessage.decode(payload, 0, payload.length)
      return [type, header.index, attributes.name]
    })
    expect(seen).toContainEqual([RTM.newLink, base + 1, 't1'])
    expect(seen).toContainEqual([RTM.deleteLink, base + 1, 't1'])
  })

  test('that were lost are told of, once, and later ones arrive again', () => {
    using events = Connection.open(NETLINK_ROUTE, { groups: [RTNLGRP_LINK] })
    connection.execute([addBridge(1)])
    // Each change of the MTU is an event of more than 1 kB; the buffer holds 200 kB.
    for (let round = 0; round < 10; round++)
      connection.execute(Array.from({ length: 50 }, (_, step) => setLink(base + 1, { mtu: 1000 + step })))
    expect(() => events.receiveEvents()).toThrow(EventsLostError)
    while (events.receiveEvents().length > 0);
    connection.execute([addBridge(2)])
    expect(events.receiveEvents().length).toBeGreaterThan(0)
  })

  test('a larger buffer loses fewer', () => {
    using events = Connection.open(NETLINK_ROUTE, { groups: [RTNLGRP_LINK] })
    events.growReceiveBuffer(16 * 1024 * 1024)
    connection.execute([addBridge(1)])
    events.receiveEvents()
    const changes = Array.from({ length: 100 }, (_, step) => setLink(base + 1, { mtu: 1000 + step }))
    connection.execute(changes)
    expect(events.receiveEvents().length).toBeGreaterThanOrEqual(100)
  })
})

test('the echo of a request is its reply', () => {
  const item = addBridge(1)
  const [[reply] = []] = connection.execute([{ ...item, flags: item.flags | NLM_F.echo }])
  expect(reply?.type).toBe(RTM.newLink)
  const link = reply && toLink(linkMessage.decode(reply.payload, 0, reply.payload.length))
  expect(link).toMatchObject({ index: base + 1, name: 't1', kind: 'bridge', up: false })
})
