// `bun scripts/record-golden-conntrack.mjs`: records test/golden/conntrack anew, as root, in a sandbox. It needs strace,
// nftables and conntrack. The bytes are the tool's and the kernel's; the values are ours, so read the difference before
// committing.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { conntrackMeaning, conntrackName } from '../test/support/conntrack-golden.ts'
import { Failure, main, root, say } from './lib/run.mjs'
import { rootSandbox } from './lib/sandbox.mjs'
import { dumpMessages, messagesOf } from './lib/strace.mjs'

const folder = join(root, 'test/golden/conntrack')

/** NAT of every kind, and flows in zones: ports say what is done with a datagram. */
const ruleset = `
table inet nat {
  chain output {
    type nat hook output priority -100
    ip daddr 127.0.0.9 udp dport 53 dnat ip to 127.0.0.1:5353
    ip6 daddr ::1 udp dport 53 redirect to :99
  }
  chain postrouting {
    type nat hook postrouting priority srcnat
    udp dport 80 snat ip to 127.0.0.7
  }
}
table inet zones {
  chain output {
    type filter hook output priority raw
    udp dport 77 ct zone set 5
    udp dport 78 ct original zone set 6
  }
}`

const udp = '-p udp --orig-src 10.0.0.1 --orig-dst 10.0.0.2 --sport 1024'
const both = `${udp} --dport 9000 --reply-src 10.0.0.2 --reply-dst 10.0.0.1 --reply-port-src 9000 --reply-port-dst 1024`

/** `name: command` is recorded under that name; a command without a name only prepares. */
const scene = [
  `nft '${ruleset}'`,
  'sysctl -qw net.netfilter.nf_conntrack_acct=1',
  'sysctl -qw net.netfilter.nf_conntrack_timestamp=1',
  {
    'create-udp': `conntrack -I ${udp} --dport 9000 -t 300`,
    'create-exists': `conntrack -I ${udp} --dport 9000 -t 300`,
  },
  `conntrack -I ${udp} --dport 9001 -t 300 -m 7`,
  {
    'create-tcp':
      'conntrack -I -p tcp -s fd00::1 -d fd00::2 --sport 1024 --dport 80 -t 300 --state ESTABLISHED -u ASSURED,SEEN_REPLY',
  },
  'conntrack -I -p sctp -s 10.0.0.1 -d 10.0.0.2 --sport 1 --dport 2 -t 300 --state ESTABLISHED --orig-vtag 1 --reply-vtag 2',
  'conntrack -I -p 99 -s 10.0.0.1 -d 10.0.0.2 -t 300',
  'ping -c 1 127.0.0.1',
  'ping -c 1 ::1',
  "bash -c 'for to in 127.0.0.9/53 ::1/53 127.0.0.1/77 127.0.0.1/78 127.0.0.1/80; do echo > /dev/udp/$to; done'",
  {
    list: 'conntrack -L',
    'list-ipv6': 'conntrack -L -f ipv6',
    get: `conntrack -G ${both}`,
    'delete-port': 'conntrack -D -p udp --orig-port-dst 9000',
    'delete-zone': 'conntrack -D -w 5',
    'delete-icmp': 'conntrack -D -p icmp',
    'delete-ipv6': 'conntrack -D -f ipv6 -p tcp',
    'get-missing': `conntrack -G ${both}`,
  },
]

const shell = command => spawnSync('sh', ['-c', command], { encoding: 'utf8' })
const kernel = `Linux ${/^[\d.]+/.exec(release())?.[0]}`

function recordCommand(name, command, tool) {
  const file = join(tmpdir(), 'trace')
  const { stdout } = shell(`strace ${dumpMessages} -o ${file} ${command}`)
  let request
  const messages = []
  for (const { from, bytes } of messagesOf(readFileSync(file, 'utf8'))) {
    const type = Buffer.from(bytes).readUInt16LE(4)
    if (from === 'program') request = bytes
    if (type >= 16 && conntrackName(type) === undefined)
      throw new Failure(`${command}: a message of type ${type}`)
    const meaning = conntrackMeaning(bytes, from, request)
    const hex = Buffer.from(bytes).toString('hex')
    messages.push({ from, hex, ...meaning })
  }
  if (messages.length < 2) throw new Failure(`${command}: no exchange was recorded`)
  const output = stdout.split('\n').filter(line => line !== '')
  writeFileSync(join(folder, `${name}.json`), JSON.stringify({ command, tool, kernel, output, messages }))
}

function record() {
  const tool = /conntrack v\S+/.exec(shell('conntrack --version').stdout)?.[0]
  for (const part of scene) {
    if (typeof part === 'string') {
      const { status, stderr } = shell(part)
      if (status !== 0) throw new Failure(`${part} failed: ${stderr}`)
    } else for (const [name, command] of Object.entries(part)) recordCommand(name, command, tool)
  }
}

main(() => {
  if (process.argv.includes('--inside')) return record()
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const [program, ...rest] = [...rootSandbox().prefix, process.execPath, process.argv[1], '--inside']
  if (spawnSync(program, rest, { stdio: 'inherit' }).status !== 0) throw new Failure('The recording failed.')
  shell(`cd ${root} && node_modules/.bin/biome format --write test/golden/conntrack`)
  say(`Recorded ${readdirSync(folder).length} files in test/golden/conntrack`)
})
