/** `bun send-flows.ts ADDRESS COUNT`: sends so many datagrams, each to a port of its own, so that each begins a flow. */
import { createSocket } from 'node:dgram'

const [address = '', count = '0'] = process.argv.slice(2)
const socket = createSocket('udp4')
const perPause = 50

const send = (sent: number): void => {
  const batch = Math.min(perPause, Number(count) - sent)
  if (batch <= 0) {
    socket.close()
    return
  }
  // An answer by ICMP that nobody listens is what is expected.
  for (let n = 0; n < batch; n++) socket.send('x', 10_000 + sent + n, address, () => {})
  setTimeout(send, 10, sent + batch)
}
socket.on('error', () => {
  // As above.
})
send(0)
