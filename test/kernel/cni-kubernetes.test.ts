/**
 * The manifests for Kubernetes, as far as they can be tried without it: the command of the init container puts the plugin
 * on a node, with no more privilege than the manifest gives it; what it writes, and what flannel makes of its own list, is
 * a configuration that the plugin takes, and with it pods reach what they must.
 */
import { describe, expect, test as pure } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { onCluster } from '../support/cluster.ts'
import { requireTool } from '../support/tools.ts'

const test = requireTool('ip', 'nft', 'nc', 'ss', 'diff', 'sysctl', 'setpriv')

type Json = Readonly<Record<string, unknown>>
type Container = { name: string; image: string; command: string[]; volumeMounts?: { name: string }[] }
type Resource = {
  kind: string
  metadata: { name: string }
  data?: Record<string, string>
  spec?: {
    selector: { matchLabels: Json }
    template: {
      metadata: { labels: Json }
      spec: { initContainers: Container[]; containers: Container[]; volumes: { name: string }[] }
    }
  }
}

const folder = join(import.meta.dirname, '../../docs/kubernetes')
/** YAML is more than JSON: anchors are resolved, and errors and warnings are thrown. */
const resourcesOf = (name: string): Resource[] =>
  parseAllDocuments(readFileSync(join(folder, name), 'utf8')).map(document => {
    for (const problem of [...document.errors, ...document.warnings]) throw problem
    return document.toJS() as Resource
  })

const ofKind = (name: string, kind: string): Resource => {
  const [found, ...others] = resourcesOf(name).filter(resource => resource.kind === kind)
  if (found === undefined || others.length > 0) throw new Error(`${name} has not one ${kind}`)
  return found
}

const podOf = (name: string) => {
  const { spec } = ofKind(name, 'DaemonSet')
  if (spec === undefined) throw new Error(`the DaemonSet of ${name} has no spec`)
  return spec
}

const installOf = (name: string): string[] => {
  const [install, ...others] = podOf(name).template.spec.initContainers
  if (install === undefined || others.length > 0) throw new Error(`${name} has not one init container`)
  return install.command
}

describe.each(['natspace.yaml', 'natspace-flannel.yaml'])('%s', name => {
  pure('refers to what is there', () => {
    const { selector, template } = podOf(name)
    expect(template.metadata.labels).toMatchObject(selector.matchLabels)
    const { initContainers, containers, volumes } = template.spec
    const mounted = [...initContainers, ...containers].flatMap(item => item.volumeMounts ?? [])
    expect(new Set(mounted.map(mount => mount.name))).toEqual(new Set(volumes.map(volume => volume.name)))
    expect(new Set([...initContainers, ...containers].map(({ image }) => image)).size).toBe(1)
    expect(installOf(name).slice(0, 3)).toEqual(['natspace', 'cni', 'install'])
  })
})

/** The command of an init container in words of the shell; /host is a folder of the test. */
const commandOf = (name: string): string =>
  installOf(name)
    .slice(1)
    .map(word => `'${word.replace('=/host/', '=/run/host/')}'`)
    .join(' ')

const install = (name: string): string => `
chmod 755 /run
mkdir -p /run/host/opt/cni/bin /run/host/etc/cni/net.d
setpriv --bounding-set=-all --inh-caps=-all --no-new-privs $executable ${commandOf(name)}
`

const linesOf = (output: string): string[] => output.trim().split('\n')

test('one node: what the init container writes is ready, and a pod has all that it must have', () => {
  const output = onCluster(`
    ${install('natspace.yaml')}
    setpriv --bounding-set=-all --inh-caps=-all --no-new-privs $executable ${commandOf('natspace.yaml')}
    config() { plugin_of cat /run/host/etc/cni/net.d/10-natspace.conflist; }
    executable=/run/host/opt/cni/bin/natspace
    compared >/run/before
    cni 1 STATUS - && echo ready
    pod 1 a; pod 1 b
    ask a b 10.244.0.3
    ask node1 a 10.244.0.2
    ask a outside 203.0.113.9
    pings a 192.168.1.32
    cni 1 DEL a; cni 1 DEL b; ip netns del a; ip netns del b
    compared >/run/after
    diff /run/before /run/after && echo EQUAL`)
  expect(linesOf(output)).toEqual([
    'copied   /run/host/opt/cni/bin/natspace',
    'wrote    /run/host/etc/cni/net.d/10-natspace.conflist',
    'the network natspace is installed',
    'the network natspace is installed already',
    'ready',
    'a to 10.244.0.3: b saw 10.244.0.2',
    'node1 to 10.244.0.2: a saw 10.244.0.1',
    'a to 203.0.113.9: outside saw 203.0.113.1',
    'a reaches 192.168.1.32',
    'EQUAL',
  ])
})

