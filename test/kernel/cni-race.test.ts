/**
 * The path of a container's namespace leads elsewhere while natspace is at work: whoever can write where it is may do that at
 * any moment. Either everything is done in the one that the path led to at first, or nothing is done anywhere.
 */
import { expect } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { failureOf } from '../../src/cli/failure.ts'
import { runPlugin } from '../../src/cni/plugin.ts'
import { LinuxKernel } from '../../src/linux/linux.ts'
import { createNamespace, unmountNamespace } from '../../src/linux/sys/namespace.ts'
import { NatspaceError } from '../../src/space/errors.ts'
import { statePaths } from '../../src/space/state/records.ts'
import { linesOf, objectsOf, onCniHost } from '../support/cni-script.ts'
import { requireSandbox, run } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()

const test = requireTool('ip', 'nft', 'flock')

const words = `
pool=',"ipam":{"subnet":"10.88.0.0/24"},"sysctl":{"net.ipv4.ip_default_ttl":"99"},"runtimeConfig":{"portMappings":[{"hostPort":8080,"containerPort":80}]}'
# Everything that must be as it was, here and in these namespaces.
rest() {
  whole
  for name in "$@"; do
    ip -n $name -d -j link; ip -n $name -j route; ip netns exec $name sysctl net.ipv4.ip_default_ttl
  done | sed 's/"operstate":"[A-Z]*",//g'
}
# bind NAME: the path leads to that namespace from now on, in one step.
bind() { ln -sfn /run/$1 /run/next; mv -T /run/next /run/way; }
for name in one two; do ip netns add $name; mkdir /run/$name; : >/run/$name/net; mount --bind /run/netns/$name /run/$name/net; done
mkdir /run/host /run/none; : >/run/host/net; mount --bind /proc/self/ns/net /run/host/net
`

test('a path that changes while another holds the lock: an error, and nothing is done anywhere', () => {
  const output = onCniHost(`${words}
    for other in two host none; do
      bind one
      rest one two >/run/before
      mkdir /run/natspace
      { flock 9; : >/run/held; while [ -e /run/held ]; do sleep 0.01; done; } 9>/run/natspace/lock & holder=$!
      for attempt in $(seq 1000); do [ -e /run/held ] && break; sleep 0.01; done
      netns=/run/way/net cni ADD c1 "$(network net "$pool")" >/run/answer & request=$!
      # It has opened the namespace: the path may lead elsewhere now.
      opened=
      for attempt in $(seq 500); do
        process=$(pgrep -P $request -f natspace | head -1)
        stat -Lc %i /proc/$process/fd/* 2>/dev/null | grep -qx $(stat -Lc %i /run/netns/one) && opened=yes && break
        sleep 0.01
      done
      [ "$opened" ] || echo 'never opened'
      bind $other
      rm /run/held; wait $holder; wait $request
      cat /run/answer
      rest one two >/run/after
      diff /run/before /run/after && echo EQUAL
    done`)
  expect(objectsOf(output).map(({ code }) => code)).toEqual([100, 100, 100])
  expect(objectsOf(output).map(({ details }) => String(details).split('; ')[0])).toEqual(
    Array(3).fill('code NO_NAMESPACE'),
  )
  expect(linesOf(output, /EQUAL/)).toHaveLength(3)
})

const answerOf = async (kernel: LinuxKernel, command: string, path: string, configuration: object) => {
  const { text, status } = await runPlugin({
    environment: {
      CNI_COMMAND: command,
      CNI_CONTAINERID: 'c1',
      CNI_NETNS: path,
      CNI_IFNAME: 'eth0',
    },
    read: () => JSON.stringify({ cniVersion: '1.1.0', name: 'net', type: 'natspace', ...configuration }),
    open: () => ({ kernel, paths: statePaths(), [Symbol.dispose]() {} }),
    warn: () => {},
    explain: async error => new NatspaceError(failureOf(error)),
  })
  return { status, answer: text === '' ? {} : JSON.parse(text) }
}

