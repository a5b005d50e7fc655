/** `npm run bench -- cycles`: memory and descriptors of one process that brings a space up and takes it down, again and again. */
import { readdirSync, readFileSync } from 'node:fs'
import { type Context, down, LinuxKernel, statePaths, up, validateSpec } from '../src/engine.ts'
import { leftBehind } from './lib/left-behind.ts'
import { describeMachine } from './lib/machine.ts'
import type { BenchOptions } from './lib/options.ts'
import { BenchFailure } from './lib/process.ts'
import type { Report, Table } from './lib/report.ts'
import { snapshot } from './lib/sandbox.ts'

/** Cycles of one round: 200 rounds are 10,000. */
const perRound = 50
/** With a kernel object each there is nothing more to be seen in more of them. */
const freshShare = 5
/** Looks at the process on the way, the first one behind the warm-up included. */
const looks = 10
/**
 * In the second half. At first a runtime takes what it thinks it needs, for compiled code above all, and it gives memory
 * back when it likes, as it ends and starts threads; what leaks goes on growing.
 */
const mostGrowth = { megabytes: 8, descriptors: 0, threads: 4 }

type Look = {
  cycles: number
  resident: number
  heap: number
  descriptors: number
  threads: number
  each: number
}

const paths = statePaths('/run/tmp/state-cycles')
const spec = validateSpec('cycle', {
  gateway: '192.168.45.2/24',
  address: '192.168.45.3',
  hostInterface: 'veth1',
  interface: 'veth2',
  uplink: 'eth0',
  publish: ['8080:80'],
})

const megabyte = 1024 * 1024

const residentBytes = (): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) * 1024

const lookAt = (cycles: number, milliseconds: number): Look => {
  Bun.gc(true)
  return {
    cycles,
    resident: residentBytes() / megabyte,
    heap: process.memoryUsage().heapUsed / megabyte,
    descriptors: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
    each: milliseconds,
  }
}

const cycle = async (context: Context): Promise<void> => {
  await up(context, [spec])
  const { problems } = await down(context, [spec.name])
  if (problems[0] !== undefined) throw problems[0]
}

/** `keeps`: one kernel object for all cycles; otherwise each has its own, as a program that works now and then. */
const series = async (keeps: boolean, total: number, progress: (text: string) => void): Promise<Look[]> => {
  using kept = new LinuxKernel()
  const found: Look[] = []
  let start = performance.now()
  let since = 0
  for (let done = 1; done <= total; done++) {
    if (keeps) await cycle({ kernel: kept, paths })
    else {
      using kernel = new LinuxKernel()
      await cycle({ kernel, paths })
    }
    since++
    if (done % Math.max(1, Math.floor(total / looks)) !== 0) continue
    found.push(lookAt(done, (performance.now() - start) / since))
    progress(`cycles: ${done} of ${total}`)
    start = performance.now()
    since = 0
  }
  return found
}

const tableOf = (title: string, found: readonly Look[]): Table => ({
  title,
  head: ['cycles', 'resident MB', 'heap MB', 'descriptors', 'threads', 'ms each'],
  rows: found.map(({ cycles, resident, heap, descriptors, threads, each }) => [
    `${cycles}`,
    resident.toFixed(1),
    heap.toFixed(1),
    `${descriptors}`,
    `${threads}`,
    each.toFixed(1),
  ]),
})

const growthOf = (found: readonly Look[]) => {
  const [first, last] = [found[Math.ceil(found.length / 2) - 1], found.at(-1)]
  if (first === undefined || last === undefined) throw new BenchFailure('Nothing was measured')
  return {
    megabytes: last.resident - first.resident,
    descriptors: last.descriptors - first.descriptors,
    threads: last.threads - first.threads,
  }
}

export const cycles = async ({ warmUps, rounds, progress }: BenchOptions): Promise<Report> => {
  const before = snapshot()
  const total = rounds * perRound
  await series(true, Math.max(1, warmUps) * perRound, progress)
  const kept = await series(true, total, progress)
  const fresh = await series(false, Math.ceil(total / freshShare), progress)
  const left = leftBehind(before, snapshot())
  if (left !== 'nothing') throw new BenchFailure(`After the cycles something is left: ${left}`)
  const growth = { kept: growthOf(kept), fresh: growthOf(fresh) }
  const grown = Object.values(growth).some(
    ({ megabytes, descriptors, threads }) =>
      megabytes > mostGrowth.megabytes ||
      descriptors > mostGrowth.descriptors ||
      threads > mostGrowth.threads,
  )
  const verdict = ({ megabytes, descriptors, threads }: typeof growth.kept): string =>
    `${megabytes >= 0 ? '+' : ''}${megabytes.toFixed(1)} MB, ${descriptors} descriptors, ${threads} threads`
  return {
    name: 'cycles',
    title: 'Again and again in one process',
    method: [
      `One process, the library: ${total} times up and down of the reference space with its published port, first with one`,
      `kernel object for all of them, then ${Math.ceil(total / freshShare)} times with one each. After each tenth of them the garbage is collected, and the memory`,
      'of the process, its descriptors and its threads are counted. Afterwards the host is as it was.',
      `In the second half: ${verdict(growth.kept)} with one object; ${verdict(growth.fresh)} with one each. ${grown ? 'It GROWS.' : 'It is flat.'}`,
    ],
    machine: describeMachine({}),
    tables: [tableOf('One kernel object for all', kept), tableOf('One each', fresh)],
    missing: [],
    data: { cycles: total, kept, fresh, growth, flat: !grown },
  }
}
