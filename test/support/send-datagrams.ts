/**
 * `bun send-datagrams.ts ADDRESS COUNT RATE`: sends small datagrams to port 9999, each of them another one, so many a second (0: as
 * fast as they go), and prints how many it sent.
 */
import { errno, SystemError } from '../../src/linux/sys/errno.ts'
import { Socket } from '../../src/linux/sys/socket.ts'

const [address = '', count = '0', rate = '0'] = process.argv.slice(2)

using socket = Socket.open('udp')
const end = { address, port: 9999 }
const bytes = new Uint8Array(32)
const start = performance.now()
let sent = 0
while (sent < Number(count)) {
  const due = Number(rate) === 0 ? Number(count) : ((performance.now() - start) * Number(rate)) / 1000
  while (sent < Math.min(due, Number(count))) {
    new DataView(bytes.buffer).setUint32(0, sent)
    try {
      socket.send(bytes, end)
      sent++
    } catch (error) {
      // The neighbour is not known yet, or the buffer is full: once more.
      if (!(error instanceof SystemError && [errno.EAGAIN, errno.ENOBUFS].includes(error.errno as never)))
        throw error
    }
  }
  Bun.sleepSync(1)
}
console.log(`sent ${sent}`)
