import { expect, test } from 'bun:test'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { peerUser, socketUser } from './peer.ts'

const head =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
const row = (local: string, remote: string, user: number) =>
  `   0: ${local} ${remote} 01 00000000:00000000 00:00000000 00000000  ${user}        0 4711 1 0 20 4 30 10 -1\n`

test('a connection of IPv4', () => {
  const table = head + row('0100007F:1F90', '0100007F:C350', 0) + row('0100007F:C350', '0100007F:1F90', 1000)
  const [browser, server] = [
    { address: '127.0.0.1', port: 50_000 },
    { address: '127.0.0.1', port: 8080 },
  ]
  expect(socketUser(table, browser, server)).toBe(1000)
  expect(socketUser(table, server, browser)).toBe(0)
  expect(socketUser(table, browser, { ...server, port: 8081 })).toBeUndefined()
  expect(socketUser(table, { ...browser, address: '127.0.0.2' }, server)).toBeUndefined()
})

test('a connection of IPv6, and one of IPv4 through a socket of IPv6', () => {
  const one = '00000000000000000000000001000000'
  const mapped = '0000000000000000FFFF00000100007F'
  const table = head + row(`${one}:C350`, `${one}:1F90`, 1000) + row(`${mapped}:C351`, `${mapped}:1F90`, 1001)
  const user = (address: string, port: number) =>
    socketUser(table, { address, port }, { address, port: 8080 })
  expect(user('::1', 50_000)).toBe(1000)
  expect(user('127.0.0.1', 50_001)).toBe(1001)
  expect(user('::ffff:127.0.0.1', 50_001)).toBe(1001)
})

test('the kernel tells who we are', async () => {
  const accepted = new Promise<Socket>(resolve => {
    server.once('connection', resolve)
  })
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  expect(peerUser(await accepted)).toBe(process.getuid?.())
  client.destroy()
  server.close()
})
const server = createServer()
