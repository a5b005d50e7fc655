// `bun scripts/record-golden-socket-diag.mjs`: records test/golden/socket-diag anew, as root, in a sandbox. It needs strace
// and iproute2. The bytes are the tools' and the kernel's; the values are ours, so read the difference before committing.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { SOCK_DIAG_BY_FAMILY } from '../src/linux/socket-diag/messages.ts'
import { listen } from '../test/support/listen.ts'
import { socketMeaning } from '../test/support/socket-diag-golden.ts'
import { Failure, main, root, say } from './lib/run.mjs'
import { rootSandbox } from './lib/sandbox.mjs'
import { dumpMessages, messagesOf } from './lib/strace.mjs'

const folder = join(root, 'test/golden/socket-diag')

/** What listens meanwhile: every form that a listener can have. */
const scene = [
  { protocol: 'tcp', address: '0.0.0.0', port: 8080 },
  { protocol: 'tcp', address: '127.0.0.1', port: 8081 },
  { protocol: 'tcp', address: '0.0.0.0', port: 8082, device: 'lo' },
  { protocol: 'tcp', address: '::', port: 8083 },
  { protocol: 'tcp', address: '::', port: 8084, v6Only: true },
  { protocol: 'tcp', address: '::1', port: 8085 },
  { protocol: 'tcp', address: '::ffff:127.0.0.1', port: 8086 },
  { protocol: 'udp', address: '0.0.0.0', port: 5353 },
  { protocol: 'udp', address: '::1', port: 5354, v6Only: true },
]

const commands = {
  tcp: 'ss -tnH state listening',
  'tcp-ipv6': 'ss -6 -tnH state listening',
  'tcp-closed-too': 'ss -4 -ltnH',
  udp: 'ss -unH state unconnected',
  'sctp-missing': 'ss -SnH state listening',
}

const shell = command => spawnSync('sh', ['-c', command], { encoding: 'utf8' })
const kernel = `Linux ${/^[\d.]+/.exec(release())?.[0]}`

/** Only what is asked about sockets, and the answers: ss(8) also asks rtnetlink for the names of links. */
function exchangesOf(messages) {
  let wanted = false
  return messages.filter(({ from, bytes }) => {
    if (from === 'program') wanted = Buffer.from(bytes).readUInt16LE(4) === SOCK_DIAG_BY_FAMILY
    return wanted
  })
}

function record() {
  const tool = shell('ss -V').stdout.trim().split(/[ ,]+/).at(-1)
  const sockets = scene.map(listen)
  for (const [name, command] of Object.entries(commands)) {
    const file = join(tmpdir(), 'trace')
    shell(`strace ${dumpMessages} -o ${file} ${command}`)
    let request
    const messages = exchangesOf(messagesOf(readFileSync(file, 'utf8'))).map(({ from, bytes }) => {
      if (from === 'program') request = bytes
      const { type, value, read } = socketMeaning(bytes, from, request)
      return { from, type, hex: Buffer.from(bytes).toString('hex'), value, ...(read && { read }) }
    })
    if (messages.length < 2) throw new Failure(`${command}: no exchange was recorded`)
    writeFileSync(join(folder, `${name}.json`), JSON.stringify({ command, tool, kernel, messages }))
  }
  for (const socket of sockets) socket.close()
}

main(() => {
  if (process.argv.includes('--inside')) return record()
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const [program, ...rest] = [...rootSandbox().prefix, process.execPath, process.argv[1], '--inside']
  if (spawnSync(program, rest, { stdio: 'inherit' }).status !== 0) throw new Failure('The recording failed.')
  shell(`cd ${root} && node_modules/.bin/biome format --write test/golden/socket-diag`)
  say(`Recorded ${readdirSync(folder).length} files in test/golden/socket-diag`)
})