/**
 * What flannel's plugin sends to its delegate, on a node with this file (/run/flannel/subnet.env): the address part, the
 * routes to all networks of the cluster, and, unless the delegate says so itself, the MTU and who translates.
 */
const flannelConfiguration = (list: string, environment: string): Json => {
  const { name, cniVersion, plugins } = JSON.parse(list) as {
    name: string
    cniVersion: string
    plugins: { type: string; delegate: Json }[]
  }
  const [plugin] = plugins
  if (plugin?.type !== 'flannel') throw new Error('the first plugin is not flannel')
  const variables = new Map(
    environment.split('\n').map((line): [string, string] => {
      const [key = '', value = ''] = line.split('=')
      return [key, value]
    }),
  )
  const variable = (key: string): string => variables.get(`FLANNEL_${key}`) ?? ''
  return {
    ipMasq: variable('IPMASQ') !== 'true',
    mtu: Number(variable('MTU')),
    ...plugin.delegate,
    name,
    cniVersion,
    ipam: {
      type: 'host-local',
      ranges: [[{ subnet: variable('SUBNET').replace('.1/', '.0/') }]],
      routes: [{ dst: variable('NETWORK') }],
    },
  }
}

/** What flanneld makes on both nodes: a tunnel with the way to the other's pods, and its own translation. */
const flanneld = `
# tunnel COMMAND NODE ADDRESS OTHER-NODE OTHER-ADDRESS
tunnel() {
  $1 ip link add flannel.1 mtu 1450 type vxlan id 1 local $3 remote $5 dstport 8472 dev eth0
  $1 ip address add 10.244.$2.0/32 dev flannel.1
  $1 ip link set flannel.1 up
  $1 ip route replace 10.244.$4.0/24 via 10.244.$4.0 dev flannel.1 onlink
  $1 nft -f - <<END
table ip flannel {
  chain postrouting {
    type nat hook postrouting priority srcnat
    ip saddr 10.244.0.0/16 ip daddr 10.244.0.0/16 accept
    ip saddr 10.244.0.0/16 ip daddr != 224.0.0.0/4 masquerade
    ip daddr 10.244.$2.0/24 accept
    ip daddr 10.244.0.0/16 masquerade
  }
}
END
}
tunnel node1 1 192.168.1.32 2 192.168.1.15
tunnel node2 2 192.168.1.15 1 192.168.1.32
`

test('two nodes with flannel: pods reach each other, the nodes and the outside', () => {
  const list = ofKind('natspace-flannel.yaml', 'ConfigMap').data?.['cni-conf.json'] ?? ''
  const environment = (node: number) =>
    `FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.${node}.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true`
  const output = onCluster(
    `
    ${install('natspace-flannel.yaml')}
    ls -A /run/host/etc/cni/net.d
    executable=/run/host/opt/cni/bin/natspace
    config() { [ $1 = 1 ] && echo "$CONFIG1" || echo "$CONFIG2"; }
    ${flanneld}
    compared >/run/before
    start
    ip -n a route | grep -o '^default via [^ ]*\\|^10.244.0.0/16 via [^ ]*'
    ip -n a link show eth0 | grep -o 'mtu [0-9]*'
    ask a c 10.244.2.2
    ask c a 10.244.1.2
    ask node1 c 10.244.2.2
    ask node1 a 10.244.1.2
    ask a outside 203.0.113.9
    ip -s -j link show flannel.1 | grep -q '"packets":0,' || echo 'through the tunnel'
    stop
    compared >/run/after
    diff /run/before /run/after && echo EQUAL`,
    {
      CONFIG1: JSON.stringify(flannelConfiguration(list, environment(1))),
      CONFIG2: JSON.stringify(flannelConfiguration(list, environment(2))),
    },
  )
  expect(linesOf(output)).toEqual([
    'copied   /run/host/opt/cni/bin/natspace',
    'the plugin is installed',
    'default via 10.244.1.1',
    '10.244.0.0/16 via 10.244.1.1',
    'mtu 1450',
    'a to 10.244.2.2: c saw 10.244.1.2',
    'c to 10.244.1.2: a saw 10.244.2.2',
    'node1 to 10.244.2.2: c saw 10.244.1.0',
    'node1 to 10.244.1.2: a saw 10.244.1.1',
    'a to 203.0.113.9: outside saw 203.0.113.1',
    'through the tunnel',
    'EQUAL',
  ])
})
