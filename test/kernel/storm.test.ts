/**
 * Many natspace processes at once, on the same names, with random kills: in the end everything is as it was before, and at
 * no time two spaces had one address or one port.
 */
import { afterAll, beforeAll, expect } from 'bun:test'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { differences, type Snapshot, snapshotKinds, takeSnapshot } from '../../src/lab/snapshot.ts'
import { LinuxKernel } from '../../src/linux/linux.ts'
import { Observation } from '../../src/space/reconcile/observation.ts'
import { seenElements } from '../../src/space/ruleset/seen-table.ts'
import { formatPublish } from '../../src/space/spec/publish.ts'
import { readSpaceRecord, recordedNames, statePaths } from '../../src/space/state/records.ts'
import { ip, requireSandbox, run, tryRun } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()
const test = requireTool('ip', 'nft')
const executable = join(import.meta.dirname, '../../dist/natspace')
const worker = join(import.meta.dirname, '../support/storm-worker.ts')

const processes = 16
/** NATSPACE_STORM=N has each of them give N commands. */
const commandsEach = Number(process.env.NATSPACE_STORM ?? 8)
const names = 20
const seed = Math.floor(Date.now() / 1000) % 100_000

const picture = (): Snapshot => {
  using kernel = new LinuxKernel()
  return takeSnapshot(kernel)
}

const difference = (one: Snapshot, two: Snapshot): string =>
  snapshotKinds.flatMap(kind => differences(one[kind], two[kind]).map(line => `${kind}: ${line}`)).join('\n')

beforeAll(() => {
  if (existsSync('/run/netns')) run('sh', ['-c', 'umount /run/netns 2>/dev/null; rmdir /run/netns'])
  ip('link add eth0 type veth peer name eth0-peer')
  for (const name of ['eth0', 'eth0-peer']) {
    run('sysctl', ['-qw', `net.ipv6.conf.${name}.disable_ipv6=1`])
    ip(`link set ${name} up`)
  }
  ip('address add 192.168.1.32/24 dev eth0')
  ip('route add default via 192.168.1.1')
  run('nft', [
    'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }',
  ])
  run(executable, ['up', '-q', 'warm', '--fix-firewall'])
  run(executable, ['down', '-q', 'warm'])
})

afterAll(() => {
  ip('link delete eth0')
  run('nft', ['delete table ip filter'])
})

/** Addresses and ports of all spaces, as the records say and as the kernel has them; each must be there once. */
const takenTwice = (): string[] => {
  using kernel = new LinuxKernel()
  const paths = statePaths()
  const spaces = recordedNames(kernel, paths).flatMap(
    name => readSpaceRecord(kernel, paths, name)?.space ?? [],
  )
  const seen = new Observation(kernel)
  const facts = [
    ...spaces.map(({ address }) => `address ${address}`),
    ...spaces.map(({ network }) => `network ${network}`),
    ...spaces.map(({ hostInterface }) => `cable ${hostInterface}`),
    ...spaces.flatMap(({ publish }) =>
      publish.map(item => `port ${formatPublish({ ...item, port: item.hostPort })}`),
    ),
    ...[...seenElements(seen, 'source4').values()].map(({ key }) => `source ${key[1]}`),
    ...[...seen.addresses(undefined).values()]
      .flat()
      .map(({ family, address }) => `on the host ${family} ${address}`),
  ]
  return facts.filter((fact, index) => facts.indexOf(fact) !== index)
}

test('many processes at once, on the same names, killed at random', async () => {
  let before = picture()
  for (const end = performance.now() + 10_000; performance.now() < end; ) {
    await new Promise(resolve => setTimeout(resolve, 100))
    const next = picture()
    if (difference(before, next) === '') break
    before = next
  }
  const lines: string[] = []
  const workers = Array.from({ length: processes }, (_, index) => {
    const args = [worker, executable, String(seed + index), String(commandsEach), String(names)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    child.stdout.on('data', (part: Buffer) => lines.push(...part.toString().trim().split('\n')))
    return new Promise<number | null>(resolve => child.once('exit', resolve))
  })
  expect(await Promise.all(workers)).toEqual(workers.map(() => 0))
  const results = lines.map(line => line.split(' '))
  expect(results).toHaveLength(processes * commandsEach)
  // What was asked for at random may be refused, for these reasons and no others.
  const refused = /^(PORT_TAKEN|DUPLICATE_PORT|NOT_FOUND|NOT_PUBLISHED|NO_NAMESPACE|LOCKED)?$/
  expect(
    results.filter(
      ([, status, code = '']) => !['0', '3', 'SIGKILL'].includes(status ?? '') && !refused.test(code),
    ),
  ).toEqual([])
  expect(takenTwice()).toEqual([])
  expect(tryRun(executable, ['gc']).status).toBe(0)
  expect(JSON.parse(run(executable, ['gc', '--json'])).data.operations).toEqual([])
  expect(takenTwice()).toEqual([])
  const listed = JSON.parse(run(executable, ['ls', '--json'])).data as { healthy: boolean }[]
  expect(listed.filter(({ healthy }) => !healthy)).toEqual([])
  run(executable, ['down', '-q', '--all'])
  let found = ''
  for (const end = performance.now() + 10_000; performance.now() < end; ) {
    found = difference(before, picture())
    if (found === '') break
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  expect(found).toBe('')
  const killed = results.filter(([, status]) => status === 'SIGKILL').length
  process.stderr.write(
    `storm with seed ${seed}: ${results.length} commands of ${processes} processes, ${killed} of them killed\n`,
  )
}, 300_000)
