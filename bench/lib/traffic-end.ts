/**
 * One end of a trial connection, run inside a namespace: `serve ADDRESS PORT` answers one client with the address it
 * came from, and `ask ADDRESS PORT` prints the answer.
 */
const [role, hostname = '', port = ''] = process.argv.slice(2)
const giveUp = () => process.exit(1)
setTimeout(giveUp, 5000)

if (role === 'serve') {
  const answer = (socket: Bun.Socket) => void socket.end(`${socket.remoteAddress}\n`)
  Bun.listen({
    hostname,
    port: Number(port),
    socket: { open: answer, close: () => process.exit(0), data() {} },
  })
  process.stdout.write('ready\n')
} else {
  const print = (_: unknown, data: Uint8Array) => void process.stdout.write(data)
  Bun.connect({ hostname, port: Number(port), socket: { data: print, close: () => process.exit(0) } }).catch(
    giveUp,
  )
}
