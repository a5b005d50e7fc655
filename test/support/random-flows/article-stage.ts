/** The reference experiment's host1 and host2 in this sandbox, with myspace as `natspace up` makes it, and all second opinions. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ResolvedSpace } from '../../../src/space/spec/types.ts'
import { run, tryRun } from '../sandbox.ts'
import { Watchers } from './watchers.ts'

const executable = join(import.meta.dirname, '../../../dist/natspace')
const state = '/run/article-state'
export const host2 = 'article-host2'

const topology = `
set -e
ip netns add ${host2}
ip link add eth0 type veth peer name eth0 netns ${host2}
ip address add 192.168.1.32/24 dev eth0; ip link set eth0 up
ip -n ${host2} link set lo up
ip -n ${host2} address add 192.168.1.15/24 dev eth0; ip -n ${host2} link set eth0 up
ip -n ${host2} route add default via 192.168.1.1
ip route add default via 192.168.1.1
`

const article =
  '--gateway 192.168.45.2/24 --address 192.168.45.3 --host-interface veth1 --interface veth2 --uplink eth0 -p 8080:80'

/** The space as the comparison with the second opinions has to know it. */
export const myspace = {
  name: 'myspace',
  interface: 'veth2',
  hostInterface: 'veth1',
  address: '192.168.45.3',
} as ResolvedSpace & { name: 'flows-plain' }

export class ArticleStage implements Disposable {
  readonly watchers: Watchers
  readonly #servers: ChildProcess[] = []

  constructor() {
    run('sh', ['-c', topology])
    this.natspace(`up -q myspace ${article}`)
    this.watchers = new Watchers(
      [
        { place: 'myspace', link: 'veth2', sender: { place: 'myspace', link: 'veth2' } },
        { place: 'host', link: 'veth1', sender: { place: 'myspace', link: 'veth2' } },
        { place: 'host', link: 'eth0', sender: { place: host2, link: 'eth0' } },
        { place: host2, link: 'eth0', sender: { place: host2, link: 'eth0' } },
      ],
      ['host', 'myspace'],
    )
  }

  /** The command's environment: its state is this stage's. */
  get environment(): Record<string, string | undefined> {
    return { ...process.env, NATSPACE_STATE: state, NO_COLOR: '1' }
  }

  /** Runs the command; throws when its exit status is another. */
  natspace(line: string, expected = 0): string {
    const { status, stdout, stderr } = tryRun('env', [
      `NATSPACE_STATE=${state}`,
      executable,
      ...line.split(' '),
    ])
    if (status !== expected) throw new Error(`natspace ${line}: ${status}\n${stdout}${stderr}`)
    return stdout
  }

  /** Starts it beside the test; what it prints goes to a file. */
  start(line: string, file: string): ChildProcess {
    return spawn('sh', ['-c', `exec ${executable} ${line} >${file} 2>&1`], {
      stdio: 'ignore',
      env: this.environment,
    })
  }

  /** A server at port 80 of myspace, until the stage is taken down. */
  async serve(): Promise<void> {
    const words = ['--net=/run/netns/myspace', 'nc', '-lk', '192.168.45.3', '80']
    this.#servers.push(spawn('nsenter', words, { stdio: 'ignore' }))
    for (let attempt = 0; attempt < 1000; attempt++) {
      if (/:0050 /.test(readFileSync(`/proc/${this.#servers.at(-1)?.pid}/net/tcp`, 'utf8'))) return
      await new Promise(resolve => setTimeout(resolve, 10))
    }
    throw new Error('the server does not start')
  }

  [Symbol.dispose](): void {
    this.watchers[Symbol.dispose]()
    for (const server of this.#servers) server.kill('SIGKILL')
    tryRun('env', [`NATSPACE_STATE=${state}`, executable, 'down', '-q', '--all'])
    run('sh', [
      '-c',
      `ip netns del ${host2}; ip link del eth0; ip route flush default 2>/dev/null; rm -rf ${state}; true`,
    ])
  }
}
