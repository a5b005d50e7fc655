/** Who watches the packets of a space at the same points: both ends of its cable, the uplink, and perhaps one beyond it. */
import { readFileSync } from 'node:fs'
import { type Host, inNamespace, namespaceFile } from '../lib/host.ts'
import { ask } from '../lib/process.ts'
import type { Watch } from '../lib/watch.ts'
import { missingCommand, missingPrograms, versionOf } from './contender.ts'

export type Watcher = {
  readonly name: string
  /** One line for the table. */
  readonly what: string
  /** Why it cannot take part, or undefined when it can. */
  readonly missing: (program: string) => string | undefined
  /** How it watches what `filter` selects, at three points or four. */
  readonly watch: (program: string, host: Host, points: 3 | 4, filter: readonly string[]) => Watch
  /** Packets that it says it has captured at all points, and those that it says were lost. */
  readonly count: (said: string) => { captured: number; lost: number }
  readonly versions: (program: string) => Readonly<Record<string, string>>
}

const sum = (said: string, pattern: RegExp): number =>
  [...said.matchAll(pattern)].reduce((total, [, count]) => total + Number(count), 0)

/** It looks at what has come after a second, and drops what it has not looked at when it is ended. */
const settle = 1.2

/** What is kept of each packet. */
const snapLength = '128'

export const natspaceState = '/run/tmp/state-watchers'

export const natspaceCapture: Watcher = {
  name: 'natspace',
  what: 'natspace capture -w',
  missing: missingCommand,
  watch: (program, { host, outside, space }, points, filter) => ({
    commands: [
      inNamespace(
        host,
        ...([program, 'capture', space, '-w', '/run/tmp/four.pcapng', '-s', snapLength] as const),
        ...(points === 4 ? ['--at', `${namespaceFile(outside)}:eth0`] : []),
        ...filter,
      ),
    ],
    ready: 'capturing at',
    settle,
    environment: { NATSPACE_STATE: natspaceState },
  }),
  count: said => ({
    captured: sum(said, /^(\d+) packets?, /gm),
    lost: sum(said, /^\d+ packets?, (\d+) lost/gm),
  }),
  versions: versionOf,
}

export const tcpdumps: Watcher = {
  name: 'tcpdump',
  what: 'tcpdump -w, once for each point',
  missing: () =>
    missingPrograms('tcpdump', ['tcpdump']) ??
    (readFileSync('/proc/self/setgroups', 'utf8').trim() === 'deny'
      ? 'in the user namespace of an ordinary user it does not start, as it gives up its groups'
      : undefined),
  watch: (_, { host, outside, space }, points, filter) => ({
    commands: (
      [
        [space, 'veth2'],
        [host, 'veth1'],
        [host, 'eth0'],
        [outside, 'eth0'],
      ] as const
    )
      .slice(0, points)
      .map(([namespace, name], index) =>
        inNamespace(
          namespace,
          ...(['tcpdump', '-Z', 'root', '-n', '-p', '-s', snapLength, '-i', name] as const),
          ...(['-w', `/run/tmp/four-${index}.pcap`] as const),
          ...filter,
        ),
      ),
    ready: 'listening on',
    settle,
  }),
  count: said => ({
    captured: sum(said, /^(\d+) packets? captured$/gm),
    lost: sum(said, /^(\d+) packets? dropped by kernel$/gm),
  }),
  versions: () => ({ tcpdump: /tcpdump version (\S+)/.exec(ask('tcpdump', '--version'))?.[1] ?? '' }),
}

/** It tells of flows, and not of every packet: it says how many they were, and whether it missed some. */
export const natspaceFollow: Watcher = {
  name: 'follow',
  what: 'natspace trace --follow',
  missing: natspaceCapture.missing,
  watch: (program, { host, space }) => ({
    commands: [inNamespace(host, program, 'trace', space, '--follow')],
    ready: 'following the flows',
    environment: { NATSPACE_STATE: natspaceState },
  }),
  count: said => ({ captured: sum(said, /^(\d+) flows?: /gm), lost: sum(said, /(\d+) lost/g) }),
  versions: natspaceCapture.versions,
}
