// The library as Node loads it: built, bound to libc by koffi, without any privilege.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  Connection,
  cstring,
  i32,
  message,
  NetlinkError,
  request,
  SystemError,
  struct,
  u8,
  u16,
  u32,
} from '../../dist/lib/linux/netlink/index.js'
import { libc } from '../../dist/lib/linux/sys/libc.js'

const header = struct({ family: u8, pad: u8, type: u16, index: i32, flags: u32, change: u32 })
const link = message('struct ifinfomsg', header, {
  address: [1, cstring, 'IFLA_ADDRESS'],
  name: [3, cstring, 'IFLA_IFNAME'],
  mtu: [4, u32, 'IFLA_MTU'],
})
const empty = { family: 0, pad: 0, type: 0, index: 0, flags: 0, change: 0 }
const NETLINK_ROUTE = 0
const getLink = (index, flags = 0) =>
  request('RTM_GETLINK', 18, flags, link, { header: { ...empty, index }, attributes: {} })

/** A connection that is closed after the test: Node 20 does not know `using`. */
const opened = (t, options = {}) => {
  const connection = Connection.open(NETLINK_ROUTE, options)
  t.after(() => connection[Symbol.dispose]())
  return connection
}

test('this is Node', () => {
  assert.equal(process.versions.bun, undefined)
})

test('lists the links that /proc lists', t => {
  const connection = opened(t)
  const links = connection.dump(getLink(0), link)
  const names = readFileSync('/proc/thread-self/net/dev', 'utf8')
    .split('\n')
    .slice(2)
    .map(line => line.slice(0, line.lastIndexOf(':')).trim())
    .filter(name => name !== '')
  assert.deepEqual(links.map(one => one.attributes.name).sort(), names.sort())
  const loopback = links.find(one => one.attributes.name === 'lo')
  assert.equal(loopback.header.index, 1)
  assert.equal(loopback.attributes.mtu, 65536)
})

test('a refusal is a NetlinkError with errno, name and place', t => {
  const connection = opened(t)
  const [found, missing, again] = connection.executeAll([getLink(1), getLink(999999), getLink(1)])
  assert.equal(found.length, 1)
  assert.equal(again.length, 1)
  assert.ok(missing instanceof NetlinkError)
  assert.deepEqual(
    { operation: missing.operation, code: missing.code, request: missing.request },
    { operation: 'RTM_GETLINK', code: 'ENODEV', request: 1 },
  )
})

test('errno survives the way through koffi', () => {
  assert.throws(
    () => Connection.open(999),
    error => error instanceof SystemError && error.call === 'socket' && error.code === 'EPROTONOSUPPORT',
  )
})

test('subscriptions do not wait', t => {
  const RTNLGRP_LINK = 1
  const connection = opened(t, { groups: [RTNLGRP_LINK] })
  assert.deepEqual(connection.receiveEvents(), [])
})

test('no descriptor is left open', () => {
  const count = () => readdirSync('/proc/self/fd').length
  const before = count()
  for (let round = 0; round < 20; round++) Connection.open(NETLINK_ROUTE)[Symbol.dispose]()
  assert.equal(count(), before)
})

test('memory that the kernel maps is read and written where it is', () => {
  const [readAndWrite, privateAndAnonymous, size] = [3, 0x22, 8192]
  const address = libc().mmap(0, size, readAndWrite, privateAndAnonymous, -1, 0)
  assert.ok(address > 0)
  const bytes = new Uint8Array(libc().memory(address, size))
  assert.equal(bytes.length, size)
  bytes[5000] = 7
  assert.equal(new Uint8Array(libc().memory(address, size))[5000], 7)
  assert.equal(libc().munmap(address, size), 0)
  // MAP_FAILED, as of a descriptor that is not open.
  assert.equal(libc().mmap(0, size, readAndWrite, 2, 1_000_000, 0), -1)
})