/** What a request could leave behind, in this namespace and in the two that the path leads to. */
const stateOf = (folders: readonly string[]) => {
  using kernel = new LinuxKernel()
  return [undefined, ...folders.map(folder => `${folder}/net`)].map(where => ({
    links: kernel.links(where).map(({ name, mtu, up, alias }) => ({ name, mtu, up, alias })),
    addresses: kernel.addresses(where).map(({ address }) => address),
    routes: kernel.routes(where).map(({ destination }) => destination),
    tables: kernel.ruleset(where).tables.map(({ name }) => name),
    settings: ['net.ipv4.ip_default_ttl', 'net.ipv4.ip_forward'].map(key => kernel.sysctl(where, key)),
    files: kernel.readFolder('/run/natspace'),
  }))
}

test('a path that changes all the time: whole in one namespace, or nowhere, and never in that of the host', async () => {
  const configuration = {
    ipam: { subnet: '10.88.0.0/24' },
    sysctl: { 'net.ipv4.ip_default_ttl': '99' },
    runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80 }] },
  }
  const base = mkdtempSync('/run/race-')
  const folders = ['one', 'two', 'host'].map(name => `${base}/${name}`)
  const [one = '', two = '', host = ''] = folders
  const namespaces = [one, two]
  for (const folder of folders) mkdirSync(folder)
  for (const folder of namespaces) createNamespace(`${folder}/net`).close()
  writeFileSync(`${host}/net`, '')
  run('mount', ['--bind', '/proc/self/ns/net', `${host}/net`])
  const going = new Int32Array(new SharedArrayBuffer(4)).fill(1)
  const way = `${base}/way`
  symlinkSync(one, way)
  const before = stateOf(namespaces)
  const worker = new Worker(new URL('../support/swap-path.ts', import.meta.url), {
    workerData: { path: way, folders: [one, two, one, host, two, `${base}/none`], going, longest: 20 },
  })
  const ended = new Promise(resolve => worker.once('exit', resolve))
  const found = new Map<string, number>()
  /** One request for a network and one that takes it away; what came of it. */
  const round = async (): Promise<string> => {
    using kernel = new LinuxKernel()
    const { status, answer } = await answerOf(kernel, 'ADD', `${way}/net`, configuration)
    const inside = stateOf(namespaces)
    const settled = inside.flatMap(({ addresses, settings, links, routes }, index) =>
      index > 0 && addresses.includes('10.88.0.2') && routes.includes('0.0.0.0/0') && settings[0] === '99'
        ? links.filter(({ alias }) => alias !== undefined)
        : [],
    )
    const outside = { ...inside[0], files: [] }
    if (status === 0) expect(settled).toHaveLength(1)
    else expect(inside).toEqual(before)
    expect(outside).not.toMatchObject({ links: expect.arrayContaining([{ name: 'eth0' }]) })
    expect(outside.settings?.[0]).toBe('64')
    using later = new LinuxKernel()
    // The runtime takes it away by the path of that time, wherever that leads.
    await answerOf(later, 'DEL', `${way}/net`, {})
    // A setting comes back only where the path leads to its namespace again.
    for (const folder of namespaces)
      later.change([
        { type: 'sysctl.set', where: `${folder}/net`, key: 'net.ipv4.ip_default_ttl', value: '64' },
      ])
    expect(stateOf(namespaces)).toEqual(before)
    return status === 0 ? 'whole' : String(answer.code)
  }
  try {
    for (let count = 0; count < 200; count++) {
      const outcome = await round()
      found.set(outcome, (found.get(outcome) ?? 0) + 1)
    }
  } finally {
    Atomics.store(going, 0, 0)
    Atomics.notify(going, 0)
    await ended
  }
  expect([...found.keys()].filter(outcome => !['whole', '4', '100'].includes(outcome))).toEqual([])
  // Where nobody interferes it is whole; of the others there were some, however fast this machine is.
  rmSync(way)
  symlinkSync(one, way)
  expect(await round()).toBe('whole')
  for (const folder of folders) unmountNamespace(`${folder}/net`)
  rmSync(base, { recursive: true })
}, 60_000)
