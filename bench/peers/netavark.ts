import { ask, BenchFailure, findProgram, timed, timedAll } from '../lib/process.ts'
import { type Contender, missingPrograms, namespaceFile } from './contender.ts'

const folders = ['/usr/lib/podman', '/usr/libexec/podman']

/** What podman would hand over: a bridge network of the same addresses, and the port. */
const request = JSON.stringify({
  container_id: 'a'.repeat(64),
  container_name: 'myspace',
  networks: { article: { interface_name: 'veth2', static_ips: ['192.168.45.3'] } },
  network_info: {
    article: {
      name: 'article',
      id: 'b'.repeat(64),
      driver: 'bridge',
      network_interface: 'veth1',
      subnets: [{ subnet: '192.168.45.0/24', gateway: '192.168.45.2' }],
      ipv6_enabled: false,
      internal: false,
      dns_enabled: false,
    },
  },
  port_mappings: [{ host_ip: '', host_port: 8080, container_port: 80, protocol: 'tcp', range: 1 }],
})

function command(verb: 'setup' | 'teardown') {
  const program = findProgram('netavark', folders)
  if (program === undefined) throw new BenchFailure('netavark is gone since the benchmark began')
  const run = [program, '--config', '/run/tmp', verb, namespaceFile] as const
  return { run, input: request }
}

/** podman's network tool. It wants the namespace made for it, which `natspace up` does itself: that is counted. */
export const netavark: Contender = {
  name: 'netavark',
  what: 'ip netns add and netavark setup',
  missing: () => missingPrograms('netavark', ['netavark'], folders),
  up: () => timedAll({ run: ['ip', 'netns', 'add', 'myspace'] }, command('setup')),
  down: () => {
    timed(command('teardown'))
    ask('ip', 'netns', 'delete', 'myspace')
  },
  versions: () => ({
    netavark: ask(findProgram('netavark', folders) ?? 'netavark', '--version').replace('netavark ', ''),
  }),
}
