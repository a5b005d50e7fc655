/** An address that somebody has been given is given to nobody else, whatever is left of whoever has it. */
import { expect, test } from 'bun:test'
import { FakeKernel } from '../linux/fake.ts'
import { NatspaceError } from '../space/errors.ts'
import { deleteTable } from '../space/ruleset/commands.ts'
import { recordPath, statePaths } from '../space/state/records.ts'
import { spaceNameOf } from './attachment.ts'
import { runPlugin } from './plugin.ts'

const paths = statePaths()

const newHost = (): FakeKernel => {
  const kernel = new FakeKernel()
  kernel.addLink('eth0', { address: '192.168.1.32/24', gateway: '192.168.1.1' })
  kernel.change([
    { type: 'directory.add', path: '/run/netns', mode: 0o755 },
    ...['c1', 'c2'].map(name => ({ type: 'namespace.add', path: `/run/netns/${name}` }) as const),
  ])
  return kernel
}

/** The address that ADD gives a container, or the number of its error. */
const add = async (kernel: FakeKernel, container: string): Promise<string | number> => {
  const { text } = await runPlugin({
    environment: {
      CNI_COMMAND: 'ADD',
      CNI_CONTAINERID: container,
      CNI_NETNS: `/run/netns/${container}`,
      CNI_IFNAME: 'eth0',
    },
    read: () => '{"cniVersion":"1.1.0","name":"net","type":"natspace","ipam":{"subnet":"10.88.0.0/24"}}',
    open: () => ({ kernel, paths, [Symbol.dispose]() {} }),
    warn: () => {},
    explain: async error => {
      if (error instanceof NatspaceError) return error
      throw error
    },
  })
  const answer = JSON.parse(text) as { code?: number; ips?: { address: string }[] }
  return answer.ips?.[0]?.address ?? answer.code ?? ''
}

const record = recordPath(paths, spaceNameOf({ network: 'net', container: 'c1', interface: 'eth0' }))

const harms: Record<string, (kernel: FakeKernel) => void> = {
  nothing: () => {},
  'the cable': kernel => {
    const cable = kernel.links(undefined).find(({ alias }) => alias !== undefined)
    if (cable === undefined) throw new Error('there is no cable')
    const { name, index } = cable
    expect(kernel.change([{ type: 'link.delete', where: undefined, name, index }])).toEqual(['done'])
  },
  'the table': kernel => {
    const commands = [deleteTable()]
    expect(
      kernel.change([{ type: 'nftables.commit', where: undefined, commands, generation: undefined }]),
    ).toEqual(['done'])
  },
  'the record': kernel =>
    void expect(kernel.change([{ type: 'file.delete', path: record }])).toEqual(['done']),
}

for (const [what, harm] of Object.entries(harms))
  test(`after ${what} was taken away`, async () => {
    const kernel = newHost()
    expect(await add(kernel, 'c1')).toBe('10.88.0.2/24')
    harm(kernel)
    expect(await add(kernel, 'c2')).toBe('10.88.0.3/24')
  })

test('the records of containers that are all there are not read', async () => {
  const kernel = newHost()
  await add(kernel, 'c1')
  const read: string[] = []
  const watched = new Proxy(kernel, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target)
      if (key === 'readFile')
        return (path: string) => {
          read.push(path)
          return target.readFile(path)
        }
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  expect(await add(watched, 'c2')).toBe('10.88.0.3/24')
  // One of a network is asked who it is: all others have the same number.
  expect(read.filter(path => path === record).length).toBeLessThanOrEqual(1)
})
