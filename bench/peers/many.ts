/** Many spaces at once: ours by one `up -f`, the kernel's part alone from C, and the best that a shell can do. */
import { writeFileSync } from 'node:fs'
import { compile, compiledFrom } from '../lib/compiler.ts'
import { ask, BenchFailure, timed } from '../lib/process.ts'

const specFile = '/run/tmp/many.yaml'
const source = 'peers/many.c'
const seconds = 300

export const firstPort = 10_000

const numbers = (count: number): number[] => Array.from({ length: count }, (_, number) => number)

/** A spec file of so many spaces, a published port each. */
const writeSpecs = (count: number): void =>
  writeFileSync(
    specFile,
    `spaces:\n${numbers(count)
      .map(number => `  s${number}:\n    publish: ["${firstPort + number}:80"]\n`)
      .join('')}`,
  )

/** The commands of natspace on so many spaces; each returns its milliseconds. The last space comes and goes. */
export const natspaceMany = (program: string, count: number) => {
  writeSpecs(count)
  const on = (...words: string[]) => timed({ run: [program, ...words], seconds }).milliseconds
  const last = `s${count - 1}`
  return {
    up: () => on('up', '-f', specFile),
    again: () => on('up', '-f', specFile),
    status: () => on('status'),
    ls: () => on('ls'),
    gc: () => on('gc'),
    statusOne: () => on('status', last),
    downOne: () => on('down', last),
    next: () => on('up', last, '-p', `${firstPort + count - 1}:80`),
    down: () => on('down', '--all'),
  }
}

export const compileMany = (): void => void compile(source)

/** Namespaces, cables, addresses and routes from C. Milliseconds. */
export const populate = (count: number): number =>
  count === 0 ? 0 : timed({ run: [compiledFrom(source), String(count)], seconds }).milliseconds

/** Takes away what `populate` made. */
export const depopulate = (count: number): void => {
  if (count === 0) return
  timed({ run: [compiledFrom(source), '-d', String(count)], seconds })
  linksGone()
}

/** Links, addresses and routes of all namespaces that have a name, read from C. Milliseconds. */
export const readAll = (): number => timed({ run: [compiledFrom(source), '-s'], seconds }).milliseconds

/** The same by iproute2, and all rules by nft. Milliseconds. */
export const listAll = (): number => {
  const script =
    'ip -o address && ip route && ip -all netns exec sh -c "ip -o address; ip route" && nft list ruleset'
  return timed({ run: ['sh', '-c', script], seconds }).milliseconds
}

/** One `ip -batch` outside, one `ip -n -batch` for each inside, one `nft -f`. Milliseconds. */
export const batchMany = (count: number): number => {
  writeFileSync('/run/tmp/many.sh', batchScript(count))
  return timed({ run: ['sh', '/run/tmp/many.sh'], seconds }).milliseconds
}

/** Takes away what `batchMany` made. */
export const batchUndo = (count: number): void => {
  const deletions = numbers(count).map(number => `netns delete m${number}\n`)
  timed({ run: ['ip', '-batch', '-'], input: deletions.join(''), seconds })
  ask('nft', 'delete', 'table', 'ip', 'many')
  linksGone()
}

/** The addresses of a space: of the host's end of its cable, and of its own. Each space has a network of four. */
export const addressesOf = (number: number): { network: string; host: string; inner: string } => {
  const at = (offset: number) => `10.250.${(4 * number + offset) >> 8}.${(4 * number + offset) & 255}`
  return { network: `${at(0)}/30`, host: at(1), inner: at(2) }
}

/** The table of the best that nft can do: a set of the spaces and a map of their ports, for `nft -f`. */
export const tableOf = (count: number): string => {
  const all = numbers(count).map(number => ({ port: firstPort + number, ...addressesOf(number) }))
  const elements = (list: readonly string[]) => (list.length === 0 ? '' : `elements = { ${list.join(', ')} }`)
  return `table ip many {
  set spaces { type ipv4_addr; ${elements(all.map(({ inner }) => inner))} }
  map ports { type inet_proto . inet_service : ipv4_addr . inet_service; ${elements(
    all.map(({ port, inner }) => `tcp . ${port} : ${inner} . 80`),
  )} }
  chain prerouting {
    type nat hook prerouting priority dstnat
    fib daddr type local dnat ip to meta l4proto . th dport map @ports
  }
  chain postrouting {
    type nat hook postrouting priority srcnat
    ip saddr @spaces oifname "eth0" masquerade
  }
}
`
}

const batchScript = (count: number): string => {
  const all = numbers(count).map(number => ({ number, ...addressesOf(number) }))
  const outside = all.flatMap(({ number, host }) => [
    `netns add m${number}`,
    `link add m${number} up type veth peer name eth0 netns m${number}`,
    `address add ${host}/30 dev m${number}`,
  ])
  const insides = all.map(
    ({ number, host, inner }) =>
      `ip -n m${number} -batch - <<END\naddress add ${inner}/30 dev eth0\nlink set eth0 up\nroute add default via ${host}\nEND`,
  )
  return `set -e
ip -batch - <<END
${outside.join('\n')}
END
${insides.join('\n')}
echo 1 > /proc/sys/net/ipv4/ip_forward
nft -f - <<END
${tableOf(count)}
END
`
}

/** The kernel ends a namespace some time after its last name is gone. Throws BenchFailure when that takes two minutes. */
const linksGone = (): void => {
  for (let attempt = 0; attempt < 1200; attempt++) {
    if (!/^\d+: m\d+@/m.test(ask('ip', '-o', 'link'))) return
    Bun.sleepSync(100)
  }
  throw new BenchFailure('Links of namespaces that are gone are still there')
}
