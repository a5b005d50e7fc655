/** Many spaces at once: ours by one `up -f`, the kernel's part alone from C, and the best that a shell can do. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ask, BenchFailure, environment, timed } from '../lib/process.ts'
import { missingPrograms } from './contender.ts'

const specFile = '/run/tmp/many.yaml'
const firstPort = 10_000

/** A spec file of so many spaces, a published port each. */
const writeSpecs = (count: number): void =>
  writeFileSync(
    specFile,
    `spaces:\n${numbers(count)
      .map(number => `  s${number}:\n    publish: ["${firstPort + number}:80"]\n`)
      .join('')}`,
  )

const numbers = (count: number): number[] => Array.from({ length: count }, (_, number) => number)

export type Timed = { milliseconds: number; peakMegabytes: number }

/** Runs one command; tells its time and the most memory it had resident. Throws BenchFailure when it fails. */
const measured = (run: readonly string[]): Timed => {
  const start = process.hrtime.bigint()
  const result = Bun.spawnSync({ cmd: [...run], stdout: 'ignore', stderr: 'pipe', env: environment })
  const milliseconds = Number(process.hrtime.bigint() - start) / 1e6
  if (!result.success) throw new BenchFailure(`${run.join(' ')} failed:\n${result.stderr}`)
  return { milliseconds, peakMegabytes: (result.resourceUsage?.maxRSS ?? 0) / 1024 / 1024 }
}

/** The commands of natspace on so many spaces, in the order in which they make sense. */
export const natspaceMany = (program: string, count: number) => {
  writeSpecs(count)
  const on = (...words: string[]) => measured([program, ...words])
  return {
    up: () => on('up', '-f', specFile),
    again: () => on('up', '-f', specFile),
    status: () => on('status'),
    ls: () => on('ls'),
    gc: () => on('gc'),
    next: () => on('up', 'next', '-p', `${firstPort + count}:80`),
    statusOne: () => on('status', 'next'),
    downOne: () => on('down', 'next'),
    down: () => on('down', '--all'),
  }
}

const manyProgram = '/run/tmp/many'

export const missingMany = (): string | undefined =>
  missingPrograms('gcc', ['gcc']) ?? missingPrograms('libc6-dev', ['stdio.h'], ['/usr/include'])

export const compileMany = (): void => {
  if (existsSync(manyProgram)) return
  ask('gcc', '-O2', '-Wall', '-Werror', '-o', manyProgram, join(import.meta.dirname, 'many.c'))
}

/** Namespaces, cables, addresses and routes from C. Milliseconds; afterwards all of it is gone. */
export const floorMany = async (count: number): Promise<number> => {
  const { milliseconds } = timed({ run: [manyProgram, String(count)] })
  ask(manyProgram, '-d', String(count))
  await linksGone()
  return milliseconds
}

/** One `ip -batch` outside, one `ip -n -batch` for each inside, one `nft -f`. Milliseconds; afterwards all of it is gone. */
export const batchMany = async (count: number): Promise<number> => {
  writeFileSync('/run/tmp/many.sh', batchScript(count))
  const { milliseconds } = timed({ run: ['sh', '/run/tmp/many.sh'] })
  const deletions = numbers(count).map(number => `netns delete m${number}\n`)
  timed({ run: ['ip', '-batch', '-'], input: deletions.join('') })
  ask('nft', 'delete', 'table', 'ip', 'many')
  await linksGone()
  return milliseconds
}

const inside = (number: number): { host: string; inner: string } => {
  const base = 4 * number
  const at = (offset: number) => `10.250.${(base + offset) >> 8}.${(base + offset) & 255}`
  return { host: at(1), inner: at(2) }
}

const batchScript = (count: number): string => {
  const all = numbers(count).map(number => ({ number, ...inside(number) }))
  const outside = all.flatMap(({ number, host }) => [
    `netns add m${number}`,
    `link add m${number} up type veth peer name eth0 netns m${number}`,
    `address add ${host}/30 dev m${number}`,
  ])
  const insides = all.map(
    ({ number, host, inner }) =>
      `ip -n m${number} -batch - <<END\naddress add ${inner}/30 dev eth0\nlink set eth0 up\nroute add default via ${host}\nEND`,
  )
  const ports = all.map(({ number, inner }) => `tcp . ${firstPort + number} : ${inner} . 80`)
  return `set -e
ip -batch - <<END
${outside.join('\n')}
END
${insides.join('\n')}
echo 1 > /proc/sys/net/ipv4/ip_forward
nft -f - <<END
table ip many {
  map ports { type inet_proto . inet_service : ipv4_addr . inet_service; elements = { ${ports.join(', ')} } }
  chain prerouting {
    type nat hook prerouting priority dstnat
    fib daddr type local dnat ip to meta l4proto . th dport map @ports
  }
  chain postrouting {
    type nat hook postrouting priority srcnat
    ip saddr 10.250.0.0/16 oifname "eth0" masquerade
  }
}
END
`
}

/** The kernel ends a namespace some time after its last name is gone. Throws BenchFailure when that takes a minute. */
const linksGone = async (): Promise<void> => {
  for (let attempt = 0; attempt < 1200; attempt++) {
    if (!/^\d+: m\d+@/m.test(ask('ip', '-o', 'link'))) return
    await Bun.sleep(50)
  }
  throw new BenchFailure('Links of namespaces that are gone are still there')
}
