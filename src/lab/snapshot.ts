import { readdirSync, readFileSync } from 'node:fs'
import type { Kernel } from '../linux/kernel.ts'

/**
 * Everything about host1 that `up` could have changed, as lines of text by kind: two pictures are equal exactly when
 * nothing was left and nothing is missing. Counters and what the kernel counts by itself are not part of it.
 */
export type Snapshot = Record<SnapshotKind, string[]>

export const snapshotKinds = [
  'links',
  'addresses',
  'routes',
  'routing rules',
  'nft ruleset',
  'settings',
  'files and namespaces',
] as const
export type SnapshotKind = (typeof snapshotKinds)[number]

/** IFA_F_TENTATIVE, IFA_F_OPTIMISTIC, IFA_F_DADFAILED: stages of IPv6's duplicate address detection. */
const passingFlags = 0x40 | 0x04 | 0x08

/** Takes the picture of this process's namespace. Throws what the kernel's questions throw. */
export const takeSnapshot = (kernel: Kernel): Snapshot => {
  const links = kernel.links(undefined)
  const nameOf = new Map(links.map(link => [link.index, link.name]))
  const nameLink = ({ index }: { index: number }) => nameOf.get(index) ?? String(index)
  return {
    links: links.map(({ counters, ...link }) => text(link)),
    addresses: kernel
      .addresses(undefined)
      .map(item => text({ link: nameLink(item), ...item, flags: item.flags & ~passingFlags })),
    routes: kernel.routes(undefined).map(text).sort(),
    'routing rules': kernel.rules(undefined).map(text).sort(),
    'nft ruleset': rulesetLines(kernel),
    settings: readSettings('/proc/sys/net').sort(),
    'files and namespaces': [...tree(kernel, '/run'), ...mounts()].sort(),
  }
}

const text = (value: unknown): string =>
  JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? String(item) : item))

/** Keys under which an object of the ruleset only counts. */
const counts = new Set(['packets', 'bytes'])

/** One line for each table, chain, rule and set with its elements. Equivalent to: `nft -s list ruleset` */
const rulesetLines = (kernel: Kernel): string[] =>
  kernel
    .ruleset(undefined)
    .tables.flatMap(({ chains, ...table }) => [
      objectText(`table ${table.family} ${table.name}`, table),
      ...chains.flatMap(({ rules, ...chain }) => [
        objectText(`chain ${table.name} ${chain.name}`, chain),
        ...rules.map(rule => objectText(`rule in ${table.name} ${chain.name}`, rule)),
      ]),
    ])

const objectText = (title: string, value: unknown): string =>
  `${title}: ${JSON.stringify(value, withoutCounts)}`

const withoutCounts = (key: string, value: unknown): unknown =>
  counts.has(key) ? undefined : typeof value === 'bigint' ? String(value) : value

/** Reads as numbers, but are counters or make something happen when read. */
const notSettings = new Set(['nf_conntrack_count'])

/** 'net.ipv4.ip_forward = 0' for every setting of the namespace that can be read. Equivalent to: `sysctl -a` below net */
const readSettings = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) return readSettings(path)
    return notSettings.has(entry.name) ? [] : [`${path.slice('/proc/sys/'.length)} = ${readSetting(path)}`]
  })

const readSetting = (path: string): string => {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    // Write-only ones, and those without a value yet: the reason itself is compared.
    return `(${(error as NodeJS.ErrnoException).code ?? 'unreadable'})`
  }
}

/** All paths below a folder. */
const tree = (kernel: Kernel, folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    const path = `${folder}/${entry.name}`
    return entry.isDirectory() ? [path, ...tree(kernel, path)] : [path]
  })

/** Mounts by their place and source; the ids in front of them are given anew each time. */
const mounts = (): string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => `mount ${line.split(' ').slice(2).join(' ')}`)

/** What differs between two pictures: lines with '+' are new, with '-' are gone. */
export const differences = (before: readonly string[], after: readonly string[]): string[] => {
  const earlier = new Set(before)
  const later = new Set(after)
  return [
    ...after.filter(line => !earlier.has(line)).map(line => `+ ${line}`),
    ...before.filter(line => !later.has(line)).map(line => `- ${line}`),
  ]
}
