/**
 * The doctor on faults that need another program: rules of iptables-legacy, which no tracer shows, and name servers.
 */
import { describe, expect, test } from 'bun:test'
import { inDoctorLab, type Told } from '../support/doctor-lab.ts'
import { requireSandbox } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()

type Played = { found: Told; healed: Told }

/** Plays a scenario whose fields are given as text. */
const play = (fields: string, prepare = ''): Played => {
  const [played] = inDoctorLab<Played>(`
    const run = (...words) => {
      const { exitCode, stderr } = Bun.spawnSync(words)
      if (exitCode !== 0) throw new Error(words.join(' ') + ': ' + stderr)
    }
    ${prepare}
    const { found, healed } = await playScenario(context, { ${fields} })
    console.log(JSON.stringify({ found: told(found), healed: told(healed) }))
    process.exit(0)`)
  return played as Played
}

describe('rules of iptables-legacy', () => {
  const legacy = requireTool('iptables-legacy')

  legacy('that drop what is forwarded are named', () => {
    const { found, healed } = play(`
      code: 'FW-LEGACY',
      title: '',
      inject: world => {
        run('iptables-legacy', '-A', 'FORWARD', '-d', '192.168.1.15', '-j', 'DROP')
        world.later(() => run('iptables-legacy', '-F', 'FORWARD'))
      }`)
    expect({ causes: found.causes, what: found.what }).toEqual({
      causes: ['FW-LEGACY'],
      what: [expect.stringContaining('iptables-legacy')],
    })
    expect(healed.causes).toEqual([])
  })
})

/** Answers questions with what is little more than themselves; with 'once' only the first of each port. */
const server = `
const [mode] = process.argv.slice(-1)
const socket = require('node:dgram').createSocket('udp4')
const seen = new Set()
socket.on('message', (question, { address, port }) => {
  if (mode === 'once' && seen.has(port)) return
  seen.add(port)
  question[2] |= 0x80
  socket.send(question, port, address)
})
socket.bind(53, '192.168.1.32')
`

const serve = (mode: 'all' | 'once'): string => `
  const server = Bun.spawn([process.execPath, '-e', ${JSON.stringify(server)}, '--', '${mode}'], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  process.on('exit', () => server.kill())
  const end = Date.now() + 20_000
  while (!kernel.listeners(undefined, 'udp').some(({ port }) => port === 53)) {
    if (Date.now() > end) throw new Error('the name server did not come')
    Bun.sleepSync(10)
  }`

const resolver = `world.pretend('/etc/resolv.conf', 'nameserver 192.168.1.32\\n')`

describe('a name server', () => {
  test('that answers is fine', () => {
    const { found } = play(
      `code: 'DNS-UPSTREAM', title: '', byHand: 'cable', inject: world => ${resolver}`,
      serve('all'),
    )
    expect({ causes: found.causes, what: found.what }).toEqual({ causes: [], what: [] })
  })

  const withRules = requireTool('nft')

  withRules('that answers the host alone is named', () => {
    const { found, healed } = play(
      `code: 'DNS-UPSTREAM', title: '', byHand: 'cable', inject: world => {
        ${resolver}
        run('nft', 'add table ip deaf; add chain ip deaf in { type filter hook input priority 0; }; ' +
          'add rule ip deaf in iifname veth1 udp dport 53 drop')
        world.later(() => run('nft', 'delete table ip deaf'))
      }`,
      serve('all'),
    )
    expect({ causes: found.causes, what: found.what }).toEqual({
      causes: ['DNS-UPSTREAM'],
      what: [expect.stringContaining('192.168.1.32')],
    })
    expect(healed.causes).toEqual([])
  })

  test('of which one of two answers at once is lost is named', () => {
    const { found, healed } = play(
      `code: 'DNS-5S', title: '', byHand: 'cable', inject: world => ${resolver}`,
      serve('once'),
    )
    expect({ causes: found.causes, what: found.what }).toEqual({
      causes: ['DNS-5S'],
      what: [expect.stringContaining('one is lost')],
    })
    expect(healed.causes).toEqual([])
  })
})
