/** Run in a namespace: `server.ts ADDRESSES`. Accepts at TCP port 80, echoes at UDP port 53, is silent at UDP port 54. */
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'

const addresses = process.argv.slice(2)
let waiting = addresses.length * 3
const isReady = () => {
  waiting--
  if (waiting === 0) process.stdout.write('ready\n')
}
for (const address of addresses) {
  const server = createServer(connection => connection.on('error', () => {}))
  server.listen(80, address, isReady)
  const type = address.includes(':') ? 'udp6' : 'udp4'
  const echo = createSocket(type)
  echo.on('message', (bytes, { address: from, port }) => echo.send(bytes, port, from))
  // An error of ICMP about an answer.
  echo.on('error', () => {})
  echo.bind(53, address, isReady)
  createSocket(type).bind(54, address, isReady)
}
