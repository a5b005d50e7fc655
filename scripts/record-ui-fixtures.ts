/**
 * Writes ui/fixtures/*.json: real answers of the engine, recorded in the lab, for whoever builds or tests the page without an
 * engine. Run as any user who may make namespaces: `npx bun scripts/record-ui-fixtures.ts`.
 */

import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { failureOf } from '../src/cli/failure.ts'
import { withNamespace } from '../src/lab/places.ts'
import { currentOrigin, type Origin } from '../src/lab/start.ts'
import { LinuxKernel } from '../src/linux/linux.ts'
import { Socket } from '../src/linux/sys/socket.ts'
import { Engine } from '../src/server/engine/engine.ts'
import { openLab } from '../src/server/engine/open-lab.ts'
import type { ServerEvent, WalkSummary } from '../src/server/protocol.ts'

const folder = join(import.meta.dirname, '../ui/fixtures')
const insideVariable = 'RECORD_INSIDE'

const startInside = (): number => {
  const flags = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']
  const { status } = spawnSync(
    'unshare',
    [...flags, '--net', '--mount', '--propagation', 'private', '--', process.execPath, import.meta.filename],
    { stdio: 'inherit', env: { ...process.env, [insideVariable]: JSON.stringify(currentOrigin()) } },
  )
  return status ?? 1
}

const save = (name: string, value: unknown): void => {
  const text = `${JSON.stringify(value, undefined, 1)}\n`
  writeFileSync(join(folder, `${name}.json`), text)
  console.log(`${name}: ${text.length} bytes`)
}

const sh = (command: string): void => {
  const { status, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command}: ${stderr}`)
}

const until = async (isSo: () => boolean): Promise<void> => {
  for (let waited = 0; !isSo(); waited += 20) {
    if (waited > 10_000) throw new Error('waited in vain')
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

/** host2 connects to the published port, and a server inside takes it. */
const visit = (): void => {
  using _server = withNamespace('myspace', namespace =>
    Socket.listen({ address: '192.168.45.3', port: 80 }, { namespace }),
  )
  using _client = withNamespace('host2', namespace =>
    Socket.connect({ address: '192.168.1.32', port: 8080 }, 2000, { namespace }),
  )
}

const specText = `spaces:
  myspace:
    address: 192.168.45.3
    gateway: 192.168.45.2/24
    hostInterface: veth1
    interface: veth2
    uplink: eth0
    publish: ["8080:80", "8443:443"]
    fixFirewall: true
  db:
    internal: true
`

const record = async (origin: Origin): Promise<void> => {
  mkdirSync(folder, { recursive: true })
  const { lab, paths } = await openLab(origin)
  const events: ServerEvent[] = []
  using engine = new Engine({
    mode: 'lab',
    allowChanges: true,
    host: 'host1',
    paths,
    lab,
    openKernel: () => new LinuxKernel(),
    push: event => {
      events.push(event)
    },
    words: error => failureOf(error).why,
  })
  const ask = engine.handlers
  save('hello', { ...(await ask.hello({})), kernel: '6.18.0' })
  save('topology', await ask.topology({}))
  save('walk-ping', await ask.walk({ space: 'myspace', to: '192.168.1.15' }))
  save('walk-refused', await ask.walk({ space: 'myspace', to: '192.168.1.15:81' }))
  save('space', { ...(await ask.space({ name: 'myspace' })), dns: ['192.168.1.1'] })
  save('schema', await ask.schema({}))
  save('spec', await ask.spec({}))
  save('plan', await ask.plan({ text: specText }))
  save('plan-problems', await ask.plan({ text: specText.replace('192.168.45.2/24', '10.1.1.1/99') }))
  save('plan-remove', await ask.plan({ remove: ['myspace'] }))
  save('doctor-fine', await ask.doctor({ space: 'myspace' }))

  await ask.start({})
  const follow = await ask.follow({ space: 'myspace', from: 'any' })
  visit()
  const told = (): WalkSummary | undefined =>
    events.flatMap(event => (event.type === 'walk' && event.follow === follow.id ? event.walk : []))[0]
  await until(() => told() !== undefined)
  save('walk-inbound', await ask.walkById({ id: told()?.id ?? '' }))
  await ask.unfollow({ id: follow.id })

  sh('nft add table inet mine')
  sh("nft add chain inet mine careful '{ type filter hook forward priority 5; policy accept; }'")
  sh(
    'nft add rule inet mine careful ip daddr 192.168.1.15 tcp dport 5432 counter drop comment \'"no database"\'',
  )
  save('walk-dropped', await ask.walk({ space: 'myspace', to: '192.168.1.15:5432', timeout: 1000 }))
  save('doctor-dropped', await ask.doctor({ space: 'myspace', to: '192.168.1.15:5432' }))
  sh('nft delete table inet mine')

  // A host like many: Docker's bridge with two ports, and a tunnel.
  sh('ip link add docker0 type bridge && ip address add 172.17.0.1/16 dev docker0 && ip link set docker0 up')
  sh('ip link add veth0a1 type veth peer name veth0b1 && ip link set veth0a1 master docker0 up')
  sh('ip link set veth0b1 up')
  sh('ip link set veth1 down')
  await until(() => events.some(event => event.type === 'event' && event.event.event === 'differs'))
  await until(() => events.some(event => event.type === 'counters'))
  await until(() => events.some(event => event.type === 'topology'))
  save('topology-drifted', await ask.topology({}))
  sh('ip link delete docker0 && ip link delete veth0a1')
  for (const without of [6, 7, 8, 9, null])
    save(`lab-${without === null ? 'whole' : `without-${without}`}`, await ask.setLab({ without }))
  save('lab', await ask.lab({}))
  save('walks', await ask.walks({}))
  save('start', await ask.start({}))
  const types = [...new Set(events.map(({ type }) => type))]
  save(
    'events',
    types.flatMap(type => events.filter(event => event.type === type).slice(0, 3)),
  )
}

const inside = process.env[insideVariable]
if (inside === undefined) {
  const status = startInside()
  const biome = join(import.meta.dirname, '../node_modules/.bin/biome')
  spawnSync(biome, ['format', '--write', folder], { stdio: 'inherit' })
  process.exit(status)
}
await record(JSON.parse(inside))
process.exit(0)
