/**
 * Shell text for the scripts of host.ts: a DNS server, and daemons on Unix sockets, a few lines each, run by the runtime
 * that runs the tests.
 */

const runtime = process.execPath

/** Answers every question for IPv4 with one address and any other with nothing; notes `NAME from ASKER` in a file. */
const server = `
const [listen, answer, log] = process.argv.slice(-3)
const { appendFileSync, writeFileSync } = require('node:fs')
const socket = require('node:dgram').createSocket('udp4')
socket.on('message', (question, { address, port }) => {
  const labels = []
  let at = 12
  for (; question[at] !== 0; at += question[at] + 1)
    labels.push(question.subarray(at + 1, at + 1 + question[at]).toString())
  const asked = question.subarray(0, at + 5)
  const isIpv4 = question.readUInt16BE(at + 1) === 1
  appendFileSync(log, labels.join('.') + ' from ' + address + '\\n')
  const head = Buffer.from([question[0], question[1], 0x81, 0x80, 0, 1, 0, isIpv4 ? 1 : 0, 0, 0, 0, 0])
  const record = isIpv4 ? [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...answer.split('.').map(Number)] : []
  socket.send(Buffer.concat([head, asked.subarray(12), Buffer.from(record)]), port, address)
})
socket.bind(53, listen, () => writeFileSync(log, ''))
`

/** Takes every connection, notes it, and ends it. */
const daemon = `
const [path, log] = process.argv.slice(-2)
const { appendFileSync, chmodSync, writeFileSync } = require('node:fs')
const server = require('node:net').createServer(connection => {
  appendFileSync(log, 'connection\\n')
  connection.on('error', () => {})
  connection.end()
})
server.listen(path, () => {
  chmodSync(path, 0o666)
  writeFileSync(log, '')
})
`

const client = `
const connection = require('node:net').connect(process.argv.at(-1))
connection.on('connect', () => { console.log('connected'); process.exit() })
connection.on('error', error => { console.log(error.code); process.exit() })
`

/**
 * Programs to begin a script with: `dns_server [ip netns exec NAME] -- LISTEN ANSWER LOG`, `daemon PATH LOG` (its process
 * is $daemon_pid), and `$connect PATH`, which says `connected` or why not. All end with the script.
 */
export const dnsPrograms = `
mkdir -p /run/programs
cat >/run/programs/server.cjs <<'END'
${server}
END
cat >/run/programs/daemon.cjs <<'END'
${daemon}
END
cat >/run/programs/connect.cjs <<'END'
${client}
END
until_there() {
  for attempt in $(seq 300); do test -e "$1" && return; sleep 0.01; done
  echo "$1 did not come" >&2; exit 1
}
started=
trap 'kill $started 2>/dev/null || true' EXIT
dns_server() {
  before=; while [ "$1" != -- ]; do before="$before $1"; shift; done; shift
  $before timeout 60 ${runtime} /run/programs/server.cjs "$1" "$2" "$3" </dev/null >/dev/null 2>/run/server.errors &
  started="$started $!"
  until_there "$3"
}
daemon() {
  timeout 60 ${runtime} /run/programs/daemon.cjs "$1" "$2" </dev/null >/dev/null 2>/run/daemon.errors &
  daemon_pid=$!
  started="$started $!"
  until_there "$2"
}
connect="${runtime} /run/programs/connect.cjs"
`

/** An /etc of the script's own, in which names are looked up by `hosts`, as nsswitch.conf(5) says it. */
export const ownEtc = (prepare: string, hosts = 'dns'): string => `
mkdir /run/etc; cp /etc/passwd /etc/group /run/etc/
echo 'hosts: ${hosts}' >/run/etc/nsswitch.conf
${prepare}
mount --bind /run/etc /etc
`
