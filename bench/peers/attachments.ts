/** Who is timed as the plugin of a container runtime: natspace, and the reference plugins that do the same in a row. */
import { packageVersion } from '../lib/machine.ts'
import { environment, findProgram, timed } from '../lib/process.ts'
import { missingCommand, missingPrograms, versionOf } from './contender.ts'

/** One interface of one container; its number chooses its port of the host. */
export type Container = { readonly name: string; readonly number: number }

export type Attacher = {
  readonly name: string
  readonly what: string
  /** Why it cannot take part and what to install, or undefined when it can. */
  readonly missing: () => string | undefined
  /** Runs the plugins for one container, which has a namespace of its name; returns the milliseconds that they took. */
  readonly request: (command: 'ADD' | 'DEL', container: Container) => number
  readonly versions: () => Readonly<Record<string, string>>
}

const folders = ['/usr/lib/cni', '/usr/libexec/cni', '/opt/cni/bin']
const packageName = 'containernetworking-plugins'

const portMappings = (port: number) => [{ hostPort: port, containerPort: 80, protocol: 'tcp' }]
const routes = [{ dst: '0.0.0.0/0' }]

type Plugin = { readonly program: string; readonly settings: Readonly<Record<string, unknown>> }

/** One plugin as a runtime starts it: the settings on standard input, the rest in the environment. */
const call = (
  { program, settings }: Plugin,
  { command, container, previous, state }: Call,
): { milliseconds: number; output: string } =>
  timed({
    run: [program],
    input: JSON.stringify(
      previous === undefined
        ? { cniVersion: '1.0.0', ...settings }
        : { cniVersion: '1.0.0', ...settings, prevResult: previous },
    ),
    environment: {
      CNI_COMMAND: command,
      CNI_CONTAINERID: container.name,
      CNI_NETNS: `/run/netns/${container.name}`,
      CNI_IFNAME: 'eth0',
      CNI_PATH: folders.join(':'),
      PATH: environment.PATH,
      ...(state === undefined ? {} : { NATSPACE_STATE: state }),
    },
  })

type Call = {
  command: 'ADD' | 'DEL'
  container: Container
  previous?: unknown
  state?: string | undefined
}

/** The compiled command as a plugin; `state` keeps it apart from that on another host of the benchmark. */
export const natspaceAttacher = (
  program: string,
  name: string,
  what: string,
  state: string,
  network: { subnet: string; firstPort: number },
): Attacher => ({
  name,
  what,
  missing: () => missingCommand(program),
  request: (command, container) => {
    const settings = {
      name,
      type: 'natspace',
      ipam: { subnet: network.subnet, routes },
      runtimeConfig: { portMappings: portMappings(network.firstPort + container.number) },
    }
    return call({ program, settings }, { command, container, state }).milliseconds
  },
  versions: () => versionOf(program),
})

const types = ['ptp', 'portmap', 'firewall'] as const

const settingsOf = (type: (typeof types)[number], { number }: Container) => {
  switch (type) {
    case 'ptp':
      return {
        ipMasq: true,
        ipam: {
          type: 'host-local',
          dataDir: '/run/tmp/host-local',
          ranges: [[{ subnet: '10.99.0.0/16' }]],
          routes,
        },
      }
    case 'portmap':
      return { snat: true, runtimeConfig: { portMappings: portMappings(20_000 + number) } }
    case 'firewall':
      return {}
  }
}

/** ptp with host-local, portmap and firewall: one after another, each with the result of the one before. */
export const referenceAttacher: Attacher = {
  name: 'reference',
  what: 'ptp + host-local + portmap + firewall',
  missing: () => missingPrograms(packageName, [...types, 'host-local'], folders),
  request: (command, container) => {
    let milliseconds = 0
    let previous: unknown
    for (const type of command === 'ADD' ? types : types.toReversed()) {
      const settings = { name: 'reference', type, ...settingsOf(type, container) }
      const program = findProgram(type, folders) ?? type
      const done = call({ program, settings }, { command, container, previous })
      milliseconds += done.milliseconds
      if (command === 'ADD') previous = JSON.parse(done.output)
    }
    return milliseconds
  },
  versions: () => ({ 'CNI plugins': packageVersion(packageName) ?? 'of unknown version' }),
}
