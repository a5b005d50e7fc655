import { packageVersion } from '../lib/machine.ts'
import { ask, BenchFailure, environment, findProgram, timed } from '../lib/process.ts'
import { type Contender, missingPrograms, namespaceFile } from './contender.ts'

const folders = ['/usr/lib/cni', '/usr/libexec/cni', '/opt/cni/bin']
const packageName = 'containernetworking-plugins'

/** The plugins of the chain and their settings, in the order of ADD. `static` is the address plugin that ptp calls. */
const chain = [
  {
    type: 'ptp',
    ipMasq: true,
    ipam: {
      type: 'static',
      addresses: [{ address: '192.168.45.3/24', gateway: '192.168.45.2' }],
      routes: [{ dst: '0.0.0.0/0' }],
    },
  },
  { type: 'firewall' },
  {
    type: 'portmap',
    snat: true,
    runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }] },
  },
] as const

/** Calls one plugin as a container runtime does: settings on standard input, the rest in the environment. */
function call(verb: 'ADD' | 'DEL', plugin: (typeof chain)[number], result: unknown) {
  const program = findProgram(plugin.type, folders)
  if (program === undefined) throw new BenchFailure(`${plugin.type} is gone since the benchmark began`)
  const settings = { cniVersion: '1.0.0', name: 'article', ...plugin }
  return timed({
    run: [program],
    input: JSON.stringify(result === undefined ? settings : { ...settings, prevResult: result }),
    environment: {
      CNI_COMMAND: verb,
      CNI_CONTAINERID: 'myspace',
      CNI_NETNS: namespaceFile,
      CNI_IFNAME: 'veth2',
      CNI_PATH: folders.join(':'),
      PATH: environment.PATH,
    },
  })
}

/**
 * The chain of CNI plugins that does what natspace does. A runtime starts them one after another itself, each with
 * the result of the one before, so that is how they are timed: no shell in between, only the sum of their own times.
 */
export const cni: Contender = {
  name: 'cni',
  what: 'ip netns add and CNI ptp, firewall, portmap',
  missing: () => missingPrograms(packageName, [...chain.map(({ type }) => type), 'static'], folders),
  up: () => {
    let { milliseconds } = timed({ run: ['ip', 'netns', 'add', 'myspace'] })
    let result: unknown
    for (const plugin of chain) {
      const added = call('ADD', plugin, result)
      milliseconds += added.milliseconds
      result = JSON.parse(added.output)
    }
    return milliseconds
  },
  down: () => {
    for (const plugin of chain.toReversed()) call('DEL', plugin, undefined)
    ask('ip', 'netns', 'delete', 'myspace')
  },
  versions: () => ({ 'CNI plugins': packageVersion(packageName) ?? 'of unknown version' }),
}
