/** Many links go at once, and nobody else's with them. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { Connection } from '../../src/linux/netlink/connection.ts'
import { deleteLinks } from '../../src/linux/rtnetlink/delete-links.ts'
import { addVeth, linkMessage, listLinks, setLinkGroup } from '../../src/linux/rtnetlink/link.ts'
import { NETLINK_ROUTE } from '../../src/linux/rtnetlink/types.ts'
import { ip, requireSandbox } from '../support/sandbox.ts'

requireSandbox()

let connection: Connection

beforeAll(() => {
  connection = Connection.open(NETLINK_ROUTE)
})
afterAll(() => connection[Symbol.dispose]())

/** Cables of this namespace; returns the indexes of their first ends. */
const cables = (count: number, from: number): number[] => {
  const indexes = Array.from({ length: count }, (_, at) => from + 2 * at)
  connection.execute(
    indexes.map(index =>
      addVeth({
        name: `c${index}`,
        index,
        peer: { name: `p${index}`, index: index + 1, namespace: undefined },
      }),
    ),
  )
  return indexes
}

const present = (): Set<number> =>
  new Set(connection.dump(listLinks(), linkMessage).map(({ header }) => header.index))

test('twenty cables go, and others stay', () => {
  const before = present()
  const others = cables(3, 2000)
  const going = cables(20, 1000)
  expect(deleteLinks(connection, going)).toEqual(going.map(() => undefined))
  const left = present()
  expect(going.filter(index => left.has(index) || left.has(index + 1))).toEqual([])
  expect(others.every(index => left.has(index) && left.has(index + 1))).toBe(true)
  deleteLinks(connection, others)
  expect(present()).toEqual(before)
})

test('one that is gone already is told, and the rest goes', () => {
  const going = cables(5, 3000)
  ip('link delete c3004')
  const errors = deleteLinks(connection, going)
  expect(errors.map(error => error?.code)).toEqual([undefined, undefined, 'ENODEV', undefined, undefined])
  const left = present()
  expect(going.filter(index => left.has(index))).toEqual([])
})

test('a group that somebody else is in is not deleted: the links go one by one', () => {
  const group = 4711
  const [other = 0] = cables(1, 4000)
  connection.execute([setLinkGroup(other, group)])
  expect(ip(`-j link show group ${group}`)).toContain('"ifname":"c4000"')
  const going = cables(5, 5000)
  expect(deleteLinks(connection, going, group)).toEqual(going.map(() => undefined))
  const left = present()
  expect(left.has(other)).toBe(true)
  expect(going.filter(index => left.has(index))).toEqual([])
  deleteLinks(connection, [other])
})

test('one or two, and none', () => {
  const going = cables(2, 6000)
  expect(deleteLinks(connection, going)).toEqual([undefined, undefined])
  expect(deleteLinks(connection, [])).toEqual([])
  expect(present().has(6000)).toBe(false)
})
